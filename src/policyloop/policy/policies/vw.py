"""VW: a contextual bandit that Vowpal Wabbit learned, frozen: expected rewards, and its own probabilities where asked for.

Question answered: what does each action bring, and how would `--cb_explore_adf` choose? A model is the bytes that VW
saves, as they are; it only predicts (`-t`), so the same question gets the same answer however often it is asked. VW answers one
question at a time: threads wait for one another.
Namespaces: `c` the context, `a` the action or the candidate's features, `i` the id of a candidate.
Letters: n decisions, k actions, d features, m pairs, e features of a candidate.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vowpalwabbit import Workspace

from policyloop.core.errors import BadModel
from policyloop.core.policy import Pairs, Prediction, Tensors
from policyloop.policy.vw_arguments import is_ours_or_allowed

_QUIET = "--quiet"


class Scorer:
    """A model of VW in memory, which never learns again.

    Args:
        saved: what VW saved.

    Raises:
        BadModel: the bytes are no model of VW, or were made with arguments that a loop may not give.
    """

    def __init__(self, saved: bytes) -> None:
        for name in _argument_names(saved):
            if not is_ours_or_allowed(name):
                raise BadModel(f"the model was made with '{name[:80]}', which no loop may ask for. Train it again.")
        self.saved = saved
        self._lock = Lock()
        with tempfile.TemporaryDirectory(prefix="policyloop-vw-") as folder:
            file = Path(folder) / "model.vw"
            file.write_bytes(saved)
            try:
                self._vw = Workspace(f"-i {file} -t {_QUIET}", enable_logging=False)
            except RuntimeError as error:
                raise BadModel(f"VW cannot read the model: {error}. Copy it again, or train it again.") from error

    def answer(self, lines: list[str]) -> list[float]:
        """A number per action line, in order."""
        with self._lock:
            numbers: list[float] = self._vw.predict(lines)
        return numbers


@dataclass(frozen=True, slots=True, eq=False)
class Vw:
    """What VW expects of every label."""

    values: Scorer  # expected costs, over the default
    own: Scorer | None  # its own probabilities, for the explorer `vw`
    n_actions: int
    reward_default: float

    @property
    def kind(self) -> str:
        """This file's name."""
        return "vw"

    @property
    def n_draws(self) -> int:
        """One row beside the means, where its own probabilities are asked for."""
        return 0 if self.own is None else 1

    def predict(self, features: NDArray[np.float64]) -> Prediction:
        """Expected rewards for features of shape (d,) or (n, d)."""
        if features.ndim == 1:
            mean, pmf = _answered(self.values, self.own, [context_line(features), *label_lines(self.n_actions)])
            return Prediction(self.reward_default - mean, pmf)
        every = [self.predict(row) for row in features]
        mean = np.array([one.mean for one in every]).reshape(len(features), self.n_actions)
        rows = [one.draws for one in every if one.draws is not None]
        return Prediction(mean, np.array(rows).reshape(len(features), 1, self.n_actions) if self.own is not None else None)

    def save(self) -> tuple[dict[str, Any], Tensors]:
        """(JSON settings, tensors)."""
        return {"n_actions": self.n_actions, "reward_default": self.reward_default}, _tensors(self.values, self.own)


@dataclass(frozen=True, slots=True, eq=False)
class VwShared:
    """What VW expects of any candidate."""

    values: Scorer
    own: Scorer | None
    reward_default: float

    @property
    def kind(self) -> str:
        """This file's name."""
        return "vw"

    @property
    def n_draws(self) -> int:
        """One row beside the means, where its own probabilities are asked for."""
        return 0 if self.own is None else 1

    def predict_pairs(self, pairs: Pairs) -> Prediction:
        """Expected rewards (m,), and its own probabilities (1, m) among the candidates of the same context."""
        mean = np.empty(len(pairs.row))
        pmf = None if self.own is None else np.empty((1, len(pairs.row)))
        for context, group in groupby(range(len(pairs.row)), key=pairs.row.tolist().__getitem__):
            members = list(group)
            some = slice(members[0], members[-1] + 1)
            lines = [context_line(pairs.contexts[context]), *candidate_lines(pairs.actions[some], pairs.ids[some].tolist())]
            mean[some], its_pmf = _answered(self.values, self.own, lines)
            if pmf is not None and its_pmf is not None:
                pmf[:, some] = its_pmf
        return Prediction(self.reward_default - mean, pmf)

    def save(self) -> tuple[dict[str, Any], Tensors]:
        """(JSON settings, tensors)."""
        return {"reward_default": self.reward_default}, _tensors(self.values, self.own)


