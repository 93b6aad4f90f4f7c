"""Keeps processes alive: starts them, replaces those that die, rolls and drains them; none outlives its parent."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import pickle
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection
from multiprocessing.context import BaseContext
from typing import Any, Protocol

from ._line import Line
from .errors import StartError

__all__ = ("Shared",)

logger = logging.getLogger("nestpy.supervisor")

WINDOW = 60.0
"""Seconds in which deaths are counted."""
MOST_DEATHS = 5
SLOWEST = 10.0
"""Seconds between two starts of a role that dies all the time."""

_STOPPING = (signal.SIGINT, signal.SIGTERM)
_ROLLING = getattr(signal, "SIGHUP", None)


class Shared(Protocol):
    """What the processes of one role have in common, a listening socket for instance.

    It crosses to them: by inheritance where they are forked, pickled where they are spawned.
    """

    def close(self) -> None:
        """Give up this process's copy."""
        ...


class Role:
    """Processes that do the same.

    Attributes:
        name: for messages.
        count: how many there are to be.
        argument: what each gets; under spawn and forkserver it is pickled.
        shared: what they have in common; closed in every process that is of another role.
    """

    def __init__(self, name: str, count: int, argument: object, shared: Shared | None = None) -> None:
        self.name = name
        self.count = count
        self.argument = argument
        self.shared = shared
        self.deaths: list[float] = []

    def pause(self, now: float) -> float:
        """Count a death and return the seconds until the next start."""
        self.deaths = [*(death for death in self.deaths if now - death < WINDOW), now]
        count = len(self.deaths)
        if count > MOST_DEATHS:
            return SLOWEST
        return 0.0 if count == 1 else 0.25 * 2 ** (count - 2)

    def failing_until(self, now: float) -> float | None:
        """Return until when more than `MOST_DEATHS` lie within the window; None where they do not."""
        if len(self.deaths) <= MOST_DEATHS:
            return None
        end = self.deaths[-MOST_DEATHS - 1] + WINDOW
        return end if end > now else None


Target = Callable[[Any, Any, Line], None]


class _Member:
    def __init__(self, role: Role, process: Any, end: connection.Connection[Any, Any]) -> None:
        self.role = role
        self.process = process
        self.end = end
        self.heard = True
        self.ready = False
        self.retiring = False
        self.replaces: _Member | None = None

    def ask(self, message: bytes) -> None:
        with contextlib.suppress(OSError):
            self.end.send_bytes(message)


class _Inherited:
    """What a fork copies and its process must close: it would keep lines open beyond the parent's death."""

    def __init__(self) -> None:
        self.ends: list[Any] = []
        self.shared: list[Shared] = []

    def __reduce__(self) -> tuple[type[_Inherited], tuple[()]]:
        return (_Inherited, ())

    def close(self, own: Shared | None) -> None:
        for end in [*self.ends, *(shared for shared in self.shared if shared is not own)]:
            end.close()


