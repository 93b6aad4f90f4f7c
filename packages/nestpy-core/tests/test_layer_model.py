"""Random layers: what a compiled handler does is what a plain walk through its layers does, call by call."""

import inspect
import random
from typing import Any

import pytest
from line_edge import Failed, app_of, edge_of, on_line, refused, station

from nestpy_core import (
    APP_FILTER,
    APP_GUARD,
    APP_INTERCEPTOR,
    APP_PIPE,
    Denial,
    Scope,
    catch,
    injectable,
    provide,
    use_filters,
    use_guards,
    use_interceptors,
    use_pipes,
)

FAMILIES = {
    "guards": (APP_GUARD, use_guards),
    "interceptors": (APP_INTERCEPTOR, use_interceptors),
    "filters": (APP_FILTER, use_filters),
    "pipes": (APP_PIPE, use_pipes),
}
LOG: list[str] = []


class Wrong(Exception):
    """The most general failure."""


class Worse(Wrong): ...


class Other(Exception):
    """A failure of another kind."""


FAILURES = [Wrong, Worse, Other]


def shown(result: Any) -> str:
    return result if isinstance(result, str) else type(result).__name__


def does(note: str, outcome: Any, *, later: bool) -> Any:
    """Return a method that notes its call and ends in *outcome*: an error, a function of what it is given, a value."""

    def now(_self, *given):
        LOG.append(f"{note} {' '.join(map(shown, given))}")
        if isinstance(outcome, type):
            raise outcome
        return outcome(*given) if callable(outcome) else outcome

    async def eventually(self, *given):
        return now(self, *given)

    return eventually if later else now


class Stack:
    """Random layers, where they stand, and the handler below them."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.layers: dict[str, list[type]] = {
            "guards": [self._guard(number) for number in range(dice.randint(0, 4))],
            "interceptors": [self._interceptor(number) for number in range(dice.randint(0, 5))],
            "filters": [self._filter(number) for number in range(dice.randint(0, 4))],
            "pipes": [self._pipe(number) for number in range(dice.randint(0, 3))],
        }
        self.sites: dict[tuple[str, str], list[type]] = {}
        self.handle = does("handle", self._or_fails(lambda word: f"handled {word}", 4), later=dice.random() < 0.5)

    def _or_fails(self, outcome: Any, chances: int = 6) -> Any:
        return self.dice.choice([outcome] * chances + FAILURES)

    def _later(self) -> bool:
        return self.dice.random() < 0.5

    def _made(self, name: str, members: dict[str, Any]) -> type:
        scope = self.dice.choice(list(Scope))
        return injectable(scope=scope)(type(name, (), members))

    def _guard(self, number: int) -> type:
        verdict = self.dice.choice([True] * 6 + [False, Denial.forbidden("no"), Wrong])
        method = does(f"guard {number}", lambda _context: verdict, later=self._later())
        if verdict is Wrong:
            method = does(f"guard {number}", Wrong, later=self._later())
        return self._made(f"Guard{number}", {"can_activate": method})

    def _interceptor(self, number: int) -> type:
        before = does(f"before {number}", self._or_fails(None), later=self._later())
        changed = self.dice.choice([lambda _context, result: result, lambda _context, result: f"<{shown(result)}>"])
        after = does(f"after {number}", self._or_fails(changed), later=self._later())
        if self._later():
            return self._made(f"Step{number}", self.dice.choice([{"before": before}, {"after": after}]))
        stops, swallows = self.dice.random() < 0.1, self.dice.random() < 0.2

        async def intercept(self, context, call_next):
            await settled(before(self, context))
            if stops:
                return f"stopped by {number}"
            try:
                result = await call_next()
            except Exception as error:
                LOG.append(f"{number} saw {shown(error)}")
                if swallows:
                    return f"swallowed by {number}"
                raise
            return await settled(after(self, context, result))

        return self._made(f"Around{number}", {"intercept": intercept})

    def _filter(self, number: int) -> type:
        def again(error, _context):
            raise error

        outcome = self._or_fails(self.dice.choice([f"caught by {number}", again]))
        types = self.dice.sample([*FAILURES, Exception], self.dice.randint(1, 2))
        made = type(f"Filter{number}", (), {"catch": does(f"filter {number}", outcome, later=self._later())})
        made.types = tuple(types)
        return catch(*types)(made)

    def _pipe(self, number: int) -> type:
        outcome = self._or_fails(lambda value, _parameter: f"{value}{number}")
        return self._made(f"Pipe{number}", {"transform": does(f"pipe {number}", outcome, later=self._later())})

    def providers(self) -> list[Any]:
        """Put the layers where they stand, and return the host with the global ones."""
        go = on_line("go")(handler_of(self.handle))
        host = type("Host", (), {"go": go})
        found: list[Any] = [station(scope=self.dice.choice([Scope.SINGLETON, Scope.REQUEST]))(host)]
        for family, (token, use) in FAMILIES.items():
            for site in ("global", "host", "method"):
                some = [layer for layer in self.layers[family] if self.dice.random() < 0.4]
                if site != "global":
                    self.dice.shuffle(some)
                    use(*some)(host if site == "host" else go)
                self.sites[family, site] = some
            everywhere = enumerate(self.sites[family, "global"])
            found += [provide(token, use_class=layer, multi=True, order=order) for order, layer in everywhere]
        self.dice.shuffle(found)
        return found

    def chain(self, family: str, *sites: str) -> list[type]:
        """Return the family's layers at some sites; one that stands at an outer site too runs there alone."""
        order = ("global", "host", "method")
        placed = {layer: site for site in reversed(order) for layer in reversed(self.sites[family, site])}
        return [layer for site in order for layer in self.sites[family, site] if placed[layer] == site in sites]


