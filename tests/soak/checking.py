"""Says of a history what went wrong in it. Knows nothing but the history: no database, no server, no clock.

The lists that were read at the end are what should have been delivered. They are held against each other first, then against
what writers were told, then against what each reader received. A view named `<workspace>/everything` is the log of that workspace.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tests.soak.history import Record
from tests.soak.views import EVERYTHING


@dataclass(frozen=True)
class Listed:
    """An item of a list."""

    cursor: str
    id: str
    key: str
    sequence: int | None = None


@dataclass
class Reading:
    """What a reader received of its view: (cursor, id), in the order of arrival."""

    view: str
    delivered: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Findings:
    """What must not be, each as a line that names it. `counted` gives the numbers that stand for the whole."""

    lost: list[str] = field(default_factory=list)  # in the reader's list, not delivered
    repeated: list[str] = field(default_factory=list)  # delivered before, to the same reader
    out_of_order: list[str] = field(default_factory=list)  # delivered after something that the list has later
    foreign: list[str] = field(default_factory=list)  # delivered, not in the reader's list, or as another event
    refused: list[str] = field(default_factory=list)  # a reader was told that it was wrong
    absent: list[str] = field(default_factory=list)  # acknowledged, not in the log, or elsewhere
    doubled: list[str] = field(default_factory=list)  # one key, more than one event
    revived: list[str] = field(default_factory=list)  # rolled back, and in the log
    unknown: list[str] = field(default_factory=list)  # in the log, acknowledged to nobody
    lists: list[str] = field(default_factory=list)  # numbers with gaps, or lists that differ in order

    def counted(self) -> dict[str, int]:
        return {name.replace("_", " "): len(lines) for name, lines in vars(self).items()}

    def lines(self) -> Iterator[str]:
        for name, lines in vars(self).items():
            yield from (f"{name.replace('_', ' ')}: {line}" for line in lines)


def check(records: Iterable[Record]) -> Findings:
    """Everything that is wrong in this history."""
    lists: dict[str, list[Listed]] = defaultdict(list)
    readings: dict[str, Reading] = {}
    acknowledged: list[Record] = []
    rolled_back: list[Record] = []
    findings = Findings()
    for record in records:
        match record["what"]:
            case "listed":
                item = Listed(record["cursor"], record["id"], record["key"], record.get("sequence"))
                lists[record["view"]].append(item)
            case "began":
                readings[record["who"]] = Reading(record["view"])
            case "delivered":
                readings[record["who"]].delivered.append((record["cursor"], record["id"]))
            case "refused":
                findings.refused.append(f"{record['who']} was told {record['code']}")
            case "acknowledged":
                acknowledged.append(record)
            case "rolled back":
                rolled_back.append(record)
    _check_lists(lists, findings)
    _check_writers(lists, acknowledged, rolled_back, findings)
    for who, reading in readings.items():
        _check_reading(who, reading, lists[reading.view], findings)
    return findings


def _log_of(view: str) -> str:
    return f"{_workspace_of(view)}/{EVERYTHING}"


def _workspace_of(view: str) -> str:
    return view.partition("/")[0]


def _check_lists(lists: Mapping[str, Sequence[Listed]], findings: Findings) -> None:
    """A log has all numbers in turn; every other list of it is a part of it, in its order."""
    for view, items in lists.items():
        if view == _log_of(view):
            numbers = [item.sequence or 0 for item in items]
            findings.lists += [f"{view}: {two} follows {one}" for one, two in pairwise(numbers) if two != one + 1]
            continue
        places = {item.cursor: place for place, item in enumerate(lists.get(_log_of(view), ()))}
        last = -1
        for item in items:
            place = places.get(item.cursor, -1)
            if place <= last:
                findings.lists.append(f"{view}: {item.key} is not where the log has it")
            last = max(last, place)


def _check_writers(
    lists: Mapping[str, Sequence[Listed]],
    acknowledged: Sequence[Record],
    rolled_back: Sequence[Record],
    findings: Findings,
) -> None:
    for view in {_log_of(view) for view in lists}:
        workspace = _workspace_of(view)
        log = lists[view]
        events = Counter(item.key for item in log)
        places = {(item.key, item.sequence) for item in log}
        told = {record["key"]: record["sequence"] for record in acknowledged if record["workspace"] == workspace}
        undone = {record["key"] for record in rolled_back if record["workspace"] == workspace}
        findings.absent += [f"{view}: {key} as {number}" for key, number in told.items() if (key, number) not in places]
        findings.doubled += [f"{view}: {key} {count} times" for key, count in events.items() if count > 1]
        findings.revived += [f"{view}: {key}" for key in events if key in undone]
        findings.unknown += [f"{view}: {key}" for key in events if key not in told and key not in undone]


def _check_reading(who: str, reading: Reading, wanted: Sequence[Listed], findings: Findings) -> None:
    """With nothing lost, repeated, foreign or out of order, what was delivered is the list."""
    places = {item.cursor: place for place, item in enumerate(wanted)}
    seen: set[str] = set()
    last = -1
    for cursor, identity in reading.delivered:
        place = places.get(cursor)
        if place is None or wanted[place].id != identity:
            findings.foreign.append(f"{who} ({reading.view}): {identity} at {cursor}")
        elif cursor in seen:
            findings.repeated.append(f"{who} ({reading.view}): {wanted[place].key} at {cursor}")
        elif place < last:
            findings.out_of_order.append(f"{who} ({reading.view}): {wanted[place].key} after {wanted[last].key}")
        seen.add(cursor)
        last = max(last, -1 if place is None else place)
    findings.lost += [
        f"{who} ({reading.view}): {item.key} at {item.cursor}" for item in wanted if item.cursor not in seen
    ]
