"""Numbers for monitoring: counted by each worker, told by any of them for all, as Prometheus text.

Question answered: how much, how fast, how many failed, and is the log writable?
Workers share one port, so a scrape reaches any one of them. Each therefore writes its numbers once a second to
`metrics/<worker>.json` in the data folder, and the one that is asked adds the files of the others. Every sample carries
the label `worker`; those of the others are up to a second old, and gone when they have not been renewed for ten.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from policyloop.core.clock import US_PER_S

TEXT = b"text/plain; version=0.0.4; charset=utf-8"
STALE_AFTER_S = 10
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # bounds of the buckets

Labels = tuple[str, ...]
Kind = Literal["counter", "gauge", "histogram"]


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One number, with the labels that tell it from others of the same name."""

    suffix: str  # `_bucket`, `_sum` or `_count` of a histogram, else empty
    labels: list[tuple[str, str]]
    value: float


class Family(msgspec.Struct, frozen=True):
    """All samples of one name."""

    name: str
    kind: Kind
    about: str
    samples: list[Sample]


class _File(msgspec.Struct, frozen=True):
    """What one worker writes for the others."""

    time: int
    families: list[Family]


class Counter:
    """Counts upwards, by the values of its labels. Only for labels from a bounded set, never for what callers send."""

    kind: Kind = "counter"

    def __init__(self, name: str, about: str, labels: Labels = ()) -> None:
        self.name, self.about, self.labels = name, about, labels
        self.values: dict[Labels, float] = {}

    def add(self, labels: Labels = (), n: float = 1) -> None:
        """Count `n` more."""
        self.values[labels] = self.values.get(labels, 0) + n

    def samples(self) -> Iterable[Sample]:
        """What has been counted."""
        return [Sample("", _named(self.labels, labels), value) for labels, value in self.values.items()]


class Gauge:
    """A number that is read when someone asks."""

    def __init__(
        self, name: str, about: str, read: Callable[[], Mapping[Labels, float]], *, labels: Labels = (), kind: Kind = "gauge"
    ) -> None:
        self.name, self.about, self.labels, self.kind = name, about, labels, kind
        self._read = read

    def samples(self) -> Iterable[Sample]:
        """What it reads now."""
        return [Sample("", _named(self.labels, labels), value) for labels, value in self._read().items()]


class Histogram:
    """How long things took: counts below each bound, by the value of one label."""

    kind: Kind = "histogram"

    def __init__(self, name: str, about: str, label: str) -> None:
        self.name, self.about, self.label = name, about, label
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, value: str, seconds: float) -> None:
        """Count one that took so long."""
        counts = self._counts.get(value)
        if counts is None:
            counts = self._counts[value] = [0] * (len(SECONDS) + 1)
            self._sums[value] = 0.0
        counts[bisect_left(SECONDS, seconds)] += 1
        self._sums[value] += seconds

    def samples(self) -> Iterable[Sample]:
        """Cumulative counts, as Prometheus wants them."""
        for value, counts in self._counts.items():
            total = 0
            for bound, count in zip((*(f"{s:g}" for s in SECONDS), "+Inf"), counts, strict=True):
                total += count
                yield Sample("_bucket", [(self.label, value), ("le", bound)], total)
            yield Sample("_sum", [(self.label, value)], self._sums[value])
            yield Sample("_count", [(self.label, value)], total)


class Metrics:
    """The numbers of one worker, and the files by which workers tell each other theirs."""

    def __init__(self, folder: Path, worker: str, parts: Sequence[Counter | Gauge | Histogram]) -> None:
        self._folder = folder
        self._worker = worker
        self._parts = parts
        self._file = folder / f"{worker}.json"

    def families(self) -> list[Family]:
        """This worker's numbers now, labelled with its name."""
        mine = ("worker", self._worker)
        return [
            Family(p.name, p.kind, p.about, [Sample(s.suffix, [*s.labels, mine], s.value) for s in p.samples()])
            for p in self._parts
        ]

    def write(self, families: list[Family], *, now_us: int) -> None:
        """Tell the other workers; a reader sees the whole file or the one before."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        new = self._file.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(_File(now_us, families)))
        os.replace(new, self._file)  # noqa: PTH105 - no fsync needed: after a crash there is nothing to tell

    def remove(self) -> None:
        """Take the file away at a clean end."""
        self._file.unlink(missing_ok=True)

    def of_others(self, *, now_us: int) -> list[Family]:
        """What the other workers wrote within the last seconds."""
        found: list[Family] = []
        for path in sorted(self._folder.glob("*.json")):
            if path == self._file:
                continue
            try:
                file = msgspec.json.decode(path.read_bytes(), type=_File)
            except (OSError, msgspec.MsgspecError):
                continue  # gone meanwhile, or of another version
            if now_us - file.time < STALE_AFTER_S * US_PER_S:
                found.extend(file.families)
        return found


def as_text(families: Iterable[Family]) -> bytes:
    """Prometheus's text format 0.0.4; families of one name are put together."""
    by_name: dict[str, list[Family]] = {}
    for family in families:
        by_name.setdefault(family.name, []).append(family)
    lines: list[str] = []
    for name, parts in by_name.items():
        lines += [f"# HELP {name} {_escaped(parts[0].about)}", f"# TYPE {name} {parts[0].kind}"]
        lines += [_line(name, sample) for part in parts for sample in part.samples]
    return "\n".join([*lines, ""]).encode()


def _line(name: str, sample: Sample) -> str:
    labels = ",".join(f'{label}="{_escaped(value)}"' for label, value in sample.labels)
    value = int(sample.value) if float(sample.value).is_integer() else sample.value
    return f"{name}{sample.suffix}{{{labels}}} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _named(names: Labels, values: Labels) -> list[tuple[str, str]]:
    return list(zip(names, values, strict=True))
