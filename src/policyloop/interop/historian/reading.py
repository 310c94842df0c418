"""What a person says about a file with a history: which column is what, where episodes begin, and which repairs are asked for.

Question answered: what do the options of `policyloop import history` mean? All that is wrong with them is told at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from zoneinfo import ZoneInfo

from policyloop.core.duration import read_duration
from policyloop.core.errors import Fault, Invalid, unknown

REPAIRS: Mapping[str, str] = {
    "sort": "put rows in the order of their steps or times",
    "clocks-back": "where local times go back once, in the hour that autumn has twice, take what follows as its second pass",
    "drop-repeated": "of rows of one episode and step, or readings of one tag and time, keep the first",
    "split-gaps": "where steps or times are missing, end the episode and begin another",
    "split-ends": "where an episode goes on after its end, begin another",
    "terminated-wins": "what is said to be terminated and truncated at once is terminated",
    "drop-nan": "leave out rows with a missing or infinite number, or one beyond 3.4e38 and no bounds, and cut episodes there",
    "drop-text": "take texts in columns of numbers as missing, and leave out their rows",
    "clip-actions": "bring actions that are outside the box to its edge",
    "clip-context": "bring numbers of the context that are outside their bounds to them, however large",
    "keep-constant": "keep columns that never change",
    "forget-propensities": "take propensities that cannot be true as unknown",
    "drop-columns": "leave out columns that the loop does not know",
}
GOOD = ("good", "192", "ok", "true", "1")  # what a historian usually calls a reading that can be trusted
_OF_THE_REST = ""  # in `resample`: every column that is not named
MAX_LAG = 10_000

Method = Literal["last", "mean", "interpolate"]

METHODS: Mapping[str, Method] = {"last": "last", "mean": "mean", "interpolate": "interpolate"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Where episodes begin."""

    by: Literal["column", "gap", "steps"] = "column"
    column: str | None = None  # None: as the loop file says
    gap_s: float = 0.0  # a longer silence begins another episode
    n_steps: int = 0  # so many steps are one


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a file is read. Names of columns are the file's, unless it says otherwise."""

    columns: Mapping[str, str] = field(default_factory=dict)  # the loop's name -> the file's column or tag
    ignore: frozenset[str] = frozenset()
    decimal: str = "."
    step: str | None = None  # the column that counts the steps; filled in by the loop file
    time: str | None = None
    time_format: str | None = None  # None: ISO 8601, or seconds since 1970
    time_zone: str = "UTC"  # of times that do not name their own
    tag: str | None = None  # long tables: the columns of tag, value and quality
    value: str | None = None
    quality: str | None = None
    good: frozenset[str] = frozenset(GOOD)  # in lower case
    every_s: float | None = None  # None: each row is a step
    resample: Mapping[str, Method] = field(default_factory=lambda: {_OF_THE_REST: "last"})
    max_gap_s: float | None = None
    lags: tuple[tuple[str, int], ...] = ()  # (column, steps before)
    cut: Cut = field(default_factory=Cut)
    end: Literal["terminated", "truncated"] = "truncated"  # how an episode ended of which nothing is said
    repairs: frozenset[str] = frozenset()

    def method_of(self, name: str) -> Method:
        """How a column or tag is resampled."""
        return self.resample.get(name, self.resample.get(_OF_THE_REST, "last"))


def read_options(
    *,
    columns: Sequence[str] = (),
    ignore: Sequence[str] = (),
    decimal: str = ".",
    time: str | None = None,
    time_format: str | None = None,
    time_zone: str = "UTC",
    tag: str | None = None,
    value: str | None = None,
    quality: str | None = None,
    good: Sequence[str] = (),
    every: str | None = None,
    resample: Sequence[str] = (),
    max_gap: str | None = None,
    lags: Sequence[str] = (),
    episodes: str | None = None,
    end: str = "truncated",
    repairs: str = "",
) -> Reading:
    """The options as they were typed, understood.

    Raises:
        Invalid: some cannot be; all of them.
    """
    faults: list[Fault] = []
    read = Reading(
        columns=dict(_pairs("--column", columns, "temp=TI-101", faults)),
        ignore=frozenset(ignore),
        decimal=_one_of("--decimal", decimal, (".", ","), faults),
        time=time,
        time_format=time_format,
        time_zone=_zone(time_zone, faults),
        tag=tag,
        value=value,
        quality=quality,
        good=frozenset(text.lower() for text in good) or frozenset(GOOD),
        every_s=_duration("--every", every, faults),
        resample=_methods(resample, faults),
        max_gap_s=_duration("--max-gap", max_gap, faults),
        lags=_lags(lags, faults),
        cut=_cut(episodes, faults),
        end="terminated" if _one_of("--end", end, ("terminated", "truncated"), faults) == "terminated" else "truncated",
        repairs=_repairs(repairs, faults),
    )
    if faults:
        raise Invalid(faults, subject="what was asked for")
    return read


