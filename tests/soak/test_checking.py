"""The checker finds each kind of thing that must not be, in histories that have just that one, and nothing in one that has none."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.soak.__main__ import describe
from tests.soak.checking import check
from tests.soak.history import History, Record

Change = Callable[[list[Record]], object]


def history() -> list[Record]:
    """Four events in Acme, of which two are comments, and one that was rolled back; two readers who received what they should."""
    keys = {"c1": "late-0/1", "c2": "door-1/1", "c3": "door-1/2", "c4": "late-0/3"}
    comments = ("c2", "c4")
    told = [acknowledged(key, sequence) for sequence, key in enumerate(keys.values(), start=8)]
    undone: Record = {"who": "late-0", "what": "rolled back", "workspace": "acme", "key": "late-0/2"}
    listed = [
        {"who": "list", "what": "listed", "view": view, "cursor": cursor, "id": f"id of {cursor}", "key": key, **place}
        for view, wanted, numbered in (("acme/everything", tuple(keys), True), ("acme/comments", comments, False))
        for number, (cursor, key) in enumerate(keys.items(), start=8)
        if cursor in wanted
        for place in ({"sequence": number} if numbered else {},)
    ]
    readers: list[Record] = [
        {"who": "reader-0", "what": "began", "view": "acme/everything"},
        {"who": "reader-1", "what": "began", "view": "acme/comments"},
    ]
    received = [delivered(0, cursor) for cursor in keys] + [delivered(1, cursor) for cursor in comments]
    return [*readers, *told, undone, *received, *listed]


def acknowledged(key: str, sequence: int) -> Record:
    writer, _, _ = key.partition("/")
    return {"who": writer, "what": "acknowledged", "workspace": "acme", "key": key, "sequence": sequence}


def delivered(reader: int, cursor: str) -> Record:
    return {"who": f"reader-{reader}", "what": "delivered", "cursor": cursor, "id": f"id of {cursor}"}


def places(records: list[Record], what: str, **more: object) -> list[int]:
    """Where in the history such records are."""
    wanted = {"what": what, **more}.items()
    return [place for place, record in enumerate(records) if wanted <= record.items()]


def drop(what: str, **more: object) -> Change:
    return lambda records: [records.pop(place) for place in reversed(places(records, what, **more))]


def alter(what: str, changes: Record, **more: object) -> Change:
    return lambda records: [records[place].update(changes) for place in places(records, what, **more)]


def swap(what: str, one: Record, other: Record, **more: object) -> Change:
    def change(records: list[Record]) -> None:
        [first], [second] = places(records, what, **more, **one), places(records, what, **more, **other)
        records[first], records[second] = records[second], records[first]

    return change


def add(record: Record) -> Change:
    return lambda records: records.append(record)


def listed_last(key: str) -> Change:
    """One more event at the end of the log, delivered to who reads it all."""
    item: Record = {"cursor": "c5", "id": "id of c5", "key": key, "sequence": 12}
    listed = {"who": "list", "what": "listed", "view": "acme/everything", **item}
    return lambda records: records.extend([listed, delivered(0, "c5")])


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert list(check(history()).lines()) == []


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (drop("delivered", who="reader-0", cursor="c2"), ["lost: reader-0 (acme/everything): door-1/1 at c2"]),
        (drop("delivered", who="reader-1", cursor="c4"), ["lost: reader-1 (acme/comments): late-0/3 at c4"]),
        (
            drop("delivered", who="reader-1"),
            ["lost: reader-1 (acme/comments): door-1/1 at c2", "lost: reader-1 (acme/comments): late-0/3 at c4"],
        ),
        (add(delivered(0, "c4")), ["repeated: reader-0 (acme/everything): late-0/3 at c4"]),
        (add(delivered(0, "c1")), ["repeated: reader-0 (acme/everything): late-0/1 at c1"]),
        (
            swap("delivered", {"cursor": "c2"}, {"cursor": "c3"}, who="reader-0"),
            ["out of order: reader-0 (acme/everything): door-1/1 after door-1/2"],
        ),
        (add(delivered(1, "c3")), ["foreign: reader-1 (acme/comments): id of c3 at c3"]),
        (add(delivered(0, "c9")), ["foreign: reader-0 (acme/everything): id of c9 at c9"]),
        (
            alter("delivered", {"id": "another"}, who="reader-0", cursor="c1"),
            ["foreign: reader-0 (acme/everything): another at c1"],
        ),
        (add({"who": "reader-1", "what": "refused", "code": "BAD_CURSOR"}), ["refused: reader-1 was told BAD_CURSOR"]),
        (add(acknowledged("door-1/3", 12)), ["absent: acme/everything: door-1/3 as 12"]),
        (
            alter("acknowledged", {"sequence": 7}, key="late-0/1"),
            ["absent: acme/everything: late-0/1 as 7"],
        ),
        (listed_last("door-1/1"), ["doubled: acme/everything: door-1/1 2 times"]),
        (listed_last("late-0/2"), ["revived: acme/everything: late-0/2"]),
        (listed_last("late-0/9"), ["unknown: acme/everything: late-0/9"]),
        (
            alter("listed", {"sequence": 13}, view="acme/everything", cursor="c4"),
            ["absent: acme/everything: late-0/3 as 11", "lists: acme/everything: 13 follows 10"],
        ),
        (
            swap("listed", {"cursor": "c2"}, {"cursor": "c4"}, view="acme/comments"),
            [
                "out of order: reader-1 (acme/comments): late-0/3 after door-1/1",
                "lists: acme/comments: door-1/1 is not where the log has it",
            ],
        ),
    ],
    ids=[
        "lost in the middle", "lost at the end", "nothing delivered", "repeated at once", "repeated later", "swapped",
        "of no view of the reader", "of no log", "as another event", "refused", "acknowledged and absent",
        "acknowledged as another", "one key twice", "rolled back and present", "of nobody", "a gap in the log",
        "a list in another order",
    ],
)  # fmt: skip
def test_what_is_wrong_is_found_and_named(change: Change, lines: list[str]) -> None:
    records = history()
    change(records)
    assert list(check(records).lines()) == lines


@pytest.mark.parametrize(("change", "found"), [(lambda _records: None, 0), (add(delivered(0, "c4")), 1)])
def test_what_a_history_holds_is_told_in_counts(tmp_path: Path, change: Change, found: int) -> None:
    records = history()
    change(records)
    with History(tmp_path / "run-1.jsonl") as written:
        for record in [*records, {"who": "faults", "what": "fault", "fault": "bells terminated", "count": 4}]:
            written.write(**record)
    lines, total = describe(tmp_path / "run-1.jsonl")
    happened = f"acknowledged 4, began 2, bells terminated 4, delivered {6 + found}, listed 6, rolled back 1"
    counted = "absent 0, doubled 0, foreign 0, lists 0, lost 0, out of order 0, refused 0"
    assert lines[:2] == [happened, f"{counted}, repeated {found}, revived 0, unknown 0"]
    assert (len(lines), total) == (2 + found, found)
