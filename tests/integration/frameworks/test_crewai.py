"""CrewAI at two versions: what a program sees, and what is recorded of its agents."""

import json
from pathlib import Path

import pytest

from tests.integration.frameworks import claims, every
from tests.integration.frameworks.environments import Run, run_example
from tests.recorded import disclosed
from tests.requirements import requirement

PROGRAM = "crewai_desk"
ENVIRONMENTS = ("old", "mcp1")
ENDS = [
    ("write", "success"),
    ("fail", "failure"),
    ("write", "success"),
    ("write", "success"),
    *[("fail", "failure")] * 6,  # CrewAI itself tries again
    ("multiply", "success"),
]

pytestmark = pytest.mark.e2e


found = every.running(PROGRAM, ENVIRONMENTS)


class TestEveryFramework(every.WithRemoteTool):
    program = PROGRAM
    steps = 6
    ends = ENDS
    call_id = None


def test_arguments_are_the_same_however_a_tool_is_called(found: Run) -> None:
    given = [disclosed(end)["params"] for end in found.ends("write")]
    assert given[:2] == ['{"text":"directly"}', '{"text":"structured"}']
    assert list(json.loads(given[2])) == ["text"]  # and nothing that CrewAI adds


def test_the_role_of_the_agent_and_its_model_are_stated(found: Run) -> None:
    direct, _, write = (end.statement for end in found.ends("write"))
    assert "agent.name" not in direct
    assert "model.name" not in direct
    assert (write["agent.name"], write["model.name"]) == ("clerk", "fake")
    assert len(write["tool.definition_digest"]) == 64


def test_a_failure_is_recorded_masked_also_one_that_the_model_is_told(found: Run) -> None:
    direct, told, *_ = found.ends("fail")
    assert direct.statement["error.type"] == told.statement["error.type"] == "ValueError"
    assert disclosed(direct)["error.message"].startswith("broken by [email:")
    claims.assert_masked(found)


@requirement("sdk.required-or-refused")
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_required_tool_that_cannot_be_recorded_does_not_run(
    environment: str, tmp_path: Path
) -> None:
    seen = claims.seen_where_nothing_is_durable(environment, PROGRAM, "write", tmp_path)
    for step in ("direct", "structured"):
        refusal = seen[step]
        assert isinstance(refusal, dict)
        assert refusal["raised"] == "RefusedError"
    assert seen["remote"] == "done"


def test_the_example_runs_and_is_recorded(tmp_path: Path) -> None:
    offline = {"CREWAI_DISABLE_TELEMETRY": "true", "CREWAI_TRACING_ENABLED": "false"}
    found = run_example("mcp1", "with_crewai", tmp_path, **offline)
    [refund] = found.ends("refund")
    assert refund.statement["agent.name"] == "billing"
    assert disclosed(refund)["principal.id"] == "ada"
    assert "refunded 20 euro for invoice 17\n" in str(found.seen["stdout"])
