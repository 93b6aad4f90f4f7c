"""Resolves annotations once, and reads from them what is to be injected."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, NamedTuple, Protocol, TypeVar, get_args, get_origin

from ._generics import specialise, variables_of
from ._names import name_of, place_of
from ._provider import InjectMarker, Token
from ._record import Record
from .errors import UnresolvedHintError

EMPTY = inspect.Parameter.empty
Kind = inspect.Parameter
_ELSEWHERE = frozenset({"__wrapped__", "__signature__"})
"""Attributes of a function whose parameters are not its own."""
Resolved = tuple[list["Argument"], list[UnresolvedHintError]]
Signature = tuple[list["Argument"], Any, list[UnresolvedHintError]]


class Dependency(Record, frozen=True):
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


class Argument(Record, frozen=True):
    """One parameter of a constructor, factory or handler, its hint resolved.

    Attributes:
        hint: the annotation; `inspect.Parameter.empty` when there is none.
        default: its default; likewise.
        kind: how Python takes it.
        constant: what a ``type[T]`` means here; `inspect.Parameter.empty` for everything else.
    """

    name: str
    hint: Any  # any annotation
    default: Any  # any value
    kind: inspect._ParameterKind = inspect.Parameter.KEYWORD_ONLY
    constant: Any = EMPTY

    @property
    def required(self) -> bool:
        """Whether a call must give it."""
        return self.default is EMPTY


class Names:
    """The unambiguous names of the collected classes, for hints that their own module cannot resolve."""

    def __init__(self, classes: Iterable[type] = ()) -> None:
        self._found: dict[str, type | None] = {}
        self._evaluated: dict[tuple[str, str], Any] = {}
        for cls in classes:
            self.add(cls)

    def add(self, cls: type) -> None:
        """Know one more class; a second class of one name makes the name unknown."""
        known = self._found.setdefault(cls.__name__, cls)
        if known is not cls:
            self._found[cls.__name__] = None

    def in_module(self, annotation: Any, module_name: str, scope: Mapping[str, Any]) -> Any:
        """Return what an annotation is to its module; a text that many handlers share is evaluated once."""
        if not isinstance(annotation, str):
            return _evaluate(annotation, scope, {})
        key = module_name, annotation
        if key not in self._evaluated:
            self._evaluated[key] = _evaluate(annotation, scope, {})
        return self._evaluated[key]

    def local(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return the known names with *own* above them."""
        return {**{name: cls for name, cls in self._found.items() if cls is not None}, **own}


def resolve(annotation: Any, module_name: str, local: Mapping[str, Any], names: Names) -> Any:
    """Evaluate one annotation: as its module sees it, then inside its class, then with the collected classes.

    Raises:
        Exception: whatever the evaluation raises, NameError above all.
    """
    if annotation is EMPTY or isinstance(annotation, type):
        return annotation
    scope = vars(sys.modules[module_name]) if module_name in sys.modules else {}
    try:
        return names.in_module(annotation, module_name, scope)
    except NameError:
        pass
    try:
        return _evaluate(annotation, scope, local)
    except NameError:
        return _evaluate(annotation, scope, names.local(local))


def _evaluate(annotation: Any, scope: Mapping[str, Any], local: Mapping[str, Any]) -> Any:
    holder = types.SimpleNamespace(__annotations__={"hint": annotation})
    return typing.get_type_hints(holder, dict(scope), dict(local), include_extras=True)["hint"]


def annotations_of(target: Any) -> dict[str, Any]:
    """Return the raw annotations in the target's own namespace, unevaluated on every Python."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return dict(annotationlib.get_annotations(target, format=annotationlib.Format.FORWARDREF))
    return dict(target.__annotations__) if isinstance(target, types.FunctionType) else inspect.get_annotations(target)


# -- classes


def constructor_arguments(cls: type, names: Names, token: Any = None) -> Resolved:
    """Return the parameters of the class's constructor.

    Args:
        cls: the class; its fields carry the hints of the class that wrote them.
        names: the collected classes.
        token: what it is bound to, which may fix type variables: ``Repository[User]``.
    """
    silent = _constructor(cls) is object and not hasattr(cls, "__signature__")
    if silent or getattr(cls, "_is_protocol", False):
        return [], []
    try:
        parameters = _constructor_parameters(cls)
    except (TypeError, ValueError):  # a class written in C says nothing of itself
        return [], []
    variables = variables_of(cls, token)
    arguments: list[Argument] = []
    problems: list[UnresolvedHintError] = []
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        owner, raw, what = _annotation_of(cls, parameter)
        try:
            hint = resolve(raw, owner.__module__, vars(owner), names)
        except Exception as error:  # noqa: BLE001  # evaluating a user's annotation may raise anything
            problems.append(_unresolved(what, raw, owner, error))
            continue
        arguments.append(_argument(parameter, hint, variables.get(owner, {})))
    return arguments, problems


def _constructor_parameters(cls: type) -> list[inspect.Parameter]:
    """Return them as the class wrote them; a metaclass's ``__call__`` may hide them behind ``*args``."""
    init = _constructor(cls).__dict__.get("__init__")
    if inspect.isfunction(init):
        return list(inspect.signature(init).parameters.values())[1:]
    return list(inspect.signature(cls).parameters.values())


