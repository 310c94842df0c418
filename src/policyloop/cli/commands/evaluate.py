"""Estimate what policies would have earned on logged traffic, with intervals, and whether to believe it."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from policyloop.care.evaluation_page import overlap_told, page_of
from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_note, write_table
from policyloop.core import plugins
from policyloop.core.errors import Fault, Invalid
from policyloop.core.estimate import Estimate
from policyloop.core.model import short
from policyloop.evaluate.reading import Line, worst_told
from policyloop.evaluate.slices import Sliced
from policyloop.run.episodes.estimates import EpisodeEstimates, estimates_of_episodes
from policyloop.run.questions.estimates import Asked, Estimates, estimates_beside_baseline, estimates_of

_INTERVALS = "policyloop.evaluate.intervals"  # by name: help must not import what estimates

_HEAD = ("policy", "estimator", "value", "95 % interval", "ess", "n")


def run(
    loop: LoopName,
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[POLICY...]",
            help="Digests or the start of them, champion, previous, anchor, baseline, uniform, or constant:LABEL.",
            show_default=False,
        ),
    ] = None,
    *,
    by: Annotated[
        str | None, typer.Option("--by", help="Field of the context to cut slices by, such as user.age.", show_default=False)
    ] = None,
    interval: Annotated[
        str, typer.Option("--interval", help=" | ".join(plugins.as_written(_INTERVALS, n) for n in plugins.ours(_INTERVALS)))
    ] = "normal",
    data: Annotated[
        Path | None, typer.Option("--data", help="File of decisions to take instead of the loop's log.", show_default=False)
    ] = None,
    data_format: Annotated[
        str | None,
        typer.Option("--format", help="The file's format, as `import` names it. [default: by its ending]", show_default=False),
    ] = None,
    outcome: Annotated[
        str | None, typer.Option("--outcome", help="What the file's reward column is reported as.", show_default=False)
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page that needs nothing beside itself.", show_default=False)
    ] = None,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Estimate what policies would have earned on logged traffic that nobody learned from; the champion by default.

    The mean reward that the traffic really earned stands beside them, and beside one policy or none the baseline. A file's
    rows are checked first, and nothing of them is kept. In a loop with episodes stored models are held against whole episodes.
    """
    asked = Asked(interval=interval, by=by, data=data, data_format=data_format, outcome=outcome)
    with open_project(home) as deployment:
        if deployment.registry.standing(loop).spec.episodes is not None:
            _refuse_for_episodes(asked, html)
            _show_episodes(estimates_of_episodes(deployment, loop, models or ()), as_json=as_json)
            return
        if models and len(models) > 1:
            found = estimates_of(deployment, loop, models, asked=asked)
        else:
            found = estimates_beside_baseline(deployment, loop, models[0] if models else None, asked=asked)
    if html is not None:
        _write_page(html, loop, found)
    if as_json:
        write_json([_as_json(estimates) for estimates in found])
    elif html is None:
        _show(found)


def _refuse_for_episodes(asked: Asked, html: Path | None) -> None:
    """What is said of single decisions alone."""
    said = {
        "--by": asked.by,
        "--data": asked.data,
        "--format": asked.data_format,
        "--outcome": asked.outcome,
        "--html": html,
        "--interval": None if asked.interval == Asked().interval else asked.interval,
    }
    faults = [
        Fault(name, f"is '{value}', but the loop has episodes; expected none: its own held-out episodes are taken, whole.")
        for name, value in said.items()
        if value is not None
    ]
    if faults:
        raise Invalid(faults, subject="the options")


def _show_episodes(found: list[EpisodeEstimates], *, as_json: bool) -> None:
    """Sentences for people, or the record."""
    if as_json:
        write_json([_episodes_as_json(one) for one in found])
        return
    for place, one in enumerate(found):
        typer.echo(f"{chr(10) if place else ''}{short(one.model)}, held against {one.n_episodes:,} held-out episodes:")
        for sentence in one.sentences:
            typer.echo(sentence)


