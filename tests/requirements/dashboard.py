"""The screens."""

from typing import Final

from tests.requirements.requirement import Requirement

DASHBOARD: Final = {
    "dashboard.any-parents": Requirement(
        "promise: bad input is harmless and said",
        "Whatever the parents of spans say, the trace page shows every span and record in exactly"
        " one row, and names loops and missing parents.",
    ),
    "dashboard.derived-unsealed": Requirement(
        "promise: what nobody signed at its source never looks signed",
        "A derived event never carries the seal icon.",
    ),
    "dashboard.corrupt-row": Requirement(
        "promise: a changed row is named",
        "A record whose stored copy contradicts its signed bytes, or that cannot be read, turns its"
        " trace's page red.",
    ),
    "dashboard.trace-red": Requirement(
        "promise: what was refused or failed is seen at once",
        "A denied or failed call makes its trace's page red, and no other page.",
    ),
    "dashboard.proof": Requirement(
        "RFC 9162 section 2.1.3.2; promise: a reader need not believe the service",
        "The trace page recomputes leaf, seal, checkpoint and inclusion of a record from its exact"
        " lines; each step says ok, failed, or not checked and why.",
    ),
    "dashboard.inert": Requirement(
        "OWASP ASVS 5.0 V1.3",
        "Text that an agent or a tool wrote is shown as text: markup, control characters and marks"
        " that turn the direction of writing do nothing.",
    ),
    "dashboard.guard": Requirement(
        "OWASP ASVS 5.0 V3.4, V3.5, V4.4",
        "The dashboard serves hosts and origins of its own alone, opens pages and its websocket to a"
        " session alone, and states a strict policy with every answer.",
    ),
    "dashboard.filters": Requirement(
        "promise: every view is a link",
        "Filters and pages of the list of actions stand in the address and reach the service.",
    ),
    "dashboard.rights": Requirement(
        "OWASP ASVS 5.0 V8.2",
        "Each run of a page asks for the visitor's rights anew; an end of the session leads to the login.",
    ),
    "dashboard.names": Requirement(
        "GDPR art. 5(1)(c); promise: payload and reveal are separate rights",
        "Names of people are shown to whoever may reveal them and says why, in the one view that this was"
        " said for, with the reason in sight and on record; nobody else is offered it.",
    ),
    "dashboard.retention": Requirement(
        "promise: two people decide, and see what they decide",
        "The retention page shows classes, holds, requests and exceptions to who has a right to decide of them, with"
        " the decisions that they may take and no others; what the service refuses is said, and what was typed stays.",
    ),
    "dashboard.launch": Requirement(
        "promise: one process to start",
        "The dashboard starts and ends with the service, however that ends, and never stops it.",
    ),
    "dashboard.clean": Requirement(
        "WCAG 2.2 level AA; promise: nothing leaves the machine",
        "Each page, in both palettes: no console error, no violation of its policy, no request to"
        " another place, no serious finding of axe.",
    ),
    "dashboard.login": Requirement(
        "OWASP ASVS 5.0 V6.3, V7.4",
        "Without a session every page leads to the login; a one-time link works once; after a logout"
        " the old cookie opens nothing.",
    ),
    "dashboard.links": Requirement(
        "promise: every view is a link",
        "The address of a call in a trace shows the same call to whoever opens it.",
    ),
    "dashboard.service-away": Requirement(
        "promise: silence never looks like an empty log",
        "While the service is away every page says so and nothing about the log.",
    ),
    "dashboard.large-trace": Requirement(
        "promise: a large trace opens",
        "A trace of 10,000 spans, with loops and orphans, opens with fewer than 3,000 elements.",
    ),
    "dashboard.numbers": Requirement(
        "AI Act article 21; promise: screens and evidence agree",
        "The numbers of the overview equal SQL over the package of the same period.",
    ),
    "dashboard.demo": Requirement(
        "promise: a reader's first minute",
        "`make demo` in a terminal leaves the dashboard open; its links work; Ctrl-C ends it.",
    ),
}
