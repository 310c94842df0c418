"""Play an environment by hand in the terminal; what you do is logged as episodes."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from policyloop.cli.options import AsJson, HomeFolder
from policyloop.cli.project import deployment_of, settings_of
from policyloop.cli.raw_keys import Keys, raw_keys
from policyloop.cli.screen import write_json
from policyloop.cli.setting_pairs import read_pairs
from policyloop.core import plugins
from policyloop.core.errors import BadSetting, NothingToDo
from policyloop.ingest.checks import checks_of
from policyloop.log.writer import LogWriter
from policyloop.run.episodes.rollout import loop_for
from policyloop.simulate.by_hand import HandPlayed, Table
from policyloop.simulate.environment import FAMILY, open_environment

_CLEAR, _HOME, _TO_END = "\x1b[2J\x1b[H", "\x1b[H", "\x1b[J"
_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
_LEAVE = ("q", "escape")
_SEEDS = 2**31


def run(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="tetris.")] = "tetris",
    tick: Annotated[float, typer.Option("--tick", help="Seconds until the game goes on without a key.")] = 0.6,
    loop: Annotated[
        str | None,
        typer.Option("--loop", help="The loop; else the environment's own, made where it is missing.", show_default=False),
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the environment, such as rows=8.", show_default=False)
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of all draws; else a new one.", show_default=False)] = None,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Play an environment by hand in the terminal; what you do is logged as episodes with the action source `human`.

    Arrows act, q leaves. A game that you leave is logged as truncated.
    """
    if not sys.stdin.isatty():
        raise NothingToDo("there is no terminal to play in; run `policyloop play` in one.")
    if not 0.01 <= tick <= 60.0:
        raise BadSetting(f"--tick is {tick}; expected 0.01 to 60 seconds.")
    module = plugins.load(FAMILY, environment)
    if not hasattr(module, "KEYS"):
        raise BadSetting(f"environment '{environment}' has no keys to play it with; expected one that has, such as tetris.")
    made = open_environment(environment, read_pairs(setting or []))
    rng = np.random.default_rng(secrets.randbelow(_SEEDS) if seed is None else seed)
    played: list[HandPlayed] = []
    with deployment_of(settings_of(home)) as deployment:
        spec, _ = loop_for(deployment, made, loop)
        log = LogWriter(deployment.home.log, clock=deployment.clock)
        try:
            checks = checks_of(spec, salt=deployment.registry.salt)
            table = Table(made, checks, append=lambda record: log.wait(log.append(record)), clock=deployment.clock)
            _play_on(table, module.KEYS, module.picture, played, tick_s=tick, rng=rng)
        finally:
            log.close()
    if as_json:
        write_json({"loop": spec.loop, "episodes": played})
    else:
        for one in played:
            how = "to its end" if one.is_over else "left"
            typer.echo(f"{one.episode_id}: {one.n_steps:,} steps, {one.earned:g} earned, {how}")


def _play_on(
    table: Table,
    keys_of: dict[str, int],
    picture: Callable[[NDArray[Any]], list[str]],
    played: list[HandPlayed],
    *,
    tick_s: float,
    rng: np.random.Generator,
) -> None:
    """Episode after episode, until the person leaves."""
    name, none = f"human-{secrets.token_hex(4)}", len(keys_of)
    with raw_keys(sys.stdin.fileno()) as keys:
        sys.stderr.write(_HIDE + _CLEAR)

        def ask(state: NDArray[Any], earned: float) -> int | None:
            _draw([*picture(state), f"earned {earned:g}   arrows: turn, move, down   q: leave"])
            key = keys.next(tick_s)
            return None if key in _LEAVE else keys_of.get(key or "", none)

        try:
            while not played or (played[-1].is_over and _goes_on(keys, played[-1])):
                played.append(table.play(f"{name}-{len(played)}", ask, rng=rng))
        finally:
            sys.stderr.write(_SHOW + "\n")


def _goes_on(keys: Keys, last: HandPlayed) -> bool:
    """Whether the person wants another one."""
    _draw([f"Over after {last.n_steps:,} steps: {last.earned:g} earned.", "q: leave   any other key: play again"])
    return keys.next(None) not in _LEAVE


def _draw(lines: list[str]) -> None:
    sys.stderr.write(_HOME + "\r\n".join(line + "\x1b[K" for line in lines) + _TO_END)
    sys.stderr.flush()
