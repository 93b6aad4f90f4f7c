"""What a third party writes: hooks that may fail, types of other libraries, transports that want providers."""

import dataclasses
import inspect
import pkgutil
import re
from importlib import import_module
from typing import Annotated

import msgspec
import pytest
from line_edge import QUIET, LinePlugin, app_of

import nestpy_core
from nestpy_core import (
    BootError,
    ConfigurationError,
    ForeignTypes,
    HandlerError,
    MissingProviderError,
    SectionError,
    Token,
    ViolationsError,
    check_url,
    config,
    dynamic,
    failures_of,
    hookimpl,
    injectable,
    module,
    provide,
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


class Colour:
    """A class that msgspec leaves to hooks."""

    def __init__(self, name):
        self.name = name


class ServesColours:
    """A schema plugin, and what decodes and encodes for it."""

    def __init__(self):
        self.asked = []

    @hookimpl
    def nestpy_schema(self, cls):
        self.asked.append(cls)
        return self if issubclass(cls, Colour) else None

    def decode(self, cls, value):
        if not isinstance(value, str):
            raise ViolationsError({"": [{"code": "type", "message": "Expected a colour"}]})
        return cls(value)

    def encode(self, value):
        return value.name

    def json_schema(self, cls):
        return {"type": "string"}


class Painting(msgspec.Struct):
    colours: list[Colour]
    frame: Parcel | None = None


def test_types_of_other_libraries_are_decoded_and_encoded_by_their_plugin():
    plugin = ServesColours()
    types = ForeignTypes(app_of(plugin=plugin).graph)
    decode = msgspec.json.Decoder(Painting, dec_hook=types.decode).decode
    painting = decode(b'{"colours": ["red", "green"]}')
    assert [one.name for one in painting.colours] == ["red", "green"]
    assert msgspec.json.Encoder(enc_hook=types.encode).encode(painting.colours) == b'["red","green"]'
    assert plugin.asked == [Colour]
    red = Colour("red")
    assert types.decode(Colour, red) is red
    with pytest.raises(msgspec.ValidationError) as caught:
        decode(b'{"colours": ["red", 1]}')
    assert failures_of(Painting, {"colours": ["red", 1]}, caught.value, types.decode) == {
        "colours.1": [{"code": "type", "message": "Expected a colour"}]
    }


def test_a_type_that_nobody_decodes_is_a_problem_with_its_edit():
    class Unserved:
        __module__ = "acme.colours"

    served, without = (ForeignTypes(app_of(plugin=plugin).graph) for plugin in (ServesColours(), LinePlugin()))
    assert served.problem("`painting` of `Painter.paint`", Painting) is None
    assert str(without.problem("`painting` of `Painter.paint`", list[Unserved])) == (
        "`painting` of `Painter.paint` is `list[Unserved]`, and nothing installed decodes `Unserved` of `acme`.\n"
        "Hint: install a schema plugin for it: `pip install nestpy-acme`\n"
        "Hint: or use a msgspec Struct, a dataclass, a TypedDict or an attrs class"
    )
    assert "which cannot be decoded" in str(without.problem("`pair`", dict[Painting, list[int] | set[int]]))
    with pytest.raises(NotImplementedError, match="`Colour` cannot be decoded"):
        without.decode(Colour, "red")
    with pytest.raises(NotImplementedError, match="`Colour` cannot be encoded"):
        without.encode(Colour("red"))


class Relay:
    """An edge that only sends: it has no handlers and asks for what it works with."""

    name = "relay"

    def verify(self):
        return ()

    def compile(self, compiler):
        self.parts = compiler.providers("relay parts", Mailbox, COURIERS, Nowhere)

    def transport(self):
        return None


class RelayPlugin:
    @hookimpl
    def nestpy_edge(self, graph):
        return Relay()


@injectable
class Mailbox: ...


COURIERS = Token("COURIERS")


async def test_a_transport_gets_the_instances_of_each_start():
    app = app_of(
        Mailbox,
        provide(COURIERS, use_value="slow", multi=True, order=2),
        provide(COURIERS, use_value="quick", multi=True, order=1),
        plugin=RelayPlugin(),
    )
    (relay,) = (edge for edge in app.edges if edge.name == "relay")
    seen = []
    for _ in range(2):
        async with app.create_context() as context:
            mailbox, couriers, nowhere = relay.parts.function()
            assert mailbox is await context.get(Mailbox)
            assert (couriers, nowhere) == (["quick", "slow"], None)
            seen.append(mailbox)
    assert seen[0] is not seen[1]


WORD = re.compile(r"\b[A-Z]\w+")


def implemented():
    """Yield what others implement, and what they are given for it."""
    for name in nestpy_core.__all__:
        found = getattr(nestpy_core, name)
        if getattr(found, "_is_protocol", False) or name in ("Compiler", "Hooks", "Pipes", "Source"):
            yield found


@pytest.mark.parametrize("cls", list(implemented()), ids=lambda cls: cls.__name__)
def test_what_plugins_implement_is_written_in_public_names(cls):
    members = [one.fget if isinstance(one, property) else one for one in vars(cls).values()]
    noted = [cls, *(one for one in members if inspect.isfunction(one) and one.__name__ != "__init__")]
    named = {
        word for one in noted for note in inspect.get_annotations(one).values() for word in WORD.findall(str(note))
    }
    modules = [import_module(f"nestpy_core.{found.name}") for found in pkgutil.iter_modules(nestpy_core.__path__)]
    of_core = {
        getattr(found, "__name__", word)
        for word in named
        for module in modules
        if getattr(found := vars(module).get(word), "__module__", "").startswith("nestpy_core")
    }
    assert of_core <= {*nestpy_core.__all__}
