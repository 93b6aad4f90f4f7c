"""The tables of a queue in SQLite, and each step on them; the caller commits."""

# ruff: noqa: S608  # statements are put together from texts of this module alone

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterable, Sequence
from typing import Any, get_args

from ._store import Ending, QueueCounts, Reservation, State, Stored, Submission, Sweep

MEMORY = ":memory:"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS nestpy_jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL,
  priority INTEGER NOT NULL, data BLOB NOT NULL, due REAL NOT NULL DEFAULT 0, delivery INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0, deaths INTEGER NOT NULL DEFAULT 0, owner TEXT NOT NULL DEFAULT '',
  closer INTEGER NOT NULL DEFAULT 0, job_key TEXT, key_until REAL, enqueued REAL NOT NULL,
  ended REAL NOT NULL DEFAULT 0, forget_at REAL, reason TEXT NOT NULL DEFAULT '', result BLOB NOT NULL DEFAULT x'',
  progress BLOB NOT NULL DEFAULT x'', cancel INTEGER NOT NULL DEFAULT 0, waiting_since REAL NOT NULL DEFAULT 0,
  UNIQUE (queue, id)) STRICT;
CREATE INDEX IF NOT EXISTS nestpy_jobs_waiting ON nestpy_jobs (queue, priority, waiting_since, number)
  WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS nestpy_jobs_delayed ON nestpy_jobs (queue, due) WHERE state = 'delayed';
