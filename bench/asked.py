"""The questions that are put to a long history, as the pages and routes ask them, and what each may take."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tallystick_store.actions import ActionFilter
from tallystick_store.overview import read_overview
from tallystick_store.query import Query
from tallystick_store.search import search_text
from tallystick_store.statistics import new_tools, tool_statistics, who_uses_what
from tallystick_store.store import Store
from tallystick_store.trace_index import TracePlace

DAY_US: Final = 24 * 3_600_000_000
TRACE_MS: Final = 50
PAGE_MS: Final = 100
OVERVIEW_MS: Final = 500

_NAMES: Final = """
    SELECT trace_id, agent_name, tool_name, principal_id, session, action_id FROM events
    WHERE log_index >= ? AND type = 'tool.completed' ORDER BY log_index LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Question:
    """One question and the budget for its answer in milliseconds, None where none is stated."""

    name: str
    budget_ms: int | None
    ask: Callable[[], object]


def questions(store: Store) -> list[Question]:
    """Return them, each about what stands in the middle of the log, or about its newest part."""
    query, middle = Query(store.database, store.published), store.size // 2
    ((trace, agent, tool, person, session, action),) = store.database.rows(_NAMES, [middle])
    filters = {
        "newest 50 actions": ActionFilter(),
        "newest of an agent": ActionFilter(agent=agent),
        "newest of an agent and tool": ActionFilter(agent=agent, tool=tool),
        "newest of a person": ActionFilter(principal=person),
        "newest of a session": ActionFilter(session=session),
    }
    place = TracePlace(middle, "")
    return [
        Question("trace by id", TRACE_MS, lambda: query.trace(trace)),
        Question("action by id", PAGE_MS, lambda: query.action(action)),
        *(Question(name, PAGE_MS, _page_of(query, one)) for name, one in filters.items()),
        Question("page of actions", PAGE_MS, lambda: query.actions(ActionFilter(), before=middle)),
        Question("page of traces", PAGE_MS, lambda: query.traces(None, None, 50, None)),
        Question("page of traces, older", PAGE_MS, lambda: query.traces(None, None, 50, place)),
        Question("sessions", PAGE_MS, query.sessions),
        Question("counts of /status", PAGE_MS, query.counts),
        *_over_periods(store),
    ]


def _page_of(query: Query, wanted: ActionFilter) -> Callable[[], object]:
    return lambda: query.actions(wanted)


def _over_periods(store: Store) -> list[Question]:
    database = store.database
    ((now_us,),) = database.rows("SELECT max(time_us) FROM events")
    day, month = (now_us - DAY_US, now_us), (now_us - 30 * DAY_US, now_us + 1)
    return [
        Question("overview of a day", OVERVIEW_MS, lambda: read_overview(database, *day)),
        Question("overview of 30 days", OVERVIEW_MS, lambda: read_overview(database, *month)),
        Question("tools, a day", OVERVIEW_MS, lambda: tool_statistics(database, *day)),
        Question("tools, 30 days", OVERVIEW_MS, lambda: tool_statistics(database, *month)),
        Question(
            "tools by hour, 30 days",
            OVERVIEW_MS,
            lambda: tool_statistics(database, *month, is_hourly=True),
        ),
        Question("new tools, a day", PAGE_MS, lambda: new_tools(database, *day)),
        Question("who uses what, a day", OVERVIEW_MS, lambda: who_uses_what(database, *day)),
        Question("who uses what, 30 days", OVERVIEW_MS, lambda: who_uses_what(database, *month)),
        Question("a text, found", None, lambda: search_text(database, "invoice", day)),
        Question("a text, not found", None, lambda: search_text(database, "no such text", day)),
    ]
