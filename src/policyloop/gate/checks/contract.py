"""The contract: what must hold for every single decision of a log, without any statistics.

Question answered: which rows have numbers that cannot be, or come from a model or a spec that nobody knows? Rows whose
propensity is estimated, unknown or of a point are barred from gates anyway; of them only names and ids are looked at.
Letters: n decisions, k actions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec
from policyloop.core.model import BASELINE, IMPORTED
from policyloop.gate.verdict import Call, Reason

NAME = "log-contract"

_SUM_TOLERANCE = 1e-6  # another system's numbers may have been rounded
_FLOOR_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The names that decisions of the loop may carry."""

    policies: frozenset[str]  # digests of the loop's models; `baseline` and `imported:*` are known anyway
    floors: Mapping[str, float] = field(default_factory=dict)  # digest of an earlier spec -> its explore.floor


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong, in some rows."""

    n: int  # rows
    first: str  # which was the first of them, its value, and what was expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What was found wrong so far, by name."""

    n: int = 0  # decisions looked at
    faults: Mapping[str, Fault] = field(default_factory=dict)

    def reason(self) -> Reason:
        """REFUSE where anything is wrong."""
        numbers = {"n": float(self.n)} | {name: float(fault.n) for name, fault in self.faults.items()}
        if not self.faults:
            sentence = f"All {self.n:,} decisions keep the log's contract."
            return Reason(name=NAME, call=Call.PROMOTE, sentence=sentence, numbers=numbers, is_check=True)
        told = " ".join(
            f"{fault.first}" + (f" ({fault.n:,} rows)" if fault.n > 1 else "") + "." for fault in self.faults.values()
        )
        sentence = (
            f"The log breaks its contract: {told} Find what writes such rows; estimates from them are not to be believed."
        )
        return Reason(name=NAME, call=Call.REFUSE, sentence=sentence, numbers=numbers, is_check=True)

    def to_mapping(self) -> dict[str, Any]:
        """As JSON can say it."""
        return {"n": self.n, "faults": {name: {"n": fault.n, "first": fault.first} for name, fault in self.faults.items()}}

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> Contract:
        """The inverse of `to_mapping`."""
        return cls(n=raw["n"], faults={name: Fault(**fault) for name, fault in raw["faults"].items()})


def update(
    contract: Contract, examples: Examples, *, spec: LoopSpec, known: Known, challenger: NDArray[np.float64] | None
) -> tuple[Contract, NDArray[np.bool_]]:
    """After further decisions; and (n,) which of them can be reckoned with: propensity and pmf are probabilities.

    Args:
        contract: before them.
        examples: the decisions, in order.
        spec: of the loop, today's.
        known: what else decisions may name.
        challenger: (n, k) what a challenger would have done, NaN rows where that is not known; None without one.
    """
    is_fit, found = _of_numbers(examples, spec, known)
    faults = dict(contract.faults)
    for name, rows, say in (*found, *_of_names(examples, spec, known), *_of_support(examples, is_fit, challenger)):
        if len(rows):
            earlier = faults.get(name, Fault(n=0, first=f"{_told_row(examples, rows[0], contract.n)}: {say(rows[0])}"))
            faults[name] = Fault(n=earlier.n + len(rows), first=earlier.first)
    return Contract(n=contract.n + len(examples), faults=faults), is_fit


Found = tuple[str, NDArray[np.intp], Any]  # name, rows, and what to say of one


