"""The phrases by which a definition talks to the model: one kind for each family that was published.

An honest definition says some of that too ("call X before Y", "the model should ..."): such families are
NOTICES, which a screen shows calmly. Texts are matched in lower case, with each blank a single space. No
list of phrases is complete. Gaps inside a pattern are bounded, so that a search is linear in the text.
"""

from collections.abc import Mapping
from typing import Final

OVERRIDE: Final = "overrides_instructions"
CONCEAL: Final = "hides_from_user"
MARKUP: Final = "prompt_markup"
ASKING: Final = "asks_for_secret"
SMUGGLE: Final = "smuggles_data"
ADDRESS: Final = "sends_to_address"
SHADOW: Final = "rules_other_tools"
PRECONDITION: Final = "demands_first_step"
MODEL: Final = "addresses_model"

NOTICES: Final = frozenset((PRECONDITION, MODEL))
"""Kinds that honest definitions hold as well."""

_GAP: Final = r"[^.!?]{0,60}?"
_SENTENCE: Final = r"[^.!?]{0,120}?"
_NEVER: Final = (
    r"(?:do not|don'?t|must not|mustn'?t|should not|shouldn'?t|never|avoid|refrain from)"
)
_TELL: Final = (
    r"(?:tell(?:ing)?|mention(?:ing)?|inform(?:ing)?|notify(?:ing)?|alert(?:ing)?|reveal(?:ing)?|disclos(?:e|ing)"
    r"|show(?:ing)?|let(?:ting)?|explain(?:ing)?|warn(?:ing)?|report(?:ing)?|say(?:ing)?)"
)
_HUMAN: Final = (
    r"(?:the |any |your )?(?:users?|humans?|operators?|customers?|end-users?|anyone|anybody)"
)
_SECRETS: Final = (
    r"(?:~?/?\.ssh\b|id_(?:rsa|ed25519|ecdsa)|\.aws/|\.env\b|\.netrc|\.npmrc|\.kube/config|mcp\.json"
    r"|/etc/(?:passwd|shadow)"
    r"|\.cursor/|\.git-credentials|claude_desktop_config|private keys?\b|(?:api|ssh|access|secret) keys?\b"
    r"|passwords?\b|credentials?\b|secrets?\b|(?:access |auth |bearer )tokens?\b|environment variables"
    r"|system prompt|seed phrase|\.bash_history|keychain)"
)
_FETCH: Final = (
    r"(?:read|open|cat|access|load|fetch|retrieve|extract|collect|gather|dump|print|include|copy"
    r"|find|look up|list|get)"
)
_MUST: Final = r"(?:must|should|shall|always|have to|has to|need to|needs to|required to|please|first|make sure)"
_MATTER: Final = (
    r"(?:contents?|conversations?|chat|history|messages?|files?|data|results?|outputs?|responses?|prompts?|credentials?"
    r"|secrets?|tokens?|keys?|passwords?|e-?mails?|context|everything|them|it|details|information|copy)"
)
_TARGET: Final = (
    r"(?:https?://(?!(?:www\.)?example\.)\S|[\w.+-]{1,64}@(?!example\.)[\w-]{1,64}\.[a-z]"
    r"|\+?\d[\d ()-]{7,16}\d)"
)
"""example.com and its like lead nowhere (RFC 2606), and stand in honest examples."""

