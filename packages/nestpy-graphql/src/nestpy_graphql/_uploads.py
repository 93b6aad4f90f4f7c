"""Puts the files of a multipart request where the variables of its operations leave room for them.

It follows https://github.com/jaydenseric/graphql-multipart-request-spec: ``operations``, ``map``, then the files.
"""

from __future__ import annotations

from typing import Any

import msgspec

from nestpy_http import BadRequestError, MultipartForm, Request, UnsupportedMediaTypeError

MAX_PLACES = 100
"""Places that one request may fill."""

PREFLIGHT = ("graphql-preflight", "graphql-require-preflight", "apollo-require-preflight", "x-apollo-operation-name")
"""Headers that no form of a foreign page can send: one of them must stand in a request with files (CSRF)."""


def check_preflight(request: Request) -> None:
    """Refuse a form that any page could have made a browser send.

    Raises:
        UnsupportedMediaTypeError: it has none of the headers.
    """
    if not any(request.headers.get(name) for name in PREFLIGHT):
        raise UnsupportedMediaTypeError(f"A request with files needs the header `{PREFLIGHT[0]}: 1`")


def operations_of(form: MultipartForm) -> Any:  # what a JSON body would be
    """Return the operations of a form, with its files in their variables.

    Raises:
        BadRequestError: it is not as the specification has it.
    """
    operations, places = _json(form, "operations"), _json(form, "map")
    if not isinstance(places, dict) or not all(_is_list_of_texts(paths) for paths in places.values()):
        raise BadRequestError("`map` must be an object of lists of paths")
    if sum(map(len, places.values())) > MAX_PLACES:
        raise BadRequestError(f"`map` names more than {MAX_PLACES} places")
    for name, paths in places.items():
        files = form.files.get(name, [])
        if len(files) != 1:
            raise BadRequestError(f"`map` names the file `{name[:100]}`, which was not sent once")
        for path in paths:
            _place(operations, path, files[0])
    return operations


def _json(form: MultipartForm, name: str) -> Any:
    text = form.fields.get(name)
    if not isinstance(text, str):
        raise BadRequestError(f"The form needs one field `{name}`")
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        raise BadRequestError(f"`{name}` must be JSON") from None


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _place(operations: Any, path: str, file: Any) -> None:
    """Put a file where *path* leads: to a null below ``variables``."""
    keys = path.split(".")
    inside = "variables" in keys[:2]
    target = operations
    try:
        for key in keys[:-1]:
            target = target[int(key)] if isinstance(target, list) else target[key]
        last: Any = int(keys[-1]) if isinstance(target, list) else keys[-1]
        known = target[last]
    except (KeyError, IndexError, TypeError, ValueError):
        raise BadRequestError(f"`map` leads to `{path[:100]}`, where nothing is") from None
    if known is not None or not inside:
        raise BadRequestError(f"`map` leads to `{path[:100]}`, which is no variable that is null")
    target[last] = file
