"""The URL of a server is refused at boot, without being repeated."""

import traceback

import pytest

from nestpy_core import ConfigurationError, check_url

CANARY = "canary-1f9c"


def refusal(url):
    with pytest.raises(ConfigurationError) as caught:
        check_url("queue.url", url, schemes=("redis", "unix"), path="[0-9]*", hints=("set `REDIS_URL`",))
    assert CANARY not in "".join(traceback.format_exception(caught.value.with_traceback(None)))
    return str(caught.value)


@pytest.mark.parametrize(
    "url", ["redis://host", "redis://u:p@[::1]:6379/0?a=b", "redis://:p%2F@host:1/12", "unix:///run/redis.sock?db=1"]
)
def test_what_clients_can_read_passes(url):
    check_url("queue.url", url, schemes=("redis", "unix"), path="[0-9]*")


@pytest.mark.parametrize("url", ["", CANARY, f"http://{CANARY}", f"{CANARY}://host", f"redis:{CANARY}"])
def test_another_scheme_is_refused(url):
    assert refusal(url) == (
        "Setting `queue.url` must be a URL that begins with `redis://` or `unix://`\nHint: set `REDIS_URL`"
    )


@pytest.mark.parametrize(
    "url",
    [
        f"redis://u:{CANARY}@",
        f"redis://u:{CANARY}@host:port",
        f"redis://u:{CANARY}@host:99999",
        f"redis://u:{CANARY}@host:0",
        f"redis://u:{CANARY}@[::1",
        f"redis://host/{CANARY}",
        f"redis:///{CANARY}",
    ],
)
def test_a_malformed_url_is_refused(url):
    assert refusal(url) == (
        "Setting `queue.url` must be a URL whose host, port and path can be read\nHint: set `REDIS_URL`"
    )