def _episodes_as_json(one: EpisodeEstimates) -> dict[str, Any]:
    report = {} if one.report is None else one.report.to_json()
    if report:
        report["return_model"] = report.pop("model")
    own = one.numbers.get("estimate_own")
    return {"model": one.model, "n_episodes": one.n_episodes, "own": own, **report, "sentences": list(one.sentences)}


def _write_page(file: Path, loop: str, found: list[Estimates]) -> None:
    page = page_of(loop, found)
    try:
        file.write_bytes(page)
    except OSError as error:
        raise Invalid([Fault("--html", f"is '{file}', which cannot be written: {error.strerror}.")]) from None
    write_note(
        f"{file}: {len(found)} policies on {found[0].logged.n:,} decisions of loop '{loop}', {len(page) / 1024:,.0f} KiB"
    )


def _show(found: list[Estimates]) -> None:
    """Tables and sentences for people."""
    rows = [(short(one.model), *_cells(line)) for one in found for line in one.reading.lines]
    logged = found[0].logged
    low, high = logged.interval()
    write_table(_HEAD, [*rows, ("logged", *_shown(logged, low, high))])
    if any(not math.isfinite(line.high - line.low) for one in found for line in one.reading.lines):
        write_note(
            f"note: an estimator without bounds has too few examples, or {found[0].reading.interval} cannot bound it: an "
            f"interval that holds exactly needs whole logged pmfs, and no self-normalised estimator."
        )
    for one in found:
        reading = one.reading
        typer.echo(f"\n{short(one.model)}: may this be believed? {reading.belief.answer}. {reading.belief.sentence}")
        typer.echo(f"{overlap_told(reading.overlap)} {reading.agreement}")
        if reading.slices is not None:
            _show_slices(reading.slices)


def _show_slices(found: Sliced) -> None:
    cells = [(one.name, f"{one.n:,}", f"{one.value:+.4f}", f"[{one.low:.4f}, {one.high:.4f}]") for one in found.slices]
    write_table((found.field, "n", "against the log", f"{found.level:.0%} of all at once"), cells)
    typer.echo(worst_told(found))


def _cells(line: Line) -> tuple[str, ...]:
    return _shown(line.estimate, line.low, line.high)


def _shown(value: Estimate, low: float, high: float) -> tuple[str, ...]:
    bounds = f"[{low:.4f}, {high:.4f}]" if math.isfinite(high - low) else "none"
    return value.estimator, f"{value.value:.4f}", bounds, f"{value.ess:,.0f}", f"{value.n:,}"


def _as_json(found: Estimates) -> dict[str, Any]:
    reading = found.reading
    low, high = found.logged.interval()
    lines = [_estimate(line.estimate, line.low, line.high) for line in reading.lines]
    return {
        "model": found.model,
        "interval": reading.interval,
        "level": reading.level,
        "estimates": [*lines, _estimate(found.logged, low, high)],
        "belief": {"answer": reading.belief.answer, "reasons": list(reading.belief.reasons)},
        "overlap": {name: _finite(value) for name, value in asdict(reading.overlap).items()},
        "agreement": reading.agreement,
        "slices": None if reading.slices is None else _slices(reading.slices),
    }


def _estimate(value: Estimate, low: float, high: float) -> dict[str, Any]:
    numbers = {"value": value.value, "stderr": value.stderr, "low": low, "high": high, "ess": value.ess}
    return {"estimator": value.estimator, **{name: _finite(one) for name, one in numbers.items()}, "n": value.n}


def _slices(found: Sliced) -> dict[str, Any]:
    every = [{name: _finite(value) for name, value in asdict(one).items()} for one in found.slices]
    surely = found.is_surely_below_zero
    return {"field": found.field, "level": found.level, "slices": every, "worst": found.worst, "worst_is_surely_worse": surely}


def _finite(value: Any) -> Any:
    """The value as JSON can say it."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
