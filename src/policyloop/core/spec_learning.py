"""The sections `learner:`, `explore:` and `train:` of a loop file: how models are made.

A plug-in is checked by name and by the names of its settings, without importing it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from croniter import croniter
from croniter.croniter import CroniterError

from policyloop.core import plugins
from policyloop.core.duration import read_duration
from policyloop.core.errors import Fault, unknown
from policyloop.core.loop import ExploreSpec, PluginSpec, TrainSpec
from policyloop.core.plugin_settings import names_with, settings_of
from policyloop.core.section import NONE_WORDS, Section, is_number, show

LEARNERS = "policyloop.learn.learners"
EXPLORERS = "policyloop.policy.explorers"
RULES = "policyloop.gate.rules"
MAX_EVERY = 10**9
_KIND_OF_FAMILY = {LEARNERS: "learner", EXPLORERS: "explorer", RULES: "gate rule"}
BOX_EXPLORE = ExploreSpec(name="greedy", floor=0.0)  # of a plant: what is tried at random costs
EPISODES_TRAIN = TrainSpec(every_examples=None, every_episodes=200, window_s=None)  # a history may be years old
# of loops with episodes that name no learner, by the kind of action
EPISODES_LEARNER = {"continuous": "rebrac", "discrete": "cql_discrete", "tuple": "iql"}
OF_A_RUN = ("updates", "checkpoint_every", "goes_on")  # settings of learners of episodes that belong to the training run
_N_OF = re.compile(r"([0-9][0-9_,]*)\s*(example|episode)s?")


def read_plugin(
    value: Any,
    where: str,
    faults: list[Fault],
    *,
    family: str,
    default: str,
    is_checked: bool,
    maker: str = "create",
    more: tuple[str, ...] = (),
) -> PluginSpec:
    """A plug-in by name, or `{name: ..., setting: value}`; `maker` is the function that its file must have.

    Args:
        more: settings beside those of the plug-in, of whoever runs it.
    """
    section = Section({"name": value} if isinstance(value, str) else value, where, faults, expected="`{name: ...}`")
    name = _read_name(section, family, default, is_checked, maker)
    return PluginSpec(name=name, settings=_read_settings(section, family, name, ("name",), is_checked, maker, more))


def read_explore(value: Any, where: str, faults: list[Fault], *, is_checked: bool, has_box: bool = False) -> ExploreSpec:
    """The explorer, its settings and the floor.

    Args:
        has_box: whether actions have numbers, so that nothing is explored unless it is asked for.
    """
    usual, maker = (BOX_EXPLORE, "create_box") if has_box else (ExploreSpec(), "create")
    section = Section(
        {"name": value} if isinstance(value, str) else value, where, faults, expected="`{name: ..., floor: 0.02}`"
    )
    name = _read_name(section, EXPLORERS, usual.name, is_checked, maker)
    floor = section.number("floor", usual.floor, low=0.0, high=1.0)
    settings = _read_settings(section, EXPLORERS, name, ("name", "floor"), is_checked, maker)
    return ExploreSpec(name=name, floor=floor, settings=settings)


def _read_name(section: Section, family: str, default: str, is_checked: bool, maker: str = "create") -> str:
    """The plug-in's name as the family spells it: rules with -, the others with _."""
    name = section.text("name", default, expected=f"the name of a {_KIND_OF_FAMILY[family]}")
    known = [plugins.as_written(family, plugin) for plugin in names_with(family, maker)]
    spelled = name.replace("_", "-") if family == RULES else name.replace("-", "_")
    if is_checked and name != default and spelled not in known:
        section.fault("name", unknown(_KIND_OF_FAMILY[family], name, known), "unknown_name")
        return default
    return str(spelled)


