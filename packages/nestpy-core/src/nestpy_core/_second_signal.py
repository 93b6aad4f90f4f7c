"""Hears the signals that end a process though the main thread is blocked: the second one ends it at once."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Collection, Iterator


@contextlib.contextmanager
def listening(numbers: Collection[int], first: Callable[[], object]) -> Iterator[None]:
    """Call *first* at the first of these signals, in a thread; at the second, end the process with 128 + its number.

    Python runs a handler between two instructions of the main thread: one that is blocked in C hears nothing, and a
    signal that comes in the instant before a system call is heard when that returns. The wakeup descriptor is written
    at once, by whichever thread the signal meets. To be entered in the main thread, once the loop has its handlers.
    """
    heard, woken = socket.socketpair()
    woken.setblocking(False)
    before = signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    loop = os.dup(before) if before != -1 else None
    threading.Thread(
        target=_listen, args=(heard, frozenset(numbers), first, loop), name="nestpy-signals", daemon=True
    ).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before, warn_on_full_buffer=False)
        woken.close()


def _listen(heard: socket.socket, numbers: frozenset[int], first: Callable[[], object], loop: int | None) -> None:
    """Pass on to the loop what is heard, until the other end is closed."""
    with heard:
        ending = False
        while received := heard.recv(64):
            for number in received:
                if number not in numbers:
                    continue
                if ending:
                    os._exit(128 + number)
                ending = True
                first()
            if loop is not None:
                with contextlib.suppress(OSError):
                    os.write(loop, received)
    if loop is not None:
        os.close(loop)
