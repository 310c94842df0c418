"""The guard: what is live may stay until harm shows."""

from policyloop.gate.entrant import Entrant
from policyloop.gate.guard import watch
from policyloop.gate.verdict import Call


def entrant(model, policy):
    return Entrant(model, policy, rewards=policy)


def test_harm_of_the_live_model_calls_for_a_rollback_to_the_one_before(policy_of, spec, log, worse):
    got = watch(entrant("live", worse), previous=entrant("before", policy_of()), examples=log(worse, 3000, seed=1), spec=spec)

    assert (got.kind, got.call, got.model, got.champion) == ("watch", Call.ROLLBACK, "live", "before")
    assert got.sentence.startswith("Harm against the model before it in 3,000 evaluation events")


def test_without_harm_nothing_is_to_be_done(policy_of, spec, log, worse):
    got = watch(entrant("live", policy_of()), previous=entrant("before", worse), examples=log(worse, 3000, seed=1), spec=spec)

    assert got.call == Call.INCONCLUSIVE


def test_the_first_model_can_be_rolled_back_to_the_baseline(policy_of, spec, log, worse, truth):
    baseline = Entrant("baseline", policy_of(truth), rewards=None)

    got = watch(entrant("live", worse), previous=baseline, examples=log(worse, 5000, seed=1), spec=spec)

    assert (got.call, got.champion) == (Call.ROLLBACK, None)


def test_before_any_evidence_nothing_is_to_be_done(policy_of, spec, log, worse):
    got = watch(entrant("live", worse), previous=entrant("before", policy_of()), examples=log(worse, 0, seed=1), spec=spec)

    assert got.call == Call.INCONCLUSIVE
    assert got.evidence_until is None
