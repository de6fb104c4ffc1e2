"""People whom the issuer vouches for: who has logged in by it, and by which rules they have their rights.

What is kept are the rules' claims and values, not the rights: whoever takes a rule out of the settings takes
the rights with it, also from sessions that have begun.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tallystick.errors import AuthorizationError, ConfigError
from tallystick.private_file import replace_private_file
from tallystick.recording.masked import Masking
from tallystick_ingest.auth.bearer import caller_id, identity_of, name_of
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.auth.grants import Grants
from tallystick_ingest.auth.sessions import SESSION_LIFE_US
from tallystick_ingest.auth.tokens import Token

MAX_PEOPLE: Final = 10_000


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who logged in. `values` are claims and their values by which rules fitted."""

    id: str
    name: str
    values: tuple[tuple[str, str], ...]
    seen_us: int

    @property
    def claims(self) -> Mapping[str, list[str]]:
        """The claims as the rules read them."""
        names = dict.fromkeys(claim for claim, _ in self.values)
        return {name: [value for claim, value in self.values if claim == name] for name in names}


class PeopleBook:
    """Those whose sessions may live, in one file. Safe to use from several threads."""

    def __init__(
        self, path: Path, grants: Grants, masking: Masking, clock_us: Callable[[], int]
    ) -> None:
        """Read the people in `path`; raise ConfigError when the file is not ours."""
        self._path = path
        self._grants = grants
        self._masking = masking
        self._clock_us = clock_us
        self._lock = threading.Lock()
        self._people = _read(path)

    def is_for_us(self, token: Token) -> bool:
        """Whether the rules lead somebody to this tenant."""
        return self._grants.is_for_us(token.claims)

    def arrive(self, token: Token) -> Caller:
        """Note that whom a checked ID token names logged in, durably, and return them.

        Raises AuthorizationError, and forgets them, for whom no rule fits.
        """
        now_us, identity = self._clock_us(), identity_of(token)
        id_, name = caller_id(self._masking, identity), name_of(token, identity)
        fitting = self._grants.fitting(token.claims)
        values = tuple(dict.fromkeys((rule.claim, rule.value) for rule in fitting))
        person = Person(id_, name, values, now_us)
        arrived = self._caller(person)
        if arrived is None:
            self.forget(id_)
            raise AuthorizationError(
                "you are known to the issuer, and nothing is granted to you here: ask an administrator"
            )
        with self._lock:
            living = self._living()
            living.pop(id_, None)
            if len(living) >= MAX_PEOPLE:
                del living[min(living.values(), key=lambda one: one.seen_us).id]
            self._write({**living, id_: person})
        return arrived

    def leave(self, token: Token) -> None:
        """Forget whom a checked ID token names, durably: the issuer vouches for them elsewhere, or no more."""
        self.forget(caller_id(self._masking, identity_of(token)))

    def caller(self, id_: str) -> Caller | None:
        """Return somebody as a caller with the rights that they have now; None for nobody, and without any."""
        person = self._people.get(id_)
        return None if person is None else self._caller(person)

    def forget(self, id_: str) -> None:
        """Forget somebody, and with them their name, durably."""
        with self._lock:
            if id_ in self._people:
                self._write({name: one for name, one in self._people.items() if name != id_})

    def sweep(self) -> None:
        """Forget those whose sessions are over, durably: they log in again. Raises OSError."""
        with self._lock:
            living = self._living()
            if len(living) < len(self._people):
                self._write(living)

    def _living(self) -> dict[str, Person]:
        now_us = self._clock_us()
        people = self._people.values()
        return {one.id: one for one in people if now_us - one.seen_us < SESSION_LIFE_US}

    def _caller(self, person: Person) -> Caller | None:
        granted = self._grants.of(person.claims)
        if not granted.scopes:
            return None
        return Caller(
            person.id,
            person.name,
            granted.scopes,
            is_human=True,
            role=granted.role,
            reach=granted.reach,
        )

    def _write(self, people: Mapping[str, Person]) -> None:
        content = json.dumps({"people": [asdict(one) for one in people.values()]})
        replace_private_file(self._path, content.encode() + b"\n")
        self._people = dict(people)


def _read(path: Path) -> dict[str, Person]:
    try:
        stated = json.loads(path.read_bytes())["people"]
        people = [_person(one) for one in stated]
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} does not hold people who logged in ({type(error).__name__}): remove it, and they "
            "log in again"
        ) from error
    return {one.id: one for one in people}


def _person(stated: Mapping[str, Any]) -> Person:
    values = tuple((str(claim), str(value)) for claim, value in stated["values"])
    return Person(str(stated["id"]), str(stated["name"]), values, int(stated["seen_us"]))
