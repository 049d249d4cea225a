"""`python -m tests.soak`: so many runs of the long form, each with its history and its counts; status 1 if anything was found."""

import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click

from tests.soak.checking import check
from tests.soak.harness import soak
from tests.soak.history import History, read_history
from tests.soak.plan import KILLS, LONG, Plan

FINDINGS_SHOWN_MAX = 20
PLANS = {"everything": LONG, "kills": KILLS}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--runs", default=10, show_default=True, help="How many runs, one after the other.")
@click.option(
    "--plan", "name", type=click.Choice(list(PLANS)), default="everything", show_default=True, help="What goes wrong."
)
@click.option("--events", type=int, help="How many events a run writes. Otherwise what the plan says.")
@click.option("--seed", type=int, help="Seed of the first run; the next has the next. Otherwise the time.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".soak"),
    show_default=True,
    help="Where the histories go: run-1.jsonl and so on.",
)
def main(runs: int, name: str, events: int | None, seed: int | None, directory: Path) -> None:
    """Write, read and break things, and count what was lost. TMPDIR says where the databases are meanwhile."""
    first, plan = int(time.time()) if seed is None else seed, PLANS[name]
    plan = replace(plan, events=events or plan.events)
    found = sum(_run(number, replace(plan, seed=first + number - 1), directory) for number in range(1, runs + 1))
    sys.exit(1 if found else 0)


def _run(number: int, plan: Plan, directory: Path) -> int:
    """One run; how much was found."""
    path, began = directory / f"run-{number}.jsonl", time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="trailcast-soak-", ignore_cleanup_errors=True) as database,
        History(path) as history,
    ):
        asyncio.run(soak(plan, Path(database), history))
    click.echo(f"run {number}, seed {plan.seed}, {time.monotonic() - began:.0f} s, {path}")
    lines, found = describe(path)
    for line in lines:
        click.echo(f"  {line}")
    return found


def describe(path: Path) -> tuple[list[str], int]:
    """What a history holds, in lines for people; and how much of it must not be."""
    happened: Counter[str] = Counter()
    for record in read_history(path):
        match record["what"]:
            case "fault":
                happened[record["fault"]] += record["count"]
            case "disconnected":
                happened[f"ended by {record['why']}"] += 1
            case what:
                happened[what] += 1
    findings = check(read_history(path))
    found, lines = findings.counted(), list(findings.lines())
    shown = lines[:FINDINGS_SHOWN_MAX]
    if len(lines) > len(shown):
        shown.append(f"… and {len(lines) - len(shown)} more")
    return [_listed(happened), _listed(found), *shown], sum(found.values())


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


if __name__ == "__main__":
    main()