def _of_numbers(examples: Examples, spec: LoopSpec, known: Known) -> tuple[NDArray[np.bool_], list[Found]]:
    """Which rows can be reckoned with, and what is wrong with numbers."""
    p, pmf, allowed = examples.propensity, examples.pmf, examples.allowed
    kind = examples.propensity_kind if examples.logged_kind is None else examples.logged_kind
    is_meant = np.asarray(kind == "probability") | np.isfinite(p)
    is_there = is_meant & ~np.isnan(pmf).all(axis=1)
    taken = pmf[np.arange(len(examples)), examples.action]
    with np.errstate(invalid="ignore"):
        is_chance = (p > 0) & (p <= 1)
        is_pmf = (pmf >= 0).all(axis=1) & (np.abs(pmf.sum(axis=1) - 1) <= _SUM_TOLERANCE)
        is_entry = np.abs(taken - p) <= _SUM_TOLERANCE * np.maximum(p, 0)
        share = _floors(examples, spec, known) / np.maximum(allowed.sum(axis=1), 1)
        is_low = (pmf < share[:, np.newaxis] - _FLOOR_TOLERANCE) & allowed
        is_beyond = (pmf > 0) & ~allowed
    sums = is_there & is_pmf
    found: list[Found] = [
        ("propensity", _rows(is_meant & ~is_chance), lambda i: f"propensity is {p[i]}; expected a probability in (0, 1]"),
        ("pmf", _rows(is_there & ~is_pmf), lambda i: f"pmf is {_told(pmf[i])}; expected probabilities that sum to 1"),
        (
            "entry",
            _rows(sums & is_chance & ~is_entry),
            lambda i: (
                f"propensity is {p[i]:.9g}; expected {taken[i]:.9g}, the entry of its pmf for action {examples.action[i]}"
            ),
        ),
        (
            "floor",
            _rows(sums & is_low.any(axis=1) & ~_is_imported(examples)),
            lambda i: (
                f"pmf is {_told(pmf[i])}; expected at least {share[i]:.6g} for every allowed action, its share of the floor"
            ),
        ),
        (
            "mask",
            _rows(sums & is_beyond.any(axis=1)),
            lambda i: (
                f"pmf gives action {int(is_beyond[i].argmax())} {pmf[i][is_beyond[i].argmax()]:.6g}; expected 0, as it "
                "was not allowed"
            ),
        ),
    ]
    return sums & is_chance & is_entry, found


def _of_names(examples: Examples, spec: LoopSpec, known: Known) -> Iterator[Found]:
    """Models and specs that nobody knows, and ids that come again."""
    policy, specs, ids = examples.policy, examples.spec, examples.decision_id
    strange = {name for name in set(policy.tolist()) if name != BASELINE and name not in known.policies}
    strange = {name for name in strange if not name.startswith(IMPORTED)}
    yield "policy", _rows(_is_one_of(policy, strange)), lambda i: f"policy is '{policy[i]}'; expected a model of this loop"
    if specs is not None:
        unknown = set(specs.tolist()) - {spec.digest, *known.floors}
        yield "spec", _rows(_is_one_of(specs, unknown)), lambda i: f"spec is '{specs[i]}'; expected one that this loop had"
    if ids is not None:
        _, first = np.unique(ids.astype(str), return_index=True)
        again = np.full(len(ids), True)
        again[first] = False
        yield "duplicate", _rows(again), lambda i: "decision_id came before; expected each once"


def _of_support(examples: Examples, is_fit: NDArray[np.bool_], challenger: NDArray[np.float64] | None) -> Iterator[Found]:
    """Actions that the challenger takes and the log never could."""
    if challenger is None:
        return
    with np.errstate(invalid="ignore"):
        is_blind = (challenger > 0) & (examples.pmf == 0)
    yield (
        "support",
        _rows(is_fit & is_blind.any(axis=1)),
        lambda i: (
            f"the challenger takes action {int(is_blind[i].argmax())}, which was logged with probability 0; expected a "
            "floor above 0"
        ),
    )


def _floors(examples: Examples, spec: LoopSpec, known: Known) -> NDArray[np.float64]:
    """(n,) the floor under which each decision was made; 0 where its spec is not known."""
    floor = np.full(len(examples), spec.explore.floor)
    if examples.spec is None:
        return floor
    floors = {**known.floors, spec.digest: spec.explore.floor}
    for digest in set(examples.spec.tolist()):
        floor[examples.spec == digest] = floors.get(digest, 0.0)
    return floor


def _is_imported(examples: Examples) -> NDArray[np.bool_]:
    """(n,) decided by another system, which does not know our floor."""
    return _is_one_of(examples.policy, {name for name in set(examples.policy.tolist()) if name.startswith(IMPORTED)})


def _is_one_of(names: NDArray[np.object_], some: set[str]) -> NDArray[np.bool_]:
    return np.isin(names, list(some)) if some else np.zeros(len(names), dtype=bool)


def _rows(bad: NDArray[np.bool_]) -> NDArray[np.intp]:
    return np.flatnonzero(bad)


def _told_row(examples: Examples, row: np.intp, n_before: int) -> str:
    """`row 17 (decision 'a')`, counted from the first row that was ever checked."""
    name = "" if examples.decision_id is None else f" (decision '{examples.decision_id[row]}')"
    return f"row {n_before + int(row)}{name}"


def _told(pmf: NDArray[np.float64]) -> str:
    """A pmf, cut short."""
    shown = ", ".join(f"{value:.4g}" for value in pmf[:6])
    return f"[{shown}{', ...' if len(pmf) > 6 else ''}], sum {pmf.sum():.6g}"
