"""The fan-out benchmark in small: it runs, it counts rightly, and the three servers are asked for the same."""

import pytest

from bench.fanout import wire
from bench.fanout.client import Arrivals
from bench.fanout.comments import FIRST_MEASURED, measured
from bench.fanout.comparing import compare
from bench.fanout.errors import Failed
from bench.fanout.measuring import count_faults, percentile, wanted_deliveries
from bench.fanout.options import Options
from bench.fanout.report import COLUMNS, ratios_table, results_table
from bench.fanout.servers import NAMES

SUBSCRIBERS, BOARDS, EVENTS = 20, 4, 8
OPTIONS = Options(rate=50, events=EVENTS, boards=BOARDS, idle_s=0.02, deadline_s=60, look_s=0.05)


async def test_every_server_delivers_each_comment_once_to_all_of_its_board(empty_database_url: str) -> None:
    said: list[str] = []
    runs = [run async for run in compare(empty_database_url, NAMES, [SUBSCRIBERS], OPTIONS, said.append)]
    assert [run.server for run in runs] == ["trailcast", "floor", "stock"]
    assert [(run.deliveries, run.missed, run.repeated) for run in runs] == [(EVENTS * SUBSCRIBERS // BOARDS, 0, 0)] * 3
    # What is compared is work, so the bytes must be the same.
    assert len({run.bytes_per_delivery for run in runs}) == 1
    assert all(run.cpu_us_per_delivery > 0 and run.kib_per_subscriber > 0 and run.longest_pause_ms > 0 for run in runs)
    assert len(said) == len(runs)
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in results_table(runs).splitlines()
    ]
    assert head == list(COLUMNS)
    assert [row[:2] for row in rows] == [["20", "trailcast"], ["20", "floor"], ["20", "stock"]]
    assert [line.split("|")[2].strip() for line in ratios_table(runs).splitlines()[2:]] == [
        "trailcast / floor",
        "stock / trailcast",
    ]


def test_faults_are_counted_socket_by_socket() -> None:
    wanted = wanted_deliveries(measured(events=4, boards=2), subscribers=3, boards=2)
    first, second, third, fourth = (FIRST_MEASURED + number for number in range(4))
    assert wanted == {(0, first), (2, first), (1, second), (0, third), (2, third), (1, fourth)}
    # One is missing on socket 1 and one comes twice on socket 2: the sum alone would look right.
    arrivals = Arrivals([0, 2, 2, 1, 0, 2], [first, first, first, second, third, third], [0] * 6)
    assert count_faults(arrivals, wanted) == (1, 1)
    with pytest.raises(Failed, match="had not asked"):
        count_faults(Arrivals([1], [first], [0]), wanted)


def test_frames_are_found_wherever_the_bytes_are_cut() -> None:
    payloads = [b"", b"a" * 125, b"b" * 126, b"c" * 70_000]
    lengths = [b"\x00", b"\x7d", b"\x7e\x00\x7e", b"\x7f" + (70_000).to_bytes(8, "big")]
    stream = b"".join(b"\x81" + length + payload for length, payload in zip(lengths, payloads, strict=True))
    for cut in (*range(300), len(stream) - 1):
        frames, whole = wire.split(stream[:cut])
        found = [stream[start:end] for _, start, end in frames]
        rest, end = wire.split(stream[whole:])
        found += [stream[whole + start : whole + stop] for _, start, stop in rest]
        assert found == payloads
        assert whole + end == len(stream)


def test_percentiles_are_of_the_nearest_rank() -> None:
    ordered = [float(number) for number in range(1, 201)]
    assert [percentile(ordered, share) for share in (0.5, 0.99, 1.0)] == [100.0, 198.0, 200.0]
    assert percentile([7.0], 0.5) == 7.0
