"""What the settings may say, and how `nestpy queue` says what is wrong with them."""

import contextlib
import sqlite3
import uuid
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nestpy_core import App, BootError, ConfigurationError, module
from nestpy_queue import QueueModule
from nestpy_queue._commands import queue, shown
from nestpy_queue._tables import connect

PROGRAM = """
import msgspec
from nestpy_core import App, module
from nestpy_queue import QueueModule

class Transcode(msgspec.Struct):
    track: str

@module(imports=[QueueModule, QueueModule.for_feature({Transcode: "audio"})])
class AppModule: ...

app = App(AppModule)
"""


@module(imports=[QueueModule])
class AppModule: ...


@pytest.mark.parametrize(
    "url", ["http://:hunter2@localhost", "redis://:hunter2@localhost:port", "redis://host/hunter2"]
)
def test_a_url_that_no_redis_can_have_is_a_boot_error_which_does_not_repeat_it(url: str) -> None:
    with pytest.raises(BootError) as caught:
        App(AppModule, environ={"NESTPY_ENV": "test", "REDIS_URL": url})
    assert "1. Setting `queue.url` must be a URL " in str(caught.value)
    assert "Hint: set `REDIS_URL` to `redis://:password@host:6379/0`" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def command(folder: Path, *arguments: str, program: str = PROGRAM, **environ: str | None) -> Result:
    file = folder / f"app_{uuid.uuid4().hex}.py"
    file.write_text(program)
    (name, *rest) = arguments
    empty = {"REDIS_URL": "", "NESTPY_QUEUE__PATH": str(folder / "queue.sqlite3")}
    return CliRunner().invoke(queue, [name, str(file), *rest], env={**empty, **environ})


def test_the_command_line_counts_and_names_the_queues_there_are(tmp_path: Path) -> None:
    assert "audio" in command(tmp_path, "status").output
    missing = command(tmp_path, "pause", "video")
    assert (missing.exit_code, missing.output) == (
        1,
        "Error: There is no queue `video`.\nHint: the app's queues are `audio`\n",
    )


@pytest.mark.parametrize(("verb", "options"), [("replay", ()), ("purge", ("--yes",))])
def test_the_command_line_refuses_an_id_that_is_no_dead_jobs(
    tmp_path: Path, verb: str, options: tuple[str, ...]
) -> None:
    unknown = command(tmp_path, verb, "audio", "nobody", *options)
    assert (unknown.exit_code, unknown.output) == (
        1,
        (
            "Error: Nothing is changed in the queue `audio`, because these are no dead jobs of it: "
            "`nobody` is unknown.\n"
            "Hint: `nestpy queue dead TARGET audio` lists them\n"
        ),
    )


def test_a_store_that_cannot_be_opened_is_told_by_its_setting(tmp_path: Path, unused_port: int) -> None:
    away = command(tmp_path, "status", REDIS_URL=f"redis://:hunter2@127.0.0.1:{unused_port}/0")
    assert (away.exit_code, away.output) == (
        78,
        (
            "Error: Setting `queue.url` must be that of a Redis that answers, and this one does not: "
            "Redis does not answer (ConnectionError)\nHint: start Redis, or correct `REDIS_URL`\n"
        ),
    )
    (tmp_path / "file").touch()
    blocked = command(tmp_path, "status", NESTPY_QUEUE__PATH=str(tmp_path / "file" / "queue.sqlite3"))
    assert blocked.exit_code == 78
    assert blocked.output.startswith("Error: Setting `queue.path` must be that of a file that can be opened, and ")
    (tmp_path / "other").write_text("no database" * 100)
    foreign = command(tmp_path, "status", NESTPY_QUEUE__PATH=str(tmp_path / "other"))
    assert (foreign.exit_code, "`queue.path`" in foreign.output) == (78, True)


def test_what_a_job_says_of_itself_is_no_command_to_a_terminal() -> None:
    assert shown("bad \x1b[2J\nfake  line ü") == "bad \\x1b[2J\\nfake  line ü"


@pytest.mark.anyio
async def test_whether_a_process_works_is_not_left_to_the_start() -> None:
    @module(imports=[QueueModule.for_root_async(use_factory=lambda: {"work": False})])
    class LateModule: ...

    with pytest.raises(ConfigurationError, match=r"`queue\.work` must not come from"):
        async with App(LateModule, environ={"NESTPY_ENV": "test"}).create_context():
            pass


def test_the_command_line_asks_the_store_that_is_named_only_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "late.sqlite3"
    late = f"QueueModule.for_root_async(use_factory=lambda: {{'path': {str(path)!r}}})"
    program = PROGRAM.replace("imports=[QueueModule,", f"imports=[{late},")
    assert "audio" in command(tmp_path, "status", program=program, NESTPY_QUEUE__PATH=None).output
    assert path.exists()


def test_a_file_that_another_process_is_making_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "queue.sqlite3")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr("time.sleep", lambda _seconds: other.execute("COMMIT"))
    with contextlib.closing(connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()
