"""A logged decision explained: found, scored again by the model that made it, and compared with what is usual in the log.

Question answered: why was this action taken? The baseline and other systems' policies score nothing of ours, so there
the answer is who decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from policyloop.core.candidates import Candidates
from policyloop.core.clock import hour_of
from policyloop.core.errors import NothingToDo
from policyloop.core.event import Decision
from policyloop.core.example import Context
from policyloop.core.loop import LoopSpec
from policyloop.core.model import BASELINE, IMPORTED, short
from policyloop.evaluate.explain import Explanation, Offered, best_of_others, explanation
from policyloop.evaluate.pieces import Piece, learnable, pieces_of
from policyloop.evaluate.shapley import Shares, n_sets, shapley
from policyloop.evaluate.worth import Candidate, worth_of_context, worth_of_pairs
from policyloop.lake.action_sets import offered_sets
from policyloop.lake.place import id_hash
from policyloop.lake.schema import DECISIONS
from policyloop.lake.tables import Lake, in_hours
from policyloop.policy.scored_candidates import ScoredCandidates
from policyloop.registry.model_files import StoredModel
from policyloop.run.deployment import Deployment
from policyloop.run.questions.offered import offered_in
from policyloop.run.questions.rebuild import find_logged, spec_of
from policyloop.serve.aligned import aligned

_FIRST_ROWS = 1000  # of the hours nearest to the decision; what is usual is drawn from these
_LARGEST_BACKGROUND, _SMALLEST_BACKGROUND = 64, 8
_ROWS_AT_MOST = 2**15  # scores of mixed contexts that one explanation costs, about
_EXPLAINED = 12  # candidates that are looked at: the one taken and the best of the others


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A decision, and why its action was taken."""

    decision: Decision
    spec: LoopSpec
    names: tuple[str, ...]  # of the offered actions, in order
    explanation: Explanation | None  # None: no model of ours decided
    who: str  # who decided, in words

    def sentences(self) -> list[str]:
        """All of it, for people."""
        action, propensity = self.names[self.decision.action[0]], self.decision.propensity
        kind = "" if self.decision.propensity_kind in ("probability", "point") else f" ({self.decision.propensity_kind})"
        said = [f"'{action}' was taken; it had a probability of {propensity:.4g}{kind}.", self.who]
        return said if self.explanation is None else [*said, *self.explanation.sentences()]


def explain(deployment: Deployment, decision_id: str, *, loop: str | None = None) -> Explained:
    """Explain a logged decision.

    Args:
        decision_id: as decide answered it.
        loop: where it was made; None looks in all loops.

    Raises:
        UnknownLoop: no loop has that name.
        UnknownDecision: there is none of that id.
        UnknownModel, BadModel: the model that made it is not here, or not whole.
        NothingToDo: the spec or the candidates that it was made with are not here, or its action is numbers.
    """
    decision = find_logged(deployment, decision_id, loop=loop)
    spec = spec_of(deployment, decision)
    if spec.has_box:
        raise NothingToDo(
            f"decision '{decision.decision_id}' is numbers, and only actions with names are explained; "
            f"policyloop replay tells what it was drawn from."
        )
    candidates = offered_in(deployment, decision)
    names = spec.labels if candidates is None else candidates.ids
    if decision.policy == BASELINE or decision.policy.startswith(IMPORTED):
        return Explained(decision=decision, spec=spec, names=names, explanation=None, who=_who(decision, spec))
    stored = deployment.registry.load(spec.loop, decision.policy)
    rows = _others(deployment, decision)
    why = _Asked(decision, spec, stored, names, candidates).explained(rows, deployment.lake)
    learner = stored.manifest.learner["name"]
    who = f"Model {short(decision.policy)} decided; {learner} made it from {stored.manifest.n_examples:,} examples."
    return Explained(decision=decision, spec=spec, names=names, explanation=why, who=who)


