"""Holds the compiled routes by method and path: a dict for static paths, one probe per shape for others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any
from urllib.parse import unquote

from msgspec import field

from nestpy_core import Record

Route = Callable[..., Any]
Finder = tuple[Callable[[list[str]], Any], Callable[[Any], Route | None]]
"""What makes the key of a segmented path, and what knows the route of a key."""

UNSAFE = re.compile(r"[\x00-\x1f\x7f\\;\ufffd]|//|/\.\.?(?:/|$)")
_ENCODED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_PARAMETER = re.compile(r"\{([^{}]*)\}")


class TemplateError(ValueError):
    """What is wrong with the text of a path, as the end of a sentence.

    Attributes:
        hints: edits that would mend it.
    """

    def __init__(self, rule: str, *hints: str) -> None:
        super().__init__(rule)
        self.hints = hints


class Template(Record, frozen=True):
    """A route's path: its text and, for each segment, the literal or the parameter's name.

    Attributes:
        text: the whole path with ``{name}`` parameters.
        parameters: the index of each parameter in the path split at slashes.
        tail: the index of a last ``{name...}``, which stands for the rest of the path; 0 without one.
    """

    text: str
    parameters: tuple[tuple[str, int], ...]
    tail: int = 0

    @classmethod
    def parse(cls, text: str) -> Template:
        """Read a path.

        Raises:
            TemplateError: says what is wrong with it.
        """
        _check_characters(text)
        if ":" in text:
            more = ", its type in the handler, and `{name...}` for all that follows"
            raise TemplateError(f"has `:`; a parameter is written `{{name}}`{more if '{' in text else ''}")
        if UNSAFE.search(text):
            hint = "leave out control characters, `;`, backslashes and the segments `.` and `..`"
            raise TemplateError("has a segment that no request may have", hint)
        parameters: list[tuple[str, int]] = []
        tail = 0
        for index, segment in enumerate(text.split("/")):
            if "{" not in segment and "}" not in segment:
                continue
            if segment.endswith("...}") and index == text.count("/") and not parameters:
                tail, segment = index, f"{segment[:-4]}}}"  # noqa: PLW2901  # the name without its dots
            found = _PARAMETER.fullmatch(segment)
            if found is None or not found[1].isidentifier():
                raise TemplateError(f"has `{segment}`; a parameter is a whole segment, written `{{name}}`")
            parameters.append((found[1], index))
        if len(parameters) > 1:
            names = [name for name, _ in parameters]
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice:
                hint = f"give each its own name, for instance `{{{twice}}}` and `{{other_{twice}}}`"
                raise TemplateError(f"has `{{{twice}}}` twice", hint)
        return cls(text, tuple(parameters), tail)

    @property
    def shape(self) -> str:
        """The path without parameter names: two routes of one shape and method collide."""
        if not self.parameters:
            return self.text
        return _PARAMETER.sub("{...}" if self.tail else "{}", self.text)

    def literals(self) -> tuple[int, ...]:
        """Return the indexes of the literal segments."""
        taken = {index for _, index in self.parameters}
        return tuple(index for index in range(1, self.text.count("/") + 1) if index not in taken)


def _check_characters(text: str) -> None:
    """Refuse what stands in targets and in no decoded path: a query, a fragment, percent-encoding.

    Raises:
        TemplateError: one of them stands in *text*.
    """
    path, mark, query = text.partition("?")
    if mark:
        name = query.partition("=")[0]
        hint = f"take it as a parameter of the handler: `{name}: Query[str]`" if name.isidentifier() else ""
        raise TemplateError("has `?`, and a path ends before the query", hint or f"leave `?{query}` out")
    path, mark, fragment = text.partition("#")
    if mark:
        raise TemplateError("has `#`, and no request carries what follows it", f"leave `#{fragment}` out")
    encoded = _ENCODED.search(path)
    if encoded is not None:
        found = unquote(encoded[0])
        hint = f"write the character itself: `{found}`" if len(found) == 1 else f"write what it stands for: `{found}`"
        if "/" in found:
            hint = "write `/`, or take the rest of the path as `{name...}`"
        elif UNSAFE.search(found):
            hint = "leave it out: no request may have that character"
        raise TemplateError(f"has `{encoded[0]}`; routes are compared with the decoded path", hint)


def join(*parts: str) -> str:
    """Join parts of a path with single slashes: always one in front, none at the end but for the root."""
    path = f"/{'/'.join(parts)}"
    while "//" in path:
        path = path.replace("//", "/")
    return path.rstrip("/") or "/"


class _Shape(Record, frozen=True):
    """The parametrised routes whose literals stand at the same indexes."""

    literals: tuple[int, ...]
    key: Callable[[list[str]], Any]
    routes: dict[Any, Route] = field(default_factory=dict)


class Router:
    """The routes of one app by method."""

    def __init__(self) -> None:
        self.static: dict[str, dict[str, Route]] = {}
        self.shapes: dict[str, dict[int, list[_Shape]]] = {}
        self.tails: dict[str, list[tuple[str, int, Route]]] = {}

    def add(self, method: str, template: Template, route: Route) -> None:
        """Serve *route* at *template*; a later one of the same method and shape replaces it."""
        self.static.setdefault(method, {})
        if not template.parameters:
            self.static[method][template.text] = route
            return
        if template.tail:
            prefix = template.text.partition("{")[0]
            tails = self.tails.setdefault(method, [])
            tails.append((prefix, template.tail, route))
            tails.sort(key=lambda one: -len(one[0]))
            return
        literals = template.literals()
        shapes = self.shapes.setdefault(method, {}).setdefault(template.text.count("/") + 1, [])
        shape = next((one for one in shapes if one.literals == literals), None)
        if shape is None:
            shape = _Shape(literals, itemgetter(*literals) if literals else lambda _: None)
            shapes.append(shape)
            shapes.sort(key=lambda one: [index not in one.literals for index in range(template.text.count("/") + 1)])
        shape.routes[shape.key(template.text.split("/"))] = route

    def finders(self) -> dict[str, dict[int, list[Finder]]]:
        """Return by method and number of segments what finds parametrised routes, once all have been added."""
        return {
            method: {length: [(one.key, one.routes.get) for one in shapes] for length, shapes in by_length.items()}
            for method, by_length in self.shapes.items()
        }

    def find_tail(self, method: str, path: str) -> tuple[Route, list[str]] | None:
        """Return the route whose ``{name...}`` stands for the rest of *path*, the longest prefix first."""
        for prefix, index, route in self.tails.get(method, ()):
            if path.startswith(prefix) and len(path) > len(prefix) and not UNSAFE.search(path):
                return route, path.split("/", index)
        return None

    def _parametrised(self, method: str, segments: list[str]) -> Route | None:
        by_length = self.shapes.get(method)
        if by_length is not None and segments[-1]:
            for shape in by_length.get(len(segments), ()):
                route = shape.routes.get(shape.key(segments))
                if route is not None:
                    return route
        return None

    def methods(self, path: str) -> Iterator[str]:
        """Yield the methods that serve *path*, in order of declaration."""
        segments = path.split("/")
        for method, routes in self.static.items():
            if path in routes or self._parametrised(method, segments) is not None or self.find_tail(method, path):
                yield method
