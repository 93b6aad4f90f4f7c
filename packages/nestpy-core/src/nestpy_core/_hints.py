"""Resolves annotations once, and reads from them what is to be injected."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args, get_origin

from ._names import name_of, place_of
from ._provider import InjectMarker, Token
from .errors import UnresolvedHintError


@dataclasses.dataclass(frozen=True, slots=True)
class Dependency:
    """One thing that a provider or a handler wants injected.

    Attributes:
        name: the field or parameter.
        token: what it asks for.
        optional: whether it takes None when nothing provides the token.
        many: whether it takes the list of every binding of the token.
    """

    name: str
    token: Any  # a class, a generic alias or a Token
    optional: bool = False
    many: bool = False


class Names:
    """The unambiguous names of the collected classes, for hints that their own module cannot resolve."""

    def __init__(self, classes: typing.Iterable[type] = ()) -> None:
        self._found: dict[str, type | None] = {}
        for cls in classes:
            self.add(cls)

    def add(self, cls: type) -> None:
        """Know one more class; a second class of one name makes the name unknown."""
        known = self._found.setdefault(cls.__name__, cls)
        if known is not cls:
            self._found[cls.__name__] = None

    def local(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return the known names with *own* above them."""
        return {**{name: cls for name, cls in self._found.items() if cls is not None}, **own}


def resolve(annotation: Any, module_name: str, local: Mapping[str, Any], names: Names) -> Any:
    """Evaluate one annotation: first as its module sees it, then with the collected classes.

    Raises:
        Exception: whatever the evaluation raises, NameError above all.
    """
    if annotation is inspect.Parameter.empty:
        return annotation
    scope = vars(sys.modules[module_name]) if module_name in sys.modules else {}
    holder = types.SimpleNamespace(__annotations__={"hint": annotation})
    try:
        return typing.get_type_hints(holder, dict(scope), dict(local), include_extras=True)["hint"]
    except NameError:
        return typing.get_type_hints(holder, dict(scope), names.local(local), include_extras=True)["hint"]


def annotations_of(target: Any) -> dict[str, Any]:
    """Return the raw annotations in the target's own namespace, unevaluated on every Python."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return dict(annotationlib.get_annotations(target, format=annotationlib.Format.FORWARDREF))
    return dict(inspect.get_annotations(target))


@dataclasses.dataclass(frozen=True, slots=True)
class Argument:
    """One parameter of a constructor, factory or handler, its hint resolved."""

    name: str
    hint: Any  # `inspect.Parameter.empty` when there is none
    default: Any  # likewise
    kind: inspect._ParameterKind = inspect.Parameter.KEYWORD_ONLY

    @property
    def required(self) -> bool:
        """Whether a call must give it."""
        return self.default is inspect.Parameter.empty


def constructor_arguments(cls: type, names: Names) -> tuple[list[Argument], list[UnresolvedHintError]]:
    """Return the parameters of the class's constructor; fields carry the hints of the class that wrote them."""
    init = cls.__init__
    if init is object.__init__ or getattr(cls, "_is_protocol", False):
        return [], []
    owner = next(base for base in cls.__mro__ if "__init__" in base.__dict__)
    if "injectable" in getattr(owner, "__nestpy__", ()) and dataclasses.is_dataclass(owner):
        return _field_arguments(cls, init, names)
    arguments, problems = callable_arguments(init, names)
    return arguments[1:], problems


def _field_arguments(cls: type, init: Any, names: Names) -> tuple[list[Argument], list[UnresolvedHintError]]:
    arguments: list[Argument] = []
    problems: list[UnresolvedHintError] = []
    for parameter in list(inspect.signature(init).parameters.values())[1:]:
        owner = next(base for base in cls.__mro__ if parameter.name in annotations_of(base))
        raw = annotations_of(owner)[parameter.name]
        try:
            hint = resolve(raw, owner.__module__, vars(owner), names)
        except Exception as error:  # evaluating a user's annotation may raise anything
            problems.append(_unresolved(f"Field `{parameter.name}` of `{name_of(owner)}`", raw, owner, error))
            continue
        hint = hint.type if isinstance(hint, dataclasses.InitVar) else hint
        arguments.append(Argument(parameter.name, hint, parameter.default))
    return arguments, problems


def callable_arguments(function: Callable[..., Any], names: Names) -> tuple[list[Argument], list[UnresolvedHintError]]:
    """Return the parameters of a function, bound or not, without ``*args`` and ``**kwargs``."""
    target = _function_of(function)
    arguments: list[Argument] = []
    problems: list[UnresolvedHintError] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        raw = annotations_of(target).get(parameter.name, inspect.Parameter.empty)
        try:
            hint = resolve(raw, getattr(target, "__module__", ""), {}, names)
        except Exception as error:  # as above
            problems.append(_unresolved(f"Parameter `{parameter.name}` of `{name_of(target)}`", raw, target, error))
            continue
        arguments.append(Argument(parameter.name, hint, parameter.default, parameter.kind))
    return arguments, problems


def return_hint(function: Callable[..., Any], names: Names) -> tuple[Any, list[UnresolvedHintError]]:
    """Return the resolved return annotation, `inspect.Parameter.empty` when there is none."""
    target = _function_of(function)
    raw = annotations_of(target).get("return", inspect.Parameter.empty)
    try:
        return resolve(raw, getattr(target, "__module__", ""), {}, names), []
    except Exception as error:  # as above
        return inspect.Parameter.empty, [_unresolved(f"The result of `{name_of(target)}`", raw, target, error)]


def _function_of(function: Any) -> Any:
    while hasattr(function, "func"):
        function = function.func
    function = inspect.unwrap(function)
    if inspect.isroutine(function):
        return getattr(function, "__func__", function)
    return function if isinstance(function, type) else type(function).__call__


def _unresolved(what: str, raw: object, target: Any, error: Exception) -> UnresolvedHintError:
    missing = getattr(error, "name", None)
    hints = (
        (f"import `{missing}` where it is annotated, outside `if TYPE_CHECKING:`",)
        if isinstance(error, NameError) and missing
        else ("correct the annotation",)
    )
    text = raw if isinstance(raw, str) else name_of(raw)
    return UnresolvedHintError(
        f"{what} is annotated `{text}`, which cannot be evaluated: {error} ({place_of(target)})", hints=hints
    )


def is_injected(hint: Any) -> bool:
    """Say whether a handler parameter's hint is ``Inject[…]``."""
    return get_origin(hint) is Annotated and any(item is InjectMarker for item in get_args(hint)[1:])


def dependency_of(name: str, hint: Any) -> Dependency | None:
    """Read what a hint asks for; None when it asks for nothing that could be a token."""
    optional = False
    many = False
    for _ in range(3):
        if get_origin(hint) is Annotated:
            token = next((item for item in get_args(hint)[1:] if isinstance(item, Token)), None)
            if token is not None:
                inner = get_args(hint)[0]
                return Dependency(name, token, optional or _is_optional(inner), many or get_origin(inner) is list)
            hint = get_args(hint)[0]
        elif _is_optional(hint) and len(get_args(hint)) == 2:
            optional = True
            hint = next(item for item in get_args(hint) if item is not types.NoneType)
        elif get_origin(hint) is list and not many:
            many = True
            hint = get_args(hint)[0]
    if isinstance(hint, type) or isinstance(get_origin(hint), type) and get_origin(hint) is not types.UnionType:
        return Dependency(name, hint, optional, many)
    return None


def _is_optional(hint: Any) -> bool:
    return get_origin(hint) in (typing.Union, types.UnionType) and types.NoneType in get_args(hint)
