"""The graph: modules, bindings, hosts and handlers, as collect found them and link joined them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from msgspec import field

from ._names import full_name, name_of, qualified
from ._provider import OpenGeneric, Scope
from ._record import OpenRecord, Record
from ._section import Sections

if TYPE_CHECKING:
    from ._handler import Handler, HandlerMarker, HostMarker
    from ._hints import Argument, Dependency
    from ._hooks import Edge
    from ._layer import Family
    from ._module import DynamicModule
    from ._settings import Settings
    from .contracts import Endpoint, Operation, Relation, SchemaSupport
    from .errors import Problem

__all__ = ("Binding", "Graph", "LayerUse", "ModuleNode")

BindingKind = Literal["class", "value", "factory", "existing", "carrier", "settings"]


class ModuleNode(OpenRecord, eq=False):
    """One module of the app.

    Attributes:
        cls: the module class; None for what a plugin or core contributes.
        label: how messages name it.
        imports: the modules it imports.
        bindings: what it provides.
        exports: tokens and module classes; None exports by Python's rule.
        shared: whether the root's import makes its exports visible everywhere.
        feature: the feature's name where it is what one `for_feature` adds; else None.
        additions: what `for_root` and its like add to it, each with the module that imports it.
    """

    cls: type | None
    label: str
    shared: bool = False
    imports: list[ModuleNode] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)
    exports: list[Any] | None = None  # tokens and module classes
    feature: str | None = None
    additions: list[tuple[DynamicModule, ModuleNode | None]] = field(default_factory=list)

    def __repr__(self) -> str:
        """Show the label."""
        return f"<module {self.label}>"


class Binding(OpenRecord, eq=False):
    """One provider of the app: a token, how its instance is made, and the module that owns it.

    Attributes:
        token: what consumers ask for.
        kind: class, value, factory, existing, carrier (an edge gives it per call) or settings.
        source: the class, value, factory, other token, edge names or configuration section.
        module: the owner.
        scope: lifetime.
        implicit: bound because a decorator names it, not because a module lists it.
        replaces: the source that an override took the place of.
        arguments: the constructor's or factory's injected arguments, in order.
        constants: arguments that are known at boot, such as the ``User`` of ``Repository[User]``.
        positional: the names among both that are given by position, in order.
        links: for each argument the bindings it gets; empty for an absent optional one.
        label: how messages name it: the token's short name, with its import path where two would be called the same.
    """

    token: Any  # a class, a generic alias or a Token
    kind: BindingKind
    source: Any  # what `kind` says
    module: ModuleNode
    scope: Scope = Scope.SINGLETON
    multi: bool = False
    order: int = 0
    default: bool = False
    implicit: bool = False
    replaces: Any = None  # what `kind` says
    arguments: tuple[tuple[Argument, Dependency], ...] = ()
    constants: Mapping[str, Any] = field(default_factory=dict)
    positional: tuple[str, ...] = ()
    links: tuple[tuple[Binding, ...], ...] = ()
    label: str = ""

    def __post_init__(self) -> None:
        """Call it by its token's short name, until `Graph.distinguish`."""
        self.label = name_of(self.token)

    @property
    def settled(self) -> Binding:
        """The binding that makes the instance: an alias's own target, else this one.

        Of an alias that leads to nothing or into a loop, which `verify` reports, it is an alias.
        """
        binding = self
        met: set[int] = set()
        while binding.kind == "existing" and id(binding) not in met and binding.links and binding.links[0]:
            met.add(id(binding))
            binding = binding.links[0][0]
        return binding

    @property
    def position(self) -> tuple[int, str, str]:
        """What orders several bindings of one token: their order, what makes them, whose they are."""
        named = self.kind != "value" and hasattr(self.source, "__qualname__")
        maker = self.source if named or self.kind == "existing" else type(self.source)
        return self.order, qualified(maker), self.module.label

    def dependencies(self) -> Iterator[tuple[str, Binding]]:
        """Yield every binding it is built from, with the field's or parameter's name."""
        for (argument, _), targets in zip(self.arguments, self.links, strict=False):
            for target in targets:
                yield argument.name, target

    def __repr__(self) -> str:
        """Show token and module."""
        return f"<{self.kind} {self.label} in {self.module.label}>"


class LayerUse(Record, frozen=True):
    """One layer of one handler: a binding, or an instance that a decorator was given.

    Attributes:
        layer: the class whose methods say what the layer does.
        binding: where its instance comes from; None for a ready instance.
        instance: that instance.
        site: ``global``, ``host`` or ``method``.
    """

    layer: type
    binding: Binding | None
    instance: Any  # the instance a decorator was given
    site: Literal["global", "host", "method"]

    @property
    def posture(self) -> bool:
        """Whether it is a guard that authenticates or authorizes; what overrides such a guard stands for it."""
        said = [self.layer, self.instance]
        for binding in (self.binding, self.binding.settled) if self.binding is not None else ():
            said += [binding.token, binding.replaces]
        return any(getattr(one, "posture", False) is True for one in said)


