"""What names a person beside the log, and goes when their values are erased.

    sessions    of the dashboard and of the API, by the id of whoever logged in
    people      whom the issuer vouches for: their name, until they log in again
    exports     packages that wait for somebody to fetch them, whomever they are about

An account is a right to come in, which whoever administers the service gives and takes: it goes first, by
`tallystick accounts remove`, and its name with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tallystick_ingest.auth.accounts import AccountBook
from tallystick_ingest.auth.gate import ISSUER_PREFIX
from tallystick_ingest.auth.people import PeopleBook
from tallystick_ingest.auth.sessions import SessionBook
from tallystick_ingest.export_jobs import ExportJobs
from tallystick_store.governance.requests import ConflictError
from tallystick_store.governance.subjects import ISSUED_CHARS

PERSON = "principal"
"""The filter of an erasure that means a person."""


@dataclass(frozen=True, slots=True)
class Forgetting:
    """Safe to use from several threads."""

    sessions: SessionBook
    people: PeopleBook
    accounts: AccountBook
    exports: ExportJobs

    def require_left(self, wanted: Mapping[str, str]) -> None:
        """Raise ConflictError for somebody who may still come in by an account here; ConfigError."""
        account = self.accounts.with_id(wanted.get(PERSON, ""))
        if account is not None:
            raise ConflictError(
                f"{account.id} is an account that is in use: remove it first (tallystick accounts remove NAME)"
            )

    def forget(self, wanted: Mapping[str, str]) -> None:
        """End the sessions of whom an erasure means, and forget their name, durably. Raises OSError."""
        person = wanted.get(PERSON)
        if person is None:
            return
        issued = ISSUER_PREFIX + person[:ISSUED_CHARS]
        for id_ in (person, issued):
            self.sessions.end_of(id_)
        self.people.forget(issued)

    def drop_copies(self) -> None:
        """Remove the packages that were made before values went; to be called once they are gone."""
        self.exports.drop()
