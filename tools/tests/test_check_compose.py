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


def test_text_that_is_not_yaml_is_refused(compose) -> None:
    compose.write_text("services: [")
    (found,) = check(compose)
    assert "is not YAML" in found
