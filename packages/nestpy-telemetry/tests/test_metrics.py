"""What Prometheus reads: by route template, bounded, of all processes, and for those alone who may read it."""

import subprocess
import urllib.request

import pytest
from observed_edge import JobPlugin, Worker, edge_of
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics_families
from prometheus_client.parser import text_string_to_metric_families

from nestpy_core import APP_GUARD, CallKind, injectable, provide
from nestpy_http import HttpClient, controller, get
from nestpy_telemetry._config import TelemetryConfig
from nestpy_telemetry._metrics import Joined, Metrics

pytestmark = pytest.mark.anyio


@injectable
class Orders:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.counted = Counter("orders", "Orders so far", registry=registry)


@controller("/")
class MeasuredController:
    orders: Orders

    @get("/users/{user_id}")
    async def user(self, user_id: int) -> int:
        self.orders.counted.inc()
        return user_id


def read(text):
    """Return every sample by name and labels."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def fetched(url):
    """Return a page over a connection of its own, which any of the processes may take."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def requests(samples):
    return {
        tuple(dict(key[1:])[label] for label in ("method", "route", "status")): value
        for key, value in samples.items()
        if key[0] == "http_requests_total"
    }


async def test_requests_are_counted_by_route_template_and_status(observing):
    async with observing(Orders, MeasuredController) as client:
        for method, path in [
            *[("GET", f"/users/{number}") for number in range(20)],
            *[("GET", f"/no/{number}") for number in range(20)],
            *[(f"M{number}", "/users/1") for number in range(20)],
            ("HEAD", "/users/1"),
            ("GET", "/users/x"),
        ]:
            await client.request(method, path)
        answer = await client.get("/metrics")
    samples = read(answer.text)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert requests(samples) == {
        ("GET", "/users/{user_id}", "200"): 20,
        ("GET", "unmatched", "404"): 20,
        ("_OTHER", "unmatched", "501"): 20,
        ("HEAD", "/users/{user_id}", "200"): 1,
        ("GET", "/users/{user_id}", "400"): 1,
    }
    route = (("method", "GET"), ("route", "/users/{user_id}"))
    assert samples["http_request_duration_seconds_count", *route] == 21
    assert samples["http_request_duration_seconds_bucket", ("le", "+Inf"), *route] == 21
    assert samples[("http_requests_in_progress",)] == 1
    assert samples[("orders_total",)] == 21
    assert not any(key[0].endswith("_created") for key in samples)


async def test_each_start_begins_at_zero_and_two_apps_share_nothing(observing):
    async with observing(Orders, MeasuredController) as first, observing(Orders, MeasuredController) as second:
        await first.get("/users/1")
        assert requests(read((await second.get("/metrics")).text)) == {}
        assert len(requests(read((await first.get("/metrics")).text))) == 1


async def test_jobs_and_events_have_metrics_of_their_own(observing):
    async with observing(Worker, plugins=[JobPlugin()]) as client:
        for name in ("ship", "ship", "fail"):
            await edge_of(client.app).send(name, {})
        samples = read((await client.get("/metrics")).text)
    assert samples["queue_jobs_total", ("operation", "ship"), ("outcome", "ok")] == 2
    assert samples["queue_jobs_total", ("operation", "fail"), ("outcome", "error")] == 1
    assert samples["events_dispatches_total", ("operation", "shipped"), ("outcome", "ok")] == 2
    assert samples["queue_job_duration_seconds_count", ("operation", "ship")] == 2
    assert samples[("queue_jobs_in_progress",)] == 0


def test_label_sets_are_bounded_even_for_an_edge_that_makes_kinds_as_it_goes():
    metrics = Metrics(TelemetryConfig(metrics_labels=10))
    for number in range(1000):
        kind = CallKind(edge="line", name="line.heard", operation=f"line {number}")
        metrics.begin(kind)
        metrics.end(kind, "ok", 0.1)
    kind = CallKind(edge="line", name="line.heard", operation="line 1")
    for number in range(1000):
        metrics.begin(kind)
        metrics.end(kind, f"outcome {number}", 0.1)
    families = {family.name: family.samples for family in Joined(metrics.registry).collect()}
    assert len({sample.labels["operation"] for sample in families["line_heards"]}) == 11
    assert len(families["line_heards"]) <= 11 + 101
    assert sum(sample.value for sample in families["line_heards"]) == 2000
    assert families["line_heards_in_progress"][0].value == 0
    assert len(metrics._series) <= 10
    for number in range(100):
        kind = CallKind(edge="line", name=f"line.{number}", operation="one")
        metrics.begin(kind)
        metrics.end(kind, "ok", 0.1)
    assert len(metrics._families) == 10


