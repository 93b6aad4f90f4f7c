"""Check docker-compose.yml as far as a machine without a container engine allows."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def check(file: Path) -> list[str]:
    """Name everything that would fail or run unsafely: absent paths, root, no health check, an unpinned image."""
    if not file.exists():
        return [f"{file}: is missing"]
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        return [f"{file}: is not YAML: {error}"]
    services = content.get("services") if isinstance(content, dict) else None
    if not isinstance(services, dict) or not services:
        return [f"{file}: `services` must name at least one service"]
    problems = []
    for name, service in services.items():
        found = [*_image(service, file.parent), *_health(service), *_references(service, content), *_ports(service)]
        problems += [f"{file}: service `{name}`: {problem}" for problem in found]
    return problems


def _image(service: dict[str, Any], root: Path) -> Iterator[str]:
    build = service.get("build")
    if build is None:
        if not re.search(r":(?!latest)[\w.-]+$", str(service.get("image", ""))):
            yield "`image` must carry a tag other than `latest`"
        return
    context = root / str(build.get("context", "."))
    if not context.is_dir():
        yield f"`build.context` {context} does not exist"
    dockerfile = build.get("dockerfile_inline")
    if not isinstance(dockerfile, str):
        yield "`build.dockerfile_inline` must hold the image's instructions"
        return
    yield from _instructions(dockerfile.replace("$$", "$"), context)


def _instructions(dockerfile: str, context: Path) -> Iterator[str]:
    user = "root"
    stages: set[str] = set()
    for line in re.sub(r"\\\n", " ", dockerfile).splitlines():
        word, _, rest = line.strip().partition(" ")
        match word.upper():
            case "FROM":
                user = "root"
                image, *alias = re.split(r"\s+AS\s+", rest, flags=re.IGNORECASE)
                if image not in stages and not re.search(r":(?!latest)[\w.-]+$", image):
                    yield f"`FROM {image}` must carry a tag other than `latest`"
                stages.update(alias)
            case "USER":
                user = rest.strip()
            case "COPY" | "ADD":
                yield from _copied(rest, context, stages)
            case "" | "#" | "ARG" | "CMD" | "ENTRYPOINT" | "ENV" | "EXPOSE" | "LABEL" | "RUN" | "WORKDIR":
                pass
            case _:
                yield f"`{word}` is not an instruction of a Dockerfile"
    if user.partition(":")[0] in {"root", "0"}:
        yield "the image must end with a `USER` other than root"


def _copied(arguments: str, context: Path, stages: set[str]) -> Iterator[str]:
    words = shlex.split(arguments)
    origin = next((word.partition("=")[2] for word in words if word.startswith("--from=")), None)
    if origin is not None:
        if origin not in stages:
            yield f"`COPY --from={origin}` names no earlier stage"
        return
    *sources, _ = [word for word in words if not word.startswith("--")]
    for source in sources:
        if not any(context.glob(source)):
            yield f"`COPY {source}`: the build context holds no such path"


def _health(service: dict[str, Any]) -> Iterator[str]:
    test = service.get("healthcheck", {}).get("test")
    if not test:
        yield "`healthcheck.test` is missing"
    elif not isinstance(test, list) or test[0] not in {"CMD", "CMD-SHELL"}:
        yield "`healthcheck.test` must be a list that begins with `CMD` or `CMD-SHELL`"


def _references(service: dict[str, Any], content: dict[str, Any]) -> Iterator[str]:
    services, volumes = content["services"], content.get("volumes") or {}
    for target, options in _as_table(service.get("depends_on")).items():
        if target not in services:
            yield f"`depends_on` names `{target}`, which is no service"
        elif (options or {}).get("condition") == "service_healthy" and "healthcheck" not in services[target]:
            yield f"waits for `{target}` to be healthy, which has no health check"
    for volume in service.get("volumes", ()):
        name = str(volume).partition(":")[0]
        if not name.startswith((".", "/", "~")) and name not in volumes:
            yield f"`volumes` names `{name}`, which is not declared"


def _ports(service: dict[str, Any]) -> Iterator[str]:
    for port in service.get("ports", ()):
        if not str(port).startswith("127.0.0.1:"):
            yield f"port `{port}` must be published on 127.0.0.1 only"


def _as_table(value: Any) -> dict[str, Any]:  # Compose allows a list or a table here
    return dict.fromkeys(value) if isinstance(value, list) else dict(value or {})
