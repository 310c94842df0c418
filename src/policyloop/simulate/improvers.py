"""Improvers: how the policy gets better while rows are played, by batches as a deployment does, or after every event.

Question answered: what decides next, after this reward? By batches a model is trained from scratch, judged by the gate and
served. Per event one learner takes in every example below the split at once and decides with what it knows; at every
look the gate judges it as it stands, and while it is found harmful the last state that passed decides in its place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from policyloop import __version__
from policyloop.core.example import ExampleBatch, Examples
from policyloop.core.loop import LoopSpec
from policyloop.core.policy import Learner
from policyloop.learn import train
from policyloop.policy.features import Encoder
from policyloop.policy.scored import ScoredPolicy, explorer_of
from policyloop.simulate.player import Player, Plays
from policyloop.simulate.succession import Succession, entrant_of, policy_of


class Improver(Protocol):
    """What happens between decisions."""

    def after(self, n_played: int) -> None:
        """Called after each decision of the learning rounds with their count so far; 0 is the end of the warm start."""
        ...

    def finish(self) -> None:
        """Called after the last decision: what was not yet judged is."""
        ...


class ByBatches:
    """Train, judge and serve after every `batch_size` decisions."""

    def __init__(self, player: Plays, spec: LoopSpec, succession: Succession, *, batch_size: int) -> None:
        self._player = player
        self._spec = spec
        self._succession = succession
        self._batch_size = batch_size
        self._n_judged = -1

    def after(self, n_played: int) -> None:
        """At the end of a batch, guard what is live and let the next model try."""
        if n_played % self._batch_size:
            return
        self._n_judged = self._player.n
        examples = self._player.examples()
        self._succession.guard(examples)
        trained = _trained(examples, self._spec, self._succession)
        if trained is not None:
            self._succession.consider(entrant_of(trained), examples)
        name, policy = policy_of(self._succession.champion, self._spec)
        self._player.assign(replace(self._player.live, policy=policy, name=name))

    def finish(self) -> None:
        """Judge the last model, if its batch was cut short."""
        if self._n_judged != self._player.n:
            self._batch_size = 1
            self.after(1)


@dataclass(slots=True)
class _Line:
    """One learner with the features that it was begun with."""

    encoders: train.Encoders
    learner: Learner
    n_learned: int
    next_fit: int  # features are fitted anew at this many examples


class PerEvent:
    """Learn from every example at once; let the gate look every `look_every` decisions."""

    def __init__(self, player: Player, spec: LoopSpec, succession: Succession, *, look_every: int) -> None:
        self._player = player
        self._spec = spec
        self._succession = succession
        self._look_every = look_every
        self._line: _Line | None = None
        self._is_trusted = True

    def after(self, n_played: int) -> None:
        """Learn the newest example, look when it is time, and let what is known now decide."""
        has_changed = self._learn_newest()
        if n_played % self._look_every == 0:
            self._look()
            has_changed = True
        if has_changed and self._is_trusted and self._line is not None:
            name = f"{self._succession.champion.model if self._succession.champion else ''}@{self._player.n}"
            self._player.assign(replace(self._player.live, policy=self._policy(self._line), name=name))

    def finish(self) -> None:
        """Let the gate look once more, at what will stay."""
        self._look()

    def _learn_newest(self) -> bool:
        """Whether there was something to learn."""
        if self._line is None or self._line.n_learned >= self._line.next_fit:
            self._line = _line_of(self._player.examples(), self._spec, seed=self._player.n)
            return self._line is not None
        newest = self._player.examples(start=self._player.n - 1).to_learn_from(self._spec.train.split)
        if len(newest):
            self._line.learner.learn(_batch_of_one(newest, self._line.encoders.context))
            self._line.n_learned += 1
        return bool(len(newest))

    def _look(self) -> None:
        """The line as it stands is judged like any model; the last state that passed decides while it is refused."""
        if self._line is None:
            return
        examples = self._player.examples()
        self._succession.guard(examples)
        champion = self._succession.champion
        state = train.finish(
            self._line.learner,
            self._line.encoders,
            self._spec,
            train.to_learn_from(examples, self._spec),
            seed=self._player.n,
            parent=champion.model if champion else None,
            snapshot={"examples": self._player.n},
            code_version=__version__,
        )
        self._is_trusted = self._succession.consider(entrant_of(state), examples)
        name, policy = policy_of(self._succession.champion, self._spec)
        self._player.assign(replace(self._player.live, policy=policy, name=name))

    def _policy(self, line: _Line) -> ScoredPolicy:
        """What the line knows now, served as a model would be."""
        explore, reward = self._spec.explore, self._spec.reward
        span = reward.high - reward.low
        explorer = explorer_of(explore.name, dict(explore.settings), n_examples=line.n_learned, reward_span=span)
        model = line.learner.reward_model(n_draws=explorer.n_draws)
        return ScoredPolicy(line.encoders.context, model, explorer, explore.floor, len(self._spec.labels))


def _trained(examples: Examples, spec: LoopSpec, succession: Succession) -> train.Trained | None:
    """The next model; None while there is nothing to learn from."""
    if not (examples.split < spec.train.split).any():
        return None
    champion = succession.champion
    return train.train(
        examples,
        spec,
        seed=len(examples),
        parent=champion.model if champion else None,
        snapshot={"examples": len(examples)},
        code_version=__version__,
    )


def _line_of(examples: Examples, spec: LoopSpec, *, seed: int) -> _Line | None:
    """A learner begun anew on all examples; its features hold until there are twice as many."""
    rows = train.to_learn_from(examples, spec)
    if len(rows) == 0:
        return None
    encoders = train.fit_encoders(rows, spec)
    learner = train.new_learner(spec, n_features=encoders.context.n_features, seed=seed)
    learner.learn(train.encoded(rows, encoders))
    return _Line(encoders, learner, len(rows), 2 * len(rows))


def _batch_of_one(row: Examples, encoder: Encoder) -> ExampleBatch:
    """One example as numbers, by the encoder's fast way."""
    return ExampleBatch(
        features=encoder.encode(row.contexts[0])[np.newaxis],
        allowed=row.allowed,
        action=row.action,
        reward=row.reward,
        propensity=row.propensity,
        decided_at=row.decided_at,
    )