def handler_of(handle: Any) -> Any:
    if inspect.iscoroutinefunction(handle):

        async def go(self, word: str) -> str:
            return await handle(self, word)

        return go

    def go_now(self, word: str) -> str:
        return handle(self, word)

    return go_now


async def settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


class Walk:
    """One call, layer by layer, as the documentation tells it."""

    def __init__(self, stack: Stack) -> None:
        sites = ("global", "host", "method")
        self.stack = stack
        self.guards = stack.chain("guards", *sites)
        self.outer = stack.chain("interceptors", "global")
        self.inner = stack.chain("interceptors", "host", "method")
        self.filters = stack.chain("filters", *sites)[::-1]
        self.pipes = stack.chain("pipes", *sites)
        self.passed: list[Exception] = []

    async def answer(self) -> Any:
        try:
            if self.outer:
                return await self.filtered(lambda: self.wrapped(self.outer, self.guarded))
            return await self.guarded()
        except Exception as error:  # noqa: BLE001  # as an edge does
            return Failed(type(error).__name__)

    async def guarded(self) -> Any:
        verdict: Any = True
        for guard in self.guards:
            try:
                verdict = await settled(guard().can_activate("LineContext"))
            except Exception as error:
                if not self.outer:
                    raise
                verdict = error
            if verdict is not True:
                return refused(verdict)
        return await self.filtered(lambda: self.wrapped(self.inner, self.called))

    async def filtered(self, inside: Any) -> Any:
        try:
            return await inside()
        except Exception as raised:  # noqa: BLE001  # raised again below, unless a filter answers
            error = raised
        if error in self.passed:
            raise error
        for one in self.filters:
            if isinstance(error, one.types):
                try:
                    return await settled(one().catch(error, "LineContext"))
                except Exception as raised:  # noqa: BLE001  # it goes to the next filter
                    error = raised
        self.passed.append(error)
        raise error

    async def wrapped(self, layers: list[type], inside: Any) -> Any:
        if not layers:
            return await inside()
        layer: Any = layers[0]()
        if hasattr(layer, "intercept"):
            return await layer.intercept("LineContext", lambda: self.wrapped(layers[1:], inside))
        if hasattr(layer, "before"):
            await settled(layer.before("LineContext"))
        result = await self.wrapped(layers[1:], inside)
        return await settled(layer.after("LineContext", result)) if hasattr(layer, "after") else result

    async def called(self) -> Any:
        value: Any = "x"
        for pipe in self.pipes:
            value = await settled(pipe().transform(value, "Parameter"))
        return await settled(self.stack.handle(None, value))


@pytest.mark.parametrize("seed", range(150))
async def test_random_layers_do_what_a_plain_walk_through_them_does(seed):
    stack = Stack(random.Random(seed))
    app = app_of(*stack.providers())
    async with app.create_context():
        for _ in range(2):
            LOG.clear()
            answer = await edge_of(app).send("go x")
            happened = list(LOG)
            LOG.clear()
            assert (answer, happened) == (await Walk(stack).answer(), LOG)
