"""Drives headless Chromium through its DevTools protocol, for tests of the pages that distributions serve."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import websocket

if TYPE_CHECKING:
    from types import TracebackType

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--window-size=1280,1600",
    "--remote-debugging-port=0",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
"""What keeps it to itself: the last one leaves it no host but the loopback address."""

PATIENCE = 30.0


class Page:
    """One page of a browser of its own, which ends with the ``with`` block.

    Attributes:
        requests: the URL of every request that the page made, in order.
        complaints: what the browser wrote to its console as errors: scripts, policies, requests that failed.
    """

    def __init__(self, directory: Path) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._directory = directory / "chromium"
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: websocket.WebSocket | None = None
        self._number = 0

    def __enter__(self) -> Self:
        program = shutil.which("chromium")
        if program is None:
            message = "`chromium` is not on PATH; `make tools` installs it"
            raise FileNotFoundError(message)
        command = [program, *FLAGS, f"--user-data-dir={self._directory}", "about:blank"]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self._socket = websocket.create_connection(self._target(), timeout=PATIENCE, suppress_origin=True)
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._call(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def open(self, url: str) -> None:
        """Go to *url*."""
        self._call("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression.

        Raises:
            RuntimeError: it throws.
        """
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description", expression))
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """Return the first true value of a JavaScript expression; while it throws it has none.

        Raises:
            TimeoutError: there is none within half a minute.
        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(RuntimeError):
                found = self.evaluate(expression)
                if found:
                    return found
            time.sleep(0.05)
        shown = self.evaluate("document.body && document.body.innerText.slice(0, 2000)")
        message = f"`{expression}` was never true; the page shows:\n{shown}\n{self.complaints}"
        raise TimeoutError(message)

    def click(self, selector: str) -> None:
        """Click what a CSS selector finds, once it is there."""
        self.wait_for(f"document.querySelector({json.dumps(selector)}) !== null")
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def type(self, selector: str, text: str) -> None:
        """Type *text* into what a CSS selector finds, in the place of what stands there, and leave it."""
        self.wait_for(f"document.querySelector({json.dumps(selector)}) !== null")
        self.evaluate(f"(one => {{ one.focus(); one.select(); }})(document.querySelector({json.dumps(selector)}))")
        self._call("Input.insertText", text=text)
        self.evaluate("document.activeElement.blur()")

    def screenshot(self, path: Path) -> Path:
        """Write what the page looks like to *path*, as PNG."""
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot")["data"]))
        return path

    # -- the protocol

    def _target(self) -> str:
        """Return the address of the page's socket, once the browser has written down its port."""
        port = self._directory / "DevToolsActivePort"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, StopIteration, IndexError):
                number = port.read_text().split()[0]
                with urllib.request.urlopen(f"http://127.0.0.1:{number}/json/list", timeout=5) as answer:
                    listed = json.load(answer)
                return str(next(one["webSocketDebuggerUrl"] for one in listed if one["type"] == "page"))
            time.sleep(0.05)
        message = "Chromium does not answer"
        raise TimeoutError(message)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        if self._socket is None:
            message = "the page is not open"
            raise RuntimeError(message)
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") != self._number:
                self._note(message)
            elif "error" in message:
                raise RuntimeError(message["error"]["message"])
            else:
                found: dict[str, Any] = message["result"]
                return found

    def _note(self, message: dict[str, Any]) -> None:
        given = message.get("params", {})
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(given["request"]["url"])
        elif message.get("method") == "Log.entryAdded" and given["entry"]["level"] == "error":
            self.complaints.append(given["entry"]["text"])
        elif message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(given["exceptionDetails"]))
