"""Who calls a server over HTTP, by key, password and token, under mcp 2.x and 1.30; and who was refused."""

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest

from tallystick.event import Record
from tests.integration.mcp.test_both_versions import PYTHONS, ROOT
from tests.patience import PATIENCE_S
from tests.recorded import Recording, disclosed
from tests.requirements import requirement

SECRETS = (
    "token-of-ada",
    "token-of-nobody",
    "token-without-scope",
    "key-0123456789",
    "YWRhOnNlY3JldA",
    "key-in-address",
)


@dataclass(frozen=True)
class Run:
    """What one run recorded, and all that it printed."""

    recording: Recording
    printed: str

    def ends(self, observer: str, **fields: object) -> list[dict[str, Any]]:
        """Return what the last records of calls state, in their order."""
        found = self.recording.where(observer=observer, type="tool.completed", **fields)
        return [record.statement for record in found]


@pytest.fixture(scope="module", params=("mcp1", "mcp2"))
def access(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    home = tmp_path_factory.mktemp("home")
    done = subprocess.run(
        [PYTHONS[request.param], "-W", "ignore", "-m", "tests.integration.mcp.access"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TALLYSTICK_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(steps) == 6
    return Run(Recording(home), done.stdout + done.stderr)


def by_kind(run: Run, kind: str) -> tuple[dict[str, Any], Record]:
    """Return the served call that was made with such a credential: its statement, and its record."""
    [record] = run.recording.where(
        observer="mcp_server", type="tool.completed", credential_kind=kind
    )
    return record.statement, record


@requirement("sdk.pass-through")
def test_a_token_that_a_server_passes_on_is_found_by_its_digest(access: Run) -> None:
    [served] = access.ends("mcp_server", tool_name="passes_on")
    sent = [
        one
        for one in access.ends("mcp_client")
        if one.get("action.parent_id") == served["action.id"]
    ]
    [onward] = sent
    assert onward["credential.ref"] == served["credential.ref"]
    assert onward["tool.name"] == "asked"


@requirement("sdk.pass-through")
def test_both_ends_of_a_call_state_one_digest_of_the_credential(access: Run) -> None:
    for kind in ("api_key", "basic"):
        served = access.recording.where(
            observer="mcp_server", type="tool.completed", credential_kind=kind
        )
        sent = {
            one["credential.ref"]
            for one in access.ends("mcp_client")
            if one.get("credential.kind") == kind
        }
        assert sent <= {record.statement["credential.ref"] for record in served}
        assert sent


@requirement("sdk.scope-checks")
def test_a_call_that_passed_the_scope_check_states_it(access: Run) -> None:
    [served] = access.ends("mcp_server", tool_name="passes_on")
    assert served["decision.effect"] == "allow"
    assert served["decision.policy_id"] == "mcp.bearer"
    assert served["decision.rule"] == "use"
    keyed = [one for one in access.ends("mcp_server") if one["credential.kind"] == "api_key"]
    assert all("decision.effect" not in one for one in keyed)


@requirement("sdk.scope-checks")
def test_refusals_are_recorded_though_no_call_follows(access: Run) -> None:
    denied = access.recording.where(type="authz.decision", observer="mcp_server")
    rules = {record.statement["decision.rule"] for record in denied}
    assert rules == {"insufficient_scope", "invalid_token"}
    for record in denied:
        assert record.statement["decision.effect"] == "deny"
        is_known = record.statement["decision.rule"] == "insufficient_scope"
        basis = "authenticated" if is_known else "unknown"
        assert record.statement["principal.basis"] == basis


def test_a_password_asserts_a_user_and_a_key_names_nobody(access: Run) -> None:
    stated, record = by_kind(access, "basic")
    assert stated["principal.basis"] == "asserted"
    assert disclosed(record)["principal.id"] == "ada"
    for one in access.ends("mcp_server"):
        if one["credential.kind"] == "api_key":
            assert one["principal.basis"] == "unknown"
            assert one["principal.auth_method"] == "api_key"


@requirement("sdk.claims-are-evidence")
def test_a_key_in_the_address_is_marked(access: Run) -> None:
    marked = [
        record
        for record in access.recording.where(observer="mcp_server", type="tool.completed")
        if "credential.evidence" in disclosed(record)
    ]
    [one] = marked
    assert json.loads(disclosed(one)["credential.evidence"]) == {"in_address": True}


@requirement("sdk.no-secret-anywhere")
@pytest.mark.parametrize("secret", SECRETS)
def test_no_credential_stands_in_a_record_or_a_line_of_the_log(access: Run, secret: str) -> None:
    assert secret not in access.printed
    for record in access.recording:
        assert secret not in record.body
