"""Replay: a logged decision is made again, and the two must agree.

Question answered: is the logged action the one that its probabilities and the deployment's key lead to, and are the
probabilities those that the named models give? The first holds anywhere, the second to 1e-12. Where several models might
have decided, the mixture is made again, what each said on its own is compared too, and the side is drawn again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import msgspec

from policyloop.core.candidates import Candidates
from policyloop.core.errors import NothingToDo
from policyloop.core.event import Decision
from policyloop.core.loop import LoopSpec
from policyloop.core.model import BASELINE
from policyloop.core.rng import draw, keyed_uniform, salt_id
from policyloop.serve.expected import estimate_of
from policyloop.serve.fallback import baseline_of
from policyloop.serve.ranking import ranking
from policyloop.serve.remade import remade
from policyloop.serve.served import Served

TOLERANCE = 1e-12
ESTIMATE_TOLERANCE = 1e-5  # a network computes in single precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What came of making a decision again. None: it could not be asked."""

    logged_action: int
    drawn_action: int | None  # from the logged probabilities; None: another system drew it
    is_ranking_alike: bool | None  # the places after the first; None: there are none, or another system drew them
    is_split_alike: bool | None
    is_propensity_alike: bool | None  # the logged propensity is the pmf's entry
    is_side_alike: bool | None  # drawn again from what each model said; None: one alone could decide
    is_estimate_alike: bool | None  # the return expected of the action, asked again; None: none was logged, or nobody to ask
    pmf: tuple[float, ...] | None  # what the policy gives now; None: it was not handed in
    largest_difference: float | None  # of logged and computed probabilities, mixed and of each model on its own

    @property
    def agrees(self) -> bool:
        """Whether nothing that could be asked differs."""
        is_action_alike = self.drawn_action is None or self.drawn_action == self.logged_action
        is_pmf_alike = self.largest_difference is None or self.largest_difference <= TOLERANCE
        others = (
            self.is_split_alike,
            self.is_propensity_alike,
            self.is_ranking_alike,
            self.is_side_alike,
            self.is_estimate_alike,
        )
        return is_action_alike and is_pmf_alike and False not in others

    def sentences(self) -> list[str]:
        """The same for people, one finding each."""
        said = []
        if self.drawn_action is None:
            said.append("The action was not drawn by us, so it cannot be drawn again.")
        elif self.drawn_action == self.logged_action:
            said.append(f"From the logged probabilities the draw gives action {self.drawn_action} again.")
        else:
            said.append(
                f"From the logged probabilities the draw gives action {self.drawn_action}; logged is {self.logged_action}."
            )
        if self.is_ranking_alike is False:
            said.append("The places after the first are not those that the draws lead to.")
        if self.is_propensity_alike is False:
            said.append("The logged propensity is not the logged probability of that action.")
        if self.is_side_alike is False:
            said.append("The logged side is not the one that the draw leads to.")
        if self.is_split_alike is False:
            said.append("The logged split is not the one that the id leads to.")
        if self.is_estimate_alike is False:
            said.append("The logged return that was expected of the action is not the one that the model expects.")
        if self.largest_difference is None:
            said.append("The probabilities were not computed again.")
        else:
            alike = "agree" if self.largest_difference <= TOLERANCE else "differ"
            said.append(f"Logged and computed probabilities {alike}: they are {self.largest_difference:.3g} apart at most.")
        return said


def replay(
    decision: Decision,
    spec: LoopSpec,
    *,
    salt: bytes,
    policies: Mapping[str, Served] | None = None,
    candidates: Candidates | None = None,
) -> Replay:
    """Draw again from the logged probabilities, and compute those again where the policies are at hand.

    Args:
        spec: the one that the decision names.
        salt: the one that the decision names.
        policies: by digest the models that the decision names (`named_in`), as `aligned` with the spec; the baseline needs
            none handed in.
        candidates: the set that was offered; None where the actions are labels.

    Raises:
        NothingToDo: the salt is another than the decision's, so no draw can be compared.
    """
    check_salt(decision, salt)
    logged = None if decision.pmf is None else decision.probabilities()
    asked = {**(policies or {}), BASELINE: baseline_of(spec)}
    again = remade(decision, asked, spec=spec, salt=salt, candidates=candidates)
    action = decision.action[0]
    return Replay(
        logged_action=action,
        drawn_action=_drawn(decision, logged, salt),
        is_ranking_alike=_is_ranking_alike(decision, logged, salt),
        is_split_alike=None if decision.salt_id is None else decision.split == _split(decision, salt),
        is_propensity_alike=None if logged is None else abs(decision.propensity - logged[action]) <= TOLERANCE,
        is_side_alike=again.is_side_alike,
        is_estimate_alike=_is_estimate_alike(decision, asked.get(decision.policy)),
        pmf=None if again.pmf is None else tuple(again.pmf),
        largest_difference=max(again.differences, default=None),
    )


def check_salt(decision: Decision, salt: bytes) -> None:
    """Refuse a salt that is not the decision's.

    Raises:
        NothingToDo: it is another, so that no draw can be compared.
    """
    if decision.salt_id is not None and decision.salt_id != salt_id(salt):
        raise NothingToDo(
            f"decision '{decision.decision_id}' was drawn with the salt {decision.salt_id}, this one is {salt_id(salt)}; "
            f"expected the deployment's records that it was made with."
        )


def _drawn(decision: Decision, pmf: list[float] | None, salt: bytes) -> int | None:
    if decision.draw_version == 0 or pmf is None:
        return None
    return draw(pmf, keyed_uniform(salt, decision.loop, decision.decision_id, "action"))


def _is_ranking_alike(decision: Decision, pmf: list[float] | None, salt: bytes) -> bool | None:
    if decision.draw_version == 0 or pmf is None or len(decision.action) == 1:
        return None
    uniform = partial(keyed_uniform, salt, decision.loop, decision.decision_id)
    again = ranking(pmf, decision.action[0], len(decision.action), uniform=uniform, allowed=decision.mask)
    return again == decision.action


def _is_estimate_alike(decision: Decision, policy: object) -> bool | None:
    logged = decision.action_value_estimate
    if logged is None or policy is None or decision.action_source is not None:
        return None
    told = estimate_of(policy, msgspec.json.decode(decision.context), decision.action[0])
    return told is not None and math.isclose(told, logged, rel_tol=ESTIMATE_TOLERANCE, abs_tol=ESTIMATE_TOLERANCE)


def _split(decision: Decision, salt: bytes) -> float:
    return keyed_uniform(salt, decision.loop, decision.episode_id or decision.decision_id, "split")