@pytest.mark.parametrize(
    ("client", "headers", "status"),
    [
        ("127.0.0.1:1", {}, 200),
        ("[::1]:1", {}, 200),
        ("10.0.0.7:1", {}, 403),
        ("", {}, 403),
        ("127.0.0.1:1", {"x-forwarded-for": "8.8.8.8"}, 403),
        ("127.0.0.1:1", {"forwarded": "for=127.0.0.1"}, 403),
        ("127.0.0.1:1", {"via": "1.1 proxy"}, 403),
    ],
)
async def test_by_default_local_callers_read_it_and_nobody_that_a_proxy_lets_through(
    observing, client, headers, status
):
    async with observing(Orders, MeasuredController) as started:
        answer = await HttpClient(started.app.__rsgi__, client=client).get("/metrics", headers=headers)
    assert answer.status == status
    assert ("http_requests" in answer.text) == (status == 200)


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (None, 401),
        ("Bearer wrong", 401),
        ("Basic s3cret", 401),
        ("Bearer", 401),
        ("Bearer s3cret-ü", 401),
        ("Bearer s3cret", 200),
        ("bearer s3cret", 200),
    ],
)
async def test_with_a_token_only_who_knows_it_reads_it(observing, given, status):
    async with observing(Orders, MeasuredController, metrics_token="s3cret") as client:
        elsewhere = HttpClient(client.app.__rsgi__, client="10.0.0.7:1")
        answer = await elsewhere.get("/metrics", headers={} if given is None else {"authorization": given})
    assert answer.status == status
    assert answer.headers.get("www-authenticate") == ('Bearer realm="metrics"' if status == 401 else None)


@injectable
class Closed:
    posture = True

    def can_activate(self, context):
        return context.headers.get("x-key") == "open"


async def test_the_apps_own_guards_decide_where_it_says_so(observing):
    guard = provide(APP_GUARD, use_class=Closed, multi=True)
    for access, expected in (("app", [403, 200]), ("local", [200, 200]), ("open", [200, 200])):
        async with observing(Orders, MeasuredController, guard, metrics_access=access) as client:
            asked = [await client.get("/metrics"), await client.get("/metrics", headers={"x-key": "open"})]
        assert [answer.status for answer in asked] == expected, access
    async with observing(Orders, MeasuredController, metrics_access="open") as client:
        assert (await HttpClient(client.app.__rsgi__, client="10.0.0.7:1").get("/metrics")).status == 200


async def test_it_moves_with_its_path_and_the_prefix_and_goes_away_when_off(observing):
    options = {"http": {"prefix": "/api"}, "metrics_path": "/internal/numbers"}
    async with observing(Orders, MeasuredController, **options) as client:
        assert (await client.get("/api/internal/numbers")).status == 200
        assert (await client.get("/api/metrics")).status == 404


async def test_off_it_answers_nothing_and_measures_nothing(observing):
    @controller("/")
    class Bare:
        @get("/")
        async def bare(self) -> str:
            return "bare"

    async with observing(Bare, metrics=False) as client:
        assert (await client.get("/")).text == "bare"
        assert (await client.get("/metrics")).status == 404


async def test_open_metrics_are_given_to_who_accepts_them(observing):
    async with observing(Orders, MeasuredController) as client:
        await client.get("/users/1")
        accept = "application/openmetrics-text; version=1.0.0"
        answer = await client.get("/metrics", headers={"accept": accept})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert "http_requests" in {family.name for family in open_metrics_families(answer.text)}


@pytest.mark.needs("promtool")
async def test_promtool_finds_nothing_to_say(observing):
    async with observing(Orders, MeasuredController, Worker, plugins=[JobPlugin()]) as client:
        await client.get("/users/1")
        await edge_of(client.app).send("ship", {})
        page = (await client.get("/metrics")).text
    own = "\n".join(line for line in page.splitlines() if not line.split("{")[0].split()[-1].startswith("python_"))
    command = ["promtool", "check", "metrics"]
    done = subprocess.run(command, input=own + "\n", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_metrics_of_two_processes_are_one(served, tmp_path):
    app = served("main.py", TMPDIR=str(tmp_path))
    app.until(lambda: any("processes serve" in line["message"] for line in app.lines))
    answered = [fetched(f"{app.url}/pid") for _ in range(20)]
    with app.paused(int(answered[0])):  # two idle processes need not share: one may take every connection
        answered.append(fetched(f"{app.url}/pid"))
    total = len(answered)
    assert len(set(answered)) == 2, answered
    samples = read(fetched(f"{app.url}/metrics"))
    assert requests(samples)["GET", "/pid", "200"] == total
    assert samples[("orders_total",)] == total
    assert samples[("http_requests_in_progress",)] == 1

    with pytest.raises(OSError, match=r"closed|reset"):
        fetched(f"{app.url}/die")
    app.until(lambda: len([line for line in app.lines if "another starts" in line["message"]]) == 1)
    app.until(lambda: _in_progress(app) == 1)
    assert requests(read(fetched(f"{app.url}/metrics")))["GET", "/pid", "200"] == total
    [directory] = tmp_path.glob("nestpy-metrics-*")
    assert app.end() == 0
    assert not directory.exists()
    assert all(set(line) >= {"timestamp", "level", "logger", "message"} for line in app.lines)


def _in_progress(app):
    return read(fetched(f"{app.url}/metrics"))[("http_requests_in_progress",)]
