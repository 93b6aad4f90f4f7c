"""Builds a section from its values and reports what its ``__post_init__`` says, values blotted out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ._names import name_of
from ._secret import Secret
from .errors import ConfigurationError

if TYPE_CHECKING:
    from ._config import ConfigMeta

_SHORT = 4


def build_section(
    meta: ConfigMeta, values: Mapping[str, object], raw: Iterable[object], origins: Iterable[str]
) -> object | ConfigurationError:
    """Build the section, or return the problem that its ``__post_init__`` raised.

    Args:
        meta: the section.
        values: what its fields get; the rest have defaults.
        raw: what the sources held, so that no report repeats it.
        origins: where the values came from, for the hint.
    """
    said = ""
    try:
        return meta.config_type(**values)
    except (ValueError, TypeError) as error:
        said = f": {_blotted(str(error), [*values.values(), *raw])}" if str(error) else ""
    except Exception as error:  # noqa: BLE001  # whatever it is, the other sections want their report
        said = f", which raised `{type(error).__name__}`"
    rule = f"must pass `{name_of(meta.config_type)}.__post_init__`{said}"
    named = ", ".join(dict.fromkeys(origins))
    hint = f"Correct what comes from {named}." if named else f"Set `{meta.namespace}` settings; all are defaults."
    return ConfigurationError(meta.namespace, rule, hints=(hint,))


def _blotted(text: str, values: Iterable[object]) -> str:
    """Replace every value in *text* by ``***``; a short one only where it stands as a word."""
    found = {form for value in values for form in _forms(value) if form}
    for form in sorted(found, key=lambda form: (-len(form), form)):
        pattern = re.escape(form) if len(form) >= _SHORT else rf"(?<!\w){re.escape(form)}(?!\w)"
        text = re.sub(pattern, "***", text, flags=re.IGNORECASE)
    return text


def _forms(value: Any) -> Iterator[str]:
    """Yield the texts by which a message may repeat a value or a part of it."""
    if isinstance(value, Secret):
        yield from _forms(value.reveal())
        return
    for part in _parts(value):
        yield from _forms(part)
    if value is not None and not isinstance(value, bool):
        yield from (str(value), repr(value))


def _parts(value: Any) -> Iterable[object]:
    import msgspec

    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value).values()
    if isinstance(value, Mapping):
        return (*value.keys(), *value.values())
    return value if isinstance(value, (list, tuple, set, frozenset)) else ()
