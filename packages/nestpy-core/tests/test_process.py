"""How a process ends: exit codes, reports and signals."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

HEAD = """
import sys
sys.path.append({tests!r})
import anyio
from line_edge import LinePlugin, station, on_line
from nestpy_core import App, injectable, module, on_module_init, on_module_destroy, on_application_shutdown

def say(text):
    print(text, flush=True)
"""

SERVING = """
@station
class Host:
    @on_line("go")
    def go(self) -> None: ...

    @on_module_init
    async def begin(self) -> None:
        say("init")

    @on_module_destroy
    async def end(self) -> None:
        say("destroy")
"""


@pytest.fixture
def start(tmp_path):
    processes = []

    def run(source, **environ):
        file = tmp_path / "main.py"
        file.write_text(HEAD.format(tests=str(Path(__file__).parent)) + textwrap.dedent(source))
        process = subprocess.Popen(
            [sys.executable, file],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "NESTPY_ENV": "test", **environ},
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def result_of(process):
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


def test_an_uncaught_boot_error_exits_78_with_the_report_and_no_traceback(start):
    code, out, err = result_of(
        start("""
        class Missing: ...

        @injectable
        class Service:
            missing: Missing

        @module(providers=[Service])
        class AppModule: ...

        App(AppModule)
        """)
    )
    assert code == 78
    assert out == ""
    assert err == (
        "`AppModule` cannot boot: 1 problem.\n"
        "\n"
        "1. `Service` in `AppModule` needs `Missing` (`missing`), and no module provides it.\n"
        "   Hint: add `Missing` to `providers=` of `AppModule`, or of a module that it imports\n"
    )


def test_a_bad_setting_exits_78(start):
    code, _, err = result_of(
        start("@module\nclass AppModule: ...\nApp(AppModule).run()", NESTPY_APP__HOOK_TIMEOUT="soon")
    )
    assert code == 78
    assert "Setting `app.hook_timeout`" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("source", "report"),
    [
        ("class NoModule: ...\nApp(NoModule)", "`NoModule`"),
        ("@module(controllers=[])\nclass AppModule: ...", "`@module`"),
    ],
)
def test_an_uncaught_definition_error_exits_78_with_its_text_and_no_traceback(start, source, report):
    code, out, err = result_of(start(source))
    assert (code, out) == (78, "")
    assert report in err.splitlines()[0]
    assert "Traceback" not in err


FAILING_TRANSPORT = """
class Transport:
    name = "failing"

    async def serve(self, serving):
        try:
            raise OSError("no room")
        except OSError as error:
            raise FAILURE from error

class Failing(LinePlugin):
    @hookimpl
    def nestpy_edge(self, graph):
        edge = super().nestpy_edge(graph)
        edge.transport = Transport
        return edge

@module(providers=[Host])
class AppModule: ...

