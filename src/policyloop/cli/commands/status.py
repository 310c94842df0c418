"""Show on one screen how the loops are: traffic, join rate, champion, what the gate waits for, last job, disk, alarms."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from policyloop.care.status import DiskStatus, LoopStatus, all_statuses, disk_of, notices_of, status_of
from policyloop.cli.options import AsJson, HomeFolder
from policyloop.cli.project import open_project, settings_of
from policyloop.cli.screen import write_json
from policyloop.cli.words import age, counted
from policyloop.core.errors import Fault, Invalid
from policyloop.core.model import short
from policyloop.join.episode_audit import EpisodeAudit
from policyloop.registry.notice_rows import NoticeCounts
from policyloop.run.deployment import Deployment

_LOOK_EVERY_S = 1.0


def run(
    loop: Annotated[str | None, typer.Argument(metavar="[LOOP]", help="One loop; all by default.", show_default=False)] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again every second, until Ctrl-C.")] = False,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show on one screen how the loops are: traffic, join rate, champion, what the gate waits for, last job, disk, alarms."""
    if watch and (as_json or not sys.stdout.isatty()):
        raise Invalid([Fault("--watch", "redraws a terminal; expected one, without --json. A script asks for --json again.")])
    is_sent = settings_of(home)["notify.url"] != ""
    with open_project(home) as deployment:
        if as_json:
            write_json({"loops": _look(deployment, loop), "disk": disk_of(deployment), "notices": notices_of(deployment)})
        elif watch:
            with Live(screen_of(deployment, loop, is_sent=is_sent), screen=True, auto_refresh=False) as live:
                while True:
                    time.sleep(_LOOK_EVERY_S)
                    live.update(screen_of(deployment, loop, is_sent=is_sent), refresh=True)
        else:
            Console(highlight=False).print(screen_of(deployment, loop, is_sent=is_sent))


def _look(deployment: Deployment, loop: str | None) -> list[LoopStatus]:
    return all_statuses(deployment) if loop is None else [status_of(deployment, loop)]


def screen_of(deployment: Deployment, loop: str | None, *, is_sent: bool = True) -> RenderableType:
    """One loop, or all (None), as a screen of rich text; `is_sent` says whether notices go anywhere."""
    statuses, now_us = _look(deployment, loop), deployment.clock.now_us()
    if not statuses:
        return Text("no loop yet: `policyloop init my-loop` writes one, `policyloop apply my-loop.yaml` adds it.")
    parts: list[RenderableType] = []
    for status in statuses:
        parts += [Rule(_title(status), align="left"), _facts(status, now_us), *_alarms(status.alarms)]
    return Group(
        *parts,
        Rule(style="dim"),
        *_notices(notices_of(deployment), is_sent=is_sent),
        Text(_disk(disk_of(deployment)), style="dim"),
    )


def _title(status: LoopStatus) -> Text:
    state = (
        " (paused: the baseline decides)" if status.is_paused else " (frozen: nothing is promoted)" if status.is_frozen else ""
    )
    return Text.assemble((status.loop, "bold"), f" version {status.spec_version} of the spec{state}")


def _facts(status: LoopStatus, now_us: int) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in (
        ("traffic", _traffic(status, now_us)),
        ("join", _join(status)),
        ("champion", _champion(status, now_us)),
        ("next training", f"waits for {status.waits_for}"),
        ("last job", _job(status, now_us)),
        ("last verdict", _verdict(status, now_us)),
        ("challenge", _challenge(status, now_us)),
    ):
        if value:
            table.add_row(name, Text(value))
    return table


def _traffic(status: LoopStatus, now_us: int) -> str:
    traffic = status.traffic
    known = f"tables complete up to {age(traffic.watermark, now_us)}" if traffic.watermark else "nothing is in the tables yet"
    told = f"{counted(traffic.this_hour, 'decision')} this hour, {traffic.last_day:,} in a day, {traffic.in_all:,} in all"
    return f"{told}; {known}"


def _join(status: LoopStatus) -> str:
    audit, rate = status.audit, status.traffic.join_rate
    if status.episodes is not None:
        return _of_episodes(status.episodes)
    told = (
        ("none in the last day" if status.n_examples else "no example yet")
        if rate is None
        else f"{100 * rate:.1f} % of the last day's decisions found an outcome"
    )
    counts = (
        (audit.waiting, "waiting"),
        (audit.arrived_late, "arrived late"),
        (audit.happened_late, "happened late"),
        (audit.duplicate, "repeated"),
        (audit.conflict, "in conflict"),
        (audit.unplaced, "unplaced"),
        (audit.orphan, "without a decision"),
    )
    return "; ".join([told, counted(status.n_examples, "example"), *(f"{n:,} {what}" for n, what in counts if n)])