class Supervisor:
    """The parent of an app's processes. It runs no loop and no thread, so that it can fork at any time.

    Args:
        target: runs in each process, with the role's argument, what it shares, and its line.
        roles: what to run.
        timeout: seconds from the first signal until what is left is killed.
        context: how processes start; by default as `multiprocessing` is set.
    """

    def __init__(
        self, target: Target, roles: Sequence[Role], *, timeout: float, context: BaseContext | None = None
    ) -> None:
        self._target = target
        self._roles = list(roles)
        self._timeout = timeout
        self._context: Any = context or multiprocessing.get_context()
        self._members: list[_Member] = []
        self._due: list[tuple[float, Role]] = []
        self._roll: list[_Member] = []
        self._inherited = _Inherited()
        self._settled = False
        self._holding = False
        self._deadline: float | None = None
        self._code = 0

    def run(self) -> int:
        """Run until a signal ends it, and return the exit code: 0, or that of a worker that could not start.

        Raises:
            StartError: the argument of a role cannot cross to its process.
        """
        self._inherited.shared = [role.shared for role in self._roles if role.shared is not None]
        with self._signals() as wake:
            try:
                for role in self._roles:
                    for _ in range(role.count):
                        self._start(role)
                while self._members or self._due:
                    self._turn(wake)
            finally:
                self._kill()
                self._close_shared()
        return self._code

    # -- one turn

    def _turn(self, wake: socket.socket) -> None:
        lines: dict[Any, _Member] = {member.end: member for member in self._members if member.heard}
        processes: dict[Any, _Member] = {member.process.sentinel: member for member in self._members}
        happened = connection.wait([wake, *lines, *processes], self._patience())
        for number in _received(wake) if wake in happened else b"":
            self._on_signal(number)
        for source in happened:
            if source in lines:
                self._hear(lines[source])
        for source in happened:
            if source in processes:
                self._on_end(processes[source])
        self._start_due()
        self._tell_readiness()

    def _patience(self) -> float | None:
        now = time.monotonic()
        times = [at for at, _ in self._due]
        times += [end for role in self._roles if (end := role.failing_until(now)) is not None]
        if self._deadline is not None:
            times.append(self._deadline)
        return max(0.0, min(times) - now) if times else None

    def _start_due(self) -> None:
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline and self._members:
            logger.error("%d processes did not end in time and are killed", len(self._members))
            self._code = self._code or 1
            self._kill()
        due = [role for at, role in self._due if at <= now]
        self._due = [entry for entry in self._due if entry[0] > now]
        for role in due:
            self._start(role)

    def _tell_readiness(self) -> None:
        """Keep calls away from the whole app while one of its roles dies all the time."""
        now = time.monotonic()
        holding = any(role.failing_until(now) is not None for role in self._roles)
        if holding != self._holding:
            self._holding = holding
            for member in self._members:
                member.ask(b"hold" if holding else b"release")

    def _hear(self, member: _Member) -> None:
        try:
            member.end.recv_bytes()
        except (EOFError, OSError):
            member.heard = False
            return
        member.ready = True
        if member.replaces is not None:
            old, member.replaces = member.replaces, None
            old.retiring = True
            old.ask(b"drain")
        if not self._settled and all(each.ready for each in self._members):
            self._settled = True
            logger.info("%d processes serve", len(self._members))

    # -- starting

    def _start(self, role: Role, replaces: _Member | None = None) -> None:
        try:
            member = self._spawned(role)
        except OSError as error:
            self._put_off(role, replaces, error)
            return
        member.replaces = replaces
        self._members.append(member)
        if self._holding:
            member.ask(b"hold")

    def _put_off(self, role: Role, replaces: _Member | None, error: OSError) -> None:
        """Try again later where the machine has no room for another process; those that serve go on."""
        if not self._settled:
            raise StartError(f"No process could be started for `{role.name}`: {error}") from error
        if replaces is not None:
            logger.error("no process could be started for %s (%s); the old ones stay", role.name, error)
            self._roll.clear()
            return
        now = time.monotonic()
        pause = role.pause(now)
        logger.error("no process could be started for %s (%s); another try follows in %g s", role.name, error, pause)
        self._due.append((now + pause, role))

    def _spawned(self, role: Role) -> _Member:
        ours, theirs = self._context.Pipe()
        arguments = (self._target, role.argument, role.shared, theirs, self._inherited)
        self._inherited.ends.append(ours)
        try:
            process = self._context.Process(target=_enter, args=arguments, name=f"nestpy {role.name}")
            with _held_signals():
                process.start()
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise StartError(
                f"The app cannot cross to its processes: {error}\n"
                "Hint: assign the `App` to a name in its module, so that a process which imports that finds it"
            ) from error
        except OSError:
            self._inherited.ends.remove(ours)
            ours.close()
            raise
        finally:
            theirs.close()
        return _Member(role, process, ours)

    # -- ending

    def _on_end(self, member: _Member) -> None:
        member.process.join()
        code = member.process.exitcode
        self._forget(member)
        name = f"process {member.process.pid} ({member.role.name})"
        if self._deadline is not None:
            if code:
                logger.warning("%s ended with %d", name, code)
            return
        if member.retiring:
            self._roll_next()
        elif member.replaces is not None:
            logger.error("%s ended with %d before it served; the old one stays", name, code)
            self._roll.clear()
        elif not self._take_over(member):
            self._replace(member, name, code)

    def _take_over(self, member: _Member) -> bool:
        successor = next((each for each in self._members if each.replaces is member), None)
        if successor is not None:
            successor.replaces = None
            self._roll_next()
        return successor is not None

    def _replace(self, member: _Member, name: str, code: int) -> None:
        if code and not self._settled:
            logger.error("%s ended with %d while it started", name, code)
            self._code = code if code > 0 else 1
            self._drain(b"stop")
            return
        now = time.monotonic()
        pause = member.role.pause(now) if code else 0.0
        if pause >= SLOWEST:
            logger.error("%s died %d times within %g s", member.role.name, len(member.role.deaths), WINDOW)
        logger.log(
            logging.WARNING if code else logging.INFO, "%s ended with %d; another starts in %g s", name, code, pause
        )
        self._due.append((now + pause, member.role))

    def _forget(self, member: _Member) -> None:
        self._members.remove(member)
        self._inherited.ends.remove(member.end)
        member.end.close()

    # -- signals

    def _on_signal(self, number: int) -> None:
        if number == _ROLLING:
            if self._deadline is None and not self._roll:
                logger.info("every process is replaced, one after the other")
                self._roll = list(self._members)
                self._roll_next()
        elif self._deadline is None:
            self._drain(b"drain")
        else:
            self._kill()
            os._exit(128 + number)

    def _roll_next(self) -> None:
        while self._roll:
            old = self._roll.pop(0)
            if old in self._members:
                self._start(old.role, old)
                return

    def _drain(self, message: bytes) -> None:
        self._deadline = time.monotonic() + self._timeout
        self._due.clear()
        self._close_shared()
        for member in self._members:
            member.ask(message)

    def _close_shared(self) -> None:
        for shared in self._inherited.shared:
            shared.close()

    def _kill(self) -> None:
        for member in list(self._members):
            member.process.kill()
            member.process.join()
            self._forget(member)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[socket.socket]:
        """Make signals readable on a socket."""
        wake, woken = socket.socketpair()
        wake.setblocking(False)
        woken.setblocking(False)
        self._inherited.ends += [wake, woken]
        numbers = [*_STOPPING, *([_ROLLING] if _ROLLING is not None else [])]
        before = {number: signal.signal(number, lambda *_: None) for number in numbers}
        descriptor = signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        try:
            yield wake
        finally:
            signal.set_wakeup_fd(descriptor)
            for number, handler in before.items():
                signal.signal(number, handler)
            wake.close()
            woken.close()


def _received(wake: socket.socket) -> bytes:
    try:
        return wake.recv(64)
    except BlockingIOError:
        return b""


@contextlib.contextmanager
def _held_signals() -> Iterator[None]:
    """Hold signals back while a process starts: a fork would answer them with its parent's handlers."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _enter(target: Target, argument: object, shared: Shared | None, end: Any, inherited: _Inherited) -> None:
    """Begin as a process of its own: the parent alone hears the terminal."""
    signal.set_wakeup_fd(-1)
    inherited.close(shared)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if _ROLLING is not None:
        signal.signal(_ROLLING, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
    target(argument, shared, Line(end))
