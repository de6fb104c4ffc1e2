"""Two people who decide what is erased, and the wait until it is."""

from collections.abc import Mapping

from tallystick_ingest.service import Service
from tests.patience import until_ended
from tests.retained import ANNA, BERT


def confirmed(service: Service, wanted: Mapping[str, str]) -> None:
    """Let one ask and the other confirm, and wait until it is carried out."""
    id_ = service.erasures.ask(ANNA, wanted, "they asked for it").id
    service.erasures.confirm(BERT, id_, digest_of(service, id_), "seen")
    finished(service)
    [state] = [state for request, state in service.erasures.requests() if request.id == id_]
    assert state.state == "carried out"


def digest_of(service: Service, id_: str) -> str:
    return service.two_people.authority().requests[id_].digest


def finished(service: Service) -> None:
    """Wait until nothing is being carried out."""
    until_ended("tallystick-erasures")
    assert service.erasures.failure is None