def _constructor(cls: type) -> type:
    return next(base for base in cls.__mro__ if "__init__" in base.__dict__ or base.__dict__.get("__new__"))


def _annotation_of(cls: type, parameter: inspect.Parameter) -> tuple[type, Any, str]:
    """Return which class wrote a parameter's annotation, the annotation, and how messages call it."""
    writer = _constructor(cls)
    init = writer.__dict__.get("__init__") or writer.__dict__["__new__"]
    fields = getattr(writer, "__dataclass_fields__", {})
    if inspect.isfunction(init) and parameter.name not in fields:
        raw = annotations_of(init).get(parameter.name, EMPTY)
        return writer, raw, f"Parameter `{parameter.name}` of `{name_of(init)}`"
    what = f"Field `{parameter.name}` of"
    for base in cls.__mro__:
        found = annotations_of(base)
        if parameter.name in found:
            return base, found[parameter.name], f"{what} `{name_of(base)}`"
    return cls, parameter.annotation, f"{what} `{name_of(cls)}`"


# -- functions


def callable_arguments(
    function: Callable[..., Any], names: Names, variables: Mapping[TypeVar, Any] = types.MappingProxyType({})
) -> Resolved:
    """Return the parameters of a function, bound or not, without ``*args`` and ``**kwargs``."""
    target = function_of(function)
    return _arguments(function, target, annotations_of(target), names, variables)


def signature_of(function: Callable[..., Any], names: Names, variables: Mapping[TypeVar, Any]) -> Signature:
    """Return the parameters of a function as `callable_arguments` does, its return annotation, and what is wrong."""
    target = function_of(function)
    hints = annotations_of(target)
    arguments, problems = _arguments(function, target, hints, names, variables)
    returned, more = _returned(target, hints, names, variables)
    return arguments, returned, [*problems, *more]


def _arguments(
    function: Callable[..., Any], target: Any, hints: Mapping[str, Any], names: Names, variables: Mapping[TypeVar, Any]
) -> Resolved:
    module = getattr(target, "__module__", "")
    arguments: list[Argument] = []
    problems: list[UnresolvedHintError] = []
    for parameter in _parameters(function):
        raw = hints.get(parameter.name, EMPTY)
        try:
            hint = resolve(raw, module, {}, names)
        except Exception as error:  # noqa: BLE001  # as above
            problems.append(_unresolved(f"Parameter `{parameter.name}` of `{name_of(target)}`", raw, target, error))
            continue
        arguments.append(_argument(parameter, hint, variables))
    return arguments, problems


class _Parameter(NamedTuple):
    """What is read of an `inspect.Parameter`, whose making takes several times as long."""

    name: str
    default: Any
    kind: Any


def _parameters(function: Callable[..., Any]) -> Iterable[_Parameter | inspect.Parameter]:
    if type(function) is types.FunctionType and _ELSEWHERE.isdisjoint(function.__dict__):
        return _plain_parameters(function)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a function written in C says nothing of itself
        return ()
    return [one for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]


def _plain_parameters(function: types.FunctionType) -> Iterator[_Parameter]:
    """Yield the parameters of a function that nothing wraps, as `inspect.signature` tells them."""
    code = function.__code__
    positional = code.co_argcount
    names = code.co_varnames
    defaults = function.__defaults__ or ()
    for index in range(positional):
        default = defaults[index - positional] if index >= positional - len(defaults) else EMPTY
        only = index < code.co_posonlyargcount
        yield _Parameter(names[index], default, Kind.POSITIONAL_ONLY if only else Kind.POSITIONAL_OR_KEYWORD)
    given = function.__kwdefaults__ or {}
    for name in names[positional : positional + code.co_kwonlyargcount]:
        yield _Parameter(name, given.get(name, EMPTY), Kind.KEYWORD_ONLY)


