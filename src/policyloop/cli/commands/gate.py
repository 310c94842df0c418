"""See and steer what goes live: status, history, explain, freeze, unfreeze, advise, approve, retire."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json
from policyloop.cli.words import counted
from policyloop.core.errors import NothingToDo
from policyloop.core.model import short
from policyloop.registry.challenges import how_to_begin
from policyloop.run.challenges import gate_state as states
from policyloop.run.challenges.gate_state import ChallengeView, GateState, ReasonView
from policyloop.run.deployment import Deployment
from policyloop.run.log_check import begin_again

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, help=__doc__)

Why = Annotated[str, typer.Option("--why", help="Your reason; it is kept.")]
_NO_WHY = "no reason given"
_MARKS = {"+": "speaks for it", "?": "does not say yet", "-": "speaks against it, or ended it"}
_SAME_IN_WORDS = {
    True: "the records say the same, to 1e-12",
    False: "THE RECORDS SAY SOMETHING ELSE; run `policyloop fsck`",
    None: "actions came or went since it began, so what the records say cannot be worked out again in today's",
}


@app.callback()
def _gate() -> None:
    """See and steer what goes live: status, history, explain, freeze, unfreeze, advise, approve, retire."""


@app.command()
def status(loop: LoopName, home: HomeFolder = None, as_json: AsJson = False) -> None:
    """Where the loop's challenge stands, what it waits for, and what speaks for and against it."""
    with open_project(home) as deployment:
        state = states.gate_state(deployment, loop)
    if as_json:
        write_json(state)
        return
    _write(_told(state))


