"""Finds the edits that mend a missing provider or an unknown name; imported while a problem is written."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from ._entry_points import entry_points
from ._generics import is_too_deep
from ._graph import Binding, Graph, ModuleNode
from ._handler import FromContext, ParameterOptions
from ._hints import Dependency
from ._module import module_meta
from ._names import full_name, holders_of, name_of, qualified, written
from ._provider import InjectMarker, Token
from .errors import MissingProviderError


def missing(graph: Graph, node: ModuleNode, dependency: Dependency, consumer: str, hint: Any) -> MissingProviderError:
    """Return the problem of a dependency that no module provides.

    Args:
        graph: where nothing provides it.
        node: the consumer's module.
        dependency: what is missing.
        consumer: how messages call who needs it.
        hint: the annotation of a field or a factory's parameter; None for everything else.
    """
    marker = _marker_in(hint)
    if marker is not None:
        return MissingProviderError(
            f"{consumer} in `{node.label}` annotates `{dependency.name}` with {marker}, "
            f"which only parameters of handlers take.",
            hints=(f"take `{dependency.name}` as a parameter of the handler, and hand it to the method that needs it",),
        )
    name = name_of(dependency.token)
    namesakes = sorted((one for one in graph.bindings if name_of(one.token) == name), key=_by_name)
    shown = full_name(dependency.token) if namesakes else name
    asked = f"list[{shown}]" if dependency.many else shown
    hints = [f"`{one.module.label}` provides `{full_name(one.token)}`, another one" for one in namesakes]
    return MissingProviderError(
        f"{consumer} in `{node.label}` needs `{asked}` (`{dependency.name}`), and no module provides it.",
        hints=[*hints, *_edits(graph, node, dependency)],
    )


def _by_name(binding: Binding) -> tuple[object, ...]:
    return qualified(binding.token), *binding.position


def _edits(graph: Graph, node: ModuleNode, dependency: Dependency) -> Iterator[str]:
    token = dependency.token
    name = name_of(token)
    place = f"`providers=` of `{node.label}`"
    if isinstance(token, type) and token.__module__ in ("builtins", "typing"):
        yield f"give `{dependency.name}` a default, or inject a setting or `Annotated[{name}, TOKEN]`"
        return
    offered = _offered(graph, node, token)
    if offered:
        yield f"import {offered}"
        if _is_abstract(token):
            yield f"or add `provide({name}, use_class=…)` to {place}, or of a module that it imports"
        return
    yield from _near(graph, token, name)
    if dependency.many:
        yield f"add {provide_line(token, 'use_class=…, multi=True')} to {place}"
    elif is_too_deep(token):
        yield f"let `{dependency.name}` ask for a parametrisation that does not grow without end"
    elif get_origin(token) is not None:
        yield f"add `provide({name}, use_class=…)` to {place}, or import the module that provides it"
    elif isinstance(token, Token):
        yield f"add {provide_line(token, 'use_value=…')} to {place}"
    elif any(generic.origin is token for generic, _ in graph.generics):
        yield f"name what it is for: `{name}[…]`"
    elif _is_abstract(token):
        yield f"add `provide({name}, use_class=…)` to {place}, or of a module that it imports"
    else:
        yield f"add `{name}` to {place}, or of a module that it imports"


def provide_line(token: Any, rest: str) -> str:
    """Return the line of `providers=` that binds *token*, as Python writes it where that can be known."""
    known = written(token)
    return f"`provide({known}, {rest})`" if known else f"`provide(…, {rest})` with the token `{name_of(token)}`"


def _near(graph: Graph, token: Any, name: str) -> Iterator[str]:
    for binding in sorted(graph.bindings, key=_by_name):
        if binding.token is not token and token in getattr(binding.token, "__mro__", ()) and token is not object:
            home = binding.module.label
            yield f"`{binding.label}` in `{home}` is one: add `provide({name}, use_existing={binding.label})`"
            return
    from difflib import get_close_matches

    words = {binding.label for binding in graph.bindings if name_of(binding.token) != name}
    for close in get_close_matches(name, sorted(words), n=1, cutoff=0.8):
        yield f"`{close}` has a similar name"


def _is_abstract(token: Any) -> bool:
    return bool(getattr(token, "_is_protocol", False) or getattr(token, "__abstractmethods__", ()))


# -- modules of other distributions


def _offered(graph: Graph, node: ModuleNode, token: Any) -> str:
    """Return the modules that the token's own distribution offers and the app does not import; empty for none."""
    root = graph.root
    homes = [name for name, _ in holders_of(token)] if isinstance(token, Token) else [_home_of(token)]
    own = _package_of(getattr(root.cls, "__module__", ""))
    for package in dict.fromkeys(map(_package_of, homes)):
        found = [] if package == own else [cls for cls in _modules_of(package) if not graph.has(cls)]
        places = [
            f"`{name_of(cls)}` of {package} in the root module `{root.label}`"
            if _is_shared(cls) or node.cls is None
            else f"`{name_of(cls)}` of {package} in `{node.label}`"
            for cls in found
        ]
        if places:
            return ", or ".join(places)
    return ""


