"""For how long records are kept, who may end that, and what remains as proof."""

from typing import Final

from tests.requirements.requirement import Requirement

RETENTION: Final = {
    "retention.classes": Requirement(
        "our promise",
        "The first class that a record matches says how long it is kept; a record that matches none is kept for ever.",
    ),
    "retention.settings-stated": Requirement(
        "our promise",
        "Retention classes that are others than at the last start are a record of the log before anything else.",
    ),
    "retention.never-deleted": Requirement(
        "our promise",
        "Sessions, keys, seals and what the service says of its log are in no selection: they prove the rest.",
    ),
    "retention.floor": Requirement(
        "AI Act articles 19(1), 26(6); check EUAIA-19-2",
        "Nothing that is younger than six calendar months can be asked for, by class or filter, without an exception.",
    ),
    "retention.exception": Requirement(
        "AI Act articles 19(1), 26(6), where other law asks for less",
        "Less than six months takes an exception: asked for by one person and confirmed by another, for a class or"
        " for everything, until a moment, revocable. A deletion below the floor is a fault unless one was in force.",
    ),
    "retention.tombstones": Requirement(
        "our promise; check EUAIA-19-3",
        "A deleted entry leaves its tombstone: every inclusion and consistency proof, tile, seal and checkpoint"
        " holds as before, and the verifier says which confirmation allowed it.",
    ),
    "retention.forged": Requirement(
        "promise: every forgery is named",
        "A record that is missing without a tombstone, and a tombstone that no confirmation allows for exactly"
        " this set of entries, is a fault.",
    ),
    "retention.resend": Requirement(
        "our promise",
        "A deleted record that is sent again is answered as a duplicate, and nothing of it is kept.",
    ),
    "retention.resumed": Requirement(
        "our promise",
        "A deletion that is cut short at any step is finished by the next run, once.",
    ),
    "retention.package": Requirement(
        "docs/spec/package.md",
        "An evidence package carries what remains of deleted entries, the whole set of each deletion, and the"
        " records that allowed it; its own verifier says so too.",
    ),
    "retention.bytes-gone": Requirement(
        "our promise; GDPR article 17",
        "What was deleted stands in no file of the data directory any more.",
    ),
    "retention.calendar": Requirement(
        "AI Act articles 19(1), 26(6); Regulation 1182/71 article 3(2)(c)",
        "A duration is counted in calendar months and days, UTC, to the end of its last day; six months are"
        " never 180 days.",
    ),
    "retention.standing": Requirement(
        "our promise",
        "A request that was carried out says so, with when by the log's own record and how much; one that a hold keeps"
        " from its end says how much is left.",
    ),
    "retention.words": Requirement(
        "GDPR article 5(1)(c)",
        "Names of holds, reasons and who said them are shown in lists to who may reveal names and says why, on record;"
        " to nobody else.",
    ),
    "retention.two-people": Requirement(
        "our promise; checks EUAIA-19-3, ACC-2",
        "What cannot be undone is asked for by one person and confirmed by another, for exactly what was"
        " asked and before it expires; records of the log say both, and one that breaks a rule has no effect.",
    ),
    "erasure.bytes": Requirement(
        "GDPR article 17",
        "The values of a person stand in no file of the data directory any more, compressed or not; those of"
        " others stay, and every proof holds.",
    ),
    "erasure.two-people": Requirement(
        "our promise",
        "Values are erased when one person asked and another confirmed exactly these; the verifier says by which"
        " record, and names what is missing without one.",
    ),
    "erasure.told": Requirement(
        "GDPR article 5(1)(c); our promise",
        "An answer tells what is kept back from its caller from what was erased, and by which decision; a caller with"
        " less than the whole reach learns nothing of an erasure.",
    ),
    "erasure.resumes": Requirement(
        "our promise",
        "An erasure that was killed at any step is carried out to the end, and nothing brings a value back.",
    ),
    "erasure.holds": Requirement(
        "our promise",
        "A hold keeps the values of the records that it covers, until the log states what goes, and stands in the way"
        " of no other erasure.",
    ),
    "erasure.beside-the-log": Requirement(
        "GDPR article 17",
        "With a person's values go their sessions, what the issuer called them, and the packages that wait to be"
        " fetched; whoever has an account is erased after it was removed.",
    ),
    "erasure.beside-deletion": Requirement(
        "our promise",
        "Values that are to be erased are erased before their records are deleted; records that are being deleted"
        " are not erased any more: both end, whatever comes first.",
    ),
    "backup.restore": Requirement(
        "our promise",
        "A backup holds every record and no erasable value in clear; a restored one is the same log and goes on.",
    ),
    "backup.fork": Requirement(
        "DESIGN, a restored backup is a fork",
        "A log that went on after a backup does not go on from it, nor from a backup of what was restored of it.",
    ),
    "backup.erased": Requirement(
        "GDPR article 17",
        "What was erased after a backup does not come back by restoring it.",
    ),
    "retention.hold": Requirement(
        "our promise; check EUAIA-19-4",
        "A record on hold stays, also one that comes later; a hold ends by another person or an administrator.",
    ),
}
