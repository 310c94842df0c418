"""Bring the log into the tables and the examples up to date, by hand; `policyloop work` does it by itself."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
import typer

from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_table
from policyloop.join.episode_audit import EpisodeAudit
from policyloop.join.episode_hours import episode_audit
from policyloop.join.hours import audit_loop
from policyloop.run.by_hand import join_by_hand
from policyloop.run.watches.trusted import release


def run(
    loop: LoopName,
    hour: Annotated[
        str | None,
        typer.Option("--release", metavar="HOUR", help="Let a held hour in, such as 2026-11-01T07.", show_default=False),
    ] = None,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Bring the log into the tables and a loop's examples, or its episodes, up to date, and say what became of every event.

    While a worker runs, it does the work and this only counts.
    """
    with open_project(home) as deployment:
        spec = deployment.registry.standing(loop).spec
        if hour is not None:
            release(deployment, spec.loop, hour)
        join_by_hand(deployment, spec)
        audit = audit_loop(deployment.lake, deployment.records, spec.loop)
        episodes = episode_audit(deployment.records, spec.loop)
    if spec.episodes is not None:
        _write_episodes(spec.loop, episodes, as_json=as_json)
        return
    counts = msgspec.to_builtins(audit)
    if as_json:
        write_json({"loop": spec.loop, "examples": audit.examples, **counts})
    else:
        write_table(
            ("what", "how many"),
            _rows({"examples": audit.examples, **counts}, totals=("examples", "decisions")),
        )


def _rows(counts: Mapping[str, object], *, totals: Sequence[str]) -> list[tuple[str, str]]:
    """The counts that are not 0, and the totals whatever they are; `--json` has every one."""
    numbers = {name: n for name, n in counts.items() if isinstance(n, int)}
    return [(name.replace("_", " "), f"{n:,}") for name, n in numbers.items() if n or name in totals]


def _write_episodes(loop: str, audit: EpisodeAudit, *, as_json: bool) -> None:
    """What became of every decision of a loop with episodes, and some of those that became no transition."""
    counts = msgspec.to_builtins(audit)
    rows = counts.pop("rows")
    if as_json:
        write_json({"loop": loop, **counts, "rows": rows})
        return
    write_table(("what", "how many"), _rows(counts, totals=("decisions", "episodes", "transitions")))
    if rows:
        sys.stdout.write("\n")
        write_table(
            ("fault", "episode", "step", "decision"),
            [(row["fault"].replace("_", " "), row["episode_id"], row["step"], row["decision_id"]) for row in rows],
        )
