"""Random ids: each is given once, to one thread of one process."""

import os
import re
import sys
import threading

import pytest

from tallystick.random_id import TAKEN_AT_ONCE, random_id


def test_an_id_is_128_bits_in_hex() -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", random_id())


def test_no_id_is_given_twice_to_many_threads() -> None:
    each, found = 5 * TAKEN_AT_ONCE, list[str]()
    start = threading.Barrier(8)

    def take() -> None:
        start.wait()
        found.extend([random_id() for _ in range(each)])

    threads = [threading.Thread(target=take) for _ in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(set(found)) == len(found) == 8 * each


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_is_given_other_ids_than_its_parent() -> None:
    random_id()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, "".join(random_id() for _ in range(4)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    own = {random_id() for _ in range(2 * TAKEN_AT_ONCE)}
    theirs = {said[at : at + 32] for at in range(0, 128, 32)}
    assert len(theirs) == 4
    assert not theirs & own
