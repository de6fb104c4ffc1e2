"""Metrics for Prometheus: counts and sizes of the service, and nothing of any record."""

from ipaddress import ip_address
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client.exposition import choose_encoder

from tallystick.errors import AuthorizationError
from tallystick_ingest.api.guard import NotFoundError, caller_with, service_of

_FORWARDED: Final = ("forwarded", "via", "x-forwarded-for", "x-real-ip")
"""Headers of proxies: what came through one did not come from this machine."""

router = APIRouter()


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request) -> Response:
    """Give the metrics in the format of Prometheus, or of OpenMetrics where that is asked for."""
    service = service_of(request)
    who = service.config.operations.metrics
    if who == "off":
        raise NotFoundError("the metrics are switched off (--metrics)")
    if who == "key":
        caller_with("metrics")(request)
    elif not _is_local(request):
        raise AuthorizationError("the metrics are for this machine alone (--metrics)")
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(service.metrics.registry), media_type=media_type)


def _is_local(request: Request) -> bool:
    if any(name in request.headers for name in _FORWARDED) or request.client is None:
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False
