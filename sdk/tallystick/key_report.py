"""`tallystick keys`: which keys this machine holds and knows, and the trust policy that follows from them.

A policy printed here is what the service said when it enrolled this machine. An auditor who must not
trust the operator takes it at the start, keeps it elsewhere, and compares it by another channel.
"""

from tallystick.config import Config, load_config
from tallystick.credentials import Credentials, load_credentials
from tallystick.errors import EnrolmentError
from tallystick.keys import EMITTER_FILE, TOKEN_FILE, load_emitter_key
from tallystick.tlog.note import VerifierKey, parse_vkey
from tallystick.verify.policy import Policy, print_policy


def lines(config: Config | None = None) -> list[str]:
    """Say what keys there are, one a line, and no secret."""
    config = config or load_config()
    known = load_credentials(config.home, config.endpoint)
    own = _own_key(config)
    return [
        f"home         {config.home}",
        f"emitter      {own.vkey if own else 'none yet: made when the first record is written'}",
        f"emitter key  {config.home / EMITTER_FILE}",
        f"token key    {_token_key(config, known)}",
        f"service      {known.url if known else 'none known: start `tallystick up`'}",
        f"log key      {(known and known.log_vkey) or 'not known'}",
        f"service key  {(known and known.service_vkey) or 'not known'}",
    ]


def policy_text(config: Config | None = None) -> str:
    """Return the trust policy: the log's key, the service's, and our own.

    Raises EnrolmentError while the service's keys are not known.
    """
    config = config or load_config()
    known = load_credentials(config.home, config.endpoint)
    if known is None or not known.log_vkey:
        raise EnrolmentError(
            f"no log key is known in {config.home}; start `tallystick up` here, or run a program"
            " with TALLYSTICK_ENDPOINT and TALLYSTICK_API_KEY once, so that it enrols"
        )
    emitters = [parse_vkey(known.service_vkey)] if known.service_vkey else []
    own = _own_key(config)
    return print_policy(
        Policy(parse_vkey(known.log_vkey), tuple([*emitters, own] if own else emitters))
    )


def _own_key(config: Config) -> VerifierKey | None:
    if not (config.home / EMITTER_FILE).exists():
        return None
    return load_emitter_key(config.home, config.emitter_name).key


def _token_key(config: Config, known: Credentials | None) -> str:
    if known is not None and known.token_key_id:
        return f"{known.token_key_id}, given by the service"
    path = config.home / TOKEN_FILE
    return f"local, {path}" if path.exists() else "none yet: made when the first record is written"
