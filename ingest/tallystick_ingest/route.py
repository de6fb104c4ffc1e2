"""The address of a request as it stands in the code: what may be told of it in a log line or a metric."""

from typing import Any, Final

OTHER: Final = "other"
"""An address that leads nowhere."""
_OTLP: Final = ("/v1/logs", "/v1/traces", "/v1/metrics")


def route_of(scope: Any) -> str:  # noqa: ANN401 - a scope of ASGI
    """Return the template of the route that took a request; never what its sender wrote."""
    template = getattr(scope.get("route"), "path", None)
    if isinstance(template, str):
        return template
    return scope["path"] if scope["path"] in _OTLP else OTHER
