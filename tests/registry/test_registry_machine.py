"""The registry under any order of operations: a small model of it, in plain Python, must agree at every step."""

import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from empty_records import with_records
from policyloop.core.clock import SystemClock
from policyloop.core.errors import NothingToDo, PromotionRefused, SpecRefused
from policyloop.core.model import Manifest
from policyloop.core.spec_file import read_spec
from policyloop.gate.verdict import Call, Reason, Verdict
from policyloop.registry.registry import Registry
from policyloop.storage.objects import open_objects
from policyloop.storage.records import open_records, url_of

LOOP = "front-page"
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
SEEDS = st.integers(0, 3)


def spec_of(explorer, baseline):
    return read_spec(
        {
            "loop": LOOP,
            "context": {"hour": {"type": "integer"}},
            "actions": {"kind": "discrete", "labels": ["calm", "bold"]},
            "outcomes": {"clicked": {"type": "boolean"}},
            "reward": {"expression": "clicked", "range": [0, 1], "window": "10m"},
            "explore": {"name": explorer},
            "baseline": baseline,
        }
    )


class RegistryMachine(RuleBasedStateMachine):
    """Drives a registry and remembers what must hold: a stack of champions, and who was rolled back or rejected."""

    @initialize()
    def open(self):
        self.folder = tempfile.TemporaryDirectory()
        self.records = open_records(url_of(with_records(Path(self.folder.name))))
        self.registry = Registry(self.records, open_objects(self.folder.name), clock=SystemClock())
        self.spec = spec_of("squarecb", "calm")
        self.registry.apply(self.spec)
        self.explorer_of = {}  # model -> explorer of the spec it was made for
        self.state = {}
        self.stack = []  # champions, the live one last
        self.is_frozen = False
        self.version = self.registry.version()

    def teardown(self):
        self.records.close()
        self.folder.cleanup()

    @property
    def champion(self):
        return self.stack[-1] if self.stack else None

    @rule(seed=SEEDS)
    def publish(self, seed):
        manifest = Manifest(
            loop=LOOP, spec=self.spec.digest, recipe=self.spec.recipe, parent=self.champion, policy="linear", settings={},
            features={}, labels=list(self.spec.labels), explorer={}, learner={}, snapshot={}, trained_until=0, n_examples=1,
            seed=seed, code="0.1.0", tensors=EMPTY_SHA256, progress={},
        )  # fmt: skip
        model = self.registry.publish(manifest, b"")
        self.explorer_of.setdefault(model, self.spec.explore.name)
        self.state.setdefault(model, "challenger")

    @precondition(lambda self: self.state)
    @rule(data=st.data(), by_person=st.booleans())
    def promote(self, data, by_person):
        model = data.draw(st.sampled_from(sorted(self.state)))
        may = (
            not self.is_frozen
            and self.state[model] != "live"
            and (by_person or self.state[model] == "challenger")
            and self.explorer_of[model] == self.spec.explore.name
        )
        with suppress(PromotionRefused):
            if by_person:
                self.registry.promote_by_person(LOOP, model, why="asked for")
            else:
                self.registry.promote(LOOP, self.verdict(Call.PROMOTE, model, self.champion))
            assert may
            if self.champion is not None:
                self.state[self.champion] = "replaced"
            self.stack.append(model)
            self.state[model] = "live"
            return
        assert not may

    @precondition(lambda self: self.state)
    @rule(data=st.data(), call=st.sampled_from([Call.RETIRE, Call.REFUSE, Call.INCONCLUSIVE]))
    def record(self, data, call):
        model = data.draw(st.sampled_from(sorted(self.state)))
        self.registry.record(LOOP, self.verdict(call, model, self.champion))
        if self.state[model] == "challenger" and call != Call.INCONCLUSIVE:
            self.state[model] = {Call.RETIRE: "retired", Call.REFUSE: "refused"}[call]

    @rule()
    def roll_back(self):
        if self.champion is None:
            with suppress(NothingToDo):
                self.registry.roll_back_by_person(LOOP, why="asked for")
                raise AssertionError("there was nothing to roll back")
            return
        self.registry.roll_back_by_person(LOOP, why="asked for")
        gone = self.stack.pop()
        self.state[gone] = "rolled-back"
        self.stack = [model for model in self.stack if self.state[model] != "rolled-back"]
        if self.champion is not None:
            self.state[self.champion] = "live"

    @rule(explorer=st.sampled_from(["squarecb", "greedy"]), baseline=st.sampled_from(["calm", "bold"]))
    def apply(self, explorer, baseline):
        spec = spec_of(explorer, baseline)
        may = self.champion is None or explorer == self.spec.explore.name
        with suppress(SpecRefused):
            self.registry.apply(spec)
            assert may
            self.spec = spec
            return
        assert not may

    @rule(is_frozen=st.booleans())
    def freeze(self, is_frozen):
        if is_frozen:
            self.registry.freeze(LOOP, why="said so")
        else:
            self.registry.unfreeze(LOOP)
        self.is_frozen = is_frozen

    @invariant()
    def the_registry_agrees(self):
        if not hasattr(self, "registry"):
            return
        standing = self.registry.standing(LOOP)
        assert standing.champion == self.champion
        assert standing.spec == self.spec
        assert {row.model: row.state for row in self.registry.models(LOOP)} == self.state
        assert standing.row.previous != standing.champion or self.champion is None
        assert (standing.row.anchor is None) == (self.champion is None)
        assert list(self.state.values()).count("live") == (self.champion is not None)
        assert self.registry.version() >= self.version
        self.version = self.registry.version()

    @staticmethod
    def verdict(call, model, champion):
        reason = Reason(name="test", call=call, sentence="said.")
        return Verdict(kind="refresh", call=call, model=model, champion=champion, anchor=None, reasons=(reason,))


TestRegistryMachine = RegistryMachine.TestCase
TestRegistryMachine.settings = settings(max_examples=10, stateful_step_count=25, deadline=None)
