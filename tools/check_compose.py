"""Check docker-compose.yml as far as a machine without a container engine allows."""

from __future__ import annotations

import re
import shlex
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# By the kind of the table, from the Compose specification's schema:
# https://github.com/compose-spec/compose-spec/blob/main/schema/compose-spec.json
_KEYS = {
    "file": "configs include models name networks secrets services version volumes",
    "service": """
        annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs container_name
        cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset credential_spec
        depends_on deploy develop device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint env_file
        environment expose extends external_links extra_hosts gpus group_add healthcheck hostname image init ipc
        isolation label_file labels links logging mac_address mem_limit mem_reservation mem_swappiness memswap_limit
        models network_mode networks oom_kill_disable oom_score_adj pid pids_limit platform ports post_start pre_stop
        privileged profiles provider pull_policy pull_refresh_after read_only restart runtime scale secrets
        security_opt shm_size stdin_open stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits
        use_api_socket user userns_mode uts volumes volumes_from working_dir
        """,
    "build": """
        additional_contexts args cache_from cache_to context dockerfile dockerfile_inline entitlements extra_hosts
        isolation labels network no_cache platforms privileged provenance pull sbom secrets shm_size ssh tags target
        ulimits
        """,
    "healthcheck": "disable interval retries start_interval start_period test timeout",
    "depends_on": "condition required restart",
}


def check(file: Path) -> list[str]:
    """Name everything that would fail or run unsafely: an unknown key, an absent path, root, an unpinned image."""
    if not file.exists():
        return [f"{file}: is missing"]
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        return [f"{file}: is not YAML: {error}"]
    services = content.get("services") if isinstance(content, dict) else None
    if not isinstance(services, dict) or not services:
        return [f"{file}: `services` must name at least one service"]
    problems = [f"{file}: {problem}" for problem in _unknown("file", content)]
    for name, service in services.items():
        problems += [f"{file}: service `{name}`: {problem}" for problem in _service(service, content, file.parent)]
    return problems


def _service(service: Any, content: dict[str, Any], root: Path) -> Iterator[str]:
    if not isinstance(service, dict):
        yield "must be a table"
        return
    yield from _keys(service)
    yield from _image(service, root)
    yield from _health(service)
    yield from _references(service, content)
    yield from _ports(service)


def _keys(service: dict[str, Any]) -> Iterator[str]:
    yield from _unknown("service", service)
    for kind in ("build", "healthcheck"):
        yield from _unknown(kind, service.get(kind), f"{kind}.")
    for target, options in _as_table(service.get("depends_on")).items():
        yield from _unknown("depends_on", options, f"depends_on.{target}.")


def _unknown(kind: str, table: Any, where: str = "") -> Iterator[str]:
    """Name the keys that Compose refuses, each with the nearest one it knows; those in `x-` are everybody's own."""
    known = _KEYS[kind].split()
    for key in table if isinstance(table, dict) else ():
        if key not in known and not str(key).startswith("x-"):
            nearest = get_close_matches(str(key), known, n=1)
            hint = f"; the nearest is `{where}{nearest[0]}`" if nearest else ""
            yield f"`{where}{key}` is no key of Compose{hint}"


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
