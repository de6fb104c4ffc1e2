"""The user of whom a framework's own context speaks: what the program said there, and nobody has checked."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from uuid import UUID

from tallystick.capture.identity import Identity, Principal, text

MEMBER: Final = "user_id"
"""The member of a context of the program's own form that is read, of a mapping or of an object."""
METHOD: Final = "framework"
"""`principal.auth_method` of such a user."""


def user_of(context: object, member: str = MEMBER) -> str | None:
    """Return the user id in a context; None where there is none, or something that is no id."""
    try:
        found = (
            context.get(member) if isinstance(context, Mapping) else getattr(context, member, None)
        )
    except Exception:  # noqa: BLE001 - a program's property may raise anything, and then says nothing
        return None
    is_id = isinstance(found, str | int | UUID) and not isinstance(found, bool)
    return text(found) if is_id and found != "" else None


def said_by_framework(known: Identity, user_id: str | None) -> Identity:
    """Return an identity with the framework's user, unless somebody is named already."""
    if user_id is None or known.principal.id is not None:
        return known
    return replace(known, principal=Principal(user_id, basis="asserted", auth_method=METHOD))
