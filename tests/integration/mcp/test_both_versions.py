"""One program under mcp 2.x, 1.30 and 1.24: what its client sees, and what is recorded of it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tallystick.event import Record
from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.recorded import Recording, disclosed
from tests.requirements import requirement

ROOT = Path(__file__).resolve().parents[3]
DESK = Path(__file__).with_name("desk.py")
PYTHONS = {
    "mcp2": Path(sys.executable),
    "mcp1": ROOT / ".venv-mcp1" / "bin" / "python",
    "mcp1.24": ROOT / ".venv-frameworks-old" / "bin" / "python",
}


@dataclass(frozen=True)
class Run:
    """What the client of one run printed, and what was recorded."""

    version: str
    seen: dict[str, dict[str, object]]
    recording: Recording


def run(version: str, mode: str, home: Path, *options: str) -> Run:
    assert PYTHONS[version].exists(), "`make test` builds the environments of mcp 1.x"
    done = subprocess.run(
        [PYTHONS[version], "-W", "ignore", DESK, mode, *options],
        env={
            "PATH": os.environ["PATH"],
            "TALLYSTICK_HOME": str(home),
            "DESK_PORT": str(free_port()),
        },
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    return Run(version, {k: v for step in steps for k, v in step.items()}, Recording(home))


@pytest.fixture(scope="module", params=sorted(PYTHONS))
def memory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(request.param, "memory", tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module", params=("mcp1", "mcp2"))  # tokens of 1.24 hold no claims
def http(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(request.param, "http", tmp_path_factory.mktemp("home"))


def ended(found: Run, observer: str, tool: str) -> Record:
    [record] = [
        one
        for one in found.recording.where(observer=observer, tool_name=tool)
        if one.statement["type"] in ("tool.completed", "tool.denied")
    ]
    return record


@requirement("sdk.host-never-broken")
@pytest.mark.parametrize("mode", ["memory", "http"])
@pytest.mark.parametrize("version", sorted(PYTHONS))
def test_a_client_sees_the_same_with_and_without_recording(
    version: str, mode: str, tmp_path: Path
) -> None:
    recorded = run(version, mode, tmp_path / "recorded")
    plain = run(version, mode, tmp_path / "plain", "plain")
    assert recorded.seen == plain.seen
    assert len(recorded.recording.records) > 0
    assert plain.recording.records == []


@requirement("sdk.every-call-recorded", "use.periods")
def test_each_call_is_recorded_from_both_sides_in_one_trace(memory: Run) -> None:
    assert memory.recording.holes() == []
    assert memory.recording.lost() == 0
    for observer in ("mcp_client", "mcp_server"):
        ends = [
            record
            for record in memory.recording.where(observer=observer)
            if "outcome" in record.statement
        ]
        assert len(ends) == 11
        assert len({record.statement["action.id"] for record in ends}) == 11
    traces = {r.statement["trace.id"] for r in memory.recording if "action.id" in r.statement}
    assert len(traces) == 1


def test_the_servers_span_is_below_the_clients(memory: Run) -> None:
    client, server = ended(memory, "mcp_client", "note"), ended(memory, "mcp_server", "note")
    assert server.statement["span.parent_id"] == client.statement["span.id"]
    assert client.statement["span.kind"] == "client"
    assert server.statement["span.kind"] == "server"
    assert client.statement["action.id"] != server.statement["action.id"]
    assert server.statement["span.start_us"] >= client.statement["span.start_us"]
    assert server.statement["span.end_us"] <= client.statement["span.end_us"]


@requirement("sdk.started-before")
def test_only_a_tool_annotated_read_only_begins_without_a_record(memory: Run) -> None:
    started = {r.statement["tool.name"] for r in memory.recording.where(type="tool.started")}
    assert started == {"note", "fail", "guarded", "nothing", "wait"}
    assert ended(memory, "mcp_server", "note").statement.get("tool.read_only") is None


def test_arguments_and_result_are_recorded_masked_with_their_size(memory: Run) -> None:
    [start] = [
        one
        for one in memory.recording.where(observer="mcp_server", tool_name="note")
        if one.statement["type"] == "tool.started"
    ]
    end = ended(memory, "mcp_server", "note")
    arguments, result = disclosed(start)["params"], disclosed(end)["result"]
    assert "bob@example.com" not in arguments + result
    assert json.loads(arguments)["text"].startswith("write to [email:")
    assert start.statement["params.size_bytes"] == len('{"text":"write to bob@example.com"}')
    assert len(start.statement["params.digest"]) == 32
    assert disclosed(end)["params"] == arguments  # each record is whole by itself
    assert end.statement["params.digest"] == start.statement["params.digest"]


def test_the_real_cause_of_a_failure_is_recorded_and_masked(memory: Run) -> None:
    end = ended(memory, "mcp_server", "fail")
    assert end.statement["outcome"] == "failure"
    assert end.statement["error.type"] == "ValueError"
    assert disclosed(end)["error.message"].startswith("broken by [email:")
    assert ended(memory, "mcp_client", "fail").statement["error.type"] == "tool_error"


def test_a_refused_call_is_denied_with_the_policys_answer(memory: Run) -> None:
    end = ended(memory, "mcp_server", "guarded")
    stated = end.statement
    assert (stated["type"], stated["outcome"]) == ("tool.denied", "denied")
    assert stated["decision.effect"] == "deny"
    assert stated["decision.policy_id"] == "desk"
    assert stated["decision.policy_version"] == "7"
    assert stated["decision.rule"] == "may-guard"
    assert disclosed(end)["decision.reason"] == "no"
    assert ended(memory, "mcp_client", "guarded").statement["outcome"] == "failure"


def test_an_unknown_tool_and_wrong_arguments_are_told_apart(memory: Run) -> None:
    assert ended(memory, "mcp_server", "nothing").statement["error.type"] == "unknown_tool"
    errors = [
        record.statement.get("error.type")
        for record in memory.recording.where(observer="mcp_server", tool_name="add")
        if "outcome" in record.statement
    ]
    assert errors == [None, "invalid_arguments"]


def test_a_timeout_and_a_cancellation_are_told_apart(memory: Run) -> None:
    outcomes = [
        (str(record.statement["observer"]), str(record.statement["outcome"]))
        for record in memory.recording.where(tool_name="wait", type="tool.completed")
    ]
    client = [outcome for observer, outcome in outcomes if observer == "mcp_client"]
    server = [outcome for observer, outcome in outcomes if observer == "mcp_server"]
    assert sorted(client) == ["cancelled", "timeout"]
    assert server == ["cancelled", "cancelled"]


def test_resources_and_prompts_are_recorded(memory: Run) -> None:
    reads = memory.recording.where(type="resource.read", observer="mcp_server")
    assert [disclosed(read)["resource.uri"] for read in reads] == ["desk://drawer", "desk://locked"]
    assert [read.statement["outcome"] for read in reads] == ["success", "failure"]
    if memory.version == "mcp2":  # 1.x sends the cause itself, and shows it nowhere else
        assert reads[1].statement["error.type"] == "OSError"
    assert disclosed(reads[1])["error.message"].endswith("no key")
    prompt = memory.recording.one(type="prompt.get", observer="mcp_server")
    assert prompt.statement["prompt.name"] == "greet"
    assert json.loads(disclosed(prompt)["params"]) == {"name": "Bob"}


def test_each_side_records_each_tools_definition_once_and_they_agree(memory: Run) -> None:
    def digests(observer: str) -> dict[str, str]:
        found = memory.recording.where(type="tooldef.observed", observer=observer)
        assert len(found) == len({one.statement["tool.name"] for one in found})
        return {
            str(one.statement["tool.name"]): str(one.statement["tool.definition_digest"])
            for one in found
        }

    assert digests("mcp_server") == digests("mcp_client")
    assert set(digests("mcp_server")) == {"add", "note", "fail", "guarded", "wait", "count"}
    in_force = ended(memory, "mcp_server", "note").statement["tool.definition_digest"]
    assert in_force == digests("mcp_client")["note"]


def test_a_definition_is_disclosed_and_its_claims_are_stated(memory: Run) -> None:
    observed = memory.recording.one(type="tooldef.observed", observer="mcp_client", tool_name="add")
    assert observed.statement["tool.read_only"] is True
    assert "tool.destructive" not in observed.statement
    assert disclosed(observed)["tool.description"] == "Add two numbers."
    offered = json.loads(disclosed(observed)["tool.definition"])
    assert set(offered["inputSchema"]["properties"]) == {"a", "b"}


def test_both_sides_state_protocol_server_and_transport(memory: Run) -> None:
    for observer in ("mcp_client", "mcp_server"):
        stated = ended(memory, observer, "note").statement
        assert stated["mcp.method"] == "tools/call"
        assert stated["mcp.transport"] == "memory"
        assert stated["server.name"] == "desk"
        expected = "2026-07-28" if memory.version == "mcp2" else "2025-11-25"
        assert stated["mcp.protocol_version"] == expected
    assert ended(memory, "mcp_server", "note").statement["jsonrpc.request_id"].isdigit()


def test_the_client_states_on_whose_behalf_and_which_agent(memory: Run) -> None:
    end = ended(memory, "mcp_client", "note")
    stated = end.statement
    assert (stated["agent.name"], stated["agent.version"]) == ("planner", "2")
    assert (stated["principal.basis"], stated["principal.auth_method"]) == ("asserted", "context")
    assert stated["roles"] == ["tester"]
    assert (stated["client.id"], stated["client.basis"]) == ("test", "asserted")
    assert disclosed(end)["principal.id"] == "carol"
    assert len(stated["principal.ref"]) == 32


def served(found: Run, number: int) -> Record:
    return found.recording.where(type="tool.completed", observer="mcp_server")[number]


@requirement("sdk.identity-from-token", "record.three-identities")
def test_over_http_the_token_says_who_calls(http: Run) -> None:
    stated = served(http, 0).statement
    assert stated["principal.basis"] == "authenticated"
    assert stated["principal.issuer"] == "https://login.example.com/"
    assert stated["principal.type"] == "human"
    assert stated["principal.auth_method"] == "bearer"
    assert (stated["client.id"], stated["client.basis"]) == ("desk", "authenticated")
    assert stated["client.name"] == "mcp"
    assert stated["credential.kind"] == "opaque"
    assert stated["credential.scopes"] == ["use", "write"]
    assert stated["credential.audience"] == "http://one.example http://two.example"
    assert stated["mcp.transport"] == "http"
    assert "agent.name" not in stated


def test_the_chain_of_actors_is_recorded_outermost_first(http: Run) -> None:
    end = served(http, 0)
    assert end.statement["delegation.depth"] == 2
    assert json.loads(disclosed(end)["delegation"]) == [
        {"sub": "agent:planner"},
        {"sub": "app:desk"},
    ]


def test_a_token_without_a_person_is_that_of_a_service(http: Run) -> None:
    machine = served(http, 1).statement
    assert machine["principal.type"] == "service"
    assert machine["principal.ref"] != served(http, 0).statement["principal.ref"]
    assert machine["credential.ref"] != served(http, 0).statement["credential.ref"]


def test_no_token_is_ever_written(http: Run) -> None:
    written = "".join(record.body for record in http.recording)
    for token in ("token-of-ada", "token-of-a-machine", "token-of-nobody", "ada@example.com"):
        assert token not in written


def test_a_bearer_token_that_nobody_knows_is_a_decision(http: Run) -> None:
    refusal = http.recording.where(type="authz.decision", decision_rule="invalid_token")[0]
    stated = refusal.statement
    assert (stated["decision.effect"], stated["outcome"]) == ("deny", "denied")
    assert stated["decision.policy_id"] == "mcp.bearer"
    assert stated["principal.basis"] == "unknown"
    assert len(stated["credential.ref"]) == 32


def test_a_token_that_lacks_a_scope_is_a_decision_about_its_principal(http: Run) -> None:
    refusal = http.recording.where(type="authz.decision", decision_rule="insufficient_scope")[0]
    assert refusal.statement["principal.basis"] == "authenticated"
    assert disclosed(refusal)["principal.id"] == "eve"
    assert disclosed(refusal)["decision.reason"] == "Required scope: use"


def test_over_http_client_and_server_meet_in_one_trace(http: Run) -> None:
    client = http.recording.where(type="tool.completed", observer="mcp_client")[0].statement
    server = served(http, 0).statement
    assert client["trace.id"] == server["trace.id"]
    assert server["span.parent_id"] == client["span.id"]
    assert client["mcp.transport"] == "http"
    assert client["jsonrpc.request_id"] == server["jsonrpc.request_id"]