def specimen(*, n_actions: int, n_features: int, n_draws: int, rng: np.random.Generator) -> Vw:
    """A model of a few random examples, for contract tests."""
    saved = []
    for kind in ("--cb_adf", "--cb_explore_adf --squarecb")[: 2 if n_draws else 1]:
        vw = Workspace(f"{kind} -q ca {_QUIET}", enable_logging=False)
        for _ in range(20):
            labels = label_lines(n_actions)
            action = int(rng.integers(n_actions))
            labels[action] = f"0:{rng.normal():.9g}:{1 / n_actions:.9g} {labels[action]}"
            vw.learn([context_line(rng.normal(size=n_features)), *labels])
        saved.append(saved_bytes(vw))
    return Vw(Scorer(saved[0]), Scorer(saved[1]) if n_draws else None, n_actions, 0.25)


def load(settings: dict[str, Any], tensors: Tensors) -> Vw:
    """The inverse of `save`.

    Raises:
        BadModel: bytes or settings are missing, or the bytes are not VW's.
    """
    values, own = _scorers(tensors)
    return Vw(values, own, int(_setting(settings, "n_actions")), _setting(settings, "reward_default"))


def load_shared(settings: dict[str, Any], tensors: Tensors) -> VwShared:
    """The inverse of `save` for candidates.

    Raises:
        BadModel: bytes or settings are missing, or the bytes are not VW's.
    """
    values, own = _scorers(tensors)
    return VwShared(values, own, _setting(settings, "reward_default"))


def saved_bytes(vw: Workspace) -> bytes:
    """What VW saves, which it does to files alone."""
    with tempfile.TemporaryDirectory(prefix="policyloop-vw-") as folder:
        file = Path(folder) / "model.vw"
        vw.save(str(file))
        return file.read_bytes()


def context_line(features: NDArray[np.float64]) -> str:
    """The features (d,) that all actions share; the first is 1 and left out, as VW has a constant of its own."""
    return f"shared |c {_numbers(features)}"


def label_lines(n_actions: int) -> list[str]:
    """A line per label."""
    return [f"|a {action}" for action in range(n_actions)]


def candidate_lines(actions: NDArray[np.float64], ids: Sequence[int]) -> list[str]:
    """A line per candidate: its features (k, e), and its place among the known ids, if it is one of them."""
    return [f"|a {_numbers(row)}" + ("" if place < 0 else f" |i {place}") for row, place in zip(actions, ids, strict=True)]


def _numbers(features: NDArray[np.float64]) -> str:
    """`place:number` of all that are not 0, in as many digits as VW's 32 bits hold; without the first, which is 1."""
    return " ".join(f"{i}:{number:.9g}" for i, number in enumerate(features[1:].tolist()) if number)


def _answered(values: Scorer, own: Scorer | None, lines: list[str]) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Expected costs (k,), and probabilities (1, k) that sum to 1."""
    costs = np.array(values.answer(lines))
    if own is None:
        return costs, None
    pmf = np.array([own.answer(lines)])
    return costs, pmf / pmf.sum()


def _tensors(values: Scorer, own: Scorer | None) -> Tensors:
    every = {"values": values, "own": own}
    return {name: np.frombuffer(one.saved, dtype=np.uint8) for name, one in every.items() if one is not None}


def _scorers(tensors: Tensors) -> tuple[Scorer, Scorer | None]:
    if "values" not in tensors:
        raise BadModel(f"a vw model needs the tensor 'values'; found {sorted(tensors)}. Train it again.")
    own = tensors.get("own")
    return Scorer(tensors["values"].tobytes()), None if own is None else Scorer(own.tobytes())


def _setting(settings: dict[str, Any], name: str) -> float:
    if not isinstance(settings.get(name), int | float):
        raise BadModel(f"a vw model needs the setting '{name}', a number; found {settings}. Train it again.")
    return float(settings[name])


def _argument_names(saved: bytes) -> list[str]:
    """Names of the arguments that are written into a model, which VW would obey when it loads it.

    The head of the file: version, id, `m`, lowest and highest label, bits, a number, two lists, then the arguments; texts have
    their length before them.
    """
    try:
        place = _after_text(saved, 0)
        place = _after_text(saved, place)
        if saved[place : place + 1] != b"m":
            raise ValueError("it has another head")
        place += 1 + 4 * 6
        end = _after_text(saved, place)
        words = saved[place + 4 : end].rstrip(b"\0").decode("ascii").split()
    except (struct.error, ValueError) as error:
        raise BadModel(f"the bytes are no model of VW ({error}). Copy it again, or train it again.") from error
    return [word.partition("=")[0] for word in words if word.startswith("-") and not _is_number(word)]


def _is_number(word: str) -> bool:
    return word[1:2].isdigit() or word[1:2] == "."


def _after_text(saved: bytes, place: int) -> int:
    """The place after a text and the length before it."""
    (length,) = struct.unpack_from("<I", saved, place)
    end: int = place + 4 + length
    if end > len(saved):
        raise ValueError("it ends too soon")
    return end
