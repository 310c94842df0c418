"""Youth: what a loop waits for that is only a matter of more decisions. That is no illness.

Question answered: how many more decisions until the next model, or until the gate can see harm, about?
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from policyloop.care.doctor.examination import Examination
from policyloop.gate.harm import FEWEST_TELLING

FEW_EXAMPLES = 1000  # below it, that no outcome came, or always the same reward, may be chance
_NOTEWORTHY = 200


@dataclass(frozen=True, slots=True)
class Youth:
    """What is waited for."""

    notes: tuple[str, ...]
    needs: int | None  # decisions


def youth_of(examination: Examination) -> Youth:
    """What this loop waits for."""
    first = _first_training(examination)
    telling = _telling(examination)
    needs = [n for n, _ in (first, telling) if n]
    notes = [note for _, note in (first, telling) if note]
    return Youth((*notes, *_unvaried(examination)), max(needs, default=None))


def _first_training(examination: Examination) -> tuple[int | None, str | None]:
    """Of a loop that has no model yet."""
    audit, every = examination.audit, examination.spec.train.every_examples
    if examination.newest_model is not None or examination.last_job is not None:
        return None, None
    told = f"No model was trained yet; the first training waits for {examination.waits_for()}."
    if every is None or audit.examples >= every:
        return None, told
    if audit.waiting:
        told += f" {audit.waiting:,} decisions wait for their outcomes."
    return max(every - audit.examples - audit.waiting, 0) or None, told


def _telling(examination: Examination) -> tuple[int | None, str | None]:
    """Of a loop whose gate sees too little to tell its newest model from the one that serves."""
    newest = next((row.verdict for row in examination.verdicts if row.verdict.kind == "refresh"), None)
    if newest is None:
        return None, None
    numbers = next((reason.numbers for reason in newest.reasons if "n_telling" in reason.numbers), {})
    n, n_telling = newest.n_evidence, numbers.get("n_telling")
    if n_telling is None or n_telling >= FEWEST_TELLING:
        return None, None
    if n_telling < 1 and n >= _NOTEWORTHY:
        return None, f"The newest model decides as the one before it: none of {n:,} evaluation events tells them apart."
    told = (
        f"The gate could not have seen harm in the newest model yet: {n_telling:.0f} of {n:,} evaluation events tell it from "
        f"the one before, {FEWEST_TELLING} are needed."
    )
    share = 1 - examination.spec.train.split
    if n_telling < 1 or share <= 0:
        return None, told
    return math.ceil((FEWEST_TELLING - n_telling) * (n / n_telling) / share), told


def _unvaried(examination: Examination) -> list[str]:
    """What would be an illness if it went on."""
    recent = examination.recent
    if not _NOTEWORTHY <= recent.examples < FEW_EXAMPLES:
        return []
    if recent.outcomes == 0:
        return [
            f"No outcome came to the last {recent.examples:,} settled decisions. Where outcomes are rare that is chance; "
            f"from {FEW_EXAMPLES:,} on it is told as a cause."
        ]
    return []