def return_hint(
    function: Callable[..., Any], names: Names, variables: Mapping[TypeVar, Any] = types.MappingProxyType({})
) -> tuple[Any, list[UnresolvedHintError]]:
    """Return the resolved return annotation, `inspect.Parameter.empty` when there is none."""
    target = function_of(function)
    return _returned(target, annotations_of(target), names, variables)


def _returned(
    target: Any, hints: Mapping[str, Any], names: Names, variables: Mapping[TypeVar, Any]
) -> tuple[Any, list[UnresolvedHintError]]:
    raw = hints.get("return", EMPTY)
    try:
        return specialise(resolve(raw, getattr(target, "__module__", ""), {}, names), variables), []
    except Exception as error:  # noqa: BLE001  # as above
        return EMPTY, [_unresolved(f"The result of `{name_of(target)}`", raw, target, error)]


def function_of(function: Any) -> Any:
    """Return what carries the annotations of a callable: the innermost function, or its class's ``__call__``."""
    if type(function) is types.FunctionType and "__wrapped__" not in function.__dict__:
        return function
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    if inspect.isroutine(function):
        return getattr(function, "__func__", function)
    return function if isinstance(function, type) else type(function).__call__


def _argument(parameter: _Parameter | inspect.Parameter, hint: Any, variables: Mapping[TypeVar, Any]) -> Argument:
    if type(hint) is type:
        return Argument(parameter.name, hint, parameter.default, parameter.kind)
    hint = hint.type if isinstance(hint, dataclasses.InitVar) else hint
    constant = EMPTY
    if get_origin(hint) is type and isinstance(get_args(hint)[0], TypeVar):
        constant = variables.get(get_args(hint)[0], EMPTY)
    return Argument(parameter.name, specialise(hint, variables), parameter.default, parameter.kind, constant)


def _unresolved(what: str, raw: object, target: Any, error: Exception) -> UnresolvedHintError:
    missing = getattr(error, "name", None)
    hints: tuple[str, ...] = ("correct the annotation",)
    if isinstance(error, NameError) and missing:
        from ._remedies import name_edits

        hints = name_edits(missing, target)
    text = raw if isinstance(raw, str) else name_of(raw)
    return UnresolvedHintError(
        f"{what} is annotated `{text}`, which cannot be evaluated: {error} ({place_of(target)})", hints=hints
    )


# -- what a hint asks for


def is_injected(hint: Any) -> bool:
    """Say whether a handler parameter's hint is ``Inject[…]``, or that or None."""
    if isinstance(hint, type):
        return False
    if _is_optional(hint):
        return any(is_injected(each) for each in get_args(hint))
    return get_origin(hint) is Annotated and any(item is InjectMarker for item in get_args(hint)[1:])


def dependency_of(name: str, hint: Any) -> Dependency | None:
    """Read what a hint asks for; None when it asks for nothing that could be a token."""
    if type(hint) is type and hint is not types.NoneType:  # the usual case, many times faster
        return Dependency(name, hint)
    optional = False
    many = False
    for _ in range(6):
        hint = getattr(hint, "__value__", hint)  # PEP 695: `type Name = …`
        if get_origin(hint) is Annotated:
            inner, *extra = get_args(hint)
            token = next((item for item in extra if isinstance(item, Token)), None)
            if token is not None:
                return Dependency(name, token, optional or _is_optional(inner), many or get_origin(inner) is list)
            hint = inner
        elif _is_optional(hint) and len(get_args(hint)) == 2 and not many:
            optional = True
            hint = next(item for item in get_args(hint) if item is not types.NoneType)
        elif get_origin(hint) is list and not many:
            many = True
            hint = get_args(hint)[0]
    origin = get_origin(hint)
    if origin is None:
        able = isinstance(hint, type) and hint not in (types.NoneType, Protocol)
    else:
        able = isinstance(origin, type) and origin is not types.UnionType
    return Dependency(name, hint, optional, many) if able else None


def _is_optional(hint: Any) -> bool:
    return get_origin(hint) in (typing.Union, types.UnionType) and types.NoneType in get_args(hint)
