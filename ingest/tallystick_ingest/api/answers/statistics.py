"""Answers of the statistics: tools and how they fare, tools never seen before, who uses what."""

from tallystick_ingest.api.answers.form import Answer, Count, Index, Listing
from tallystick_ingest.api.answers.overview import CountsShape


class PeriodShape(Answer):
    """From when to when, in µs since 1970."""

    from_us: int
    to_us: int


class ToolStatisticsShape(CountsShape):
    """One tool or prompt in one hour, or in the whole period."""

    hour_us: int | None
    """Start of the hour; null: the whole period."""
    server: str
    tool: str
    measured: Count
    """Actions of which the duration is known: the percentiles are those of these."""
    p50_us: int | None
    """Within 5 %, as the other two."""
    p95_us: int | None
    p99_us: int | None


class ToolStatisticsAnswer(Listing):
    """Tools of a period, the newest hour and the most used first."""

    period: PeriodShape
    tools: list[ToolStatisticsShape]


class NewToolShape(Answer):
    """A tool, and the record that named it first."""

    server: str
    tool: str
    first_us: int
    log_index: Index


class NewToolsAnswer(Listing):
    """Tools that were first seen in the period, newest first."""

    period: PeriodShape
    tools: list[NewToolShape]


class UseShape(CountsShape):
    """How often an agent used a tool on behalf of a person."""

    agent: str
    server: str
    tool: str
    person: str
    """The keyed pseudonym, to be given as `principal` to `/actions`; empty: nobody was named."""


class WhoAnswer(Listing):
    """Agents, tools and people, those with the most actions first."""

    period: PeriodShape
    uses: list[UseShape]
