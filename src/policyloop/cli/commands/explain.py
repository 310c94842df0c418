"""Say which features spoke for the action taken in a logged decision, and what explorer and floor did."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from policyloop.cli.options import AsJson, HomeFolder
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_table
from policyloop.cli.words import moment
from policyloop.core.clock import iso
from policyloop.evaluate.explain import Contribution, Explanation, shown
from policyloop.run.questions.explaining import Explained, explain

_MOST_ROWS = 20  # fields and actions that people are shown; --json has all


def run(
    decision_id: Annotated[str, typer.Argument(metavar="ID", help="A decision_id that decide answered.", show_default=False)],
    loop: Annotated[str | None, typer.Option("--loop", help="Where it was made; all by default.", show_default=False)] = None,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Say in words and numbers which features spoke for the action taken in a logged decision.

    Each field's contribution to the action's expected reward, and to its lead over the next best and over the average of
    the other allowed actions; then what explorer and floor made of it.
    """
    with open_project(home) as deployment:
        found = explain(deployment, decision_id, loop=loop)
    if as_json:
        write_json(_as_json(found))
        return
    decision = found.decision
    typer.echo(f"decision {decision.decision_id} of loop '{decision.loop}', {moment(decision.decided_at)} UTC")
    for sentence in found.sentences():
        typer.echo(sentence)
    if found.explanation is not None:
        _show(found.explanation)


def _show(why: Explanation) -> None:
    """Contributions, then scores and probabilities, as tables."""
    taken = why.offered[why.taken].name
    beside = "" if why.next_best is None else f"lead over {why.offered[why.next_best].name}"
    if why.usual is not None:
        typer.echo("")
        others = f"lead over the other {why.n_others}" if why.n_others > 1 else ""
        rows = [_cells(one.name, shown(one.value), one, n=why.n_others) for one in why.contributions[:_MOST_ROWS]]
        rest = why.contributions[_MOST_ROWS:]
        rows += [_cells(f"{len(rest)} more", "", _sum(rest), n=why.n_others)] if rest else []
        rows += [_cells("usual", "", why.usual, n=why.n_others)]
        rows += [_cells("in all", "", _sum([*why.contributions, why.usual]), n=why.n_others)]
        write_table(("field", "value", taken, beside, others), rows)
    typer.echo("")
    known = sorted(range(len(why.offered)), key=lambda place: (place != why.taken, -_rank(why, place), place))
    write_table(
        ("action", "expected reward", why.explorer, "probability", ""),
        [
            (
                why.offered[place].name,
                "" if why.offered[place].reward is None else f"{why.offered[place].reward:.4g}",
                f"{why.offered[place].explored:.4f}",
                "" if why.offered[place].probability is None else f"{why.offered[place].probability:.4f}",
                "taken" if place == why.taken else "" if why.offered[place].is_allowed else "not allowed",
            )
            for place in known[:_MOST_ROWS]
        ],
    )
    if len(known) > _MOST_ROWS:
        typer.echo(f"and {len(known) - _MOST_ROWS:,} more; --json has them all.")


def _rank(why: Explanation, place: int) -> float:
    reward = why.offered[place].reward
    return float("-inf") if reward is None else reward


def _cells(name: str, value: str, one: Contribution, *, n: int) -> tuple[str, ...]:
    error = f" ± {one.stderr:.2g}" if one.stderr > 1e-9 else ""
    return name, value, f"{one.to_taken:+.4f}{error}", _signed(one.against_next), _signed(one.against_others) if n > 1 else ""


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.4f}"


def _sum(several: list[Contribution] | tuple[Contribution, ...]) -> Contribution:
    """The sum of contributions."""

    def total(name: str) -> float | None:
        values = [getattr(one, name) for one in several]
        return None if None in values else sum(values)

    return Contribution(
        name="",
        value=None,
        to_taken=total("to_taken") or 0.0,
        against_next=total("against_next"),
        against_others=total("against_others"),
        stderr=0.0,
    )


def _as_json(found: Explained) -> dict[str, Any]:
    decision, why = found.decision, found.explanation
    told: dict[str, Any] = {
        "decision_id": decision.decision_id,
        "loop": decision.loop,
        "decided_at": iso(decision.decided_at),
        "policy": decision.policy,
        "context": msgspec.json.decode(decision.context),
        "action": found.names[decision.action[0]],
        "propensity": decision.propensity,
        "sentences": found.sentences(),
    }
    return told if why is None else {**told, **_why_as_json(why)}


def _why_as_json(why: Explanation) -> dict[str, Any]:
    return {
        "next_best": None if why.next_best is None else why.offered[why.next_best].name,
        "contributions": [_numbers(one) for one in why.contributions],
        "usual": None if why.usual is None else _numbers(why.usual),
        "n_background": why.n_background,
        "explorer": why.explorer,
        "floor": why.floor,
        "explored": not why.is_point,
        "actions": [
            {
                "action": one.name,
                "allowed": one.is_allowed,
                "expected_reward": one.reward,
                "explorer": one.explored,
                "probability": one.probability,
            }
            for one in why.offered
        ],
    }


def _numbers(one: Contribution) -> dict[str, Any]:
    return {
        "field": one.name,
        "value": one.value,
        "to_taken": one.to_taken,
        "against_next": one.against_next,
        "against_others": one.against_others,
        "stderr": one.stderr,
    }
