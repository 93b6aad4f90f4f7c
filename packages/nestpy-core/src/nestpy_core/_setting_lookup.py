"""Decides which source gives a field its value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ._record import Record
from ._setting_values import from_text, from_value

if TYPE_CHECKING:
    from ._config import ConfigField
    from ._section import Pin
    from ._setting_sources import Layer, Sources


class Found(Record, frozen=True):
    """One value, where it came from, and whether it is the text of a variable or given in code."""

    value: object
    origin: str
    code: bool = False
    variable: bool = False

    def converted(self, field: ConfigField) -> object:
        """Return the value as the field's type.

        Raises:
            ConversionError: it does not fit.
        """
        if self.variable:
            return from_text(str(self.value), field.type)
        return from_value(self.value, field.type, code=self.code)

    __repr__ = object.__repr__  # a Struct's own would show values


def find(sources: Sources, field: ConfigField, pins: Sequence[Pin] = ()) -> Found | None:
    """Return what decides *field*, or None where the default does.

    An empty text ends the search in the variables and files below it, not in code.
    """
    names = field.variables(sources.prefix)
    real = _first([sources.real], names)
    if real is not None and real.value != "":
        return real
    pinned = next((pin for pin in pins if field.name in pin.values), None)
    if pinned is not None:
        return Found(pinned.values[field.name], pinned.origin, code=True)
    below = real or _first(sources.files, names) or _in_toml(sources, field)
    return None if below is None or below.value == "" else below


def hidden_by(sources: Sources, field: ConfigField) -> str | None:
    """Name the empty variable because of which *field* counts as unset, if there is one."""
    found = _first([sources.real, *sources.files], field.variables(sources.prefix))
    return found.origin if found is not None and found.value == "" else None


def _first(layers: Iterable[Layer], names: Sequence[str]) -> Found | None:
    for layer in layers:
        for name in names:
            if name in layer.values:
                return Found(layer.values[name], layer.origin(name), variable=True)
    return None


def _in_toml(sources: Sources, field: ConfigField) -> Found | None:
    table = sources.toml.get(field.namespace)
    if not isinstance(table, dict) or field.name not in table:
        return None
    return Found(table[field.name], f"`{field.setting}` in `{sources.toml_label}`")
