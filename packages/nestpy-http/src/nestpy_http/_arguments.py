"""Reads from a handler's signature where each argument comes from, and says what cannot be read."""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeGuard, get_args, get_origin

from nestpy_core import ExecutionContext, Failures, Graph, Handler, Parameter, Record, failure_of, name_of

from ._argument_errors import (
    ambiguous,
    given_elsewhere,
    is_pathlib,
    misplaced,
    misspelt,
    nesting,
    pathlibs,
    twice_in_query,
    two_bodies,
    unread_constraint,
)
from ._body import either
from ._client_address import ClientIp
from ._context import HttpContext, Request
from ._controllers import WebSocketMarker
from ._intake import JSON, consumed_by
from ._parameters import FORM_PLACES, ParameterOptions, Place
from ._schema import Schemas, check_segment, instance_or, is_collection, is_data, optional_inner, path_converter
from ._violations import body_error, invalid, item_path
from ._websocket import WebSocket
from .errors import HttpError, RouteError

if TYPE_CHECKING:
    from ._whole import WholeReader

NO_OPTIONS = ParameterOptions()
CARRIERS: tuple[Any, ...] = (Request, HttpContext, ExecutionContext, WebSocket, ClientIp)  # the last is a NewType


def _none(cls: type, _value: Any) -> Any:
    raise NotImplementedError(cls)


def _verified(value: Any) -> Any:
    """Return what a signed cookie holds.

    Raises:
        ValueError: there is none.
    """
    if value is None:
        raise ValueError("Expected a signed cookie")
    return value


def reads_whole(make: Any) -> TypeGuard[WholeReader]:
    """Say whether something makes one value of all the texts of a query or a form."""
    loaded = sys.modules.get("nestpy_http._whole")  # what uses it has loaded it; nothing else pays for it
    return loaded is not None and isinstance(make, loaded.WholeReader)


class Argument(Record, frozen=True):
    """One argument of a handler that comes from the request, or from the edge itself.

    Attributes:
        parameter: the parameter it is for.
        place: where it stands; None for what the edge carries.
        name: how the request names it.
        kind: its type, without place and options.
        options: what `param` was given.
        make: converts a text (or decodes the body); None leaves it as it came.
        foreign: decodes other libraries' types, wherever they stand in the body.
        refuse_unknown: whether unknown fields of a body are failures.
    """

    parameter: Parameter
    place: Place | None
    name: str
    kind: Any  # any annotation
    options: ParameterOptions = NO_OPTIONS
    make: Callable[[Any], Any] | None = None
    foreign: Callable[[type, Any], Any] = _none
    refuse_unknown: bool = False

    @property
    def whole(self) -> bool:
        """Whether it is made of a whole query, or of a whole form."""
        return self.place in (Place.QUERY, Place.FORM) and reads_whole(self.make)

    @property
    def streams(self) -> bool:
        """Whether it is the body as it comes."""
        return self.place is Place.BODY and is_stream(self.kind)

    @property
    def required(self) -> bool:
        """Whether a request must give it."""
        return self.default is inspect.Parameter.empty

    @property
    def default(self) -> Any:
        """What an absent one becomes; `inspect.Parameter.empty` when it may not be absent."""
        if self.parameter.default is inspect.Parameter.empty and optional_inner(self.kind)[1]:
            return None
        return self.parameter.default


