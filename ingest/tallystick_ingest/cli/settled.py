"""Settings on the command line: the options of every command that takes them, and `tallystick config`."""

import argparse
from collections.abc import Collection, Sequence

from tallystick_ingest.settings import SETTINGS, Loaded, load_settings
from tallystick_ingest.settings.sources import FILE_ENV, FILE_NAME, FILE_OPTION
from tallystick_ingest.settings.told import settings_lines


def add_settings(parser: argparse.ArgumentParser, names: Collection[str] | None = None) -> None:
    """Add an option for each setting, or for those of `names`, and one for the file of settings."""
    said = f"File of settings; unset: {FILE_NAME} in the home, where there is one. ({FILE_ENV})"
    parser.add_argument(FILE_OPTION, help=said, metavar="FILE")
    for setting in SETTINGS:
        if names is None or setting.name in names:
            said = f"{setting.sentence} ({setting.env})".replace("%", "%%")  # argparse formats it
            parser.add_argument(setting.option, help=said, metavar="VALUE")


def loaded_settings(chosen: argparse.Namespace) -> Loaded:
    """Build the settings that the command line, the environment and the file state; raise ConfigError."""
    given = {one.name: getattr(chosen, one.name, None) for one in SETTINGS}
    return load_settings(given, file=chosen.config)


def config(arguments: Sequence[str]) -> int:
    """Print the settings that `tallystick up` would have with the same options, and where each comes from."""
    parser = argparse.ArgumentParser(prog="tallystick config", description=config.__doc__)
    add_settings(parser)
    print("\n".join(settings_lines(loaded_settings(parser.parse_args(list(arguments))))))
    return 0
