"""Approvals: what somebody was shown and what they answered, as two records that share an id.

`approval.requested` and `approval.decided` hold a keyed digest of what was shown, so that an approval of one
thing cannot pass for that of another: whoever holds the value recomputes the digest. What was shown stands,
masked, in a disclosure. Nothing here asks anybody: the program asks, and says so.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Literal, Self, get_args

from tallystick import runtime
from tallystick.capture.call import ABSENT, Call, Observer, current_call
from tallystick.capture.decision import Decision
from tallystick.capture.either_way import EitherWay
from tallystick.capture.governance import Setting, draft_in_context
from tallystick.capture.identity import Identity, Principal, text
from tallystick.errors import RecordError
from tallystick.profile import JsonValue
from tallystick.recording import payload

Choice = Literal["approved", "denied", "modified", "expired", "cancelled"]
Mode = Literal["human", "rule", "standing", "bypass"]

CHOICES: Final[tuple[str, ...]] = get_args(Choice)
MODES: Final[tuple[str, ...]] = get_args(Mode)
POLICY: Final = "approval"
"""Policy of the refusal that a denied approval makes of the call around it; its rule is the approval's id."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `id` is shared by request and decision; `channel` says how it is asked.

    `presented` is digested as it is; `disclosed` stands, masked, in its place where not all of it may.
    """

    id: str
    presented: object = ABSENT
    disclosed: object = ABSENT
    mode: str = "human"
    channel: str | None = None
    observer: Observer = "agent"
    call: Call | None = None
    """The call that waits for the answer, where it is not the current one."""
    asker: Identity | None = None
    """Who asks, where it is not who makes the call that waits."""
    statement: Mapping[str, JsonValue] = field(default_factory=dict)
    """Fields that both records state besides: the tool that is asked about, the id of its call."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered. `content` holds what else the answer says, already safe to disclose masked."""

    decision: str
    reason: str | None = None
    content: object = ABSENT
    approver: str | None = None
    who: Identity | None = None
    """Who answers where no approver is named, if it is not who makes the call that waits."""


def approval_requested(
    presented: object,
    *,
    mode: Mode = "human",
    channel: str | None = None,
    id: str | None = None,  # noqa: A002
) -> str:
    """Record that somebody is asked to approve `presented`, and return the id of the approval.

    `presented` is what they are shown: text, or a JSON value. Give `id` where the asking system has one.
    Raises RecordError for an unknown mode.
    """
    question = Question(_name(id), presented, mode=_one_of("mode", mode, MODES), channel=channel)
    record_request(question)
    return question.id


def approval_decided(
    id: str,  # noqa: A002 - the record's word
    decision: Choice,
    *,
    presented: object = ABSENT,
    mode: Mode = "human",
    reason: str | None = None,
    approver: str | None = None,
) -> None:
    """Record the answer to approval `id`; in another process too, and any time later.

    Give `presented` again where it is at hand: an auditor compares its digest with that of the request.
    `approver` is who decided, as far as the program knows (asserted). A denial inside a call makes a call
    that then fails a denied one. Raises RecordError for an unknown decision or mode.
    """
    question = Question(_name(id), presented, mode=_one_of("mode", mode, MODES))
    said = _one_of("decision", decision, CHOICES)
    record_answer(question, Answer(said, reason, approver=approver))


def record_request(question: Question) -> None:
    """Record `approval.requested`. Does nothing while nothing is recorded."""
    _record("approval.requested", question, {}, {}, question.asker or _waiting(question))


def record_answer(question: Question, answer: Answer) -> None:
    """Record `approval.decided`, and let a denial stand in the record of the call that waits for it."""
    call = question.call or current_call()
    if answer.decision == "denied" and call is not None and not call.is_over:
        call.add_denial(Decision("deny", POLICY, rule=question.id, reason=answer.reason))
    disclosures: dict[str, object] = {}
    if answer.reason is not None:
        disclosures["approval.reason"] = text(answer.reason)
    if answer.content is not ABSENT:
        disclosures["approval.answer"] = answer.content
    stated = {"approval.decision": answer.decision}
    _record("approval.decided", question, stated, disclosures, _decider(question, answer))


