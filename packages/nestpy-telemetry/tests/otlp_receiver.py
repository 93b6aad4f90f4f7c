"""A real OTLP/HTTP receiver that decodes what it is sent."""

import contextlib
import gzip
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Receiver:
    """A real OTLP/HTTP receiver: decodes what it is sent, late or with an error where a test asks for it."""

    def __init__(self):
        self.requests = {"/v1/traces": [], "/v1/metrics": [], "/v1/logs": []}
        self.headers = []
        self.delay = 0.0
        self.status = 200
        kinds = {
            "/v1/traces": ExportTraceServiceRequest,
            "/v1/metrics": ExportMetricsServiceRequest,
            "/v1/logs": ExportLogsServiceRequest,
        }
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                time.sleep(receiver.delay)
                if receiver.status == 200:
                    receiver.requests[self.path].append(kinds[self.path].FromString(body))
                    receiver.headers.append(dict(self.headers.items()))
                with contextlib.suppress(OSError):
                    self.send_response(receiver.status)
                    self.send_header("content-length", "0")
                    self.end_headers()

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    @property
    def resource(self):
        return attributes(self.requests["/v1/traces"][0].resource_spans[0].resource)

    @property
    def spans(self):
        return [
            span
            for request in self.requests["/v1/traces"]
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def metrics(self):
        return {
            metric.name: metric
            for request in self.requests["/v1/metrics"]
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    @property
    def lines(self):
        return [
            record
            for request in self.requests["/v1/logs"]
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]


def attributes(holder):
    """Return the attributes of anything in OTLP as plain values."""
    found = {}
    for pair in holder.attributes:
        kind = pair.value.WhichOneof("value")
        found[pair.key] = getattr(pair.value, kind)
    return found
