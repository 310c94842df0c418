"""Episodes in the files of other systems, for `policyloop import` and `policyloop export`.

Question answered: may these episodes go into the tables, or out of them, in this format?
"""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from policyloop.core import plugins
from policyloop.core.episode import Transitions
from policyloop.core.errors import Fault, Invalid
from policyloop.core.loop import LoopSpec
from policyloop.lake.bulk import BroughtHistory
from policyloop.lake.history_check import checked_history, is_action
from policyloop.run.deployment import Deployment
from policyloop.run.episodes.histories import bring_in
from policyloop.run.episodes.transitions import transitions_of

_FAMILY = "policyloop.interop.histories"
_FOR_BOTH = "transitions"  # the format with a column for labels and one for numbers


def bring_file(
    deployment: Deployment, spec: LoopSpec, file: Path, *, file_format: str, policy: str, dry_run: bool
) -> BroughtHistory:
    """Read a file of episodes and bring them into the tables; with `dry_run` they are only checked.

    Raises:
        Invalid: the loop has no episodes, or something in the file does not fit; nothing was written.
    """
    _check_episodes(spec, file_format)
    if spec.actions.choices:
        _refuse_both(spec, file_format, "Bring them in by `policyloop import history` or `POST /v1/track`.")
    history = plugins.load(_FAMILY, file_format).read(file, spec)
    if not dry_run:
        return bring_in(deployment, spec, history, policy=policy)
    checked = checked_history(history, spec, now_us=deployment.clock.now_us())
    return BroughtHistory("", len(checked["episode_id"].unique()), int(is_action(checked).sum()), 0, is_new=True)


def write_file(
    deployment: Deployment, spec: LoopSpec, file: Path, *, file_format: str, part: str, since: int | None
) -> Transitions:
    """Write a loop's episodes; answers what was written.

    Args:
        part: `all`, `learned` (below the split) or `held-out`.
        since: microseconds; episodes that began in an earlier hour are left out.

    Raises:
        Invalid: the loop has no episodes, none was joined yet, or the file cannot be written.
    """
    _check_episodes(spec, file_format)
    if spec.actions.choices and file_format != _FOR_BOTH:
        _refuse_both(spec, file_format, f"Write them as {_FOR_BOTH}.")
    rows, _ = transitions_of(deployment, spec, since=since)
    split = spec.train.split
    wanted = {"all": rows, "learned": rows.to_learn_from(split), "held-out": rows.to_evaluate_on(split)}[part]
    if not len(wanted):
        told = f"loop '{spec.loop}' has no episode in the tables yet; bring some in, and run `policyloop join`."
        raise Invalid([Fault("the episodes", told, "empty")])
    plugins.load(_FAMILY, file_format).write(file, wanted, spec)
    return wanted


def _check_episodes(spec: LoopSpec, file_format: str) -> None:
    if spec.episodes is None:
        told = f"is for loops with episodes; loop '{spec.loop}' has none. Say `episodes: {{}}` in its file."
        raise Invalid([Fault(file_format, told)])


def _refuse_both(spec: LoopSpec, file_format: str, way_out: str) -> NoReturn:
    told = f"knows actions of one kind, and those of loop '{spec.loop}' are labels and numbers at once. {way_out}"
    raise Invalid([Fault(file_format, told)])