def lagged_name(name: str, steps: int) -> str:
    """What the value of some steps before is called in the context."""
    return f"{name}_lag{steps}"


def _pairs(option: str, texts: Sequence[str], example: str, faults: list[Fault]) -> list[tuple[str, str]]:
    """`NAME=TEXT` of each."""
    pairs = [text.partition("=") for text in texts]
    faults += [
        Fault(option, f"is '{whole}'; expected NAME=VALUE, such as {example}.")
        for (name, sign, told), whole in zip(pairs, texts, strict=True)
        if not (name and sign and told)
    ]
    return [(name.strip(), told.strip()) for name, sign, told in pairs if name and sign and told]


def _duration(option: str, text: str | None, faults: list[Fault]) -> float | None:
    try:
        seconds = None if text is None else read_duration(text)
    except ValueError as error:
        faults.append(Fault(option, str(error)))
        return None
    if seconds is not None and seconds <= 0:
        faults.append(Fault(option, f"is '{text}'; expected more than 0s."))
    return seconds


def _one_of(option: str, text: str, known: Sequence[str], faults: list[Fault]) -> str:
    if text not in known:
        faults.append(Fault(option, f"is '{text}'; expected {' or '.join(known)}."))
    return text


def _zone(name: str, faults: list[Fault]) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        faults.append(Fault("--time-zone", f"is '{name}'; expected a name such as UTC or Europe/Berlin."))
        return "UTC"
    return name


def _methods(texts: Sequence[str], faults: list[Fault]) -> dict[str, Method]:
    """`METHOD` of all, or `NAME=METHOD` of one."""
    told: dict[str, Method] = {_OF_THE_REST: "last"}
    for text in texts:
        name, _, said = text.rpartition("=")
        method = METHODS.get(said)
        if method is not None:
            told[name] = method
        else:
            faults.append(Fault("--resample", unknown("method", said, METHODS)))
    return told


def _lags(texts: Sequence[str], faults: list[Fault]) -> tuple[tuple[str, int], ...]:
    lags = []
    for name, steps in _pairs("--lag", texts, "temp=3", faults):
        if steps.isdecimal() and 1 <= int(steps) <= MAX_LAG:
            lags.append((name, int(steps)))
        else:
            faults.append(Fault("--lag", f"is '{name}={steps}'; expected how many steps before, 1 to {MAX_LAG:,}."))
    return tuple(dict.fromkeys(lags))


def _cut(text: str | None, faults: list[Fault]) -> Cut:
    """`column=BATCH`, `gap=30m` or `steps=240`; a bare word is a column."""
    if text is None:
        return Cut()
    by, sign, told = text.partition("=")
    if not sign:
        return Cut(column=text)
    if by == "column" and told:
        return Cut(column=told)
    if by == "gap":
        return Cut(by="gap", gap_s=_duration("--episodes gap", told, faults) or 0.0)
    if by == "steps" and told.isdecimal() and int(told) >= 2:
        return Cut(by="steps", n_steps=int(told))
    faults.append(Fault("--episodes", f"is '{text}'; expected column=NAME, gap=30m or steps=240 (2 or more)."))
    return Cut()


def _repairs(text: str, faults: list[Fault]) -> frozenset[str]:
    asked = [name.strip() for name in text.split(",") if name.strip()]
    faults += [Fault("--repair", unknown("repair", name, REPAIRS)) for name in asked if name not in REPAIRS]
    return frozenset(asked) & frozenset(REPAIRS)
