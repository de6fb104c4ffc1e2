"""Elicitation of MCP: a server asks the person at the client, and each side records that as an approval.

`elicitation/create` is a request from server to client (mcp 1.x, and 2.x up to protocol 2025-11-25); its
answer may be a task (mcp_tasks). In later protocols the question travels in the result of a call, see
mcp_rounds. The server records what it asked and what the client says was answered; the client records
what it was asked and what its own program answered. An answer's choices are kept, masked; what somebody
typed is withheld.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from tallystick import runtime
from tallystick.capture.approvals import Answer, Question, record_answer, record_request, unanswered
from tallystick.capture.call import Call, Observer
from tallystick.instrument import mcp_facts, mcp_rounds, mcp_tasks
from tallystick.instrument.framework import Framework
from tallystick.instrument.mcp_question import METHOD, answer_of, question_of
from tallystick.instrument.patch import argument

RELATED: Final = "related_request_id"
"""The parameter by which a question says during which request it is asked."""


class ElicitationHooks:
    """The wrappers around what asks on the server and what answers on the client."""

    def __init__(self, framework: Framework) -> None:
        self._framework = framework

    async def ask_form(
        self,
        wrapped: Callable[..., Awaitable[Any]],
        session: object,  # noqa: ARG002 - wrapt's form
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Run `ServerSession.elicit_form`, or what asks from a task, and record question and answer."""
        schema = argument(1, "requestedSchema", args, kwargs) or kwargs.get("requested_schema")
        asked = {"message": argument(0, "message", args, kwargs), "requestedSchema": schema}
        related = argument(2, RELATED, args, kwargs)
        return await self._ask(asked, related, lambda: wrapped(*args, **kwargs))

    async def ask_url(
        self,
        wrapped: Callable[..., Awaitable[Any]],
        session: object,  # noqa: ARG002 - wrapt's form
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Run `ServerSession.elicit_url`, or that of a task, and record question and answer."""
        url = argument(1, "url", args, kwargs)
        asked = {"message": argument(0, "message", args, kwargs), "url": url}
        related = argument(3, RELATED, args, kwargs)
        return await self._ask(asked, related, lambda: wrapped(*args, **kwargs))

    async def receive(
        self,
        wrapped: Callable[..., Awaitable[None]],
        session: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Run `ClientSession._received_request` of 1.x, which answers through `responder.respond`."""
        responder = argument(0, "responder", args, kwargs)
        request = getattr(getattr(responder, "request", None), "root", None)
        if self._framework.safely(lambda: mcp_tasks.is_asked_for(session, request)):
            self._watch_late_answer(session, request, responder)
        question = self._asked_client(session, request)
        if question is None:
            await wrapped(*args, **kwargs)
            return
        heard, respond = [], responder.respond

        async def answer(response: Any) -> None:
            heard.append(response)
            self._answered(session, question, response, request)
            await respond(response)

        responder.respond = answer
        try:
            await wrapped(*args, **kwargs)
        except BaseException as error:
            if not heard:
                self._unanswered(question, error)
            raise

    async def dispatch(
        self,
        wrapped: Callable[..., Awaitable[Any]],
        session: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Run `ClientSession.dispatch_input_request` of 2.x: for requests, and for questions in a result."""
        request = argument(1, "request", args, kwargs)
        asked = self._framework.safely(lambda: mcp_rounds.take_asked(session, request))
        question = asked or self._asked_client(session, request)
        if question is None:
            return await wrapped(*args, **kwargs)
        try:
            response = await wrapped(*args, **kwargs)
        except BaseException as error:
            self._unanswered(question, error)
            raise
        self._answered(session, question, response, request)
        return response

    async def _ask(
        self, asked: Mapping[str, Any], related: object, proceed: Callable[[], Awaitable[Any]]
    ) -> Any:
        outlived = self._framework.safely(lambda: mcp_tasks.outlived_call(related))
        question = self._put("mcp_server", lambda: asked, outlived)
        if question is None:
            return await proceed()
        try:
            response = await proceed()
        except BaseException as error:
            self._unanswered(question, error)
            raise
        self._framework.safely(
            lambda: record_answer(question, answer_of(mcp_facts.wire(response), asked)),
            records=True,
        )
        return response

    def _asked_client(self, session: Any, request: Any) -> Question | None:
        if getattr(request, "method", None) != METHOD:
            return None
        task = self._framework.safely(lambda: mcp_tasks.call_of(session, request.params))
        waiting = task or self._framework.safely(lambda: mcp_rounds.waiting_call(session))
        return self._put("mcp_client", lambda: mcp_facts.wire(request.params), waiting)

    def _watch_late_answer(self, session: object, request: Any, responder: Any) -> None:
        respond = responder.respond

        async def answer(response: Any) -> None:
            self._framework.safely(
                lambda: mcp_tasks.record_late_answer(session, request, response), records=True
            )
            await respond(response)

        responder.respond = answer

    def _put(
        self, observer: Observer, asked: Callable[[], Mapping[str, Any]], call: Call | None
    ) -> Question | None:
        if not self._framework.is_on or runtime.current() is None:
            return None

        def put() -> Question:
            question = question_of(secrets.token_hex(16), asked(), observer, call)
            record_request(question)
            return question

        return self._framework.safely(put, records=True)

    def _answered(self, session: object, question: Question, response: Any, request: Any) -> None:
        def record() -> None:
            if not mcp_tasks.is_put_off(session, question, request.params, response):
                answer = answer_of(mcp_facts.wire(response), mcp_facts.wire(request.params))
                record_answer(question, answer)

        self._framework.safely(record, records=True)

    def _unanswered(self, question: Question, error: BaseException) -> None:
        is_timeout = mcp_facts.error_ending(error).outcome == "timeout"
        decision = "expired" if is_timeout else unanswered(error)
        self._framework.safely(
            lambda: record_answer(question, Answer(decision, type(error).__qualname__)),
            records=True,
        )