class ArgumentReader:
    """Reads the arguments of one app's handlers."""

    def __init__(self, schemas: Schemas, graph: Graph) -> None:
        self._schemas = schemas
        self._graph = graph

    def read(
        self, handler: Handler, method: str, template: str, names: Iterable[str]
    ) -> tuple[list[Argument], list[RouteError]]:
        """Return a handler's arguments on one route, and what is wrong with them."""
        arguments: list[Argument] = []
        problems: list[RouteError] = []
        known = set(names)
        for parameter in handler.parameters:
            if parameter.inject is not None:
                continue
            found = self._one(handler, parameter, method, template, known)
            if isinstance(found, RouteError):
                problems.append(found)
            else:
                arguments.append(found)
        if any(argument.place is Place.QUERY and argument.whole for argument in arguments):
            problems.extend(_share_query(handler, arguments))
        carried = [argument for argument in arguments if argument.place in (Place.BODY, *FORM_PLACES)]
        bodies = [argument for argument in carried if argument.place is Place.BODY or argument.whole]
        fields = [argument for argument in carried if argument.place is not Place.BODY and not argument.whole]
        if bodies and any(argument.place is Place.FORM or bodies[0].place is Place.BODY for argument in fields):
            bodies += fields
        if len(bodies) > 1:
            first, second = ((each.parameter.name, each.place, each.kind) for each in bodies[:2])
            problems.append(two_bodies(handler.label, first, second))
        return arguments, problems

    def _one(
        self, handler: Handler, parameter: Parameter, method: str, template: str, names: set[str]
    ) -> Argument | RouteError:
        kind, place, options = _split(parameter.hint)
        what = f"`{parameter.name}` of `{handler.label}`"
        if kind is WebSocket and method != WebSocketMarker.method:
            return RouteError(f"{what} is a `WebSocket`.", hints=("decorate the method with `@websocket`",))
        carried = parameter.context_reader or (kind if kind in CARRIERS else None)
        if carried is not None:
            return Argument(parameter, None, parameter.name, carried)
        problem = self._unplaced(what, parameter, kind, place, names)
        if problem is not None:
            return problem
        place = place or self._guess(parameter, kind, names)
        if place is None:
            return ambiguous(what, parameter.name, kind, template, method)
        name = options.name or parameter.name
        if place is Place.PATH and name not in names:
            return RouteError(
                f"{what} is a path parameter, and `{template}` has no `{{{name}}}`.",
                hints=(f"add `{{{name}}}` to the route, or write `Query[{name_of(kind)}]`",),
            )
        if place is Place.FILE and _file_kind(kind) is None:
            return RouteError(
                f"{what} is `File[{name_of(kind)}]`, and a file is an `Upload`.",
                hints=("write `File[Upload]`, or `File[list[Upload]]` for several",),
            )
        replaced = bool(parameter.pipes) and place not in (Place.BODY, Place.SIGNED_COOKIE, *FORM_PLACES)
        whole = (place is Place.FORM or (place is Place.QUERY and not replaced)) and is_data(kind)
        problem = None if replaced else misplaced(what, parameter.name, place, kind, method)
        if problem is not None:
            return problem
        if place is Place.HEADER and options.name is None:
            name = name.replace("_", "-")
        unchecked = kind is bytes or replaced or place is Place.FILE or (place is Place.BODY and is_stream(kind))
        problem = None if unchecked else self._schemas.check(kind, what) or unread_constraint(what, kind)
        if problem is None and whole and place is Place.QUERY:
            problem = nesting(what, optional_inner(kind)[0])
        return problem or Argument(
            parameter,
            place,
            name.lower() if place is Place.HEADER else name,
            kind,
            options,
            self._made_of_body(handler, place, kind, options)
            if whole or place in (Place.BODY, Place.FILE, Place.SIGNED_COOKIE)
            else self._make(place, optional_inner(kind)[0], piped=bool(parameter.pipes or handler.layers.get("pipes"))),
            self._schemas.decode_foreign,
            self._schemas.bounds.unless(allow_unknown=options.allow_unknown).refuse_unknown,
        )

    def _unplaced(
        self, what: str, parameter: Parameter, kind: Any, place: Place | None, names: set[str]
    ) -> RouteError | None:
        """Return what is wrong with how a parameter says its place, or does not."""
        if kind is inspect.Parameter.empty:
            return RouteError(f"{what} has no annotation.", hints=(f"write `{parameter.name}: Query[str]`, for one",))
        if place is None and not parameter.pipes:
            if is_pathlib(kind):
                return pathlibs(what, parameter.name, kind)
            if parameter.name not in names:
                found = given_elsewhere(what, parameter, kind, self._graph)
                if found is not None:
                    return found
        return misspelt(what, parameter.name, kind)

    def _guess(self, parameter: Parameter, kind: Any, names: set[str]) -> Place | None:
        if parameter.name in names:
            return Place.PATH
        if is_data(kind) or self._is_foreign(optional_inner(kind)[0]):
            return Place.BODY
        return None

    def _is_foreign(self, kind: Any) -> bool:
        return isinstance(kind, type) and (self._schemas.check(kind, "") is not None or self._schemas.supports(kind))

    def _made_of_body(
        self, handler: Handler, place: Place, kind: Any, options: ParameterOptions
    ) -> Callable[[Any], Any] | None:
        if place is Place.FILE:
            return _file_kind(kind)
        if kind is bytes or is_stream(kind):
            return None
        unknown = options.allow_unknown
        if place is Place.SIGNED_COOKIE:
            return _verified
        if place in (Place.FORM, Place.QUERY):
            ticks = place is Place.FORM
            return self._schemas.whole_reader(optional_inner(kind)[0], ticks=ticks, allow_unknown=unknown)
        decode = self._schemas.decoder(kind, allow_unknown=unknown)
        if consumed_by(handler.function) == (JSON,):
            return decode
        return either(decode, self._schemas.packed_decoder(kind, allow_unknown=unknown))

    def _make(self, place: Place, kind: Any, *, piped: bool) -> Callable[[Any], Any] | None:
        if piped:
            return instance_or(kind, self._schemas.converter(kind))
        if place is Place.PATH and kind is not int:
            return path_converter(self._schemas.converter(kind))
        return self._schemas.converter(kind)


