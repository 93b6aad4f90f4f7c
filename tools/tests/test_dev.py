import asyncio
import sys
from pathlib import Path

import dev
import pytest
from watchfiles import Change

pytestmark = pytest.mark.e2e

STARTED = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with pathlib.Path("starts").open("a") as file:
    file.write("{word}\\n")
time.sleep(60)
"""


@pytest.fixture
def example(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(STARTED.format(word="first"))
    return tmp_path


async def until(file: Path, content: str) -> None:
    async with asyncio.timeout(20):
        while not file.exists() or file.read_text() != content:
            await asyncio.sleep(0.01)


async def test_a_change_restarts_the_child_and_is_named(example: Path, capfd) -> None:
    async def changes():
        await until(example / "starts", "first\n")
        (example / "main.py").write_text(STARTED.format(word="second"))
        yield [example / "main.py"]
        await until(example / "starts", "first\nsecond\n")

    await dev.serve(dev.Child([sys.executable, "main.py"], example), changes())
    assert f"[dev] changed: {example / 'main.py'}\n" in capfd.readouterr().err


async def test_a_syntax_error_waits_for_the_next_change(example: Path, capfd) -> None:
    printed = []

    async def announced(text: str) -> None:
        async with asyncio.timeout(20):
            while text not in "".join(printed):
                printed.append(capfd.readouterr().err)
                await asyncio.sleep(0.01)

    async def changes():
        await until(example / "starts", "first\n")
        (example / "main.py").write_text("def (:")
        yield [example / "main.py"]
        await announced("exited with code 1; waiting for a change")
        (example / "main.py").write_text(STARTED.format(word="mended"))
        yield [example / "main.py"]
        await until(example / "starts", "first\nmended\n")

    await dev.serve(dev.Child([sys.executable, "main.py"], example), changes())
    assert "SyntaxError" in "".join(printed)


async def test_a_child_that_does_not_drain_is_killed(example: Path, monkeypatch, capfd) -> None:
    monkeypatch.setattr(dev, "GRACE", 0.2)
    (example / "main.py").write_text(STARTED.format(word="deaf").replace("sys.exit(0)", "None"))

    async def changes():
        await until(example / "starts", "deaf\n")
        return
        yield

    await dev.serve(dev.Child([sys.executable, "main.py"], example), changes())
    assert "did not stop within 0.2 s; killing it" in capfd.readouterr().err


async def test_the_watch_reports_sources_and_ends_when_told(tmp_path: Path) -> None:
    stop = asyncio.Event()

    async def edit() -> None:
        while not stop.is_set():
            (tmp_path / "module.py").write_text("x = 1")
            (tmp_path / "data.sqlite").write_text("")
            await asyncio.sleep(0.05)

    editing = asyncio.create_task(edit())
    async with asyncio.timeout(20):
        async for paths in dev.watch([tmp_path], stop):
            assert paths == [tmp_path / "module.py"]
            stop.set()
    await editing


@pytest.mark.parametrize(
    ("path", "watched"),
    [
        ("/x/main.py", True),
        ("/x/policies/policy.csv", True),
        ("/x/.env.local", True),
        ("/x/tests/test_main.py", False),
        ("/x/__pycache__/main.py", False),
        ("/x/data.sqlite", False),
    ],
)
def test_only_what_an_application_is_made_of_counts(path, watched) -> None:
    assert dev.Sources()(Change.modified, path) is watched


def test_sources_are_watched_wherever_an_example_may_import_from(tmp_path: Path) -> None:
    sources = ["packages/nestpy-core/src", "examples/db/src", "examples/plugins/acme/src"]
    for source in (*sources, "packages/nestpy-core/tests", "examples/api"):
        (tmp_path / source).mkdir(parents=True)
    assert dev.watched(tmp_path / "examples/api", tmp_path) == [
        tmp_path / "examples/api",
        *(tmp_path / source for source in sources),
    ]
    assert tmp_path / "examples/db/src" not in dev.watched(tmp_path / "examples/db", tmp_path)


def test_an_unknown_example_is_refused(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["dev.py", "absent"])
    assert dev.main() == 2
    assert "There is no examples/absent/main.py. Known: " in capsys.readouterr().err