CREATE INDEX IF NOT EXISTS nestpy_jobs_running ON nestpy_jobs (queue, owner) WHERE state = 'running';
CREATE INDEX IF NOT EXISTS nestpy_jobs_dead ON nestpy_jobs (queue, ended, number) WHERE state = 'dead';
CREATE INDEX IF NOT EXISTS nestpy_jobs_forget ON nestpy_jobs (forget_at) WHERE forget_at IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS nestpy_jobs_key ON nestpy_jobs (queue, job_key) WHERE job_key IS NOT NULL;
CREATE TABLE IF NOT EXISTS nestpy_workers (
  queue TEXT NOT NULL, name TEXT NOT NULL, alive_until REAL NOT NULL, PRIMARY KEY (queue, name)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS nestpy_queues (
  name TEXT PRIMARY KEY, paused INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0,
  tokens REAL, tokens_at REAL) STRICT, WITHOUT ROWID;
"""
_OPEN_STATES = ("delayed", "waiting", "running")
_LONGEST_LEASE = 86_400.0
_BUSY = 10.0
"""Seconds that other processes may hold the file."""


def connect(path: str, synchronous: str = "FULL") -> sqlite3.Connection:
    """Open the file, as every process does that shares it."""
    connection = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    try:
        _write_ahead(connection)
        connection.execute(f"PRAGMA synchronous = {synchronous}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    # While another process makes the tables of a new file, SQLite says at once that it is busy, whatever the time-out.
    until = time.monotonic() + _BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
        time.sleep(0.01)


def create(cursor: sqlite3.Cursor) -> None:
    """Make the tables where they are missing."""
    for statement in _SCHEMA.split(";\n"):
        if statement.strip():
            cursor.execute(statement)


def submit(cursor: sqlite3.Cursor, queue: str, jobs: Sequence[Submission], now: float) -> list[str]:
    """Insert jobs; return the ids that hold their places."""
    return [_submit(cursor, queue, one, now) for one in jobs]


def _submit(cursor: sqlite3.Cursor, queue: str, one: Submission, now: float) -> str:
    if one.key:
        cursor.execute(
            "UPDATE nestpy_jobs SET job_key = NULL WHERE queue = ? AND job_key = ? AND key_until <= ?",
            (queue, one.key, now),
        )
    state = "delayed" if one.delay > 0 else "waiting"
    cursor.execute(
        "INSERT INTO nestpy_jobs (queue, id, state, priority, data, due, job_key, key_until, enqueued, waiting_since)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            *(queue, one.id, state, one.priority, one.data, now + one.delay if one.delay > 0 else 0.0),
            *(one.key or None, now + one.key_ttl if one.key else None, now, now),
        ),
    )
    if cursor.rowcount or not one.key:
        return one.id
    found = cursor.execute("SELECT id FROM nestpy_jobs WHERE queue = ? AND job_key = ?", (queue, one.key)).fetchone()
    return str(found[0]) if found else one.id


def reserve(
    cursor: sqlite3.Cursor,
    queue: str,
    worker: str,
    limit: int,
    *,
    rate: tuple[int, float] | None,
    solo: bool,
    now: float,
) -> tuple[list[Reservation], float]:
    """Start waiting jobs; return them, and seconds to pause where none may start."""
    if cursor.execute("SELECT 1 FROM nestpy_queues WHERE name = ? AND paused", (queue,)).fetchone():
        return [], 0.5
    if rate is not None:
        tokens, pause = _tokens(cursor, queue, rate, now)
        if pause:
            return [], pause
        limit = min(limit, int(tokens))
    rows = cursor.execute(
        "UPDATE nestpy_jobs SET state = 'running', owner = ?, delivery = delivery + 1 WHERE number IN ("
        " SELECT number FROM nestpy_jobs WHERE queue = ? AND state = 'waiting' AND (priority = 3) = ?"
        " ORDER BY priority, waiting_since, number LIMIT ?)"
        " RETURNING id, data, delivery, failures, deaths, enqueued, priority, waiting_since, number",
        (worker, queue, solo, limit),
    ).fetchall()
    if rate is not None and rows:
        cursor.execute("UPDATE nestpy_queues SET tokens = tokens - ? WHERE name = ?", (len(rows), queue))
    return [Reservation(queue, *row[:6]) for row in sorted(rows, key=lambda row: row[6:])], 0.0


def _tokens(cursor: sqlite3.Cursor, queue: str, rate: tuple[int, float], now: float) -> tuple[float, float]:
    most, period = rate
    _know(cursor, queue)
    row = cursor.execute("SELECT tokens, tokens_at FROM nestpy_queues WHERE name = ?", (queue,)).fetchone()
    held, at = (most, now) if row[0] is None else row
    tokens = min(float(most), held + max(0.0, now - at) * most / period)
    cursor.execute("UPDATE nestpy_queues SET tokens = ?, tokens_at = ? WHERE name = ?", (tokens, now, queue))
    return tokens, 0.0 if tokens >= 1 else (1 - tokens) * period / most


def _know(cursor: sqlite3.Cursor, queue: str) -> None:
    cursor.execute("INSERT INTO nestpy_queues (name) VALUES (?) ON CONFLICT DO NOTHING", (queue,))


def end(cursor: sqlite3.Cursor, endings: Sequence[Ending], now: float) -> list[bool]:
    """End attempts, each only for the worker and delivery that own the job."""
    return [_end(cursor, one, now) for one in endings]


def _end(cursor: sqlite3.Cursor, one: Ending, now: float) -> bool:
    owned = (one.reservation.queue, one.reservation.id, one.worker, one.reservation.delivery)
    state, changes, values = _changes(one, now)
    cursor.execute(
        f"UPDATE nestpy_jobs SET state = ?, closer = delivery, cancel = 0{changes}"
        " WHERE queue = ? AND id = ? AND owner = ? AND delivery = ? AND state = 'running'",
        (state, *values, *owned),
    )
    if cursor.rowcount:
        if one.outcome == "done":
            _know(cursor, one.reservation.queue)
            cursor.execute("UPDATE nestpy_queues SET done = done + 1 WHERE name = ?", (one.reservation.queue,))
        return True
    again = "SELECT 1 FROM nestpy_jobs WHERE queue = ? AND id = ? AND owner = ? AND delivery = ? AND closer = delivery"
    return cursor.execute(again, owned).fetchone() is not None


def _changes(one: Ending, now: float) -> tuple[State, str, tuple[Any, ...]]:
    if one.outcome in ("done", "cancelled"):
        forget = now + max(60.0, one.keep)
        text = ", job_key = NULL, data = x'', progress = x'', result = ?, reason = ?, ended = ?, forget_at = ?"
        return ("done" if one.outcome == "done" else "cancelled"), text, (one.result, one.reason, now, forget)
    if one.outcome == "dead":
        return "dead", ", job_key = NULL, reason = ?, ended = ?", (one.reason, now)
    failed = one.outcome == "retry"
    text = ", failures = failures + ?, reason = CASE WHEN ? THEN ? ELSE reason END, due = ?, waiting_since = ?"
    state: State = "delayed" if failed or one.delay > 0 else "waiting"
    return state, text, (int(failed), failed, one.reason, now + one.delay, now)


def release(cursor: sqlite3.Cursor, queue: str, worker: str, known: Collection[str]) -> int:
    """Let every job wait again that a worker owns, but those that it knows."""
    marks = ", ".join("?" * len(known))
    cursor.execute(
        "UPDATE nestpy_jobs SET state = 'waiting' WHERE queue = ? AND state = 'running' AND owner = ?"
        f" AND id NOT IN ({marks})",
        (queue, worker, *known),
    )
    return cursor.rowcount


def forget(cursor: sqlite3.Cursor, queue: str, worker: str) -> None:
    """Release everything of a worker and strike it off."""
    release(cursor, queue, worker, ())
    cursor.execute("DELETE FROM nestpy_workers WHERE queue = ? AND name = ?", (queue, worker))


def beat(cursor: sqlite3.Cursor, queues: Iterable[str], worker: str, alive_until: float) -> None:
    """Say that a worker lives."""
    cursor.executemany(
        "INSERT INTO nestpy_workers VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET alive_until = excluded.alive_until",
        [(queue, worker, alive_until) for queue in queues],
    )


def sweep(
    cursor: sqlite3.Cursor, queue: str, max_deaths: int | None, *, now: float, uptime: float
) -> tuple[Sweep, int]:
    """Promote what is due, forget what is old, and reclaim what dead workers ran, unless *max_deaths* is None.

    Return also how many were promoted.
    """
    cursor.execute(
        "UPDATE nestpy_jobs SET state = 'waiting', waiting_since = ?"
        " WHERE queue = ? AND state = 'delayed' AND due <= ?",
        (now, queue, now),
    )
    promoted = cursor.rowcount
    cursor.execute("DELETE FROM nestpy_jobs WHERE forget_at <= ?", (now,))
    reclaimed, buried = (0, 0) if max_deaths is None else _reclaim(cursor, queue, max_deaths, now, uptime)
    due = cursor.execute("SELECT MIN(due) FROM nestpy_jobs WHERE queue = ? AND state = 'delayed'", (queue,)).fetchone()[
        0
    ]
    asked = cursor.execute(
        "SELECT id FROM nestpy_jobs WHERE queue = ? AND state = 'running' AND cancel", (queue,)
    ).fetchall()
    solo = cursor.execute(
        "SELECT 1 FROM nestpy_jobs WHERE queue = ? AND state = 'waiting' AND priority = 3 LIMIT 1", (queue,)
    ).fetchone()
    next_due = None if due is None else max(0.0, due - now)
    return Sweep(next_due, reclaimed, buried, frozenset(row[0] for row in asked), solo is not None), promoted


def _reclaim(cursor: sqlite3.Cursor, queue: str, max_deaths: int, now: float, uptime: float) -> tuple[int, int]:
    # A time further ahead than any lease was written before the machine started anew.
    lost = (
        "queue = ? AND state = 'running' AND owner NOT IN (SELECT name FROM nestpy_workers"
        " WHERE nestpy_workers.queue = nestpy_jobs.queue AND alive_until > ? AND alive_until < ?)"
    )
    bounds = (queue, uptime, uptime + _LONGEST_LEASE)
    cursor.execute(
        "UPDATE nestpy_jobs SET state = 'dead', deaths = deaths + 1, job_key = NULL, ended = ?,"
        f" reason = 'its worker died ' || (deaths + 1) || ' times' WHERE {lost} AND deaths + 1 >= ?",
        (now, *bounds, max_deaths),
    )
    buried = cursor.rowcount
    cursor.execute(
        "UPDATE nestpy_jobs SET state = 'waiting', deaths = deaths + 1,"
        f" priority = CASE WHEN deaths + 2 = ? THEN 3 ELSE priority END WHERE {lost}",
        (max_deaths, *bounds),
    )
    reclaimed = buried + cursor.rowcount
    cursor.execute("DELETE FROM nestpy_workers WHERE queue = ? AND NOT (alive_until > ? AND alive_until < ?)", bounds)
    return reclaimed, buried


def progress(cursor: sqlite3.Cursor, reservation: Reservation, worker: str, value: bytes) -> bool:
    """Remember how far a job is."""
    cursor.execute(
        "UPDATE nestpy_jobs SET progress = ? WHERE queue = ? AND id = ? AND owner = ? AND delivery = ?"
        " AND state = 'running'",
        (value, reservation.queue, reservation.id, worker, reservation.delivery),
    )
    return bool(cursor.rowcount)


_STORED = (
    "id, queue, state, data, priority, failures, deaths, delivery, enqueued, due, ended, owner, reason, result,"
    " progress"
)


def _stored(row: Sequence[Any]) -> Stored:
    return Stored(**dict(zip(_STORED.split(", "), row, strict=True)))


def find(cursor: sqlite3.Cursor, queue: str, name: str) -> Stored | None:
    """Return what is known of a job."""
    row = cursor.execute(f"SELECT {_STORED} FROM nestpy_jobs WHERE queue = ? AND id = ?", (queue, name)).fetchone()
    return None if row is None else _stored(row)


def cancel(cursor: sqlite3.Cursor, queue: str, name: str, now: float, keep: float) -> State | None:
    """Cancel a waiting job, or mark a running one."""
    cursor.execute(
        "UPDATE nestpy_jobs SET state = 'cancelled', job_key = NULL, data = x'', ended = ?, forget_at = ?"
        " WHERE queue = ? AND id = ? AND state IN ('waiting', 'delayed')",
        (now, now + keep, queue, name),
    )
    cursor.execute("UPDATE nestpy_jobs SET cancel = 1 WHERE queue = ? AND id = ? AND state = 'running'", (queue, name))
    found = cursor.execute("SELECT state FROM nestpy_jobs WHERE queue = ? AND id = ?", (queue, name)).fetchone()
    return None if found is None else next(state for state in get_args(State) if state == found[0])


def counts(cursor: sqlite3.Cursor, queue: str, now: float, uptime: float) -> QueueCounts:
    """Count the jobs of a queue."""
    numbers = {
        state: cursor.execute(
            f"SELECT COUNT(*) FROM nestpy_jobs WHERE queue = ? AND state = '{state}'", (queue,)
        ).fetchone()[0]
        for state in (*_OPEN_STATES, "dead")
    }
    oldest = cursor.execute(
        "SELECT MIN(waiting_since) FROM nestpy_jobs WHERE queue = ? AND state = 'waiting'", (queue,)
    ).fetchone()[0]
    known = cursor.execute("SELECT paused, done FROM nestpy_queues WHERE name = ?", (queue,)).fetchone()
    workers = cursor.execute(
        "SELECT COUNT(*) FROM nestpy_workers WHERE queue = ? AND alive_until > ?", (queue, uptime)
    ).fetchone()[0]
    paused, done = known or (0, 0)
    lag = 0.0 if oldest is None else max(0.0, now - oldest)
    return QueueCounts(**numbers, done=done, workers=workers, lag=lag, paused=bool(paused))


def dead(cursor: sqlite3.Cursor, queue: str, limit: int) -> list[Stored]:
    """Return dead letters, the oldest first."""
    rows = cursor.execute(
        f"SELECT {_STORED} FROM nestpy_jobs WHERE queue = ? AND state = 'dead' ORDER BY ended, number LIMIT ?",
        (queue, limit),
    )
    return [_stored(row) for row in rows.fetchall()]


def replay(cursor: sqlite3.Cursor, queue: str, ids: Sequence[str], now: float) -> int:
    """Let dead jobs wait again with all their attempts."""
    changes = "state = 'waiting', failures = 0, deaths = 0, ended = 0, waiting_since = ?"
    priority = "priority = CASE WHEN priority = 3 THEN 1 ELSE priority END"
    return _dead(cursor, f"UPDATE nestpy_jobs SET {changes}, {priority}", queue, ids, now)


def purge(cursor: sqlite3.Cursor, queue: str, ids: Sequence[str]) -> int:
    """Forget dead jobs."""
    return _dead(cursor, "DELETE FROM nestpy_jobs", queue, ids)


def _dead(cursor: sqlite3.Cursor, statement: str, queue: str, ids: Sequence[str], *values: float) -> int:
    chosen = f" AND id IN ({', '.join('?' * len(ids))})" if ids else ""
    cursor.execute(f"{statement} WHERE queue = ? AND state = 'dead'{chosen}", (*values, queue, *ids))
    return cursor.rowcount


def pause(cursor: sqlite3.Cursor, queue: str, *, paused: bool) -> None:
    """Stop starting jobs, or go on."""
    _know(cursor, queue)
    cursor.execute("UPDATE nestpy_queues SET paused = ? WHERE name = ?", (paused, queue))