def _read_settings(
    section: Section,
    family: str,
    name: str,
    ours: tuple[str, ...],
    is_checked: bool,
    maker: str = "create",
    more: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The plug-in's own settings, by name, in alphabetical order."""
    known = settings_of(family, name, maker) if is_checked else None
    found: dict[str, Any] = {}
    for key in sorted(section.body):
        if key in ours:
            continue
        value = section.body[key]
        if known is not None and key not in known and key not in more:
            section.fault(key, unknown(f"setting of {name}", key, [*ours, *more, *known]), "unknown_key")
        elif not _is_setting(value):
            section.fault(key, f"is {show(value)}; expected a number, a text, true, false or a list of these.")
        else:
            found[key] = value
    return found


def _is_setting(value: Any) -> bool:
    """Whether a value can be a plug-in's setting."""
    if isinstance(value, list):
        return all(_is_setting(entry) and not isinstance(entry, list) for entry in value)
    return value is None or isinstance(value, bool | str) or is_number(value)


def read_train(value: Any, where: str, faults: list[Fault], *, has_episodes: bool = False) -> TrainSpec:
    """When a refresh is trained, and from what."""
    usual = EPISODES_TRAIN if has_episodes else TrainSpec()
    section = Section(value, where, faults, expected="`{every: 500 examples or 4h, window: 90d}`")
    cron = _read_cron(section)
    every, every_s = _read_every(section, usual, has_cron=cron is not None)
    train = TrainSpec(
        every_examples=None if has_episodes else every,
        every_episodes=every if has_episodes else None,
        every_s=every_s,
        cron=cron,
        window_s=section.seconds("window", usual.window_s, low=1.0, or_none=True),
        half_life_s=section.seconds("half_life", usual.half_life_s, low=1.0, or_none=True),
        max_runtime_s=section.seconds("max_runtime", usual.max_runtime_s, low=1.0),
        retries=section.whole("retries", usual.retries, low=0, high=100),
        split=section.number("split", usual.split, low=0.01, high=1.0),
    )
    section.finish("key of train")
    return train


def _read_every(section: Section, usual: TrainSpec, *, has_cron: bool) -> tuple[int | None, float | None]:
    """`500 examples or 4h` as (examples or episodes, seconds); none means: only by cron or when asked."""
    noun = "examples" if usual.every_episodes is None else "episodes"
    n_usual = usual.every_examples if usual.every_episodes is None else usual.every_episodes
    value = section.take("every", None)
    if "every" not in section.body:
        return (None, None) if has_cron else (n_usual, usual.every_s)
    if value in NONE_WORDS:
        return None, None
    if has_cron:
        section.fault("every", "stands beside cron; expected one of the two.")
        return None, None
    every: dict[str, float] = {}
    for part in str(value).split(" or "):
        try:
            kind, amount = _read_every_part(part.strip(), noun)
        except ValueError:
            kind, amount = "wrong", 0.0
        if kind in every or kind == "wrong":
            section.fault("every", f"is {show(value)}; expected such as `500 {noun}`, `4h` or `500 {noun} or 4h`.")
            return n_usual, usual.every_s
        every[kind] = amount
    return (int(every[noun]) if noun in every else None), every.get("seconds")


def _read_every_part(part: str, noun: str) -> tuple[str, float]:
    """One of the two halves of `every`."""
    counted = _N_OF.fullmatch(part)
    if counted is None:
        seconds = read_duration(part)
        return ("seconds", seconds) if seconds >= 1 else ("wrong", 0.0)
    n = int(counted.group(1).replace("_", "").replace(",", ""))
    is_ours = counted.group(2) + "s" == noun
    return (noun, n) if 1 <= n <= MAX_EVERY and is_ours else ("wrong", 0.0)


def _read_cron(section: Section) -> str | None:
    """Five fields, in UTC, that name a time which exists."""
    value = section.take("cron", None)
    if value in NONE_WORDS:
        return None
    text = " ".join(str(value).split())
    try:
        if len(text.split()) == 5 and isinstance(value, str):
            croniter(text, datetime(2024, 1, 1, tzinfo=UTC)).get_next(float)
            return text
        reason = ""
    except (CroniterError, ValueError) as error:
        reason = f" ({error})"
    section.fault("cron", f'is {show(value)}; expected five fields in UTC, such as "0 3 * * *" for three at night{reason}.')
    return None


def merged(defaults: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """A loop's keys over the project's defaults, section by section.

    A plug-in of another name leaves the default plug-in's settings behind; `every` and `cron` replace one another.
    """
    result = dict(defaults)
    for key, own in body.items():
        usual = defaults.get(key)
        if not isinstance(usual, Mapping) or not isinstance(own, Mapping):
            result[key] = own
            continue
        kept = dict(usual)
        if "name" in own and own["name"] != usual.get("name"):
            kept = {k: v for k, v in usual.items() if k == "floor"}
        if "cron" in own:
            kept.pop("every", None)
        if "every" in own:
            kept.pop("cron", None)
        result[key] = merged(kept, own)
    return result
