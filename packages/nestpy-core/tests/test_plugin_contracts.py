"""What a third party writes: hooks that may fail, types of other libraries, transports that want providers."""

import dataclasses
from typing import Annotated

import msgspec
import pytest
from line_edge import QUIET, app_of

from nestpy_core import (
    BootError,
    ConfigurationError,
    HandlerError,
    MissingProviderError,
    SectionError,
    check_url,
    config,
    dynamic,
    failures_of,
    hookimpl,
    injectable,
    module,
)


@config("parcels")
class ParcelsConfig(msgspec.Struct, frozen=True, kw_only=True):
    url: str = "tcp://localhost"
    size: Annotated[int, msgspec.Meta(ge=1)] = 3


@module(providers=[ParcelsConfig])
class ParcelsModule:
    @classmethod
    def for_root(cls, **settings):
        return dynamic(cls, settings={ParcelsConfig: settings})


class ChecksUrl:
    """A plugin whose check raises, as `check_url` does, after it found something else."""

    @hookimpl
    def nestpy_verify(self, graph):
        yield HandlerError("The parcels are late.")
        check_url("parcels.url", graph.sections[ParcelsConfig].url, schemes=("tcp",))


class ReadsSettings:
    """A plugin that decides by a setting whether there is an edge."""

    @hookimpl
    def nestpy_edge(self, graph):
        assert graph.sections[ParcelsConfig].size


@injectable
class Nowhere: ...


@injectable
class Parcels:
    unknown: Nowhere


def report(plugin, environ):
    with pytest.raises(BootError) as caught:
        app_of(Parcels, imports=[ParcelsModule.for_root()], plugin=plugin, environ=QUIET | environ)
    return caught.value


def test_what_a_check_raises_joins_what_it_found_and_what_others_found():
    found = report(ChecksUrl(), {"NESTPY_PARCELS__URL": "ftp://user:password@host"})
    assert [type(one) for one in found.exceptions] == [MissingProviderError, HandlerError, ConfigurationError]
    assert "password" not in str(found)


@pytest.mark.parametrize("plugin", [ChecksUrl(), ReadsSettings()], ids=["verify", "edge"])
def test_a_hook_that_reads_a_wrong_setting_leaves_the_report_of_it(plugin):
    found = report(plugin, {"NESTPY_PARCELS__SIZE": "0"})
    assert "Setting `parcels.size` must be" in str(found)
    assert "`Parcels`" in str(found)


def test_a_hook_that_reads_a_section_of_nobody_is_told_so():
    with pytest.raises(KeyError) as caught:
        app_of(plugin=ReadsSettings())
    assert str(caught.value) == (
        "`ParcelsConfig` is no section of this app: no module provides it.\n"
        "Hint: read it after `graph.has(…)` of the module that does"
    )


@config("late_parcels")
class LateConfig(msgspec.Struct, frozen=True, kw_only=True):
    url: str


@module(providers=[LateConfig])
class LateModule: ...


def test_what_an_async_factory_gives_is_not_there_before_the_start():
    class Early:
        @hookimpl
        def nestpy_verify(self, graph):
            return [graph.sections[LateConfig].url]

    late = dynamic(LateModule, late={LateConfig: lambda: {"url": "tcp://here"}})
    with pytest.raises(SectionError, match="`for_root_async` gives them") as caught:
        app_of(imports=[late], plugin=Early())
    assert "Hint: read it where the app serves, or inject it" in str(caught.value)


def test_endpoints_that_depend_on_a_wrong_setting_leave_the_report_of_it():
    class Mounts:
        @hookimpl
        def nestpy_collect(self, graph):
            return [lambda graph: [graph.sections[ParcelsConfig].size]]

    assert "Setting `parcels.size` must be" in str(report(Mounts(), {"NESTPY_PARCELS__SIZE": "0"}))


def test_a_module_is_known_by_where_it_is_defined_and_by_the_packages_above():
    graph = app_of(imports=[ParcelsModule]).graph
    where = ParcelsModule.__module__
    assert graph.has(ParcelsModule)
    assert graph.has(f"{where}:ParcelsModule")
    assert graph.has(f"{where.partition('.')[0]}:ParcelsModule")
    assert not graph.has(f"{where[:-1]}:ParcelsModule")
    assert not graph.has(f"{where}:LateModule")


@dataclasses.dataclass
class Parcel:
    weight: int

    def __post_init__(self):
        if self.weight < 0:
            raise ValueError("lighter than air")


class Van(msgspec.Struct):
    parcels: list[Parcel] = []
    rows: list[list[Parcel]] = []


@pytest.mark.parametrize(
    ("kind", "value", "field"),
    [
        (list[Parcel], [{"weight": 1}, {"weight": -1}], "1"),
        (list[list[Parcel]], [[{"weight": -1}]], "0.0"),
        (Van, {"parcels": [{"weight": -1}]}, "parcels.0"),
        (Van, {"rows": [[], [{"weight": 1}, {"weight": -1}]]}, "rows.1.1"),
    ],
)
def test_what_an_item_refuses_itself_is_named_by_names_and_indexes(kind, value, field):
    with pytest.raises(ValueError, match="lighter than air") as caught:
        msgspec.convert(value, kind)
    assert failures_of(kind, value, caught.value, lambda cls, data: cls(data)) == {
        field: [{"code": "invalid", "message": "lighter than air"}]
    }
