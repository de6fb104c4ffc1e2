"""Adopt what a dead process left, and die the moment the service has what was recorded here."""

import os

import tallystick


def main() -> None:
    tallystick.record("config.changed", note="a process that hardly lives")
    is_delivered = tallystick.flush(200)
    os._exit(0 if is_delivered else 1)


if __name__ == "__main__":
    main()