class _Asked:
    """One decision with the model that made it."""

    def __init__(
        self,
        decision: Decision,
        spec: LoopSpec,
        stored: StoredModel,
        names: Sequence[str],
        candidates: Candidates | None,
    ) -> None:
        self.decision, self.spec, self.stored, self.names, self.candidates = decision, spec, stored, names, candidates
        self.policy = stored.policy()
        self.context: Context = msgspec.json.decode(decision.context)
        self.allowed = decision.mask or [True] * len(names)
        self.taken = decision.action[0]

    def explained(self, rows: pa.Table, lake: Lake) -> Explanation:
        """The explanation; `rows` are decisions that say what is usual."""
        offered = self._offered()
        is_known = offered[self.taken].reward is not None
        places = self._places(offered) if is_known else []
        of_context = pieces_of(self.context, learnable(self.spec.context, self.spec.subject))
        pieces = [(piece.name, piece.value_in(self.context)) for piece in of_context]
        shares, n = None, 0
        if isinstance(self.policy, ScoredCandidates):
            of_candidate = self._pieces_of_candidates(places)
            own = self._candidate(self.taken)
            pieces += [(f"action {piece.name}", piece.value_in(own.features)) for piece in of_candidate]
            pieces += [("action id", own.id)] if self.policy.candidate_encoder.ids else []
        else:
            of_candidate = []
        if is_known and rows.num_rows:
            shares, n = self._shares(rows, lake, places, of_context, of_candidate, n_pieces=len(pieces))
        explore = self.stored.manifest.explorer
        return explanation(
            offered,
            shares,
            taken=self.taken,
            places=places,
            pieces=pieces,
            n_background=n,
            explorer=str(explore["name"]),
            floor=self.spec.explore.floor,
            is_point=self.decision.propensity_kind == "point",
        )

    def _offered(self) -> list[Offered]:
        """Every offered action with what the model expects of it and the chance that it got."""
        without_floor = replace(self.spec, explore=replace(self.spec.explore, floor=0.0))
        explored = aligned(self.policy, self.stored.labels, without_floor).pmf(self.context, self.allowed, self.candidates)
        logged = None if self.decision.pmf is None else self.decision.probabilities()
        if isinstance(self.policy, ScoredCandidates):
            assert self.candidates is not None, "a model over candidates decided among labels"
            reward_of = dict(zip(self.names, self.policy.rewards(self.context, self.candidates), strict=True))
        else:
            reward_of = dict(zip(self.stored.labels, self.policy.rewards_of_many([self.context])[0].tolist(), strict=True))
        return [
            Offered(
                name=name,
                is_allowed=may,
                reward=reward_of.get(name) if may else None,
                explored=explored[place],
                probability=None if logged is None else logged[place],
            )
            for place, (name, may) in enumerate(zip(self.names, self.allowed, strict=True))
        ]

    def _places(self, offered: Sequence[Offered]) -> list[int]:
        """The action taken, the next best, and others that the model knows: of candidates the best of them."""
        known = [place for place, one in enumerate(offered) if one.reward is not None and place != self.taken]
        first = best_of_others(offered, self.taken)
        known.sort(key=lambda place: (place != first, -(offered[place].reward or 0.0), place))
        places = [self.taken, *known]
        return places[:_EXPLAINED] if isinstance(self.policy, ScoredCandidates) else places

    def _pieces_of_candidates(self, places: Sequence[int]) -> list[Piece]:
        """The pieces of the candidates looked at; an object's keys are those that any of them has."""
        together: dict[str, object] = {}
        for place in places:
            for name, value in self._candidate(place).features.items():
                earlier = together.get(name)
                is_object = isinstance(value, dict) and isinstance(earlier, dict)
                together[name] = {**earlier, **value} if is_object else (earlier if isinstance(earlier, dict) else value)  # type: ignore[dict-item]
        return pieces_of(together, learnable(self.spec.actions.features))

    def _candidate(self, place: int) -> Candidate:
        assert self.candidates is not None
        return Candidate(self.candidates.ids[place], self.candidates.features[place])

    def _shares(
        self,
        rows: pa.Table,
        lake: Lake,
        places: Sequence[int],
        of_context: Sequence[Piece],
        of_candidate: Sequence[Piece],
        *,
        n_pieces: int,
    ) -> tuple[Shares, int]:
        """The shares of the pieces, and how many other decisions they rest on."""
        rng = np.random.default_rng(abs(id_hash(self.decision.decision_id)))
        k = len(places) if isinstance(self.policy, ScoredCandidates) else 1
        n_wanted = int(np.clip(_ROWS_AT_MOST // (n_sets(n_pieces) * k), _SMALLEST_BACKGROUND, _LARGEST_BACKGROUND))
        chosen = rows.take(np.sort(rng.permutation(rows.num_rows)[:n_wanted]))
        contexts: list[Context] = [msgspec.json.decode(text) for text in chosen["context"].to_pylist()]
        if not isinstance(self.policy, ScoredCandidates):
            of_labels = [self.stored.labels.index(self.names[place]) for place in places]
            worth = worth_of_context(self.policy, self.context, contexts, pieces=of_context, places=of_labels)
            return shapley(worth, n_pieces, rng=rng), len(contexts)
        others, texts = [], chosen["actions"].to_pylist()
        sets = offered_sets(lake, self.spec.loop, texts)
        for context, text in zip(contexts, texts, strict=True):
            offered = sets.of(text)
            place = int(rng.integers(len(offered)))
            others.append((context, Candidate(offered.ids[place], offered.features[place])))
        own = [self._candidate(place) for place in places]
        worth = worth_of_pairs(self.policy, self.context, own, others, of_context=of_context, of_candidate=of_candidate)
        return shapley(worth, n_pieces, rng=rng), len(others)


def _others(deployment: Deployment, decision: Decision) -> pa.Table:
    """Decisions of the loop in the hours nearest to this one, the earlier ones first, in the order of their ids."""
    lake = deployment.lake
    found: list[pa.Table] = []
    columns = ["decision_id", "context", "actions"]
    hours = lake.hours(DECISIONS, loop=decision.loop) if lake.exists(DECISIONS) else []
    own = hour_of(decision.decided_at)
    nearest = [*sorted((h for h in hours if h <= own), reverse=True), *(h for h in hours if h > own)]
    for hour in nearest:
        if sum(rows.num_rows for rows in found) >= _FIRST_ROWS:
            break
        rows = lake.rows(DECISIONS, where=in_hours(decision.loop, hour), columns=columns)
        rows = rows.filter(pc.not_equal(rows["decision_id"], decision.decision_id))
        has_same_kind = pc.equal(pc.is_null(rows["actions"]), decision.actions is None)
        found.append(rows.filter(has_same_kind).sort_by("decision_id"))
    return pa.concat_tables(found) if found else pa.table({name: pa.array([], pa.string()) for name in columns})


def _who(decision: Decision, spec: LoopSpec) -> str:
    """Who decided, where it was no model of ours."""
    if decision.policy != BASELINE:
        name = decision.policy.removeprefix(IMPORTED)
        return f"Another system decided ('{name}'); what it expected of the actions is not known here."
    chosen = {"first": "takes the first allowed action", "uniform": "takes every allowed action alike"}
    does = chosen.get(spec.baseline, f"takes '{spec.baseline}'")
    return (
        f"The baseline decided: it {does}, with a floor of {spec.explore.floor:.4g}, and looks at no field. It decides until "
        f"a model is live, while the loop is paused, and where a model breaks."
    )
