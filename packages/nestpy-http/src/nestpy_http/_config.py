"""The settings of the HTTP edge."""

# No annotations of the future: every boot reads these, and to evaluate their texts takes 2 ms.
from typing import Annotated, Literal

import msgspec

from nestpy_core import Secret, config, setting

__all__ = ("HttpConfig",)


@config("http")
class HttpConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where the HTTP edge listens and what it accepts.

    Attributes:
        host: the address to bind.
        port: the port to bind.
        prefix: put before every route's path, for instance ``/api``.
        prefix_exclude: paths that stand without the prefix; ``/health/*`` stands for all below.
        versioning: where requests name a version: in the path (``/v1``), in a header, or as ``v`` of ``Accept``.
        version_header: the header, for ``versioning="header"``.
        default_version: what a request without a version is given, unless the path names versions.
        trusted_proxies: addresses and CIDR blocks whose forwarding headers are believed.
        errors: how errors look: ``standards`` are problem documents (RFC 9457), ``nest`` are NestJS's bodies.
        max_body_bytes: the largest body that a route reads; over it the answer is 413.
        max_upload_bytes: the largest body with files.
        max_upload_files: the files of a form.
        max_form_fields: the fields of a form, beside its files.
        max_field_bytes: the largest field of a form.
        upload_memory_bytes: bytes of a form's files held in memory; what goes beyond goes to disk.
        body_timeout: seconds that a body may take; then the answer is 408.
        min_body_rate: bytes of a body that must come in each second on average, after the first five; 0 for none.
        max_string_length: the longest string of a body, in characters, where its type sets no ``max_length``.
        max_list_length: the longest list of a body, where its type sets no ``max_length``.
        allow_unknown: whether bodies may have fields that their type does not have.
        strict_json: whether repeated keys and more than 64 levels are refused; it triples the cost of decoding.
        validation_status: 400, or 422 for input that is well-formed and does not fit.
        security_headers: whether every answer carries the headers that the next eight settings say, and ``nosniff``.
        frame_options: ``X-Frame-Options``; like those that follow, empty for none.
        referrer_policy: ``Referrer-Policy``.
        opener_policy: ``Cross-Origin-Opener-Policy``.
        resource_policy: ``Cross-Origin-Resource-Policy``.
        embedder_policy: ``Cross-Origin-Embedder-Policy``.
        content_security_policy: ``Content-Security-Policy``.
        permissions_policy: ``Permissions-Policy``.
        hsts: ``Strict-Transport-Security``, sent only where this server itself speaks TLS.
        lean_headers: whether those that only concern documents are left out of what is no HTML.
        server_header: what stands for the name of the server; empty leaves it to the server.
        strict_headers: whether every request's headers are counted, measured and checked for contradictions.
        hosts: the names that the app answers to, without a port; ``*.example.com`` stands for any below it.
        cors_origins: the origins that may read answers, exactly; ``*`` for any. None by default.
        cors_methods: what such an origin may ask.
        cors_headers: the headers that it may send.
        cors_exposed: the headers of answers that it may read beside the safelisted ones.
        cors_credentials: whether it may send cookies.
        cors_max_age: seconds that a browser may remember the grant.
        request_timeout: seconds after which a handler is cancelled and answered with 503; 0 for never.
        max_concurrency: handlers that may run at once in a process; one more waits, then is answered with 503.
        queue_wait: seconds that it waits.
        csrf: whether requests that another site makes with the user's cookies are refused.
        workers: processes that serve; with more than one, what is not HTTP runs in a process of its own.
        header_timeout: seconds that a client may take for the head of a request, and leave a connection idle.
        tls_cert: a file with the certificate chain in PEM; with ``tls_key`` the server speaks TLS, HTTP/2 included.
        tls_key: a file with its private key in PEM, without a pass phrase.
        tls_minimum: the oldest version of TLS.
        tls_reload: seconds between two looks at the files; a pair that both looks found is taken into use.
        redirect_hosts: the hosts (``name`` or ``name:port``) beside the app itself that redirects may lead to.
        server_timing: whether every answer carries ``Server-Timing``; `HttpContext.timing` adds to it.
        compression: whether answers of text over 1 KiB are compressed for clients that accept it.
        cookie_secrets: the keys of signed cookies, at least 32 bytes each: the first signs, all of them verify.
        sse_keep_alive: seconds after which an idle event stream is sent a comment.
        sse_lifetime: seconds after which an event stream ends, so that its client connects again.
        max_sockets: WebSockets that may be open at once in a process; one more is answered with 503.
        max_socket_message_bytes: the largest message of a WebSocket; one over it closes with 1009.
        socket_lifetime: seconds after which a WebSocket is closed with 1001, so that its client connects again.
        runtime_threads: I/O threads of the server in each process; each holds its share of ``backpressure``.
        backlog: connections that the kernel queues.
        backpressure: connections, idle ones included, that the server holds at once.
    """

    host: str = "0.0.0.0"  # noqa: S104  # a service is reached from outside its container
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 3000
    prefix: Annotated[str, setting(shape=True)] = ""
    errors: Annotated[Literal["standards", "nest"], setting(shape=True)] = "standards"
    prefix_exclude: Annotated[tuple[str, ...], setting(shape=True)] = ()
    versioning: Annotated[Literal["uri", "header", "media_type"], setting(shape=True)] = "uri"
    version_header: Annotated[str, setting(shape=True)] = "x-api-version"
    default_version: Annotated[str, setting(shape=True)] = ""
    trusted_proxies: Annotated[tuple[str, ...], setting(shape=True)] = ()
    max_body_bytes: Annotated[int, msgspec.Meta(ge=1), setting(shape=True)] = 1024 * 1024
    max_upload_bytes: Annotated[int, msgspec.Meta(ge=1), setting(shape=True)] = 10 * 1024 * 1024
    max_upload_files: Annotated[int, msgspec.Meta(ge=0), setting(shape=True)] = 20
    max_form_fields: Annotated[int, msgspec.Meta(ge=0), setting(shape=True)] = 100
    max_field_bytes: Annotated[int, msgspec.Meta(ge=1), setting(shape=True)] = 16 * 1024
    upload_memory_bytes: Annotated[int, msgspec.Meta(ge=0), setting(shape=True)] = 1024 * 1024
    body_timeout: Annotated[float, msgspec.Meta(gt=0), setting(shape=True)] = 30.0
    min_body_rate: Annotated[int, msgspec.Meta(ge=0), setting(shape=True)] = 240
    max_string_length: Annotated[int, msgspec.Meta(ge=1), setting(shape=True)] = 10_000
    max_list_length: Annotated[int, msgspec.Meta(ge=1), setting(shape=True)] = 1_000
    allow_unknown: Annotated[bool, setting(shape=True)] = False
    strict_json: Annotated[bool, setting(shape=True)] = False
    validation_status: Annotated[Literal[400, 422], setting(shape=True)] = 400
    security_headers: Annotated[bool, setting(shape=True)] = True
    frame_options: Annotated[str, setting(shape=True)] = "DENY"
    referrer_policy: Annotated[str, setting(shape=True)] = "strict-origin-when-cross-origin"
    opener_policy: Annotated[str, setting(shape=True)] = "same-origin"
    resource_policy: Annotated[str, setting(shape=True)] = "same-origin"
    embedder_policy: Annotated[str, setting(shape=True)] = ""
    content_security_policy: Annotated[str, setting(shape=True)] = ""
    permissions_policy: Annotated[str, setting(shape=True)] = ""
    hsts: Annotated[str, setting(shape=True)] = "max-age=31536000; includeSubDomains"
    lean_headers: Annotated[bool, setting(shape=True)] = False
    server_header: Annotated[str, setting(shape=True)] = "web"
    strict_headers: Annotated[bool, setting(shape=True)] = False
    hosts: Annotated[tuple[str, ...], setting(shape=True)] = ()
    cors_origins: Annotated[tuple[str, ...], setting(shape=True)] = ()
    cors_methods: Annotated[tuple[str, ...], setting(shape=True)] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
    cors_headers: Annotated[tuple[str, ...], setting(shape=True)] = ("authorization", "content-type")
    cors_exposed: Annotated[tuple[str, ...], setting(shape=True)] = ()
    cors_credentials: Annotated[bool, setting(shape=True)] = False
    cors_max_age: Annotated[int, msgspec.Meta(ge=0), setting(shape=True)] = 600
    request_timeout: Annotated[float, msgspec.Meta(ge=0), setting(shape=True)] = 30.0
    max_concurrency: Annotated[int, msgspec.Meta(ge=1), setting(shape=True)] = 256
    queue_wait: Annotated[float, msgspec.Meta(ge=0, le=10)] = 0.1
    csrf: Annotated[bool, setting(shape=True)] = True
    workers: Annotated[int, msgspec.Meta(ge=1, le=256), setting(shape=True)] = 1
    header_timeout: Annotated[float, msgspec.Meta(ge=0.1)] = 10.0
    tls_cert: str = ""
    tls_key: str = ""
    tls_minimum: Literal["1.2", "1.3"] = "1.3"
    tls_reload: Annotated[float, msgspec.Meta(ge=0.05)] = 60.0
    redirect_hosts: Annotated[tuple[str, ...], setting(shape=True)] = ()
    server_timing: Annotated[bool, setting(shape=True)] = False
    compression: Annotated[bool, setting(shape=True)] = False
    cookie_secrets: Secret[tuple[str, ...]] = Secret(())
    sse_keep_alive: Annotated[float, msgspec.Meta(gt=0), setting(shape=True)] = 15.0
    sse_lifetime: Annotated[float, msgspec.Meta(gt=0), setting(shape=True)] = 14400.0
    max_sockets: Annotated[int, msgspec.Meta(ge=0), setting(shape=True)] = 10_000
    max_socket_message_bytes: Annotated[int, msgspec.Meta(ge=1), setting(shape=True)] = 1024 * 1024
    socket_lifetime: Annotated[float, msgspec.Meta(gt=0), setting(shape=True)] = 14400.0
    runtime_threads: Annotated[int, msgspec.Meta(ge=1, le=16)] = 2
    backlog: Annotated[int, msgspec.Meta(ge=128)] = 1024
    backpressure: Annotated[int, msgspec.Meta(ge=1)] = 65536