def _home_of(token: Any) -> str:
    home = getattr(get_origin(token) or token, "__module__", "")
    return home if isinstance(home, str) else ""


def _package_of(module: str) -> str:
    return module.partition(".")[0]


def _modules_of(package: str) -> Iterator[type]:
    """Yield the module classes among the public names of *package*; what those names load may fail as it likes."""
    try:
        public = [name for name in vars(sys.modules[package])["__all__"] if str(name).endswith("Module")]
    except (KeyError, TypeError):
        return
    for name in public:
        try:
            found = getattr(sys.modules[package], name)
            if isinstance(found, type) and module_meta(found) is not None:
                yield found
        except (Exception, SystemExit):  # noqa: BLE001, S112  # whatever it is, the report has to be written
            continue


def _is_shared(cls: type) -> bool:
    meta = module_meta(cls)
    return meta is not None and meta.shared


# -- markers of handler parameters


def _marker_in(hint: Any) -> str | None:
    """Return how a hint names what an edge reads of its calls; None when it has nothing of the kind."""
    for item in _metadata(hint):
        if isinstance(item, FromContext):
            return "`from_context(…)`"
        kind = item if isinstance(item, type) else type(item)
        package = _package_of(str(kind.__module__))
        if isinstance(item, Token) or item is InjectMarker:
            continue
        if isinstance(item, ParameterOptions):
            return f"`{name_of(kind)}`"
        if package in {_package_of(entry.value) for entry in entry_points("nestpy")}:
            return f"`{_public_name(package, item)}` of {package}"
    return None


def _metadata(hint: Any) -> Iterator[Any]:
    if get_origin(hint) is Annotated:
        yield from get_args(hint)[1:]
    if get_origin(hint) in (Annotated, Union):
        for part in get_args(hint):
            yield from _metadata(part)


def _public_name(package: str, item: object) -> str:
    """Return the name under which a package offers what puts *item* into annotations, as far as it is loaded."""
    for name, value in vars(sys.modules[package]).items() if package in sys.modules else ():
        held = get_args(value)[1:] if get_origin(value) is Annotated else ()
        if not held and not isinstance(value, type) and hasattr(type(value), "__getitem__"):
            held = tuple(getattr(value, "__dict__", {}).values())  # an object that makes the annotation
        if any(one is item for one in held):
            return name
    return name_of(item)


# -- names in annotations


def name_edits(name: str, target: Any) -> tuple[str, ...]:
    """Return what makes a name known to the annotations of *target*, as the source of its module suggests."""
    importing = f"import `{name}` where it is annotated, outside `if TYPE_CHECKING:`"
    try:
        tree = ast.parse(inspect.getsource(sys.modules[target.__module__]))
    except (KeyError, OSError, TypeError, SyntaxError):
        return (importing, f"or define `{name}` at module level")
    imported, defined = False, False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imported = imported or any(name == (one.asname or one.name).partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ClassDef):
            defined = defined or node.name == name
    if imported:
        return (importing,)
    return (
        (f"define `{name}` at module level, outside of the function",)
        if defined
        else (importing, f"or define `{name}` at module level")
    )
