"""Show the versions of a loop with episodes: what each learned from, expects of one fixed episode, and did when it played."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_table
from policyloop.cli.words import counted
from policyloop.core.model import short
from policyloop.join.episode_audit import EpisodeAudit
from policyloop.join.episode_hours import episode_audit
from policyloop.run.episodes.versions import Version, versions_of

_HEADS = ("#", "policy", "state", "from", "max Q", "played", "length", "return")  # fits into 80 columns
_TOLD = "from: steps that it learned from; played: episodes; length, return: their means, as counted; +- standard error"

_NO_Q = "max Q is empty of models that no learner here made, such as those of outside"
_NOT_HELD_OUT = "max Q is empty: no episode is held out yet"


def run(
    loop: LoopName,
    episode: Annotated[
        str | None,
        typer.Option(
            "--episode", metavar="ID", help="Ask the versions about this one; else the earliest held out.", show_default=False
        ),
    ] = None,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show a line of versions, the cold start first: mean max Q on one fixed episode, and length and return as each played.

    `policyloop join LOOP` brings in what was played last, where no worker does.
    """
    with open_project(home) as deployment:
        versions, fixed = versions_of(deployment, loop, episode_id=episode)
        audit = episode_audit(deployment.records, loop)
    if as_json:
        write_json({"episode": fixed.episode_id if fixed else None, "versions": msgspec.to_builtins(versions)})
        return
    if not versions:
        typer.echo(f"loop '{loop}' has no version yet, and {_nobody(audit)}.")
        return
    write_table(_HEADS, [_row(version) for version in versions])
    typer.echo(f"\n{_TOLD}")
    if fixed is not None:
        typer.echo(
            f"max Q: discounted, the mean over the {len(fixed.states):,} steps of episode {fixed.episode_id}, not learned from"
        )
    if any(version.number and version.max_q is None for version in versions):
        typer.echo(_NO_Q if fixed is not None else _NOT_HELD_OUT)


def _nobody(audit: EpisodeAudit) -> str:
    """Why there is nothing to show: nobody played, or what was played is not over."""
    if not audit.episodes_waiting:
        return "nobody has played"
    n, wait = counted(audit.episodes_waiting, "episode"), "waits" if audit.episodes_waiting == 1 else "wait"
    return (
        f"no episode is over: {n} of {counted(audit.waiting, 'step')} {wait} for `terminated` or `truncated`, or for outcomes "
        f"whose window is open"
    )


def _row(version: Version) -> tuple[str, ...]:
    """A version in words."""
    played = version.played
    return (
        str(version.number),
        short(version.policy) if version.number else version.policy.removeprefix("imported:"),
        version.state,
        f"{version.n_learned_from:,}" if version.n_learned_from else "",
        "" if version.max_q is None else f"{version.max_q:.3f}",
        "" if played is None else f"{played.n_episodes:,}",
        "" if played is None else f"{played.mean_length:.1f}",
        "" if played is None else f"{played.mean_return:.3f} +-{played.return_stderr:.3f}",
    )