App(AppModule, plugins=[Failing()]).run()
"""


def test_a_transport_that_says_why_it_cannot_start_is_one_line_of_the_log(start):
    source = "from nestpy_core import NestPyError, hookimpl\n" + SERVING + FAILING_TRANSPORT
    code, _, err = result_of(start(source.replace("FAILURE", 'NestPyError("`:80` cannot be bound")')))
    assert (code, err.count("cannot be bound"), err.count("Traceback")) == (1, 1, 0)
    assert "ERROR   nestpy.lifecycle  transport failing failed: `:80` cannot be bound\n" in err


def test_a_transport_that_nobody_foresaw_to_fail_shows_its_traceback_once(start):
    source = "from nestpy_core import hookimpl\n" + SERVING + FAILING_TRANSPORT
    code, _, err = result_of(start(source.replace("FAILURE", 'ValueError("odd")')))
    assert (code, err.count("transport failing failed: ValueError: odd"), err.count("ValueError: odd")) == (1, 1, 2)


def test_another_uncaught_error_keeps_its_traceback(start):
    code, _, err = result_of(
        start("""
        class Missing: ...

        @injectable
        class Service:
            missing: Missing

        @module(providers=[Service])
        class AppModule: ...

        try:
            App(AppModule)
        except ExceptionGroup:
            pass
        raise KeyError("mine")
        """)
    )
    assert code == 1
    assert "Traceback" in err
    assert "KeyError: 'mine'" in err


def test_a_failing_init_exits_1_and_says_why(start):
    code, _, err = result_of(
        start("""
        @injectable
        class Service:
            @on_module_init
            async def open(self) -> None:
                raise OSError("refused")

        @module(providers=[Service])
        class AppModule: ...

        App(AppModule).run()
        """)
    )
    assert code == 1
    assert "`Service.open` failed in `on_module_init`: OSError: refused" in err


RUN = "\n@module(providers=[Host])\nclass AppModule: ...\nApp(AppModule, plugins=[LinePlugin()]).run()\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_exits_0(start, number):
    process = start(textwrap.dedent(SERVING) + RUN)
    assert process.stdout.readline() == "init\n"
    process.send_signal(number)
    assert result_of(process)[:2] == (0, "destroy\n")


def test_a_second_signal_ends_it_at_once(start):
    source = textwrap.dedent(SERVING).replace('say("destroy")', 'say("destroy"); await anyio.sleep_forever()')
    process = start(source + RUN)
    assert process.stdout.readline() == "init\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "destroy\n"
    process.send_signal(signal.SIGINT)
    assert result_of(process)[0] == 128 + signal.SIGINT


def test_a_second_signal_is_heard_though_the_main_thread_hears_nothing(start):
    blocked = (
        'import hashlib, threading; threading.Timer(0.3, say, ["init"]).start(); '
        'hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)'
    )
    process = start(textwrap.dedent(SERVING).replace('say("init")', blocked) + RUN)
    assert process.stdout.readline() == "init\n"
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    assert result_of(process)[0] in (128 + signal.SIGTERM, 128 + signal.SIGINT)


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="a signal of POSIX")
def test_signals_of_the_apps_own_reach_its_handlers(start):
    own = (
        'import asyncio, signal; asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, say, "own"); say("init")'
    )
    process = start(textwrap.dedent(SERVING).replace('say("init")', own) + RUN)
    assert process.stdout.readline() == "init\n"
    process.send_signal(signal.SIGUSR1)
    assert process.stdout.readline() == "own\n"
    process.send_signal(signal.SIGTERM)
    assert result_of(process)[:2] == (0, "destroy\n")


def test_a_signal_during_the_start_gives_it_up(start):
    source = textwrap.dedent(SERVING).replace('say("init")', 'say("init"); await anyio.sleep_forever()')
    process = start(source + RUN)
    assert process.stdout.readline() == "init\n"
    process.send_signal(signal.SIGTERM)
    assert result_of(process)[0] == 0


def test_importing_core_is_lazy():
    code = (
        "import sys, nestpy_core; "
        "assert not {'anyio', 'pluggy', 'msgspec', 'asyncio', 'nestpy_core._app'} & set(sys.modules); "
        "from nestpy_core import App; "
        "assert not {'click', 'granian', 'uvloop', 'email.parser', 'http.client'} & set(sys.modules), "
        "sorted({'click', 'granian', 'uvloop'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_variable_that_nothing_reads_is_warned_of_at_the_start(tmp_path):
    script = tmp_path / "main.py"
    script.write_text(
        "from nestpy_core import App, injectable, module, on_application_bootstrap\n"
        "import os, signal\n\n"
        "@injectable\nclass Stop:\n"
        "    @on_application_bootstrap\n    def now(self) -> None:\n        os.kill(os.getpid(), signal.SIGTERM)\n\n"
        "@module(providers=[Stop])\nclass AppModule: ...\n\n"
        "App(AppModule).run()\n"
    )
    environ = {**os.environ, "NESTPY_APP__DRAIN_DELY": "1"}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0
    assert "Nothing reads `NESTPY_APP__DRAIN_DELY`; the nearest known name is `NESTPY_APP__DRAIN_DELAY`." in done.stderr
