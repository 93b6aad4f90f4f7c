"""The process behind `ForkServer`: imports the target once, forks workers, and kills them when its input ends."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main(target: str, output: str) -> None:
    """Answer the questions of `ForkServer` until they end."""
    function = _function(target)
    # Workers inherit neither the questions nor the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    sink = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    workers: set[int] = set()
    for line in sys.stdin:
        question: dict[str, Any] = json.loads(line)
        if question["do"] == "fork":
            pid = os.fork()
            if pid == 0:
                answers.close()
                _work(function, question["arguments"])
            workers.add(pid)
            answer: dict[str, Any] = {"pid": pid}
        else:
            answer = {"ended": _ended(workers)}
        answers.write(f"{json.dumps(answer)}\n")
    for pid in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _function(target: str) -> Callable[..., object]:
    module, _, name = target.rpartition(":")
    if module.endswith(".py"):
        path = Path(module)
        sys.path.insert(0, str(path.parent))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{module} cannot be imported")
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = loaded
        spec.loader.exec_module(loaded)
    else:
        loaded = importlib.import_module(module)
    function: Callable[..., object] = getattr(loaded, name)
    return function


def _work(function: Callable[..., object], arguments: list[str]) -> None:
    code = 1
    try:
        with Path(os.devnull).open() as nothing:
            os.dup2(nothing.fileno(), 0)
        function(*arguments)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001  # whatever a worker raises is its end
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _ended(workers: set[int]) -> dict[int, int]:
    found = {}
    for pid in tuple(workers):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            workers.discard(pid)
            found[pid] = os.waitstatus_to_exitcode(status)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