PATTERNS: Final[Mapping[str, tuple[str, ...]]] = {
    OVERRIDE: (
        (
            rf"\b(?:ignore|disregard|forget|override|bypass|supersede)s?\b{_GAP}\b(?:previous|prior|above"
            rf"|earlier|preceding|other"
            rf"|existing|system|safety|your|all|any)\b{_GAP}\b(?:instructions?|prompts?|rules|guidelines"
            rf"|directives?|policies"
            r"|constraints|restrictions|safeguards)\b"
        ),
        r"\b(?:new|updated|real|actual) (?:system )?(?:instructions?|directives?) ?:",
        (
            r"\btakes? (?:precedence|priority) over (?:all|any|every|the|your|other|previous)"
            rf"{_GAP}\b(?:instructions?|rules|tools?|prompts?)\b"
        ),
        r"\byou are now\b|\b(?:developer|god|jailbreak|dan|unrestricted) mode\b",
        (
            r"\b(?:instructions?|guidelines|rules|prompts?) (?:\S{1,80} ){0,3}?(?:are|is) (?:now )?"
            r"(?:outdated|obsolete|void|invalid|replaced|superseded|cancell?ed|no longer (?:valid|in force))\b"
        ),
    ),
    CONCEAL: (
        rf"\b{_NEVER} (?:\w+ ){{0,2}}?{_TELL} (?:\w+ ){{0,6}}?(?:to )?{_HUMAN}\b",
        (
            rf"\b{_NEVER} (?:\w+ ){{0,2}}?(?:mention|reveal|disclose|show|display|talk about) (?:that|this|it|these)\b"
            rf"{_GAP}\b(?:users?|step|instructions?|part|tool call)\b"
        ),
        (
            rf"(?<!not )(?<!never )\bwithout (?:telling|informing|notifying|alerting|mentioning|asking"
            rf"|the knowledge of)"
            rf"(?: it| this| that)?(?: to)? {_HUMAN}\b(?! first)"
        ),
        rf"\bwithout {_HUMAN}(?:'s)? (?:knowledge|knowing|consent|noticing|awareness)\b",
        rf"\b(?:keep|hide|conceal|withhold) (?:this|it|that|these)\b{_GAP}\bfrom {_HUMAN}\b",
        rf"\b{_HUMAN} (?:must|should|can|may) ?not (?:know|see|notice|learn|be told|be informed)\b",
        r"\b(?:the )?user (?:does ?n[o']t|need not) (?:need to )?(?:know|see|be told)\b",
        rf"\b(?:invisible|hidden|concealed|unnoticed|kept secret) (?:to|from|by) {_HUMAN}\b",
        (
            rf"\b{_NEVER} (?:reveal|disclose|mention|repeat) (?:this|that|these) "
            r"(?:instructions?|requirements?|rules|prompts?|notes?)\b"
        ),
    ),
    MARKUP: (
        (
            r"</?(?:important|system|critical|instructions?|secret|hidden|admin|override|mandatory|urgent"
            r"|priority|assistant"
            r"|system[-_ ](?:prompt|message|reminder)|s|user_query)>"
        ),
        (
            r"<\|(?:im_start|im_end|system|user|assistant|endoftext|start_header_id)\|>|<<sys>>|\[/?inst\]|\[system\]"
            r"|(?:^|\n)#{1,4} ?(?:system|assistant)(?: prompt| message)? ?:|\bbegin (?:system"
            r"|hidden) (?:prompt|instructions)"
        ),
        (
            r"\bsystem (?:note|message|prompt|instructions?|notice) (?:to|for) (?:the )?"
            r"(?:ai|llm|model|assistant|agent)s?\b"
        ),
    ),
    ASKING: (
        rf"\b{_MUST}\b{_GAP}\b{_FETCH}\b (?:\S{{1,80}} ){{0,6}}?['\"`]?\S{{0,40}}?{_SECRETS}",
        (
            rf"\b{_FETCH} (?:\S{{1,80}} ){{0,4}}?['\"`]?\S{{0,40}}?{_SECRETS}{_SENTENCE}\b(?:and|then)\b"
            rf"{_GAP}\b(?:pass|send|include|put|append|add|provide|supply|give|submit|attach|post|forward|use|return)\b"
        ),
        (
            rf"\b(?:pass|send|include|put|append|provide|post"
            rf"|forward)\b (?:\S{{1,80}} ){{0,6}}?(?:contents? of|value of|all|every|any)"
            rf" (?:\S{{1,80}} ){{0,4}}?\S{{0,40}}?{_SECRETS}"
        ),
        (
            r"\b(?:needs?|requires?|wants?|expects?|must contain|must include|should contain|should include) "
            rf"(?:\S{{1,80}} ){{0,2}}?(?:contents? of |values? of |text of |all |the |any |every )"
            rf"(?:\S{{1,80}} ){{0,2}}?\S{{0,40}}?{_SECRETS}"
            rf"{_SENTENCE}\b(?:as|in|into|found|provide|supply|pass|send|encoded)\b"
        ),
    ),
    SMUGGLE: (
        (
            rf"\b(?:pass|include|put|append|place|copy|insert|provide|write|add|encode)\b (?:\S{{1,80}} ){{0,3}}?"
            rf"(?:its|the|their|this|all|entire|full|whole"
            rf"|complete) (?:\S{{1,80}} ){{0,4}}?{_MATTER}{_GAP}\b(?:as|in|into|to|via|through)\b"
            r" (?:the |a )?(?:['\"`]\w{1,40}['\"`]|\w{1,40} (?:parameter|argument|field|param)\b)"
        ),
        (
            r"\b(?:full|entire|whole|complete|previous|all) (?:conversation|chat|message) (?:history|log|transcript)\b"
            rf"{_GAP}\b(?:must|required|always|here|into|in this|as the)\b"
        ),
        (
            r"\b(?:reasoning|chain of thought|system prompt|available tools)\b"
            rf"{_GAP}\b(?:must|always)\b{_GAP}\b(?:here|this (?:field|parameter|argument))\b"
        ),
        (
            r"\b(?:with|call|pass|send|track|log|include|record|give|supply)\b[^.!?]{0,40}?\b(?:the |all )?"
            r"(?:full|entire|whole|complete|all previous|all prior|all earlier) "
            r"(?:chat|conversations?|messages?|history|prompts?|context)\b"
        ),
    ),
    ADDRESS: (
        (
            rf"\b(?:{_MUST}|also|then|and|silently|secretly)\b{_GAP}\b(?:sen[dt]|forward(?:ed)?|post(?:ed)?|upload(?:ed)?"
            r"|bcc|cc|cop(?:y|ied)|transmit(?:ted)?|e-?mail(?:ed)?"
            rf"|exfiltrate|report|submit|redirect|deliver)\b{_GAP}\b(?:to|at|with|:)? ?<?['\"`]?{_TARGET}"
        ),
        (
            rf"\b(?:send|forward|upload|bcc|cc|transmit|exfiltrate|redirect|deliver)\b (?:a copy of |all "
            rf"|every |the |any |its )"
            rf"{_GAP}\bto <?['\"`]?{_TARGET}"
        ),
        (
            rf"\b(?:recipient|destination|phone number|number|to) (?:\S{{1,80}} ){{0,4}}?(?:must|always"
            rf"|should) (?:\S{{1,80}} ){{0,4}}?(?:be|to)"
            rf" <?['\"`]?{_TARGET}"
        ),
        r"!\[[^\]\n]{0,80}\]\(https?://",
        (
            r"\b(?:e-?mail|mail|post|report|submit|deliver) (?:a copy of |all |every |the |any |its |your |their )"
            rf"{_GAP}\bto <?['\"`]?{_TARGET}"
        ),
        (
            r"\b(?:change|set|replace|switch) (?:the |all |every |any )?"
            r"(?:recipients?|destinations?|numbers?|addresse?s?)"
            rf"\b{_GAP}\b(?:to|with) <?['\"`]?{_TARGET}"
        ),
    ),
    SHADOW: (
        (
            r"\b(?:when(?:ever)?|if|while|once|as long as) (?:this|the|an?) ?\S{0,40} (?:tool|server|function) is "
            r"(?:available|present|enabled|installed|loaded|connected)\b"
        ),
        (
            r"\b(?:when(?:ever)?|each time|every time|any time|before|after) (?:\S{1,80} ){0,3}?(?:use|using"
            r"|used|call|calling|called|invok(?:e|ed|ing)"
            r"|run|running)\b (?:\S{1,80} ){0,2}?(?:any|every|each|all)(?: of the)?(?: other)? (?:tools?|functions?)\b"
        ),
        (
            rf"\b(?:any|all|every|each)(?: of the)? other (?:\w+ )?(?:tools?|functions?"
            rf"|servers?)\b{_GAP}\b(?:must|should|never|always"
            r"|are (?:disabled|deprecated|unsafe|broken)|instead)\b"
        ),
        (
            r"\b(?:the|tool|function) ['\"`]?(?!this\b|same\b)[\w.-]{3,60}['\"`]? (?:tool|function) (?:must"
            r"|should|has to|will) "
            r"(?:always |now |never |also |only |not )?(?:send|use|be|call|pass|include|go|return|set|have|run)\b"
        ),
        (
            r"\bwhen(?:ever)? (?:\S{1,80} ){0,3}?(?:using|calling"
            r"|invoking) ['\"`]?(?!this\b)[\w.-]{3,60}['\"`]?,? (?:tool,? )?(?:also|always|first|you must|make sure)\b"
        ),
        r"\bside[ -]?effects? (?:on|of) (?:the )?['\"`]?\w{3,60}['\"`]?(?: tool)?\b[^.!?]{0,60}\b(?:must|has to)\b",
        (
            rf"\bwhen(?:ever)? (?:\S{{1,80}} ){{0,8}}?(?:another|a different|other) (?:tool|function"
            rf"|server){_GAP}\b(?:must|instead|always)\b"
        ),
        (
            r"\b(?:prior to|before|after|every time|each time|whenever)\b[^.!?,]{0,20}?\b(?:a|any|every|each|all) "
            r"(?:other )?(?:\w{1,30} )?(?:commands?|tool calls?|tools?|requests?|responses?|actions?), "
            r"(?:first |always |you |please )*"
            r"(?:call|execute|run|invoke|use|send|must|add|insert|append|prepend)\b"
        ),
        (
            r"\b(?<!this )(?:tool|function),? (?:which |that )?is "
            r"(?:deprecated|broken|unsafe|disabled|compromised|outdated)"
            r"\b[^.!?]{0,40}?\b(?:must not|must never|never|do not|don't|cannot) (?:be )?us"
        ),
    ),
    PRECONDITION: (
        (
            r"\bbefore (?:you )?(?:use|using|call|calling|invok(?:e|ing)|run|running|execut(?:e|ing)) "
            r"(?:this|the|any|other|another)(?: other)? ?\S{0,40} ?(?:tools?|functions?)?"
        ),
        r"\b(?:you )?(?:must|should) (?:always |first )+(?:call|use|run|invoke|execute|read)\b",
        r"\balways (?:call|use|run|invoke) (?:this|the|it)\b",
        r"\b(?:call|use|run|invoke) [\w.-]{3,60} first\b",
        r"\b(?:must|should) be (?:called|used|run|invoked) (?:first|before)\b",
        r"\b(?:call|use|run|invoke) this (?:tool |function )?(?:first|before)\b",
    ),
    MODEL: (
        r"\b(?:you are|as) (?:an? |the )?(?:helpful |large )?(?:ai|llm|language model|assistant|agent)\b",
        r"\b(?:the )?(?:ai|llm|model|assistant|agent)s? (?:must|should|shall|has to|is required to)\b",
        r"\byou (?:must|shall|are required to|have to)\b",
        r"\b(?:note|message|instructions?|hint) (?:to|for) (?:the )?(?:ai|llm|model|assistant|agent)s?\b",
    ),
}
HINTS: Final[Mapping[str, tuple[str, ...]]] = {
    OVERRIDE: (
        *(
            "ignor",
            "disregard",
            "forget",
            "overrid",
            "bypass",
            "supersede",
            "instruction",
            "directive",
            "guideline",
            "rules",
            "prompt",
        ),
        *("precedence", "priority", "you are now", " mode"),
    ),
    CONCEAL: (
        "user",
        "human",
        "operator",
        "customer",
        "anyone",
        "anybody",
        "instruction",
        "tool call",
        " step",
        " part",
        "requirement",
        "rules",
        "prompt",
        "note",
    ),
    MARKUP: (">", "[", "#", "begin ", "system "),
    ASKING: (
        *(
            "ssh",
            "id_",
            ".aws",
            ".env",
            ".netrc",
            ".npmrc",
            ".kube",
            "mcp.json",
            "/etc/",
            ".cursor",
            "git-cred",
        ),
        *(
            "desktop_config",
            "key",
            "password",
            "credential",
            "secret",
            "token",
            "environment",
            "system prompt",
        ),
        *("seed phrase", "history"),
    ),
    SMUGGLE: (
        *(
            "pass",
            "includ",
            "put",
            "append",
            "plac",
            "copy",
            "insert",
            "provid",
            "writ",
            "add",
            "encod",
        ),
        *(
            "histor",
            "transcript",
            "reasoning",
            "thought",
            "system prompt",
            "available tools",
            " log",
            "chat",
            "conversation",
            "message",
            "context",
        ),
    ),
    ADDRESS: ("http", "@", "number", "recipient", "to +", " at "),
    SHADOW: (
        "tool",
        "function",
        "server",
        "when",
        "command",
        "request",
        "response",
        "action",
        "side effect",
        "sideeffect",
        "side-effect",
    ),
    PRECONDITION: ("before", "must", "should", "always", "first"),
    MODEL: (
        "you",
        "must",
        "should",
        "shall",
        "has to",
        "is required",
        "as a",
        "you are",
        " for ",
        " to ",
    ),
}
"""Of each family, words of which every match holds one: most texts hold none, and are not searched."""
