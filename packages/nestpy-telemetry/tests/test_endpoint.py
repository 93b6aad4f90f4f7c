"""The address of the receiver is looked at before anything is exported there."""

import pytest

from nestpy_core import App, BootError, module
from nestpy_telemetry import TelemetryModule


@module(imports=[TelemetryModule])
class AppModule: ...


def app_with(endpoint: str) -> App:
    return App(AppModule, environ={"NESTPY_ENV": "test", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})


@pytest.mark.parametrize("endpoint", ["", "http://collector:4318", "https://u:p@collector/otlp"])
def test_an_address_that_can_be_called_passes(endpoint: str) -> None:
    app_with(endpoint)


@pytest.mark.parametrize("endpoint", ["http//u:hunter2@host", "http://u:hunter2@host:port", "grpc://u:hunter2@host"])
def test_another_is_a_boot_error_which_does_not_repeat_it(endpoint: str) -> None:
    with pytest.raises(BootError) as caught:
        app_with(endpoint)
    assert "1. Setting `telemetry.otlp_endpoint` must be a URL " in str(caught.value)
    assert "Hint: set `OTEL_EXPORTER_OTLP_ENDPOINT` to `http://collector:4318`" in str(caught.value)
    assert "hunter2" not in str(caught.value)
