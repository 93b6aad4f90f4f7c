"""Random graphs: the app and a slow, obvious model of what modules see agree on every problem and on every instance."""

import collections
import dataclasses
import random
import re
from typing import Any

import pytest
from line_edge import QUIET, LinePlugin, edge_of, on_line, station

from nestpy_core import App, BootError, Inject, Scope, injectable, module, provide


@dataclasses.dataclass(eq=False)
class Line:
    """One line of `providers=`: a token, where it stands, how it is made and what that needs."""

    token: type
    home: int
    item: Any
    scope: Scope = Scope.SINGLETON
    alias: bool = False
    several: bool = False
    needs: list[tuple[str, type, bool, bool]] = dataclasses.field(default_factory=list)
    given: dict[str, list["Line"]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class World:
    """A random app: what each module lists, imports, exports and shares."""

    modules: list[type]
    lines: list[Line]
    imports: list[list[int]]
    exports: list[list[int | type] | None]
    shared: list[bool]
    hosts: dict[int, list[tuple[str, type, bool, bool]]]
    seen: dict[int, dict[str, Any]]

    def root(self, dice: random.Random) -> type:
        """Declare the modules, their lists in random order, and return the root."""
        for home in reversed(range(len(self.modules))):
            providers = [line.item for line in self.lines if line.home == home]
            imports = [self.modules[number] for number in self.imports[home]]
            listed = self.exports[home]
            exports = None
            if listed is not None:
                exports = [self.modules[item] if isinstance(item, int) else item for item in listed]
                dice.shuffle(exports)
            dice.shuffle(providers)
            dice.shuffle(imports)
            module(imports=imports, providers=providers, exports=exports, shared=self.shared[home])(self.modules[home])
        return self.modules[0]


def world_of(dice: random.Random) -> World:
    strict = dice.random() < 0.5
    count = dice.randint(2, 5)
    scopes = [Scope.SINGLETON, Scope.SINGLETON, Scope.TRANSIENT, Scope.REQUEST]
    calm = dice.choice([[Scope.SINGLETON, Scope.TRANSIENT], [Scope.REQUEST, Scope.TRANSIENT]])
    prefix = ["A", "A", "_P"] if strict else ["A"]
    classes = [type(f"{dice.choice(prefix)}{number}", (), {"__annotations__": {}}) for number in range(6)]
    bare = [type(f"{dice.choice(prefix)}Bare{number}", (), {}) for number in range(3)]
    several = {token for token in bare if dice.random() < 0.4}

    def wants(pool: list[type], word: str, most: int = 3) -> list[tuple[str, type, bool, bool]]:
        found = []
        for number in range(dice.randint(0, most) if pool else 0):
            token = dice.choice(pool)
            listed = token in several if not strict or dice.random() < 0.8 else token not in several
            found.append((f"{word}{number}", token, not listed and dice.random() < 0.2, listed))
        return found

    lines = []
    for number, cls in enumerate(classes):
        needs = wants([*classes, *bare] if strict else classes[:number], "field")
        for name, token, optional, listed in needs:
            cls.__annotations__[name] = hint(token, optional=optional, listed=listed)
            if optional:
                setattr(cls, name, None)
        scope = dice.choice(scopes if strict else calm)
        injectable(scope=scope)(cls)
        if not strict or dice.random() < 0.9:
            lines.append(Line(cls, dice.randrange(count), cls, scope, needs=needs))
    for token in bare:
        for _ in range(dice.randint(1, 3) if token in several else 1):
            home, target, many = dice.randrange(count), dice.choice(classes), token in several
            if dice.random() < 0.5:
                item = provide(token, use_existing=target, multi=many)
                needs = [("use_existing", target, False, False)]
                lines.append(Line(token, home, item, alias=True, several=many, needs=needs))
            else:
                lines.append(Line(token, home, provide(token, use_value=object(), multi=many), several=many))
    likely = 0.4 if strict else 0.9
    imports = [[other for other in range(home + 1, count) if dice.random() < likely] for home in range(count)]
    exports: list[list[int | type] | None] = [None] * count
    for home in range(count if strict else 0):
        if dice.random() < 0.4:
            pool = list(dict.fromkeys([line.token for line in lines if dice.random() < 0.4]))
            exports[home] = [*pool, *(other for other in range(count) if dice.random() < 0.4)]
    hosts = {home: wants([line.token for line in lines], "given", 2) for home in range(count)}
    seen: dict[int, dict[str, Any]] = {}
    lines += [host_of(home, wanted, seen) for home, wanted in hosts.items()]
    modules = [type(f"Module{number}", (), {}) for number in range(count)]
    return World(modules, lines, imports, exports, [dice.random() < 0.15 for _ in modules], hosts, seen)


def hint(token: type, *, optional: bool, listed: bool) -> Any:
    kind: Any = list.__class_getitem__(token) if listed else token
    return kind | None if optional else kind


def host_of(home: int, wanted: list[tuple[str, type, bool, bool]], seen: dict[int, dict[str, Any]]) -> Line:
    names = [name for name, *_ in wanted]
    space: dict[str, Any] = {"seen": seen}
    exec(f"def go(self, {', '.join(names)}):\n seen[{home}] = dict({', '.join(f'{n}={n}' for n in names)})", space)
    go = space["go"]
    go.__annotations__ = {name: Inject[hint(token, optional=o, listed=m)] for name, token, o, m in wanted}
    go.__qualname__ = f"Host{home}.go"
    cls = station(type(f"Host{home}", (), {"go": on_line(f"go{home}")(go)}))
    return Line(cls, home, cls)


class Model:
    """What a world means, worked out in the plainest way."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.problems: set[tuple[str, ...]] = set()
        self.homes = self._reached([0], lambda home: world.imports[home])
        self.lines = [line for line in world.lines if line.home in self.homes]
        self.passed: dict[int, set[Line]] = {home: set() for home in self.homes}
        while self.passed != (passed := {home: self._passes_on(home) for home in self.homes}):
            self.passed = passed
        below = self._reached(world.imports[0], self._handed_on)
        self.everywhere = {line for home in below if world.shared[home] for line in self.passed[home]}
        self._check_exports()
        for line in self.lines:
            for need in line.needs:
                line.given[need[0]] = self._resolve(line.home, line.token.__name__, *need)
        self.injected = {
            (home, need[0]): self._resolve(home, f"Host{home}.go", *need)
            for home in sorted(self.homes)
            for need in world.hosts[home]
        }
        self.loops = [line for line in self.lines if line in self._reached(follow(line), follow)]
        self.problems |= {
            ("Scope", line.token.__name__)
            for line in self.lines
            if line.scope is Scope.SINGLETON and not line.alias and any(map(self._shorter, follow(line)))
        }

    @staticmethod
    def _reached(start: Any, following: Any) -> set[Any]:
        found: set[Any] = set()
        waiting = list(start)
        while waiting:
            if (one := waiting.pop()) not in found:
                found.add(one)
                waiting += following(one)
        return found

    def _handed_on(self, home: int) -> list[int]:
        imports, listed = self.world.imports[home], self.world.exports[home]
        return imports if listed is None else [one for one in imports if one in listed]

    def _passes_on(self, home: int) -> set[Line]:
        seen = {line for line in self.lines if line.home == home}
        for other in self.world.imports[home]:
            seen |= self.passed[other]
        found = set().union(*(self.passed[other] for other in self._handed_on(home)))
        listed = self.world.exports[home]
        if listed is not None:
            found |= {line for line in seen if line.token in listed}
        else:
            found |= {line for line in seen if line.home == home}
        return {line for line in found if not line.token.__name__.startswith("_")}

    def _check_exports(self) -> None:
        for home in self.homes:
            for item in self.world.exports[home] or ():
                if isinstance(item, int):
                    known, name = item in self.world.imports[home], f"Module{item}"
                else:
                    known, name = any(line.token is item for line in self.passed[home]), item.__name__
                if not known:
                    self.problems.add(("Module", f"Module{home}", name))

    def _resolve(self, home: int, consumer: str, name: str, token: type, optional: bool, listed: bool) -> list[Line]:
        lines = [line for line in self.lines if line.token is token]
        visible = [line for line in lines if line.home == home or line in self.everywhere or self._imported(home, line)]
        several = lines if lines and lines[0].several and not token.__name__.startswith("_") else visible
        several = [line for line in several if line.several]
        if listed and several:
            return several
        if several or (listed and lines and not lines[0].several):
            self.problems.add(("MissingProvider", consumer, name))
        elif visible:
            return visible
        elif lines:
            self.problems.add(("Access", consumer, name))
        elif not optional:
            self.problems.add(("MissingProvider", consumer, name))
        return []

    def _imported(self, home: int, line: Line) -> bool:
        return any(line in self.passed[other] for other in self.world.imports[home])

    def _shorter(self, line: Line, before: tuple[Line, ...] = ()) -> bool:
        if line in before:
            return False
        if not line.alias and line.scope is not Scope.TRANSIENT:
            return line.scope is Scope.REQUEST
        return any(self._shorter(one, (*before, line)) for one in follow(line))


def follow(line: Line) -> list[Line]:
    return [one for some in line.given.values() for one in some]


def told(error: BootError) -> set[tuple[str, ...]]:
    found = set()
    for problem in error.exceptions:
        kind = type(problem).__name__.removesuffix("Error").removesuffix("Provider")
        names = re.findall(r"`([^`]*)`", problem.sentence)
        picked = {"Module": names[:2], "Scope": names[:1], "Cycle": []}.get(kind, [names[0], names[3:4] and names[3]])
        found.add(({"Missing": "MissingProvider"}.get(kind, kind), *picked))
    return found


class Checker:
    """Compares one call's objects with the lines that should have made them."""

    def __init__(self, singletons: dict[Line, Any]) -> None:
        self.made: dict[Scope, dict[Line, Any]] = {Scope.SINGLETON: singletons, Scope.REQUEST: {}}
        self.transients: list[Any] = []

    def check(self, value: Any, line: Line) -> None:
        if line.alias:
            self.check(value, line.given["use_existing"][0])
            return
        if not isinstance(line.item, type):
            assert value is line.item.source
            return
        assert type(value) is line.token
        if line.scope is Scope.TRANSIENT:
            assert not any(value is other for other in self.transients)
            self.transients.append(value)
        elif line in self.made[line.scope]:
            assert self.made[line.scope][line] is value
            return
        else:
            self.made[line.scope][line] = value
        for name, _, _, listed in line.needs:
            self.check_all(getattr(value, name), line.given[name], listed=listed)

    def check_all(self, value: Any, lines: list[Line], *, listed: bool) -> None:
        if not lines:
            assert value is None
        elif not listed:
            self.check(value, lines[0])
        else:
            assert len(value) == len(lines)
            for one, line in zip(value, sorted(lines, key=place), strict=True):
                self.check(one, line)


def place(line: Line) -> tuple[str, str]:
    maker = line.item.source if line.alias else type(line.item.source)
    return f"{maker.__module__}.{maker.__qualname__}", f"Module{line.home}"


@pytest.mark.parametrize("seed", range(150))
async def test_a_random_graph_boots_as_the_model_says_and_is_built_so(seed):
    dice = random.Random(seed)
    world = world_of(dice)
    model = Model(world)
    reports = []
    for _ in range(3):
        try:
            app = App(world.root(dice), environ=QUIET, plugins=[LinePlugin()])
        except BootError as error:
            reports.append(error)
    if model.problems or model.loops:
        assert len(reports) == 3
        assert told(reports[0]) == model.problems | ({("Cycle",)} if model.loops else set())
        texts = [collections.Counter(map(str, error.exceptions)) for error in reports]
        assert set(texts[0].values()) == {1}
        assert texts[0] == texts[1] == texts[2]
        return
    assert reports == []
    async with app.create_context():
        singletons: dict[Line, Any] = {}
        for home in [*sorted(model.homes), *sorted(model.homes)]:
            await edge_of(app).send(f"go{home}")
            checker = Checker(singletons)
            for name, _, _, listed in world.hosts[home]:
                checker.check_all(world.seen[home][name], model.injected[home, name], listed=listed)
