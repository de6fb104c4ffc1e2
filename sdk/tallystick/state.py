"""What the SDK is doing, as one frozen value: for `tallystick.status()`, `tallystick doctor` and tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Status:
    """A snapshot. Counts are of records of this process unless said otherwise; none is an estimate."""

    session: str | None
    """Id of the session in progress, None before the first record and after shutdown."""
    emitter: str | None
    """Name of the identity key."""
    endpoint: str | None
    """Where records go; None: spool only."""
    spool_dir: str
    spool_error: str | None
    """Why the spool cannot be written, None while it can."""
    recorded: int
    """Records that are in the spool."""
    sealed: int
    """Leaves under a seal."""
    acked: int
    """Frames (records and seals, of this and of recovered sessions) that a 200 covered."""
    unshipped: int
    """Records of this session that no 200 has covered yet."""
    backlog: int
    """Records held in memory while the spool cannot be written."""
    lost: Mapping[str, int]
    """Records that were given up, by reason; each is or will be reported by a `log.drop` record."""
    rejected: int
    """Records that the service refused, kept in `rejected/` below the spool directory, of every process."""
    rejected_reasons: Mapping[str, int]
    recovered_sessions: int
    """Dead sessions of which this process has shipped the rest."""
    shipping: str
    """One sentence: what the shipper is doing, or why it waits."""
    enrolment: str
    """One sentence: whether the service knows this emitter."""
    log_size: int | None
    """Size of the newest checkpoint of the service that was checked."""
    alarms: tuple[str, ...]
    """What must be looked at by a person: a log that shrank or forked, a key that changed."""
    warnings: tuple[str, ...]
    """What is worth knowing: a key sent in clear, a file with open permissions."""
    frameworks: Mapping[str, str] = field(default_factory=dict)
    """Framework -> active, skipped or failed, and why."""

    @property
    def is_healthy(self) -> bool:
        """Nothing lost, refused, alarmed or unwritable. Records that wait for the service are no fault."""
        return not (self.spool_error or self.lost or self.rejected or self.alarms)

    def lines(self) -> list[str]:
        """Return the status as a person would want to read it, one fact a line."""
        facts = [
            f"session    {self.session or 'not open yet'}",
            f"emitter    {self.emitter or 'no key yet'}",
            f"spool      {self.spool_dir}: {self.spool_error or 'writable'}",
            f"records    {self.recorded} recorded, {self.sealed} sealed, {self.unshipped} not yet shipped",
            f"service    {self.endpoint or 'none configured'}: {self.shipping}",
            f"enrolment  {self.enrolment}",
        ]
        facts += [f"framework  {name}: {state}" for name, state in self.frameworks.items()]
        facts += (
            [f"backlog    {self.backlog} records wait in memory for the spool"]
            if self.backlog
            else []
        )
        facts += [f"LOST       {count} records: {reason}" for reason, count in self.lost.items()]
        facts += [
            f"REJECTED   {count} records: {reason}"
            for reason, count in self.rejected_reasons.items()
        ]
        facts += [f"warning    {text}" for text in self.warnings]
        return facts + [f"ALARM      {text}" for text in self.alarms]


def nothing_recorded() -> Status:
    """Return the status of a process that does not record."""
    return Status(
        session=None,
        emitter=None,
        endpoint=None,
        spool_dir="",
        spool_error=None,
        recorded=0,
        sealed=0,
        acked=0,
        unshipped=0,
        backlog=0,
        lost={},
        rejected=0,
        rejected_reasons={},
        recovered_sessions=0,
        shipping="nothing is recorded: instrument() was not called, or recording is disabled or shut down",
        enrolment="not enrolled",
        log_size=None,
        alarms=(),
        warnings=(),
    )
