"""Reads the places that settings come from, once: the environment, the ``.env`` cascade and a TOML file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import field

from ._record import OpenRecord, Record
from .errors import ConfigurationError

if TYPE_CHECKING:
    from ._dotenv import Dotenv

DEFAULT_PREFIX = "NESTPY"
PREFIX_VARIABLE = "NESTPY_ENV_PREFIX"
DEFAULT_TOML = "nestpy.toml"
ENVIRONMENTS = {
    "development": "development",
    "test": "test",
    "staging": "staging",
    "stage": "staging",
    "production": "production",
    "prod": "production",
}
_PREFIX = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")
_POSITION = re.compile(r"at (line \d+, column \d+|end of document)")


class Layer(Record, frozen=True):
    """One file of the cascade, or the real environment, as names and texts."""

    label: str
    values: Mapping[str, str]

    def origin(self, name: str) -> str:
        """Say where a variable stands, for messages."""
        return f"`{name}` in `{self.label}`" if self.label else f"`{name}`"

    __repr__ = object.__repr__  # a Struct's own would show values


class Sources(Record, frozen=True):
    """A snapshot of every source. Its `repr` shows no value."""

    environment: str
    prefix: str
    real: Layer
    files: tuple[Layer, ...]
    toml: Mapping[str, Any]
    toml_label: str
    problems: tuple[ConfigurationError, ...]

    def __repr__(self) -> str:
        labels = [layer.label for layer in self.files] + [self.toml_label] * bool(self.toml_label)
        return f"<settings of {self.environment} from the environment{''.join(f', {label}' for label in labels)}>"


class _Reader(OpenRecord):
    environ: Mapping[str, str]
    directory: Path
    problems: list[ConfigurationError] = field(default_factory=list)

    def prefix(self) -> str:
        found = self.environ.get(PREFIX_VARIABLE) or DEFAULT_PREFIX
        if _PREFIX.fullmatch(found):
            return found
        rule = f"must be upper snake case without an underscore at its end (from `{PREFIX_VARIABLE}`)"
        self.problem("env_prefix", rule, f"Write `{PREFIX_VARIABLE}=ACME` to read `ACME_HTTP__PORT`.")
        return DEFAULT_PREFIX

    def environment(self, prefix: str) -> str:
        found = ENVIRONMENTS.get(self.environ.get(f"{prefix}_ENV") or "development")
        if found is None:
            rule = f"must be one of {_named(dict.fromkeys(ENVIRONMENTS.values()))} (from `{prefix}_ENV`)"
            self.problem("env", rule, f"Set `{prefix}_ENV=production`, or leave it unset for `development`.")
        return found or "production"

    def cascade(self, environment: str) -> tuple[Layer, ...]:
        names = [f".env.{environment}.local", ".env.local", f".env.{environment}", ".env"]
        if environment == "test":
            names.remove(".env.local")
        return tuple(layer for name in names if (layer := self.dotenv(name)) is not None)

    def dotenv(self, name: str) -> Layer | None:
        text = self.text(self.directory / name, name)
        if text is None:
            return None
        from ._dotenv import parse_dotenv

        parsed = parse_dotenv(text)
        self.malformed(name, parsed)
        return Layer(name, parsed.values)

    def malformed(self, name: str, parsed: Dotenv) -> None:
        if parsed.malformed:
            numbers = ", ".join(map(str, parsed.malformed))
            count = "1 line is" if len(parsed.malformed) == 1 else f"{len(parsed.malformed)} lines are"
            hint = "Close every quote on its own line; a line break inside double quotes is written `\\n`."
            self.problem(name, f"must hold `NAME=value` lines, and {count} malformed: {numbers}", hint)

    def restated(self, layer: Layer, prefix: str, environment: str) -> None:
        """Refuse a file that would decide which files are read; where the real environment says it, that one counts."""
        named = not self.environ.get(f"{prefix}_ENV") and layer.values.get(f"{prefix}_ENV")
        if named and ENVIRONMENTS.get(named) != environment:
            self.misplaced("env", layer.origin(f"{prefix}_ENV"), f"{prefix}_ENV")
        renamed = layer.values.get(PREFIX_VARIABLE)
        if renamed and renamed != prefix:
            self.misplaced("env_prefix", layer.origin(PREFIX_VARIABLE), PREFIX_VARIABLE)

    def misplaced(self, setting: str, origin: str, name: str) -> None:
        rule = f"must be set in the real environment, because it decides how files are read (from {origin})"
        self.problem(setting, rule, f"Remove `{name}` from the file and export it instead.")

    def toml(self, wanted: Path | None, layers: tuple[Layer, ...], prefix: str) -> tuple[Mapping[str, Any], str]:
        named = wanted or self.named_toml(layers, f"{prefix}_CONFIG_FILE")
        path = self.directory / (named or DEFAULT_TOML)
        label = path.name if path.parent == self.directory else str(path)
        text = self.text(path, label)
        if text is None:
            if named:
                rule = f"must name a file that exists, and `{label}` does not"
                self.problem("config_file", rule, f"Create `{label}`, or remove what names it.")
            return {}, ""
        return self.tables(text, label), label

    def named_toml(self, layers: tuple[Layer, ...], variable: str) -> Path | None:
        found = next((layer.values[variable] for layer in layers if variable in layer.values), "")
        return Path(found) if found else None

    def tables(self, text: str, label: str) -> Mapping[str, Any]:
        import tomllib

        position = "in a value nested too deeply"
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            # The rest of its text may quote what the file holds.
            found = _POSITION.search(str(error))
            position = f"at {found[1]}" if found else "somewhere"
        except RecursionError:
            pass
        self.problem(label, f"must be valid TOML, and it is not {position}", "Texts need quotes in TOML.")
        return {}

    def text(self, path: Path, label: str) -> str | None:
        reason = "UTF-8"
        try:
            return path.read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            pass
        except OSError as error:
            reason = f"a readable file ({error.strerror})"
        self.problem(label, f"must be {reason}", f"Repair or remove `{path}`.")
        return None

    def problem(self, setting: str, rule: str, hint: str) -> None:
        self.problems.append(ConfigurationError(setting, rule, hints=(hint,)))


def read_sources(environ: Mapping[str, str], directory: Path, toml: Path | None) -> Sources:
    """Read every source once. What cannot be read is a problem of the result, never an exception."""
    reader = _Reader(dict(environ), directory)
    prefix = reader.prefix()
    environment = reader.environment(prefix)
    real = Layer("", reader.environ)
    files = reader.cascade(environment)
    for layer in files:
        reader.restated(layer, prefix, environment)
    tables, label = reader.toml(toml, (real, *files), prefix)
    return Sources(environment, prefix, real, files, tables, label, tuple(reader.problems))


def _named(names: Mapping[str, object]) -> str:
    return ", ".join(f"`{name}`" for name in names)
