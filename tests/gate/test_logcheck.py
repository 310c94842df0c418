"""The log check: faults of a known size are found soon, true logs raise no alarm, and looks go on where the last one ended."""

import json
import statistics
from dataclasses import replace

import numpy as np
import pytest

from policyloop.core.clock import US_PER_S
from policyloop.gate.logcheck import LogState, begin, check
from policyloop.gate.verdict import Call, verdict_of
from policyloop.join.audit import Audit
from policyloop.simulate.faulty_log import KNOWN, found_at, play, spec_of

SPEC = spec_of(4)


def look(examples, **options):
    return check(examples, spec=SPEC, known=KNOWN, **options)


def changed(log, **columns):
    return replace(log.examples, **columns)


def medians(fault, runs, *, is_known=False, look_every=500):
    """Median decisions up to the alarm, and the share of logs in which it came."""
    found = [found_at(play(fault, seed=seed), is_known=is_known, look_every=look_every) for seed in range(runs)]
    return statistics.median(at if at is not None else np.inf for at in found), sum(at is not None for at in found) / runs


# What is demanded, with the other model known as the one that was live before.
G3 = [("other", True, 500), ("half", False, 1200), ("less", False, 6000), ("argmax", False, 200)]


@pytest.mark.parametrize(("fault", "is_known", "bound"), G3)
def test_a_fault_is_found_in_time(fault, is_known, bound):
    median, found = medians(fault, 50, is_known=is_known)

    assert median <= bound
    assert found >= 0.98  # one of fifty may be missed where one of a hundred may


@pytest.mark.parametrize("log", ["none", "canary"])
def test_of_fifty_true_logs_one_at_most_raises_an_alarm(log):
    """Each does with probability .003 at most; a look finds what lies before it, so few looks tell as much as many."""
    assert medians(log, 50, is_known=True, look_every=20_000)[1] <= 1 / 50


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "is_known", "bound"), G3)
def test_a_fault_is_found_in_time_in_a_thousand_logs(fault, is_known, bound):
    median, found = medians(fault, 1000, is_known=is_known)

    assert median <= bound
    assert found >= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("log", ["none", "canary"])
def test_of_a_thousand_true_logs_five_at_most_raise_an_alarm(log):
    assert medians(log, 1000, is_known=True)[1] <= 0.005


def test_another_model_that_nobody_knows_is_found_too_though_later():
    median, found = medians("other", 20)

    assert found == 1.0
    assert 500 < median < 1500


def test_a_fault_that_sets_in_late_is_found():
    assert 20_000 < found_at(play("argmax", seed=1, n=24_000, begins=20_000), is_known=False) < 21_500


def test_an_alarm_refuses_whatever_the_evidence_says():
    found, _ = look(play("argmax", seed=1, n=1000).examples)

    assert found.is_alarm
    assert verdict_of(found.reasons) == Call.REFUSE
    assert "log-propensities" in [alarm.name for alarm in found.alarms]
    assert "the best action alone was served" in found.alarms[0].sentence


def test_every_question_has_its_reason():
    found, _ = look(play("canary", seed=1, n=1000).examples, audit=Audit(decisions=1000, joined=1000))

    assert [reason.name for reason in found.reasons] == [
        "log-contract",
        "log-propensities",
        "log-weights",
        "log-calibration",
        "log-split",
        "log-joined",
        "log-models",
        "log-executed",
        "log-conflicts",
    ]
    assert found.notes == found.reasons
    assert (found.n, found.is_alarm) == (1000, False)


def test_an_empty_log_has_nothing_against_it():
    found, state = look(play("none", seed=1, n=0).examples)

    assert (found.n, found.is_alarm, state.until) == (0, False, None)


def test_looks_come_to_the_same_as_one_look_and_never_read_a_decision_twice():
    examples = play("canary", seed=3, n=3000).examples
    whole, at_once = look(examples)

    state = None
    for n in (700, 700, 1900, 3000):
        found, state = look(examples, state=state, before=n * US_PER_S)

    assert found.n == whole.n == 3000
    for name in ("truth", "weights", "calibration"):
        np.testing.assert_allclose(getattr(state, name).wealth.stakes, getattr(at_once, name).wealth.stakes, atol=1e-9)
    np.testing.assert_allclose(state.sides.joined.stakes, at_once.sides.joined.stakes, atol=1e-9)


def test_what_is_remembered_goes_through_json_and_does_not_grow():
    examples = play("canary", seed=3, n=8000).examples
    _, half = look(examples, before=2000 * US_PER_S)
    text = json.dumps(half.to_mapping())

    found, after = look(examples, state=LogState.from_mapping(json.loads(text)))

    straight, _ = look(examples, state=half)
    assert found == straight
    assert len(json.dumps(after.to_mapping())) < len(text) + 200


def test_what_another_version_remembered_is_begun_anew():
    assert LogState.from_mapping(begin(SPEC).to_mapping() | {"form": 0}) is None


