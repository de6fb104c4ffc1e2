"""Who a client's certificate is: by what it is called, however often it is renewed."""

import json
from collections.abc import Mapping, Sequence

import pytest

from tallystick.errors import AuthenticationError
from tallystick.masking.tokens import TokenKey
from tallystick.recording.masked import Masking
from tallystick_ingest.auth.certificates import Certificates
from tallystick_ingest.auth.grants import parse_grants
from tests.requirements import requirement

pytestmark = requirement("tls.clients")

Names = Mapping[str, Sequence[str]]
COLLECTOR: Names = {
    "uri": ["spiffe://example.org/collector"],
    "dns": ["a.example.org", "b.example.org"],
}
RULES = (
    "uri=spiffe://example.org/collector->ingest",
    "dns=a.example.org->read",
    "subject=CN=a->read",
)


def caller_id(
    names: Names, fingerprint: str = "00", key: bytes = b"k", subject: str = "CN=a"
) -> str:
    certificates = Certificates(parse_grants(RULES), Masking.of(TokenKey("t12345678", key * 32)))
    stated = {**names, "subject": subject, "fingerprint": fingerprint}
    return certificates.caller(json.dumps(stated)).id


def test_a_renewed_certificate_is_the_same_sender() -> None:
    id_ = caller_id(COLLECTOR, "00")
    assert id_ == caller_id(COLLECTOR, "11", subject="CN=a,O=new")
    assert id_.startswith("cert-")
    assert "collector" not in id_


def test_another_name_or_kind_of_name_is_another_sender_and_so_is_it_in_another_tenant() -> None:
    told_apart = {
        caller_id(COLLECTOR),
        caller_id({"dns": COLLECTOR["dns"]}),
        caller_id({"dns": ["b.example.org", "a.example.org"]}),
        caller_id({}),
        caller_id({"dns": ["CN=a"]}),
        caller_id(COLLECTOR, key=b"j"),
    }
    assert len(told_apart) == 6


def test_a_certificate_to_which_nothing_is_granted_is_named_by_its_fingerprint() -> None:
    with pytest.raises(AuthenticationError, match="the certificate 4711"):
        caller_id({}, "4711", subject="CN=nobody")