def _split(hint: Any) -> tuple[Any, Place | None, ParameterOptions]:
    """Take place and options out of an annotation; constraints stay."""
    if get_origin(hint) is not Annotated:
        return hint, None, NO_OPTIONS
    kind, *metadata = get_args(hint)
    place = next((item for item in metadata if isinstance(item, Place)), None)
    options = next((item for item in metadata if isinstance(item, ParameterOptions)), NO_OPTIONS)
    rest = tuple(item for item in metadata if not isinstance(item, Place | ParameterOptions))
    return (Annotated[(kind, *rest)] if rest else kind), place, options


def _share_query(handler: Handler, arguments: Iterable[Argument]) -> Iterator[RouteError]:
    """Tell each whole of a query what stands beside it, and yield what stands in two."""
    taken = [(one, _names(one)) for one in arguments if one.place is Place.QUERY]
    for index, (argument, names) in enumerate(taken):
        if reads_whole(argument.make):
            argument.make.beside |= frozenset().union(*(others for _, others in taken))
        for other, others in taken[index + 1 :]:
            clash = next((name for name in names if name in others), None)
            if clash is not None and (argument.whole or other.whole):
                whole, second = sorted((argument, other), key=lambda one: not one.whole)
                yield twice_in_query(handler.label, clash, whole.parameter.name, second.parameter.name)


def _names(argument: Argument) -> Mapping[str, None]:
    """Return how requests name what an argument takes of the query."""
    if reads_whole(argument.make):
        return {field.name: None for field in argument.make.fields}
    return {argument.name: None}


def is_stream(kind: Any) -> bool:
    """Say whether a type is that of a body as it comes."""
    return get_origin(kind) in (AsyncIterator, AsyncIterable) and get_args(kind) == (bytes,)


def _file_kind(kind: Any) -> Callable[[Any], Any] | None:
    """Return what makes a parameter of a field's files, or None where its type is no `Upload`."""
    from ._form import all_files, one_file
    from ._upload import Upload

    inner = optional_inner(kind)[0]
    if inner is Upload:
        return one_file
    return all_files if get_origin(inner) is list and get_args(inner) == (Upload,) else None


def check_unread(name: str, value: str) -> None:
    """Refuse an unsafe segment that the handler does not read.

    Raises:
        InvalidInputError: it is one.
    """
    try:
        check_segment(value)
    except ValueError as error:
        raise invalid({name: [failure_of(error)]}) from None


def explain(arguments: Iterable[Argument], raw: Mapping[str, Any]) -> HttpError:
    """Return the 400 that lists everything wrong with the raw values of a request, without any value."""
    failures: Failures = {}
    kinds = {}
    for argument in arguments:
        found = _failures(argument, raw[argument.parameter.name])
        if isinstance(found, HttpError):
            return found
        for path, listed in found:
            failures.setdefault(path, []).extend(listed)
            kinds["" if argument.place is Place.BODY or argument.whole else argument.name] = argument.kind
    return invalid(failures, kinds)


def _failures(argument: Argument, value: Any) -> HttpError | Iterator[tuple[str, list[dict[str, str]]]]:
    if argument.make is None:
        return iter(())
    if value is None:
        listed = [{"code": "required", "message": "This field is required"}]
        return iter([(argument.name, listed)] if argument.required else [])
    try:
        argument.make(value)
    except (ValueError, RecursionError) as error:
        if argument.place is Place.BODY:
            found = body_error(argument.kind, value, error, argument.foreign, refuse_unknown=argument.refuse_unknown)
            return found if isinstance(found, HttpError) else iter(found.items())
        if reads_whole(argument.make):
            return argument.make.failures(value, error)
        if isinstance(value, list) and not is_collection(argument.kind):
            return iter([(argument.name, [{"code": "repeated", "message": "This field is given more than once"}])])
        return iter([(item_path(argument.name, error), [failure_of(error)])])
    return iter(())