class Approval(EitherWay):
    """One approval that is asked for inside `with`: `decide` says what came of it, else its end does."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._decision: str | None = None

    @property
    def id(self) -> str:
        """The id that both records share."""
        return self._question.id

    @property
    def decision(self) -> str | None:
        """What was decided, None so far."""
        return self._decision

    def decide(
        self, decision: Choice, *, reason: str | None = None, approver: str | None = None
    ) -> None:
        """Record the answer. Raises RecordError for an unknown one, and for a second one: the first stands."""
        said = _one_of("decision", decision, CHOICES)
        if self._decision is not None:
            raise RecordError(
                f"approval was already {self._decision}; ask again for another answer"
            )
        self._decision = said
        record_answer(self._question, Answer(said, reason, approver=approver))

    def __enter__(self) -> Self:
        record_request(self._question)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._decision is None:
            self._decision = unanswered(error)
            record_answer(self._question, Answer(self._decision))


def approval(
    presented: object,
    *,
    mode: Mode = "human",
    channel: str | None = None,
    id: str | None = None,  # noqa: A002
) -> Approval:
    """Ask for an approval inside `with` (or `async with`); the request is recorded on entry.

        with tallystick.approval({"tool": "transfer", "amount": 100}) as asked:
            asked.decide("approved" if ask_somebody() else "denied", approver="ada")

    Left without an answer it is recorded as expired where a TimeoutError ends it, else as cancelled.
    Raises RecordError for an unknown mode.
    """
    return Approval(
        Question(_name(id), presented, mode=_one_of("mode", mode, MODES), channel=channel)
    )


def unanswered(error: BaseException | None) -> Choice:
    """Say what a question without an answer came to, from what ended it."""
    is_timeout = isinstance(error, TimeoutError | asyncio.TimeoutError)
    return "expired" if is_timeout else "cancelled"


def presented_text(presented: object) -> str | None:
    """Return what is digested of what was shown: a text as it is, else its canonical JSON text."""
    if isinstance(presented, str):
        return presented
    measured = payload.measure(presented)
    return None if measured is None else measured.canonical.decode()


def _record(
    type_: str,
    question: Question,
    statement: Mapping[str, JsonValue],
    disclosures: Mapping[str, object],
    who: Identity | None,
) -> None:
    """Record one of the two; `who` acts, None: the context says."""
    running = runtime.current()
    if running is None:
        return
    stated: dict[str, JsonValue] = {"approval.id": question.id, "approval.mode": question.mode}
    if question.channel is not None:
        stated["approval.channel"] = text(question.channel)
    shown: dict[str, object] = {}
    tokens: dict[str, tuple[str, str]] = {}
    if question.presented is not ABSENT:
        is_same = question.disclosed is ABSENT
        shown["approval.presented"] = question.presented if is_same else question.disclosed
        digested = presented_text(question.presented)
        if digested is not None:
            tokens["approval.presented_digest"] = ("presented", digested)
    draft = draft_in_context(
        type_,
        {**stated, **question.statement, **statement},
        {**shown, **disclosures},
        tokens,
        Setting(question.observer, question.call, who),
    )
    running.recorder.record(draft)


def _decider(question: Question, answer: Answer) -> Identity | None:
    """Return who decides: the named approver, else who makes the call that waits."""
    if answer.approver:
        name = text(answer.approver)
        return Identity(Principal(name, basis="asserted", auth_method="context"))
    return answer.who or _waiting(question)


def _waiting(question: Question) -> Identity | None:
    return question.call.sighting.identity if question.call is not None else None


def _name(given: object) -> str:
    return secrets.token_hex(16) if given is None else text(given)


def _one_of(what: str, given: object, known: tuple[str, ...]) -> str:
    if given not in known:
        raise RecordError(f"{what} is {str(given)[:64]!r}, expected {', '.join(known)}")
    return str(given)
