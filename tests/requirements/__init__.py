"""What Tallystick owes to whom: each obligation, its source, and the behaviour that meets it.

A test names what it holds: `@requirement("record.no-floats")`. test_requirements.py compares both
ways: no requirement without a test or a written reason, no mark without a requirement. One file an area;
AREAS joins them.
"""

from typing import Final

from tests.requirements.access import ACCESS
from tests.requirements.api import API
from tests.requirements.dashboard import DASHBOARD
from tests.requirements.export import EXPORT
from tests.requirements.identity import IDENTITY
from tests.requirements.masking import MASKING
from tests.requirements.operations import OPERATIONS
from tests.requirements.otlp import OTLP
from tests.requirements.project import PROJECT
from tests.requirements.proof import PROOF
from tests.requirements.receipt import RECEIPT
from tests.requirements.record import RECORD
from tests.requirements.requirement import Requirement, requirement
from tests.requirements.retention import RETENTION
from tests.requirements.sdk import SDK
from tests.requirements.spool import SPOOL
from tests.requirements.store import STORE
from tests.requirements.tooldef import TOOLDEF

__all__ = ["AREAS", "REQUIREMENTS", "Requirement", "requirement"]

AREAS: Final = (
    RECORD,
    TOOLDEF,
    RECEIPT,
    SPOOL,
    SDK,
    MASKING,
    OTLP,
    ACCESS,
    IDENTITY,
    API,
    STORE,
    RETENTION,
    OPERATIONS,
    PROOF,
    DASHBOARD,
    EXPORT,
    PROJECT,
)

REQUIREMENTS: Final[dict[str, Requirement]] = {
    name: one for area in AREAS for name, one in area.items()
}
