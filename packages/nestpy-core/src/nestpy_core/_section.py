"""Names a configuration class to load together with the values that code gives it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ._config import ConfigMeta, config_meta
from ._names import name_of, qualified
from ._record import Record
from .errors import ConfigurationError, DefinitionError, SectionError

__all__ = ("Pin", "Section")


class Pin(Record, frozen=True):
    """Values that code gives to a section.

    Attributes:
        values: field names and values, of the fields' own types.
        origin: who gives them, for messages: ``HttpModule.for_root(...) in AppModule``.
    """

    values: Mapping[str, object]
    origin: str

    def __repr__(self) -> str:
        return f"<Pin of {', '.join(self.values)} by {self.origin}>"


class Section(Record, frozen=True):
    """One configuration class that an application loads, with the values its code gives.

    Attributes:
        config_type: a class with `config`.
        pins: equal values for one field may be given twice, different ones are an error.
        deferred: an async factory gives more values later, through `Settings.finish`.
    """

    config_type: type
    pins: tuple[Pin, ...] = ()
    deferred: bool = False

    @property
    def meta(self) -> ConfigMeta:
        """Return what `config` attached.

        Raises:
            DefinitionError: the class carries no `config`.
        """
        found = config_meta(self.config_type)
        if found is None:
            raise DefinitionError(
                f"`{name_of(self.config_type)}` is loaded as configuration without `@config`.\n"
                f'Hint: Write `@config("…")` above `class {name_of(self.config_type)}`.'
            )
        return found


class Sections(dict[type, Any]):
    """What was loaded, by class; whoever asks for something else is told why it is not there.

    Attributes:
        asked: every section of the app, loaded or not.
    """

    __slots__ = ("asked",)

    def __init__(self) -> None:
        self.asked: dict[type, Section] = {}

    def __missing__(self, cls: type) -> Any:
        section = self.asked.get(cls)
        if section is None:
            raise SectionError(
                cls,
                f"`{name_of(cls)}` is no section of this app: no module provides it.\n"
                "Hint: read it after `graph.has(…)` of the module that does",
            )
        if section.deferred:
            raise SectionError(
                cls,
                f"`{name_of(cls)}` has its values when the app starts: `for_root_async` gives them.\n"
                "Hint: read it where the app serves, or inject it",
            )
        raise SectionError(cls, f"Settings of `{name_of(cls)}` are wrong, as the boot's report says.", wrong=True)


@contextlib.contextmanager
def unless_wrong() -> Iterator[None]:
    """Let what asks for a section with a wrong setting end there: the report says already what is wrong."""
    try:
        yield
    except SectionError as error:
        if not error.wrong:
            raise


def merged(sections: Sequence[Section]) -> list[Section]:
    """Join the sections of one class: all pins count, and one deferred section defers the class."""
    joined: dict[type, Section] = {}
    for section in sections:
        known = joined.get(section.config_type, Section(section.config_type))
        pins = (*known.pins, *section.pins)
        joined[section.config_type] = Section(section.config_type, pins, known.deferred or section.deferred)
    return list(joined.values())


def shared(sections: Sequence[Section]) -> Iterator[ConfigurationError]:
    """Yield the settings that two classes would read. An alias may be shared: it belongs to neither."""
    owners: dict[str, type] = {}
    for section in sections:
        for field in section.meta.fields:
            owner = owners.setdefault(field.setting, section.config_type)
            if owner is not section.config_type:
                rule = f"must be read by one class, and `{qualified(owner)}` and `{qualified(section.config_type)}` do"
                hint = f"Give one of them another namespace than `{field.namespace}`."
                yield ConfigurationError(field.setting, rule, hints=(hint,))


def pin_problems(section: Section) -> Iterator[ConfigurationError]:
    """Yield pinned values that no field takes, and fields that are given two different values."""
    fields = {field.name: field for field in section.meta.fields}
    for index, pin in enumerate(section.pins):
        for name in pin.values:
            if name not in fields:
                yield _stray(section, pin, name)
            else:
                rival = next((each for each in section.pins[:index] if _differs(each, pin, name)), None)
                if rival is not None:
                    yield _contested(fields[name].setting, name, rival, pin)


def shape_problems(section: Section, values: Mapping[str, object], origin: str) -> Iterator[ConfigurationError]:
    """Yield the late values that came too late."""
    for field in section.meta.fields:
        if field.meta.shape and field.name in values:
            rule = f"must not come from {origin}: it shapes the graph, which is built before any factory runs"
            yield ConfigurationError(field.setting, rule, hints=(f"Give `{field.name}=` to `for_root`.",))


def _stray(section: Section, pin: Pin, name: str) -> ConfigurationError:
    from difflib import get_close_matches

    names = [field.name for field in section.meta.fields]
    nearest = get_close_matches(name, names, n=1)
    hint = f"Write `{nearest[0]}=`." if nearest else f"Remove `{name}=`."
    rule = f"must be a field of `{name_of(section.config_type)}`, and it is none (from {pin.origin})"
    return ConfigurationError(f"{section.meta.namespace}.{name}", rule, hints=(hint,))


def _contested(setting: str, name: str, first: Pin, second: Pin) -> ConfigurationError:
    rule = f"is contested: {first.origin} and {second.origin} give it different values"
    return ConfigurationError(setting, rule, hints=(f"Keep `{name}=` in one of the two.",))


def _differs(first: Pin, second: Pin, name: str) -> bool:
    if name not in first.values:
        return False
    left, right = first.values[name], second.values[name]
    return left is not right and not bool(left == right)