def _of_episodes(audit: EpisodeAudit) -> str:
    """How many are over, wait, and how they ended; then what became of single decisions."""
    ends = (
        (audit.terminated, "terminated"),
        (audit.truncated, "truncated"),
        (audit.at_limit, "at max_steps"),
        (audit.silent, "ended by nobody"),
    )
    how = ", ".join(f"{n:,} {what}" for n, what in ends if n)
    over = f"{counted(audit.episodes, 'episode')} {'is' if audit.episodes == 1 else 'are'} over{f' ({how})' if how else ''}"
    waiting = f"{audit.episodes_waiting:,} waiting"
    steps = counted(audit.transitions, "transition")
    faults = audit.decisions - audit.transitions - audit.waiting
    no_step = [f"{counted(faults, 'decision')} without one (`policyloop join` says why)"] if faults else []
    return "; ".join([over, waiting, steps, *no_step]) if audit.decisions else "no episode yet"


def _champion(status: LoopStatus, now_us: int) -> str:
    if status.champion is None and status.challenge is not None:
        return "the baseline decides, until a challenge is won or a person promotes a model"
    if status.champion is None and status.has_episodes:
        return (
            "the baseline decides; a model is chosen offline, and goes live when a challenge proves it "
            f"(`policyloop challenge {status.loop} --model MODEL`) or a person promotes it"
        )
    if status.champion is None:
        return "the baseline decides; the first model goes live when it passes the hard checks"
    since = "" if status.champion_since is None else f", live since {age(status.champion_since, now_us)}"
    learned = counted(status.examples_in_champion or 0, "transition" if status.has_episodes else "example")
    return f"{short(status.champion)}{since}, from {learned}; {counted(status.n_models, 'model')} in all"


def _job(status: LoopStatus, now_us: int) -> str:
    job = status.last_job
    if job is None:
        return "none yet"
    when = age(job.ended_at or job.started_at or job.queued_at, now_us)
    return f"{job.kind} {job.state} {when} ({job.reason})"


def _verdict(status: LoopStatus, now_us: int) -> str:
    verdict = status.last_verdict
    if verdict is None and status.challenge is not None:
        return "none yet on what is live; the challenge has its own"
    if verdict is None:
        return f"none yet; the first comes with {'a challenge' if status.has_episodes else 'the first model'}"
    return f"{verdict.verdict} {short(verdict.model)} {age(verdict.at, now_us)}: {verdict.sentence}"


def _challenge(status: LoopStatus, now_us: int) -> str:
    """What the gate waits for; nothing where no challenge goes on."""
    found = status.challenge
    if found is None:
        return ""
    who = "no model yet" if found.model is None else f"model {short(found.model)}"
    told = f"{found.id}, {who}: {found.state} since {age(found.since, now_us)}. {found.sentence}".rstrip()
    if found.is_waiting:
        return f"{told} It waits for you: `policyloop gate approve {status.loop}` or `policyloop gate retire {status.loop}`."
    return f"{told} `policyloop gate status {status.loop}` says what it waits for."


def _alarms(alarms: Sequence[str]) -> list[RenderableType]:
    return [Text.assemble(("! ", "bold red"), alarm) for alarm in alarms]


def _notices(counts: NoticeCounts, *, is_sent: bool) -> list[RenderableType]:
    """What is to be told outside and was not; nothing where all is told, or nobody wants to be (`is_sent`)."""
    told: list[RenderableType] = []
    if counts.waiting and is_sent:
        told.append(Text(f"{counted(counts.waiting, 'notice')} to be sent to notify.url", style="dim"))
    if counts.failed:
        failed = f"{counted(counts.failed, 'notice')} reached nobody; `policyloop notify list` says why."
        told.append(Text.assemble(("! ", "bold red"), failed))
    return told


def _disk(disk: DiskStatus) -> str:
    return f"{disk.home}: {disk.size_bytes / 2**20:,.1f} MiB of data, {disk.free_bytes / 2**30:,.1f} GiB free"
