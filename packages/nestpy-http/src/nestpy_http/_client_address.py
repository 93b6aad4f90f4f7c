"""Whom a request comes from: the peer, or what proxies say that the app trusts (RFC 7239, X-Forwarded-For)."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, NewType

__all__ = ("ClientIp",)

MAX_HOPS = 32

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


ClientIp = NewType("ClientIp", str)
"""The address of the client, without a port; a handler's parameter of this type is given it.

It is the peer's, unless the peer is in ``http.trusted_proxies``: then it is the last address that the proxies' headers
name and that is no such proxy itself.
"""


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read addresses and CIDR blocks.

    Raises:
        ValueError: one of them is neither.
    """
    return tuple(ip_network(text) for text in texts)


class ForwardedScope:
    """A request's scope as the client sees it: address, scheme and host from trusted proxies."""

    __slots__ = ("_inner", "_proxies", "client", "forwarded_host", "scheme")

    def __init__(self, inner: Any, proxies: TrustedProxies) -> None:
        self._inner = inner
        self.client, self.scheme, self.forwarded_host = proxies.resolve(inner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class TrustedProxies:
    """Reads forwarding headers, where the peer is one of the trusted networks."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._networks = networks(trusted)
        self._trusts = functools.lru_cache(maxsize=4096)(self._is_trusted)

    def scope(self, scope: Any) -> Any:
        """Return what routes see of *scope*; the same one where the peer is not trusted."""
        return ForwardedScope(scope, self) if self._trusts(host_of(scope.client)) else scope

    def _is_trusted(self, host: str) -> bool:
        try:
            address = _address(host)
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def resolve(self, scope: Any) -> tuple[str, str, str | None]:
        """Return client, scheme and host (None for the request's own) as the proxies give them.

        ``Forwarded`` counts before ``X-Forwarded-For`` before ``X-Real-IP``; where the first two contradict each
        other, or an address is none, nothing is believed.
        """
        headers = scope.headers
        elements = list(_elements(headers.get_all("forwarded")))
        standard = [element["for"] for element in elements if "for" in element]
        legacy = _split(headers.get_all("x-forwarded-for"))
        real = _split(headers.get_all("x-real-ip"))
        try:
            paths = [self._client(hops) for hops in (standard, legacy) if hops]
            if len(set(paths)) > 1:
                return scope.client, scope.scheme, None
            client = paths[0] if paths else self._client(real[:1]) if real else None
        except ValueError:
            return scope.client, scope.scheme, None
        last = elements[-1] if elements else {}
        scheme = (last.get("proto") or _last(headers, "x-forwarded-proto") or scope.scheme).lower()
        host = last.get("host") or _last(headers, "x-forwarded-host")
        shown = scope.client if client is None else _with_port(client)
        return shown, scheme if scheme in ("http", "https") else scope.scheme, host

    def _client(self, hops: list[str]) -> str:
        """Return the rightmost address that is no trusted proxy; the leftmost where all are."""
        if len(hops) > MAX_HOPS:
            raise ValueError("too many hops")
        name = ""
        for hop in reversed(hops):
            name = str(_address(host_of(hop.strip('"'))))
            if not self._trusts(name):
                return name
        return name


def host_of(client: str) -> str:
    """Take the port off an address: ``1.2.3.4:80``, ``[::1]:80``, ``1.2.3.4``, ``::1``."""
    if client.startswith("["):
        return client[1:].partition("]")[0]
    return client.partition(":")[0] if client.count(":") == 1 else client


def client_ip(scope: Any) -> ClientIp:
    """Return the client's address of a scope, without its port."""
    return ClientIp(host_of(scope.client))


def _address(text: str) -> Address:
    address = ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped


def _with_port(address: str) -> str:
    return f"[{address}]:0" if ":" in address else f"{address}:0"


def _split(values: Iterable[str]) -> list[str]:
    return [item.strip() for value in values for item in value.split(",") if item.strip()]


def _last(headers: Any, name: str) -> str | None:
    found = _split(headers.get_all(name))
    return found[-1] if found else None


def _elements(values: Iterable[str]) -> Iterator[dict[str, str]]:
    for element in _split(values):
        pairs = (pair.partition("=") for pair in element.split(";"))
        yield {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}
