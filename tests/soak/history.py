"""The history of a run: who did what, a JSON object a line, in the order in which it happened to the one process that saw it all.

It is evidence and holds all that the checker needs, so that a run can be examined again, by other eyes too. Each line has
`at` (seconds since the run began), `who` and `what`; what else it has depends on `what`:

- `acknowledged`: a writer's event is committed, as far as it was told: `workspace`, `key`, `sequence`
- `unanswered`: a writer does not know what has become of its events, and tries again
- `rolled back`: a writer's transaction ended without a commit: `workspace`, `key`
- `began`: a reader of a `view`; `connected`: it subscribed: `server`, `after`; `disconnected`: `why`
- `refused`: a reader was told what none should hear: the `code`
- `delivered`: a reader received an item: `cursor`, `id`
- `fault`: something was broken: `fault`, and how often at once (`count`)
- `listed`: an item of a view's list as it was read at the end, in the order of its pages: `view`, `cursor`, `id`, `key`, and in the
  views of whole logs `sequence`
"""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

Record = dict[str, Any]


class History:
    """Writes the history of a run, and counts it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._began = time.monotonic()
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("wb")
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, who: str, what: str, **more: object) -> None:
        self.counts[what] += 1
        at = round(time.monotonic() - self._began, 4)
        self._file.write(orjson.dumps({"at": at, "who": who, "what": what, **more}, option=orjson.OPT_APPEND_NEWLINE))


def read_history(path: Path) -> Iterator[Record]:
    """The lines of a history."""
    with path.open("rb") as file:
        for line in file:
            record: Record = orjson.loads(line)
            yield record
