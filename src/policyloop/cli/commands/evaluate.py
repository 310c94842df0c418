"""Estimate what a model would have earned on logged traffic, by IPS, SNIPS, DM and DR, with intervals."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_table
from policyloop.core.estimate import Estimate
from policyloop.core.model import short
from policyloop.run.estimates import Estimates, estimates_beside_baseline


def run(
    loop: LoopName,
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]", help="Its digest or the start of it, previous, anchor or baseline.", show_default=False
        ),
    ] = None,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Estimate what a model would have earned on logged traffic that nobody learned from; the champion by default.

    The baseline stands beside it, and the mean reward that the logged traffic really earned.
    """
    with open_project(home) as deployment:
        found = estimates_beside_baseline(deployment, loop, model)
    if as_json:
        write_json([_as_json(estimates) for estimates in found])
        return
    rows = [(short(f.model), *_cells(value)) for f in found for value in f.values]
    write_table(("policy", "estimator", "value", "95 % interval", "ess", "n"), [*rows, ("logged", *_cells(found[0].logged))])


def _cells(value: Estimate) -> tuple[str, ...]:
    low, high = value.interval()
    return value.estimator, f"{value.value:.4f}", f"[{low:.4f}, {high:.4f}]", f"{value.ess:,.0f}", f"{value.n:,}"


def _as_json(found: Estimates) -> dict[str, Any]:
    return {"model": found.model, "estimates": [*map(_estimate, found.values), _estimate(found.logged)]}


def _estimate(value: Estimate) -> dict[str, Any]:
    low, high = value.interval()
    return {
        "estimator": value.estimator,
        "value": value.value,
        "stderr": value.stderr,
        "low": low,
        "high": high,
        "ess": value.ess,
        "n": value.n,
    }
