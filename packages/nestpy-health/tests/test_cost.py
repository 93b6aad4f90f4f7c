"""What health costs an app: nothing on its other routes."""

from nestpy_core import App, module
from nestpy_health import HealthModule, indicators, readiness
from nestpy_http import HttpModule, Query, controller, get


@controller("/")
class Cats:
    @get("/cats/{cat_id}")
    async def cat(self, cat_id: int, verbose: Query[bool] = False) -> dict[str, int]:
        return {"id": cat_id}


@indicators
class Fine:
    @readiness
    async def database(self) -> None: ...


def sources(*imports, providers=()):
    @module(imports=[HttpModule.for_root(), *imports], providers=[Cats, *providers])
    class TestedModule: ...

    app = App(TestedModule, environ={"NESTPY_ENV": "test"})
    return {function.name: function.source for function in app.functions}


def test_other_routes_are_compiled_to_the_same_bytes_with_and_without_it():
    without, given = sources(), sources(HealthModule, providers=[Fine])
    assert {name: given[name] for name in ("Cats.cat", "unmatched")} == {
        name: without[name] for name in ("Cats.cat", "unmatched")
    }
    assert given.keys() - without.keys() == {
        "readiness Fine.database",
        *(f"Health.answer_{probe}" for probe in ("live", "ready", "startup")),
    }
