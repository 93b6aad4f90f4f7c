"""Finds settings that nothing reads, most often names with a typing error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ._record import Record
from ._setting_sources import DEFAULT_PREFIX, PREFIX_VARIABLE, Sources

if TYPE_CHECKING:
    from ._section import Section

__all__ = ("UnknownSetting",)

# Read before any section is: by the sources themselves, by the first log line and by a test's fault points.
_RESERVED = ("ENV", "CONFIG_FILE", "LOG", "LOG__LEVEL", "LOG__FORMAT", "FAULTS")


class UnknownSetting(Record, frozen=True):
    """A variable or a key of the TOML file that no loaded section reads.

    Attributes:
        name: the variable, or the dotted key of the file.
        nearest: the known name that resembles it most, or None.
        origin: where it stands, for messages.
    """

    name: str
    nearest: str | None
    origin: str

    def __str__(self) -> str:
        nearest = f"; the nearest known name is `{self.nearest}`" if self.nearest else ""
        return f"Nothing reads {self.origin}{nearest}."


def unknown_settings(sources: Sources, sections: Sequence[Section]) -> list[UnknownSetting]:
    """Return every unknown variable, then every unknown key of the TOML file, each sort by name."""
    return [*_variables(sources, sections), *_keys(sources, sections)]


def _variables(sources: Sources, sections: Sequence[Section]) -> Iterator[UnknownSetting]:
    fields = [field for section in sections for field in section.meta.fields]
    known = {name for field in fields for name in field.variables(sources.prefix)}
    known |= {PREFIX_VARIABLE, *(f"{sources.prefix}_{name}" for name in _RESERVED)}
    prefixes = (f"{sources.prefix}_", f"{DEFAULT_PREFIX}_")
    seen: dict[str, str] = {}
    for layer in (sources.real, *sources.files):
        for name in layer.values:
            if name not in known and name.upper().startswith(prefixes):
                seen.setdefault(name, layer.origin(name))
    for name, origin in sorted(seen.items()):
        yield UnknownSetting(name, _nearest(name, known, prefixes), origin)


def _keys(sources: Sources, sections: Sequence[Section]) -> Iterator[UnknownSetting]:
    tables = {section.meta.namespace for section in sections}
    known = {field.setting for section in sections for field in section.meta.fields}
    for name, table in sorted(sources.toml.items()):
        keys = sorted(table) if isinstance(table, dict) and name in tables else ()
        for full in [f"{name}.{key}" for key in keys] if name in tables else [name]:
            if full not in known:
                nearest = _nearest(full, known if name in tables else tables)
                yield UnknownSetting(full, nearest, f"`{full}` in `{sources.toml_label}`")


def _nearest(name: str, known: Iterable[str], prefixes: Sequence[str] = ()) -> str | None:
    """Compare what follows the prefix, which would make any two names alike."""
    from difflib import get_close_matches

    ends = {_end(each, prefixes): each for each in sorted(known)}
    found = get_close_matches(_end(name.upper() if prefixes else name, prefixes), ends, n=1)
    return ends[found[0]] if found else None


def _end(name: str, prefixes: Sequence[str]) -> str:
    prefix = next((each for each in prefixes if name.startswith(each)), "")
    return name.removeprefix(prefix)
