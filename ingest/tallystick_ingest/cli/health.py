"""The command that asks whether the service takes records: for health checks of containers."""

import argparse
import http.client
import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from tallystick.credentials import load_credentials
from tallystick.errors import ConfigError
from tallystick_ingest.cli.settled import add_settings, loaded_settings

_TIMEOUT_S: Final = 4.0
_MAX_BYTES: Final = 65_536


def health(arguments: Sequence[str]) -> int:
    """Ask the service of this machine whether it takes records; exit code 1 when it does not."""
    parser = argparse.ArgumentParser(prog="tallystick health", description=health.__doc__)
    add_settings(parser, ("home",))
    home = loaded_settings(parser.parse_args(list(arguments))).config.core.home
    held = load_credentials(home, None)
    if held is None:
        raise ConfigError(
            f"no service was started in {home}, or one that takes no records (restored as evidence):"
            " name its home with --home"
        )
    parts = urlsplit(held.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        told = json.loads(answer.read(_MAX_BYTES))
        said = ", ".join(f"{name} {state}" for name, state in told.items())
    except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
        raise ConfigError(f"no service answers at {held.url}: {type(error).__name__}") from None
    finally:
        connection.close()
    print(said)
    return 0 if answer.status == http.client.OK else 1