def test_fallback_deferred_point_and_estimated_decisions_are_no_evidence_and_no_alarm():
    """Their actions are all the first: whatever they say of it, nothing is drawn from what is logged."""
    log = play("none", seed=1, n=4000)
    n = np.arange(4000)
    is_odd = n % 5 < 4
    action = np.where(is_odd, 0, log.examples.action)
    examples = changed(
        log,
        action=action,
        propensity=np.where(n % 5 == 0, np.nan, log.champion[n, action]),
        logged_kind=np.where(n % 5 == 0, np.where(n % 2, "point", "estimated"), "probability").astype(object),
        is_fallback=n % 5 == 1,
        is_deferred=(n % 5 == 2) | (n % 5 == 3),
    )

    found, _ = look(examples, others={"previous": log.other})

    assert (found.n, found.is_alarm) == (800, False)


def test_models_that_change_in_the_stream_are_no_alarm():
    """A refresh every thousand decisions: each has its own probabilities, and each is known to the check or not."""
    logs = [play("none", seed=seed, n=1000) for seed in range(12)]
    pmf = np.concatenate([log.champion for log in logs])
    action = np.concatenate([log.examples.action for log in logs])
    previous = np.concatenate([np.full((1000, 4), np.nan), *(log.other for log in logs[1:])])
    examples = replace(
        play("none", seed=0, n=12_000).examples,
        pmf=pmf,
        action=action,
        propensity=pmf[np.arange(12_000), action],
    )

    assert not look(examples, others={"previous": previous})[0].is_alarm


def test_masks_and_padding_are_no_alarm():
    rng = np.random.default_rng(5)
    n = 8000
    allowed = rng.random((n, 4)) < 0.6
    allowed[np.arange(n), rng.integers(4, size=n)] = True
    weights = np.where(allowed, rng.random((n, 4)), 0.0)
    floor = SPEC.explore.floor
    pmf = (1 - floor) * weights / weights.sum(axis=1, keepdims=True) + floor * allowed / allowed.sum(axis=1, keepdims=True)
    pmf = np.minimum(pmf, 1.0)
    action = (rng.random(n)[:, None] >= pmf.cumsum(axis=1)[:, :-1]).sum(axis=1)
    examples = changed(play("none", seed=1, n=n), allowed=allowed, pmf=pmf, action=action, propensity=pmf[np.arange(n), action])

    found, _ = look(examples)

    assert found.n == n
    assert not found.is_alarm


def test_subjects_that_stay_on_their_side_are_no_alarm():
    """What is logged is then the side's own pmf, and a subject's decisions all come from it."""
    log = play("canary", seed=2, n=10_000)
    rng = np.random.default_rng(2)
    subject = rng.integers(50, size=10_000)
    is_challengers = (rng.random(50) < 0.1)[subject]
    pmf = np.where(is_challengers[:, None], log.other, log.champion)
    action = (rng.random(10_000)[:, None] >= pmf.cumsum(axis=1)[:, :-1]).sum(axis=1)
    trial = replace(
        log.examples.trial,
        side=np.where(is_challengers, "challenger", "champion").astype(object),
        unit=np.array([f"subject-{i}" for i in subject], dtype=object),
    )
    examples = changed(log, pmf=pmf, action=action, propensity=pmf[np.arange(10_000), action], trial=trial)

    found, state = look(examples)

    assert not found.is_alarm
    assert state.sides.split.n == 50


def test_a_shadow_in_which_the_challenger_breaks_now_and_then_is_no_alarm():
    log = play("none", seed=2, n=5000)
    canary = play("canary", seed=2, n=5000)
    broken = np.random.default_rng(1).random(5000) < 0.2
    trial = replace(
        canary.examples.trial,
        share=np.zeros(5000),
        side=np.full(5000, "champion", dtype=object),
        challenger_pmf=np.where(broken[:, None], np.nan, log.other),
        champion_pmf=log.champion,
        is_broken=broken,
    )

    found, state = look(changed(log, trial=trial))

    assert not found.is_alarm
    assert state.weights.sums["challenger"][0] == 5000 - broken.sum()
    assert state.sides.split.n == 0


def test_what_the_log_told_of_the_challenger_goes_before_what_is_known_of_it_today():
    log = play("canary", seed=2, n=1000)

    with_todays, _ = look(log.examples, others={"challenger": log.champion})

    assert with_todays == look(log.examples)[0]


def test_the_join_rates_of_the_latest_models_are_told():
    log = play("none", seed=2, n=1000)
    models = np.array([f"model-{i // 100}" for i in range(1000)], dtype=object)

    found, state = check(changed(log, policy=models), spec=SPEC, known=replace(KNOWN, policies=frozenset(models)))

    assert list(state.models) == [f"model-{i}" for i in range(2, 10)]
    told = next(reason for reason in found.reasons if reason.name == "log-models")
    assert told.sentence.startswith("Decisions with an outcome, by model: model-2 ")
    assert told.numbers["model-9"] == pytest.approx(log.examples.is_rewarded[900:].mean())


def test_rows_that_break_the_contract_are_told_and_not_reckoned_with():
    log = play("none", seed=2, n=1000)
    propensity = log.examples.propensity.copy()
    propensity[17] = 0.0

    found, _ = look(changed(log, propensity=propensity))

    assert found.n == 999
    assert [alarm.name for alarm in found.alarms] == ["log-contract"]
    assert "row 17: propensity is 0.0; expected a probability in (0, 1]" in found.alarms[0].sentence