class Graph(OpenRecord, eq=False):
    """Everything that an application consists of, before any of it is constructed.

    Attributes:
        root: the root module.
        modules: every module, the root first, then in order of import.
        bindings: every provider, in order of module and listing.
        handlers: every handler of every edge, in order of host and definition.
        injected: what each ``Inject[…]`` parameter gets, by host, method and parameter name.
        global_layers: the layers bound to `APP_GUARD` and its siblings, by family.
        endpoints: what plugins mount beside the hosts.
        operations: what plugins derive from entities.
        relations: what leads from one entity to another.
        sections: the loaded configuration sections by class. What ``for_root_async`` gives stands there once the app
            starts: read it where it serves. Of a section with a wrong setting hooks see nothing: asking for it ends
            the hook, and the report names the setting.
        settings: the sources that they were read from.
        problems: what collect and link found wrong.
        notices: boot lines for the log, with the level of each as `logging` numbers it.
        generics: the open generics with their modules.
        refused: the classes that modules list and that nothing could provide, as the problems say.
        edges: what serves it, once every plugin has been asked; empty while edges are made.
        schema_of: asks the schema plugins for a foreign type.
    """

    root: ModuleNode
    settings: Settings
    modules: list[ModuleNode] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)
    handlers: list[Handler] = field(default_factory=list)
    injected: dict[tuple[Binding, str, str], tuple[Binding, ...]] = field(default_factory=dict)
    global_layers: dict[Family, tuple[LayerUse, ...]] = field(default_factory=dict)
    endpoints: list[Endpoint] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    sections: Sections = field(default_factory=Sections)
    problems: list[Problem] = field(default_factory=list)
    notices: dict[str, int] = field(default_factory=dict)
    schema_of: Callable[[type], SchemaSupport | None] = lambda _: None
    edges: tuple[Edge, ...] = ()

    generics: list[tuple[OpenGeneric, ModuleNode]] = field(default_factory=list)
    refused: set[type] = field(default_factory=set)
    _by_token: dict[Any, list[Binding]] = field(default_factory=dict)

    def add(self, binding: Binding) -> Binding:
        """Take in a binding, at the end of its module's list."""
        binding.module.bindings.append(binding)
        self.bindings.append(binding)
        self._by_token.setdefault(binding.token, []).append(binding)
        return binding

    def drop(self, dropped: Container[Binding]) -> None:
        """Forget bindings, and the handlers of those that are hosts."""
        for found in (self.bindings, *self._by_token.values(), *(node.bindings for node in self.modules)):
            found[:] = [binding for binding in found if binding not in dropped]
        self.handlers = [handler for handler in self.handlers if handler.host not in dropped]

    def distinguish(self) -> None:
        """Give those that would be called the same a name with its import path."""
        tokens: dict[str, set[Any]] = {}
        for binding in self.bindings:
            tokens.setdefault(name_of(binding.token), set()).add(binding.token)
        for binding in self.bindings:
            if len(tokens[binding.label]) > 1:
                binding.label = full_name(binding.token)
        classes: dict[str, set[type | None]] = {}
        for node in self.modules:
            classes.setdefault(node.label, set()).add(node.cls)
        for node in self.modules:
            if node.cls is not None and len(classes[node.label]) > 1:
                node.label = node.label.replace(name_of(node.cls), full_name(node.cls), 1)

    def tokens(self) -> Iterator[list[Binding]]:
        """Yield the bindings of each token, in order of listing."""
        yield from self._by_token.values()

    def has(self, module: type | str) -> bool:
        """Say whether the app imports a module class.

        Args:
            module: the class, or its name, which is not loaded: ``package:Class`` is a class that a module of
                ``package`` defines, whether it is named by where it stands or by where it is imported from.
        """
        if not isinstance(module, str):
            return any(node.cls is module for node in self.modules)
        package, _, name = module.partition(":")
        return any(
            node.cls.__qualname__ == name and f"{node.cls.__module__}.".startswith(f"{package}.")
            for node in self.modules
            if node.cls
        )

    def bindings_of(self, token: Any) -> list[Binding]:  # any token
        """Return the bindings of one token: several only for a multi one (or before verification)."""
        found = self._by_token.get(token, [])
        return sorted(found, key=lambda binding: binding.position) if len(found) > 1 else list(found)

    def handlers_of(self, edge: str) -> Iterator[tuple[Handler, HostMarker, HandlerMarker]]:
        """Yield an edge's handlers, once for each of their markers, with their host's marker."""
        from ._handler import hosts_of

        hosts = {
            host: next((mark for mark in hosts_of(host.source) if mark.edge == edge), None)
            for host in dict.fromkeys(handler.host for handler in self.handlers)
        }
        for handler in self.handlers:
            host = hosts[handler.host]
            if host is not None:
                for marker in handler.markers:
                    if marker.edge == edge:
                        yield handler, host, marker
