import pytest
from check_compose import check

GOOD = """\
services:
  redis:
    image: redis:7
    ports: ["127.0.0.1:6379:6379"]
    volumes: ["data:/data"]
    healthcheck: {test: ["CMD", "redis-cli", "ping"]}
  example:
    build:
      context: .
      dockerfile_inline: |
        FROM python:3.13-slim AS build
        RUN python \\
          -V
        FROM python:3.13-slim
        COPY --from=build /venv /venv
        COPY packages /packages
        USER nestpy
    depends_on: {redis: {condition: service_healthy}}
    healthcheck: {test: ["CMD", "true"]}
volumes:
  data:
"""


@pytest.fixture
def compose(monorepo):
    monorepo.add("nestpy-foo")
    return monorepo.write("docker-compose.yml", GOOD)


def test_a_sound_file_passes(compose) -> None:
    assert check(compose) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("        USER nestpy\n", "", "the image must end with a `USER` other than root"),
        ("USER nestpy", "USER 0:0", "the image must end with a `USER` other than root"),
        ("COPY packages", "COPY absent", "`COPY absent`: the build context holds no such path"),
        ("--from=build", "--from=nobody", "`COPY --from=nobody` names no earlier stage"),
        ("RUN python", "RNU python", "`RNU` is not an instruction of a Dockerfile"),
        ("redis:7", "redis", "`image` must carry a tag other than `latest`"),
        ("redis:7", "redis:latest", "`image` must carry a tag other than `latest`"),
        ('["CMD", "true"]', "true", "`healthcheck.test` must be a list that begins with `CMD` or `CMD-SHELL`"),
        ('    healthcheck: {test: ["CMD", "true"]}\n', "", "`healthcheck.test` is missing"),
        ("{redis: {condition", "{postgres: {condition", "`depends_on` names `postgres`, which is no service"),
        ("data:/data", "other:/data", "`volumes` names `other`, which is not declared"),
        ("127.0.0.1:6379:6379", "6379:6379", "port `6379:6379` must be published on 127.0.0.1 only"),
    ],
)
def test_a_breach_is_named(compose, old, new, problem) -> None:
    assert old in GOOD
    compose.write_text(GOOD.replace(old, new))
    (found,) = check(compose)
    assert found.endswith(problem)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("    image:", "    imagee:", "service `redis`: `imagee` is no key of Compose; the nearest is `image`"),
        ("    ports:", "    posts:", "service `redis`: `posts` is no key of Compose; the nearest is `ports`"),
        ("    ports:", "    zzz:", "service `redis`: `zzz` is no key of Compose"),
        (
            "context: .",
            "contexts: .",
            "service `example`: `build.contexts` is no key of Compose; the nearest is `build.context`",
        ),
        (
            '{test: ["CMD", "true"]}',
            '{test: ["CMD", "true"], intervall: 2s}',
            "service `example`: `healthcheck.intervall` is no key of Compose; the nearest is `healthcheck.interval`",
        ),
        (
            "{redis: {condition:",
            "{redis: {conditon:",
            (
                "service `example`: `depends_on.redis.conditon` is no key of Compose; "
                "the nearest is `depends_on.redis.condition`"
            ),
        ),
        ("services:", "volume: {}\nservices:", "`volume` is no key of Compose; the nearest is `volumes`"),
    ],
)
def test_an_unknown_key_is_named_beside_the_nearest_one(compose, old, new, problem) -> None:
    assert old in GOOD
    compose.write_text(GOOD.replace(old, new))
    assert f"{compose}: {problem}" in check(compose)


def test_keys_of_ones_own_pass(compose) -> None:
    compose.write_text(
        GOOD.replace("    image:", "    x-team: blue\n    image:").replace("volumes:\n", "x-a: 1\nvolumes:\n")
    )
    assert check(compose) == []


def test_a_service_that_is_no_table_is_named(compose) -> None:
    compose.write_text(GOOD.replace("services:", "services:\n  postgres: postgres:17"))
    assert check(compose) == [f"{compose}: service `postgres`: must be a table"]


def test_text_that_is_not_yaml_is_refused(compose) -> None:
    compose.write_text("services: [")
    (found,) = check(compose)
    assert "is not YAML" in found
