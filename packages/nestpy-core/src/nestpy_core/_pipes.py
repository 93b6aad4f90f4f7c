"""The pipes that tidy, validate and stand in for what is absent; they never quote what they refuse."""

from __future__ import annotations

import copy
import datetime as dt
import inspect
import uuid
from typing import TYPE_CHECKING, Any

import msgspec

from ._names import name_of
from .contracts import ViolationsError
from .errors import DefinitionError

if TYPE_CHECKING:
    from ._handler import Parameter

__all__ = (
    "DefaultValue",
    "Lowercase",
    "Trim",
    "Uppercase",
    "Validate",
    "ValidationPipe",
)


class DefaultValue:
    """Stands in for an absent value; stands before the pipes that parse it.

    Args:
        value: what is given on, copied for each call.
    """

    takes_absent = True

    def __init__(self, value: Any) -> None:  # any value
        self.value = value

    def transform(self, value: Any, parameter: Parameter | None = None) -> Any:
        """Return *value* unless it is None."""
        del parameter
        return copy.deepcopy(self.value) if value is None else value


class _Tidy:
    """Changes a text, or each text of a list; everything else passes."""

    def change(self, text: str) -> str:
        """Return what becomes of a text."""
        raise NotImplementedError

    def transform(self, value: Any, parameter: Parameter | None = None) -> Any:
        """Return the changed text."""
        del parameter
        if isinstance(value, str):
            return self.change(value)
        if isinstance(value, list):
            return [self.change(item) if isinstance(item, str) else item for item in value]
        return value


class Trim(_Tidy):
    """Takes white space off both ends."""

    def change(self, text: str) -> str:
        """Return it without."""
        return text.strip()


class Lowercase(_Tidy):
    """Makes lower case."""

    def change(self, text: str) -> str:
        """Return it in lower case."""
        return text.lower()


class Uppercase(_Tidy):
    """Makes upper case."""

    def change(self, text: str) -> str:
        """Return it in upper case."""
        return text.upper()


class Validate:
    """Checks a value against a type and its constraints, and converts it where it is only data.

    Edges validate what they decode by themselves; this is for what another pipe has changed, for texts that hold
    more than their parameter's type says, and for objects built by hand, whose constructors check nothing.

    Args:
        kind: any type that msgspec knows, constraints included; by default the parameter's own.
    """

    def __init__(self, kind: Any = None) -> None:  # any annotation
        if kind is not None:
            try:
                msgspec.inspect.type_info(kind)
            except TypeError as error:
                raise DefinitionError(f"`Validate` cannot check `{name_of(kind)}`: {error}") from None
        self.kind = kind

    def transform(self, value: Any, parameter: Parameter | None = None) -> Any:
        """Return the checked value.

        Raises:
            ViolationsError: all of what is wrong with it, by field.
        """
        kind = self.kind
        if kind is None:
            kind = Any if parameter is None else parameter.hint
        if kind in (Any, inspect.Parameter.empty):
            return value
        data = _as_data(value)
        text = all(isinstance(item, str) for item in (data if isinstance(data, list) else [data]))
        try:
            return msgspec.convert(data, kind, strict=not text)
        except msgspec.ValidationError as error:
            from ._violations import failures_of, text_failures_of

            found = text_failures_of(error) if text else failures_of(kind, data, error, _unknown)
            raise ViolationsError(found, source=self) from None


class ValidationPipe(Validate):
    """Checks every argument against its own annotation; bind it with `@use_pipes` or `APP_PIPE`."""

    def __init__(self) -> None:
        super().__init__()


def _as_data(value: Any) -> Any:
    """Return a Struct or dataclass, or each of a list, as the data that it would be decoded from."""
    if isinstance(value, list):
        return [_as_data(item) for item in value]
    if isinstance(value, msgspec.Struct) or hasattr(type(value), "__dataclass_fields__"):
        return msgspec.to_builtins(value, builtin_types=(bytes, dt.datetime, dt.date, dt.time, uuid.UUID))
    return value


def _unknown(cls: type, value: Any) -> Any:
    del value
    raise NotImplementedError(cls)
