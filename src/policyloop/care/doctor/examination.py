"""An examination: what causes may look at, of one loop at one moment; each part is read once, when it is first asked for.

Question answered: what came in lately, what was made of it, and what does the newest model do?
Lately is the newest day that has decisions, whenever that was, so that an imported log is examined as well.
Letters: n examples, k actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from policyloop.care.doctor.columns import Columns
from policyloop.core.candidates import Candidates
from policyloop.core.clock import US_PER_HOUR, from_iso, hour_of
from policyloop.core.example import Examples
from policyloop.evaluate.compare import evidence
from policyloop.evaluate.pieces import learnable
from policyloop.gate.entrant import Entrant
from policyloop.join.audit import Audit, added
from policyloop.join.history import examples_of
from policyloop.join.hour_states import first_waiting, hour_states, n_settled
from policyloop.join.hours import audit_loop, audit_unplaced
from policyloop.lake.action_sets import offered_sets
from policyloop.lake.schema import DECISIONS
from policyloop.lake.tables import in_hours
from policyloop.lake.watermark import read_watermark
from policyloop.registry.model_rows import ModelRow
from policyloop.registry.registry import Standing
from policyloop.registry.verdict_rows import VerdictRow
from policyloop.run import jobs
from policyloop.run.deployment import Deployment
from policyloop.run.entrants import entrant_of
from policyloop.run.jobs import Job
from policyloop.run.schedule import last_training, waits_for
from policyloop.run.watches.trusted import held_hours

_RECENT_HOURS = 24
_MOST_EXAMPLES = 50_000  # the newest are looked at, more would say the same
_MOST_CONTEXTS = 20_000
_MOST_VERDICTS = 20
_COLUMNS = ("decision_id", "decided_at", "episode_id", "policy", "spec", "context", "actions")


class Examination:
    """One loop, looked at by all causes."""

    def __init__(self, deployment: Deployment, standing: Standing) -> None:
        self.deployment = deployment
        self.standing = standing
        self.spec = standing.spec
        self.loop = standing.spec.loop
        self.now_us = deployment.clock.now_us()

    @cached_property
    def audits(self) -> dict[str, Audit]:
        """Hour -> its counts, of the hours that were ever joined, in order."""
        states = hour_states(self.deployment.records, self.loop)
        return {hour: states[hour].audit for hour in sorted(states)}

    @cached_property
    def audit(self) -> Audit:
        """The counts of all time."""
        return audit_loop(self.deployment.lake, self.deployment.records, self.loop)

    @cached_property
    def recent_hours(self) -> list[str]:
        """The hours of the newest day that has decisions."""
        newest = max((hour for hour, audit in self.audits.items() if audit.decisions), default=None)
        if newest is None:
            return []
        first = hour_of(_began_us(newest) - (_RECENT_HOURS - 1) * US_PER_HOUR)
        return [hour for hour in self.audits if first <= hour <= newest]

    @cached_property
    def recent(self) -> Audit:
        """The counts of those hours, and the outcomes since then that no decision was found for."""
        since = _began_us(self.recent_hours[0]) if self.recent_hours else 0
        unplaced = audit_unplaced(self.deployment.lake, self.deployment.records, self.loop, since=since)
        return added([*(self.audits[hour] for hour in self.recent_hours), unplaced])

    @cached_property
    def held(self) -> list[str]:
        """The hours that look like an outage and are not learned from for now."""
        return held_hours(self.deployment, self.loop)

    @cached_property
    def watermark(self) -> int:
        """Up to then all that was received is in the tables, microseconds; 0: nothing is."""
        return read_watermark(self.deployment.records)

    @cached_property
    def last_job(self) -> Job | None:
        """The newest training."""
        return jobs.last(self.deployment.records, self.loop)

    @cached_property
    def verdicts(self) -> list[VerdictRow]:
        """What was said of models lately, newest first."""
        return self.deployment.registry.verdicts(self.loop, limit=_MOST_VERDICTS)

    @cached_property
    def newest_model(self) -> ModelRow | None:
        """The newest model, live or not; None before the first."""
        models = self.deployment.registry.models(self.loop)
        return models[-1] if models else None

    @cached_property
    def examples(self) -> Examples:
        """The newest examples, in the order of the log."""
        since, n = None, 0
        for hour in reversed(self.audits):
            n += self.audits[hour].examples
            if n >= _MOST_EXAMPLES:
                since = _began_us(hour)
                break
        found, _ = examples_of(self.deployment.lake, self.deployment.registry, self.spec, since=since)
        return found

    @cached_property
    def evidence(self) -> Examples:
        """Those of them that may speak for or against a policy."""
        before = first_waiting(self.deployment.records, self.loop)
        return evidence(self.examples, split=self.spec.train.split, before=before)

    @cached_property
    def columns(self) -> Columns:
        """The contexts of the newest decisions, field by field; of candidates one of those offered, at random."""
        rows = self._newest_decisions().sort_by("decided_at")
        contexts = [msgspec.json.decode(text) for text in rows["context"].to_pylist()]
        fields = learnable(self.spec.context, self.spec.subject)
        times, together = _ints(rows["decided_at"]), _n_together(rows)
        own = Columns.of(contexts, fields, decided_at=times, player=self._players(rows), n_together=together)
        if not self.spec.is_candidates:
            return own
        features = self._one_candidate_each(rows["actions"].to_pylist())
        return own.beside(
            Columns.of(features, learnable(self.spec.actions.features), decided_at=own.decided_at, prefix="action ")
        )

    def entrant(self, model: str) -> Entrant:
        """A model as it serves, or would, under today's spec.

        Raises:
            UnknownModel, BadModel: it is not here, or not whole.
        """
        return entrant_of(self.deployment.registry, self.spec, model)

    def waits_for(self) -> str:
        """What the next training waits for, in words."""
        last = last_training(self.deployment.records, self.deployment.registry, self.loop)
        n = n_settled(self.deployment.records, self.spec)
        return waits_for(self.spec.train, now_us=self.now_us, n_examples=n, last=last)

    def _players(self, rows: pa.Table) -> NDArray[np.int64] | None:
        """(n,) who decided, in loops with episodes: who acts makes the contexts that come next. None elsewhere."""
        if self.spec.episodes is None:
            return None
        names = rows["policy"].to_numpy(zero_copy_only=False).astype(str)
        return np.asarray(np.unique(names, return_inverse=True)[1], dtype=np.int64)

    def _newest_decisions(self) -> pa.Table:
        """Decisions under specs with today's context, at most so many, of the newest hours."""
        lake, found = self.deployment.lake, []
        n = 0
        for hour in reversed(self.audits):
            rows = lake.rows(DECISIONS, where=in_hours(self.loop, hour), columns=_COLUMNS)
            rows = rows.filter(pa.array([self._has_same_context(digest) for digest in rows["spec"].to_pylist()], pa.bool_()))
            found.append(rows)
            n += rows.num_rows
            if n >= _MOST_CONTEXTS:
                break
        if not found:
            return lake.rows(DECISIONS, where=in_hours(self.loop, "none"), columns=_COLUMNS)
        everything = pa.concat_tables(found).sort_by([("decided_at", "descending"), ("decision_id", "ascending")])
        return everything.slice(0, _MOST_CONTEXTS)

    @cached_property
    def _same_contexts(self) -> dict[str, bool]:
        return {self.spec.digest: True}

    def _has_same_context(self, digest: str) -> bool:
        """Whether decisions under that spec were asked with the fields of today."""
        known = self._same_contexts
        if digest not in known:
            spec = self.deployment.registry.spec_named(self.loop, digest)
            known[digest] = (
                spec is not None
                and dict(spec.context) == dict(self.spec.context)
                and spec.actions.kind == (self.spec.actions.kind)
            )
        return known[digest]

    def _one_candidate_each(self, texts: Sequence[str | None]) -> list[dict[str, object]]:
        """The features of one of the offered candidates for each row; the draw is the same at every look."""
        sets = offered_sets(self.deployment.lake, self.loop, {text for text in texts if text is not None})
        rng = np.random.default_rng(len(texts))
        return [dict(_drawn(sets.of(text), rng)) if text is not None and sets.has(text) else {} for text in texts]


def _drawn(offered: Candidates, rng: np.random.Generator) -> dict[str, object]:
    return dict(offered.features[int(rng.integers(len(offered)))])


def _n_together(rows: pa.Table) -> float:
    """Decisions of one episode, on average; 1 where they belong to none."""
    named = rows["episode_id"].drop_null()
    return len(named) / len(named.unique()) if len(named) else 1.0


def _ints(column: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(column.to_numpy(), dtype=np.int64)


def _began_us(hour: str) -> int:
    """When an hour began, microseconds."""
    return from_iso(f"{hour}:00:00")
