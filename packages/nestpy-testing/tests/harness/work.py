from __future__ import annotations

import sys

from redis import Redis

from nestpy_core import fault
from nestpy_testing import History, arm_from_environment


def careful(url, path, name):
    redis, history, mine = Redis.from_url(url, decode_responses=True), History(path), f"busy:{name}"
    finished = {event.key for event in history.events() if event.kind == "finished"}
    for key in redis.lrange(mine, 0, -1):
        if key in finished:
            redis.lrem(mine, 1, key)
        else:
            redis.lmove(mine, "jobs", "LEFT", "LEFT")
    while True:
        key = redis.blmove("jobs", mine, 1, "LEFT", "RIGHT")
        if key is not None:
            work(history, key)
            redis.lrem(mine, 1, key)


def careless(url, path, name):
    arm_from_environment()
    redis, history = Redis.from_url(url, decode_responses=True), History(path)
    while key := redis.lpop("jobs"):
        work(history, key)


def work(history, key):
    history.record("started", key, by="worker")
    fault.point("work.before_effect")
    history.record("finished", key)


def speak(*words):
    sys.stdout.write(f"{' '.join(words)}\n")
    sys.stdout.flush()
    sys.stderr.write("to stderr\n")


def leave(code):
    sys.exit(int(code))


def fail():
    raise ZeroDivisionError("planted")
