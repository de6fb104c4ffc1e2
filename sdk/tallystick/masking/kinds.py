"""The kinds of data that masking knows, by the names that stand in markers, ledgers and policies."""

from typing import Final

EMAIL: Final = "email"
PHONE: Final = "phone"
CARD: Final = "card"
IBAN: Final = "iban"
UK_NINO: Final = "uk_nino"
"""A UK national insurance number. Other countries' numbers get kinds of their own."""
NATIONAL_ID: Final = "national_id"
"""A government's number for a person, known by its key name alone."""
IP: Final = "ip"
PERSON: Final = "person"
"""A name, birth date or postal address, known by its key name alone."""
SECRET: Final = "secret"  # noqa: S105  # the name of a kind, not a secret
WITHHELD: Final = "withheld"
"""Not a kind of data but an outcome: the value could not be masked, so it is not shown."""
KEPT: Final = "kept"
"""Not a kind of data but an outcome: a rule for its place has left the value as it was."""

ALL: Final = (CARD, EMAIL, IBAN, IP, NATIONAL_ID, PERSON, PHONE, SECRET, UK_NINO)
"""Every kind that a policy gives a mode to, sorted."""