@app.command()
def history(
    loop: LoopName,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 20,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Every move of the loop's challenges, newest first."""
    with open_project(home) as deployment:
        moves = states.history(deployment, loop, limit=limit)
    if as_json:
        write_json(moves)
    elif not moves:
        typer.echo(f"no challenge has begun yet; {how_to_begin(loop)}.")
    else:
        for move in moves:
            came = move.after if move.before is None else f"{move.before} -> {move.after}"
            typer.echo(f"{move.at[:19].replace('T', ' ')}  challenge {move.challenge}: {came}, {move.verdict}")
            typer.echo(f"  {move.sentence}")


@app.command()
def explain(loop: LoopName, home: HomeFolder = None, as_json: AsJson = False) -> None:
    """The newest verdict on a challenge, reason by reason; its evidence is worked out again from the tables alone."""
    with open_project(home) as deployment:
        found = states.explained(deployment, loop)
        state = states.gate_state(deployment, loop)
    if state.challenge is None:
        raise NothingToDo(
            f"no challenge has begun in loop '{state.loop}'; `policyloop verdicts {state.loop}` explains what is live."
        )
    if as_json:
        write_json(state.challenge if found is None else found)
        return
    if found is None:
        _write(_told_of(state.challenge, state.loop))
        first = "closed episode" if state.challenge.unit == "episodes" else "settled decision"
        typer.echo(f"There is no evidence to work out again: that begins with the first {first} of the canary.")
        return
    typer.echo(f"challenge {found.challenge}, {found.state}: {counted(found.n, found.unit)} worked out again")
    if found.difference is not None and found.low is not None and found.high is not None:
        typer.echo(
            f"difference {'an episode' if 'episode' in found.unit else 'a decision'}: {found.difference:+.4g}, 95 % sure at "
            f"all looks: {found.low:+.4g} to {found.high:+.4g}"
        )
    _write([_line(reason) for reason in found.reasons])
    typer.echo(_SAME_IN_WORDS[found.is_same])


@app.command()
def freeze(loop: LoopName, why: Why = _NO_WHY, home: HomeFolder = None, as_json: AsJson = False) -> None:
    """Promote nothing until `unfreeze`; what is live stays live, and can be rolled back."""
    state = _after(loop, home, lambda deployment, name: deployment.registry.freeze(name, why=why))
    _answer(state, f"{state.loop}: nothing is promoted until `policyloop gate unfreeze {state.loop}`.", as_json=as_json)


@app.command()
def unfreeze(loop: LoopName, why: Why = _NO_WHY, home: HomeFolder = None, as_json: AsJson = False) -> None:
    """Allow promotions again; the log check begins anew, with the decisions from now on."""

    def change(deployment: Deployment, name: str) -> None:
        begin_again(deployment, name)  # first: a look in between would freeze it again
        deployment.registry.unfreeze(name, why=why)

    state = _after(loop, home, change)
    _answer(state, f"{state.loop}: promotions are allowed again.", as_json=as_json)


@app.command()
def advise(loop: LoopName, why: Why = _NO_WHY, home: HomeFolder = None, as_json: AsJson = False) -> None:
    """Show what the challenger of episodes would do beside each decision, as `advice`; a person goes on acting."""
    state = _after(loop, home, lambda deployment, name: deployment.registry.challenges.advise(name, why=why))
    _answer(state, f"{_challenge_of(state)} gives its advice; report what is carried out as `executed`.", as_json=as_json)


@app.command()
def approve(loop: LoopName, why: Why = _NO_WHY, home: HomeFolder = None, as_json: AsJson = False) -> None:
    """Agree to the challenger that waits for you: a proven one, or one of episodes that is to play its first."""
    state = _after(loop, home, lambda deployment, name: deployment.registry.challenges.approve(name, why=why))
    _answer(state, f"{_challenge_of(state)} goes on.", as_json=as_json)


@app.command()
def retire(loop: LoopName, why: Why = _NO_WHY, home: HomeFolder = None, as_json: AsJson = False) -> None:
    """End the challenge that goes on; the champion decides alone again."""
    state = _after(loop, home, lambda deployment, name: deployment.registry.challenges.retire(name, why=why))
    _answer(state, f"{_challenge_of(state)} ended.", as_json=as_json)


def _after(loop: str, home: Path | None, change: Callable[[Deployment, str], object]) -> GateState:
    """The gate of a loop after a person's word on it."""
    with open_project(home) as deployment:
        name = deployment.registry.standing(loop).spec.loop
        change(deployment, name)
        return states.gate_state(deployment, name)


def _challenge_of(state: GateState) -> str:
    """The challenge that a word was about: `shop: challenge 1 (RETIRED)`."""
    assert state.challenge is not None, "a word on no challenge is refused"
    return f"{state.loop}: challenge {state.challenge.id} ({state.challenge.state})"


def _answer(state: GateState, sentence: str, *, as_json: bool) -> None:
    if as_json:
        write_json(state)
    else:
        typer.echo(sentence)


def _told(state: GateState) -> list[str]:
    """The state in lines."""
    frozen = "; promotions are FROZEN" if state.is_frozen else ""
    held = f"; the baseline keeps {100 * state.hold_out:g} % of the decisions" if state.hold_out else ""
    lines = [f"{state.loop}: {short(state.champion)} is live{held}{frozen}"]
    lines += [_line(alarm) for alarm in state.alarms]
    lines += [] if state.line is None else [_line(state.line)]
    if state.challenge is None:
        return [*lines, f"no challenge has begun; {how_to_begin(state.loop)}"]
    return lines + _told_of(state.challenge, state.loop)


def _told_of(challenge: ChallengeView, loop: str) -> list[str]:
    """A challenge in lines: what it is, where it stands, what speaks for and against it."""
    model = "no model yet" if challenge.model is None else f"model {short(challenge.model)}"
    share = f", {100 * challenge.share:g} % of the {challenge.unit} are its own" if challenge.share else ""
    since = challenge.changed_at[:16].replace("T", " ")
    lines = [f"challenge {challenge.id}: {challenge.state} since {since} UTC, {model}{share}"]
    lines += [f"  {change.split(' (')[0]}" for change in challenge.changes]
    lines += [_line(reason) for reason in challenge.reasons]
    if challenge.state == "LIVE" and challenge.changes:
        lines.append(
            "Its recipe is the loop's now: write the changes above into the loop's file, which is older than what holds."
        )
    if challenge.is_waiting:
        lines.append(f"It waits for you: `policyloop gate approve {loop}` or `policyloop gate retire {loop}`.")
    return lines


def _write(lines: list[str]) -> None:
    """Lines, and what the marks before some of them mean."""
    for line in lines:
        typer.echo(line)
    marks = [f"{mark} {meaning}" for mark, meaning in _MARKS.items() if any(line.startswith(f"{mark} ") for line in lines)]
    if marks:
        typer.echo(f"({', '.join(marks)})")


def _line(reason: ReasonView) -> str:
    mark = {"PROMOTE": "+", "INCONCLUSIVE": "?"}.get(reason.verdict, "-")
    return f"{mark} {reason.sentence}"
