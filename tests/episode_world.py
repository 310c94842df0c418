"""A loop with episodes that somebody plays, and a model of it that was chosen offline."""

import functools

import numpy as np

from made_history import corridor, ladder
from made_loops import CORRIDOR, LADDER
from policyloop.core.spec_file import read_spec
from policyloop.core.wire import DecideRequest, OutcomeRequest
from policyloop.gate.ramp import State
from policyloop.ingest.outcomes import outcome
from policyloop.join.hours import join_loop
from policyloop.log.writer import LogWriter
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.episodes import challenging, training_records
from policyloop.run.episodes.offline import packed, train_and_choose
from policyloop.run.looks import look
from shop import swap_onto

GATE = "gate: {canary: 0.3}\n"


@functools.cache
def _chosen(name, text):
    """What a refresh learns and chooses from the world's history: the same for every deployment, so it is done once."""
    _, history, *_ = WORLDS[name]
    whole = history(60)
    return train_and_choose(whole, read_spec(text), seed=len(whole))


def move_in_corridor(place, answer):
    return {"place": float(np.clip(place["place"] + answer.values["move"], 0, 1))}


def climb(rung, answer):
    return {"rung": float(np.clip(rung["rung"] + (1 if answer.action == "up" else -1), 0, 4))}


WORLDS = {
    "corridor": (CORRIDOR, corridor, lambda rng: {"place": float(rng.random())}, move_in_corridor, 20),
    "ladder": (LADDER, ladder, lambda rng: {"rung": float(rng.integers(5))}, climb, 8),
}


class World:
    """A loop with episodes that somebody plays, and a model of it that was chosen offline."""

    def __init__(self, deployment, name, *, gate=GATE, changes=()):
        text, history, self.start, self.after, self.n_steps = WORLDS[name]
        self.deployment, self.name = deployment, name
        for before, after in changes:
            text = text.replace(before, after)
        spec = read_spec(text + gate)
        deployment.registry.apply(spec)
        self.model = self._publish_chosen(spec, _chosen(name, text), history(60))
        self.log = LogWriter(deployment.home.log, clock=deployment.clock)
        self.swap = swap_onto(self.log, deployment)
        self.rng = np.random.default_rng(3)
        self.n = 0

    def _publish_chosen(self, spec, trained, whole):
        """As a refresh does; its digest."""
        train = whole.to_learn_from(spec.train.split)
        manifest, tensors = packed(trained, spec, train, parent=None, snapshot={}, trained_until=0, seed=len(whole))
        model = self.deployment.registry.publish(manifest, tensors)
        training_records.keep(self.deployment.home, model, trained.record(spec))
        self.deployment.registry.choose_offline(self.name, model, trained.choice.sentences)
        return model

    def play(self, n, *, instead=None, start=None, told=None):
        """So many episodes from their start to their end; joined afterwards.

        Args:
            instead: says of an answer what a person carries out instead of what it says.
            start: says where an episode begins.
            told: says of an answer and a step which outcomes are reported.
        """
        self.swap.look()
        decider = self.swap.find(self.name)
        for _ in range(n):
            self.n += 1
            context = (start or self.start)(self.rng)
            for step in range(self.n_steps):
                answer = decider.decide(DecideRequest(context=context, episode_id=f"e{self.n}", step=step)).answer
                if instead is not None:
                    word = OutcomeRequest(decision_id=answer.decision_id, outcomes={}, executed=instead(answer))
                    self.log.append(outcome(word, decider.checks, received_at=self.deployment.clock.now_us()).event)
                if told is not None:
                    word = OutcomeRequest(decision_id=answer.decision_id, outcomes=told(answer, step))
                    self.log.append(outcome(word, decider.checks, received_at=self.deployment.clock.now_us()).event)
                context = self.after(context, answer)
            end = OutcomeRequest(decision_id=answer.decision_id, outcomes={}, truncated=True, next_context=context)
            self.log.append(outcome(end, decider.checks, received_at=self.deployment.clock.now_us()).event)
        self.log.roll()
        with ship_by_hand(self.deployment) as is_ours:
            assert is_ours
            join_loop(self.deployment.lake, self.deployment.records, self.deployment.registry.standing(self.name).spec)

    def state(self):
        return self.deployment.registry.challenges.all(self.name)[0].state


def in_canary(world):
    challenging.begin(world.deployment, world.name, world.model, why="a try")
    while world.state() != State.CANARY:
        world.play(10)
        look(world.deployment, world.name)
        if world.deployment.registry.challenges.all(world.name)[0].is_waiting:
            world.deployment.registry.challenges.approve(world.name, why="agreed")
