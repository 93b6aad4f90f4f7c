"""Describes the settings of a section for ``nestpy info`` and for reference pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ._record import Record
from ._section import Pin, Section
from ._setting_lookup import find
from ._setting_sources import DEFAULT_PREFIX
from ._setting_types import type_text

if TYPE_CHECKING:
    from ._config import ConfigField
    from ._settings import Settings


class SettingInfo(Record, frozen=True):
    """One setting as text. ``source`` says what decides it at present and is empty without settings."""

    name: str
    variable: str
    alias: str | None
    type: str
    default: str
    description: str | None
    shape: bool
    source: str


def describe(config_type: type, settings: Settings | None = None, pins: Sequence[Pin] = ()) -> list[SettingInfo]:
    """Return the settings of *config_type* in the order of its fields; no value is shown but defaults."""
    prefix = DEFAULT_PREFIX if settings is None else settings.prefix
    return [
        SettingInfo(
            name=field.setting,
            variable=field.variable(prefix),
            alias=field.meta.alias,
            type=type_text(field.type),
            default="required" if field.default is None else repr(field.default()),
            description=field.meta.description,
            shape=field.meta.shape,
            source="" if settings is None else _source(settings, field, pins),
        )
        for field in Section(config_type).meta.fields
    ]


def _source(settings: Settings, field: ConfigField, pins: Sequence[Pin]) -> str:
    found = find(settings.sources, field, pins)
    if found is not None:
        return found.origin
    return "unset" if field.default is None else "default"
