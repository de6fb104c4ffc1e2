"""Record before a fork, and after it in both processes: `forking.py LEDGER NAME`."""

import os
import sys
from pathlib import Path

import tallystick


def main() -> None:
    ledger, name = Path(sys.argv[1]), sys.argv[2]
    work(ledger, f"{name}-before", 20)
    children = [fork(ledger, f"{name}-child{number}", number) for number in range(2)]
    work(ledger, f"{name}-parent", 20)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    print(codes)


def fork(ledger: Path, name: str, number: int) -> int:
    """Start a child; the first one ends in order, the second one as after a crash."""
    child = os.fork()
    if child == 0:
        work(ledger, name, 20)
        if number == 0:
            tallystick.shutdown()
        os._exit(0)
    return child


def work(ledger: Path, name: str, calls: int) -> None:
    for number in range(calls):
        with tallystick.tool_call("step", {"number": number}, call_id=f"{name}-n{number}"):
            pass
        with ledger.open("a", encoding="ascii") as file:
            print(f"{name}-n{number}", file=file)


if __name__ == "__main__":
    main()
