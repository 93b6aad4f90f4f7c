"""What type checkers conclude about configuration; checked, never run."""

from pathlib import Path
from typing import Annotated, assert_type

import msgspec

from nestpy_core import Pin, Secret, Section, Settings, config, setting


@config("http")
class HttpConfig(msgspec.Struct, frozen=True, kw_only=True):
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 3000
    prefix: Annotated[str, setting(shape=True)] = ""
    url: Annotated[Secret[str], setting(alias="DATABASE_URL")]
    token: Secret[bytes] | None = None


made = HttpConfig(url=Secret("x"))
assert_type(made.url.reveal(), str)
assert_type(made.port, int)
assert_type(Secret(5), Secret[int])

wider: Secret[object] = made.url

settings = Settings.read(environ={}, directory=Path())
built, problems = settings.load([Section(HttpConfig, (Pin({"port": 1}, "AppModule"),))])
assert_type(built, dict[type, object])


@config("plain")  # pyright: ignore[reportArgumentType]
class Plain:  # type: ignore[type-var]
    port: int = 1
