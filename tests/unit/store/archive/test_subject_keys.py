"""The keys of subjects: one each, found by subject and by number, gone when they are destroyed."""

import sqlite3
from pathlib import Path

from tallystick_store.archive.subject_keys import Subject, SubjectKeys

PEOPLE = [Subject(f"{number:032x}", "ab" * 16) for number in range(200)]


def test_a_key_is_made_once_and_found_by_subject_and_by_number(tmp_path: Path) -> None:
    keys = SubjectKeys(tmp_path / "keys.sqlite")
    made = keys.keys_for(PEOPLE[:150])
    assert (
        keys.keys_for(PEOPLE[100:]).items() >= {one: made[one] for one in PEOPLE[100:150]}.items()
    )
    found = keys.keys_of(PEOPLE)
    assert found.items() >= made.items()
    assert len({one.id for one in found.values()} | {one.key for one in found.values()}) == 400
    assert keys.by_id([one.id for one in found.values()]) == {k.id: k.key for k in found.values()}


def test_a_destroyed_key_is_found_no_more_and_no_copy_gives_its_number_to_another(
    tmp_path: Path,
) -> None:
    keys = SubjectKeys(tmp_path / "keys.sqlite")
    before = keys.keys_for(PEOPLE)
    assert keys.destroy(PEOPLE[:3]) == 3
    assert keys.destroy(PEOPLE[:3]) == keys.destroy([]) == 0
    assert keys.keys_of(PEOPLE[:4]) == {PEOPLE[3]: before[PEOPLE[3]]}
    assert keys.by_id([before[PEOPLE[0]].id]) == {}
    assert keys.keys_for(PEOPLE[:1])[PEOPLE[0]].id != before[PEOPLE[0]].id
    assert before[PEOPLE[1]].key not in keys.path.read_bytes()


def test_subjects_that_read_alike_have_keys_of_their_own(tmp_path: Path) -> None:
    keys = SubjectKeys(tmp_path / "keys.sqlite")
    alike = [Subject("a", "bc"), Subject("ab", "c"), Subject("", "abc"), Subject("abc", "")]
    assert len({one.key for one in keys.keys_for(alike).values()}) == 4


def test_keys_of_an_earlier_version_are_used_and_destroyed_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "keys.sqlite"
    with sqlite3.connect(path) as file:
        file.execute(
            "CREATE TABLE keys (id INTEGER PRIMARY KEY, principal TEXT NOT NULL,"
            " context TEXT NOT NULL, key BLOB NOT NULL, UNIQUE (principal, context))"
        )
        rows = [(7 + at, *one, bytes([at] * 32)) for at, one in enumerate(PEOPLE[:2])]
        file.executemany("INSERT INTO keys VALUES (?, ?, ?, ?)", rows)
    file.close()
    keys = SubjectKeys(path)
    made = keys.keys_for(PEOPLE[:3])
    assert made[PEOPLE[0]] == (7, bytes(32))
    assert keys.by_id([7, 8, made[PEOPLE[2]].id]).keys() == {7, 8, made[PEOPLE[2]].id}
    copy = tmp_path / "copy.sqlite"
    keys.copy_to(copy)
    assert SubjectKeys(copy).keys_of(PEOPLE) == made
    assert keys.destroy(PEOPLE) == 3
    assert keys.keys_of(PEOPLE) == {}
