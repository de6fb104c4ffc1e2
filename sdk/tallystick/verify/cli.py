"""`tallystick verify`: a package, a data directory or a running service.

    tallystick verify PACKAGE.zip | --data DIR | --url URL  [--policy FILE] [--every-seal] [--json]

Data directories are read by the store, which is found by entry point when it is installed.
"""

from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from tallystick.config import load_config
from tallystick.credentials import load_credentials
from tallystick.errors import TallystickError, VerificationError
from tallystick.verify.live import LiveSource
from tallystick.verify.source import Source
from tallystick.verify.standalone import VerifyParser, add_options, run, run_package

SOURCE_GROUP: Final = "tallystick.sources"
"""Entry points that open a Source by a path; `data` is a data directory."""

_DESCRIPTION: Final = (
    "Verify an evidence package, a stopped data directory or a running service. Exit code: 0 "
    "verified under the trust policy, 1 something is wrong, 2 consistent in itself only, "
    "64 wrong use."
)


def main(argv: Sequence[str]) -> int:
    """Verify what the arguments name; return the exit code."""
    parser = VerifyParser(prog="tallystick verify", description=_DESCRIPTION)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("package", nargs="?", type=Path, help="an evidence package")
    what.add_argument("--data", type=Path, help="a stopped data directory or a snapshot")
    what.add_argument("--url", help="a running service")
    add_options(parser)
    options = parser.parse_args(argv)
    if options.data is not None:
        return run(
            "data", str(options.data), _data_source(options.data), options, _size(options.data)
        )
    if options.url is not None:
        return run("live", options.url, _live_source(options.url), options, 0)
    return run_package(options.package, options)


def _data_source(directory: Path) -> Callable[[], Source]:
    def open_source() -> Source:
        found = metadata.entry_points(group=SOURCE_GROUP, name="data")
        try:
            opener: Callable[[Path], Source] = next(iter(found)).load()
        except (StopIteration, ImportError) as error:
            raise VerificationError(
                "reading a data directory needs the store: pip install 'tallystick[server]'"
            ) from error
        return opener(directory)

    return open_source


def _live_source(url: str) -> Callable[[], Source]:
    def open_source() -> Source:
        try:
            config = load_config()
            held = load_credentials(config.home, url.rstrip("/"))
        except TallystickError as error:
            raise VerificationError(f"no API key could be read: {error}") from error
        return LiveSource(url, config.api_key or (held.api_key if held else ""))

    return open_source


def _size(directory: Path) -> int:
    try:
        return sum(file.stat().st_size for file in directory.iterdir() if file.is_file())
    except OSError:
        return 0  # opening it says why
