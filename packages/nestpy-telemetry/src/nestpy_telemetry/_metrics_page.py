"""The page that Prometheus reads, and who may read it."""

from __future__ import annotations

import hmac
from ipaddress import ip_address

import anyio.to_thread

from nestpy_core import injectable
from nestpy_core.contracts import EndpointAnswer, EndpointRequest

from ._config import TelemetryConfig
from ._gauges import Gauges, Shown
from ._metrics import Joined, Metrics
from ._metrics_directory import directory, living

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_PLAIN = {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"}


@injectable
class MetricsPage:
    """Answers with every metric of the app, of all its processes."""

    def __init__(self, config: TelemetryConfig, metrics: Metrics, gauges: Gauges) -> None:
        self._metrics = metrics
        self._gauges = gauges
        self._token = config.metrics_token.reveal().encode()
        self._local_only = config.metrics_access == "local"

    async def scrape(self, request: EndpointRequest) -> EndpointAnswer:
        """Answer one scrape, or refuse it with 401 or 403."""
        refused = self._refusal(request)
        if refused is not None:
            return refused
        accept = request.headers.get("accept", "")
        shown = Shown(await self._gauges.readings())
        body, media_type = await anyio.to_thread.run_sync(self._rendered, accept, shown)
        return EndpointAnswer(headers={"content-type": media_type, "cache-control": "no-store"}, body=body)

    def _refusal(self, request: EndpointRequest) -> EndpointAnswer | None:
        if self._token:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            fits = hmac.compare_digest(given.strip().encode("utf-8", "surrogatepass"), self._token)
            if scheme.lower() == "bearer" and fits:
                return None
            headers = {**_PLAIN, "www-authenticate": 'Bearer realm="metrics"'}
            return EndpointAnswer(status=401, headers=headers, body=b"A token is required\n")
        if self._local_only and not _is_local(request):
            return EndpointAnswer(status=403, headers=_PLAIN, body=b"Only local callers may read this\n")
        return None

    def _rendered(self, accept: str, shown: Shown) -> tuple[bytes, str]:
        from prometheus_client import REGISTRY
        from prometheus_client.exposition import choose_encoder
        from prometheus_client.multiprocess import MultiProcessCollector

        encode, media_type = choose_encoder(accept)
        shared = directory()
        if shared is None:
            return encode(Joined(self._metrics.registry, shown, REGISTRY)), media_type
        living(shared)
        everybody = MultiProcessCollector(None, str(shared))  # type: ignore[no-untyped-call]  # the library's own
        return encode(Joined(everybody, shown)), media_type


def _is_local(request: EndpointRequest) -> bool:
    """Return whether the peer is this machine, and speaks for itself: a proxy on it speaks for anybody."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ip_address(request.client).is_loopback
    except ValueError:
        return False
