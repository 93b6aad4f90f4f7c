"""Fills configuration sections from their sources and collects everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ._names import name_of
from ._record import OpenRecord, Record
from ._section import Pin, Section, merged, pin_problems, shape_problems, shared
from ._section_build import build_section
from ._setting_lookup import Found, find, hidden_by
from ._setting_sources import Sources, read_sources
from ._setting_values import ConversionError
from ._unknown_settings import UnknownSetting, unknown_settings
from .errors import ConfigurationError

if TYPE_CHECKING:
    from ._config import ConfigField

__all__ = ("Settings",)


class _Filled(OpenRecord):
    values: dict[str, object] = msgspec.field(default_factory=dict)
    found: list[Found] = msgspec.field(default_factory=list)
    problems: list[ConfigurationError] = msgspec.field(default_factory=list)


class Settings(Record, frozen=True, eq=False):
    """A snapshot of the environment, the ``.env`` cascade and the TOML file, which fills sections.

    Per field the first of these decides: the real environment, a value given in code, the ``.env``
    cascade (``.env.<env>.local``, ``.env.local`` except in test, ``.env.<env>``, ``.env``), the TOML
    file, the default. In one layer the ``NESTPY_…`` name stands above the alias. An empty text counts
    as unset and hides the variables and files below it, but neither code nor the default.
    """

    sources: Sources

    @classmethod
    def read(
        cls,
        *,
        environ: Mapping[str, str] | None = None,
        directory: Path | None = None,
        toml: Path | None = None,
    ) -> Settings:
        """Read every source once. The process environment is never changed.

        Args:
            environ: the real environment, ``os.environ`` unless given.
            directory: where ``.env`` files and ``nestpy.toml`` stand, the working directory unless given.
            toml: the TOML file, relative to *directory*; else ``NESTPY_CONFIG_FILE`` or ``nestpy.toml``.
        """
        import os

        return cls(read_sources(os.environ if environ is None else environ, directory or Path.cwd(), toml))

    @property
    def environment(self) -> str:
        """Return ``development``, ``test``, ``staging`` or ``production``."""
        return self.sources.environment

    @property
    def prefix(self) -> str:
        """Return what every variable begins with: ``NESTPY`` or what ``NESTPY_ENV_PREFIX`` says."""
        return self.sources.prefix

    def load(self, sections: Sequence[Section]) -> tuple[dict[type, object], list[ConfigurationError]]:
        """Fill every section; return what could be built by type, and every problem of all of them.

        Problems of the sources themselves come first. A deferred section is checked as far as it is
        known and built by `finish`; until then its known values and defaults stand, where they suffice.

        Raises:
            DefinitionError: a class carries no `config`, or its hints cannot be evaluated.
        """
        joined = merged(sections)
        problems = [*self.sources.problems, *shared(joined)]
        built: dict[type, object] = {}
        for section in joined:
            filled = self._filled(section, section.meta.fields)
            if not filled.problems and not section.deferred:
                self._build(section, filled, built)
            problems += filled.problems
            if section.deferred and not filled.problems and _suffices(section, filled):
                self._build(section, filled, built)  # a rule that it breaks may be mended by the factory
        return built, problems

    def shape(self, section: Section) -> dict[str, object]:
        """Return the settings of a deferred section that shape the graph; they wait for no factory.

        One that is wrong or unset is left out: `load` reports it.
        """
        fields = [field for field in section.meta.fields if field.meta.shape]
        defaults = {field.name: field.default() for field in fields if field.default is not None}
        filled = self._filled(section, fields)
        return defaults | filled.values

    def finish(self, section: Section, values: Mapping[str, object], origin: str) -> Any:  # an instance of its class
        """Build a deferred section with the *values* of its factory, which count as given in code.

        Raises:
            ExceptionGroup: every `ConfigurationError` of the section.
        """
        complete = Section(section.config_type, (*section.pins, Pin(values, origin)))
        filled = self._filled(complete, complete.meta.fields)
        filled.problems[:0] = shape_problems(section, values, origin)
        built: dict[type, object] = {}
        if not filled.problems:
            self._build(complete, filled, built)
        if filled.problems:
            raise ExceptionGroup(f"`{name_of(section.config_type)}` cannot be configured.", filled.problems)
        return built[section.config_type]

    def unknown(self, sections: Sequence[Section]) -> list[UnknownSetting]:
        """Return what is set and read by none of *sections*, each with the nearest known name.

        These are warnings: the plugin that reads a variable may be absent from this application.
        """
        return unknown_settings(self.sources, merged(sections))

    def _filled(self, section: Section, fields: Iterable[ConfigField]) -> _Filled:
        filled = _Filled(problems=[*pin_problems(section), *self._table_problems(section)])
        for field in fields:
            found = find(self.sources, field, section.pins)
            if found is not None:
                _fill(filled, field, found)
            elif field.default is None and (field.meta.shape or not section.deferred):
                filled.problems.append(self._unset(field))
        return filled

    def _build(self, section: Section, filled: _Filled, built: dict[type, object]) -> None:
        raw, origins = ([found.value for found in filled.found], [found.origin for found in filled.found])
        result = build_section(section.meta, filled.values, raw, origins)
        if isinstance(result, ConfigurationError):
            filled.problems.append(result)
        else:
            built[section.config_type] = result

    def _unset(self, field: ConfigField) -> ConfigurationError:
        variable, *alias = field.variables(self.prefix)
        named = f"`{variable}` or its alias `{alias[0]}`" if alias else f"`{variable}`"
        hints = [f"Set {named} in the environment or in `.env`, or give `{field.name}=` in code."]
        empty = hidden_by(self.sources, field)
        if empty is not None:
            hints.insert(0, f"Give {empty} a value: it is empty, and empty counts as unset.")
        return ConfigurationError(field.setting, "must be set", hints=hints)

    def _table_problems(self, section: Section) -> list[ConfigurationError]:
        namespace = section.meta.namespace
        if isinstance(self.sources.toml.get(namespace, {}), dict):
            return []
        label = self.sources.toml_label
        hint = f"Write `[{namespace}]` above its settings."
        return [ConfigurationError(namespace, f"must be a table (from `{label}`)", hints=(hint,))]


def _suffices(section: Section, filled: _Filled) -> bool:
    return all(field.default is not None or field.name in filled.values for field in section.meta.fields)


def _fill(filled: _Filled, field: ConfigField, found: Found) -> None:
    try:
        filled.values[field.name] = found.converted(field)
        filled.found.append(found)
        return
    except ConversionError as error:
        wanted = str(error)
    rule = f"must be {wanted} (from {found.origin})"
    remedy = "" if field.default is None else ", or remove it for the default"
    filled.problems.append(ConfigurationError(field.setting, rule, hints=(f"Correct {found.origin}{remedy}.",)))
