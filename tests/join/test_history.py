"""A loop's history told in today's actions."""

from dataclasses import replace

import numpy as np
import pytest

from empty_records import with_records
from join_loops import a_spec
from policyloop.core.event import pack_floats
from policyloop.core.loop import ActionSpec
from policyloop.join.history import examples_of
from policyloop.join.hours import join_loop
from policyloop.lake.tables import Lake
from policyloop.lake.write import ship
from policyloop.storage.records import open_records, url_of
from some_events import HOUR, T0, a_decision, an_outcome, sealed

SPEC = a_spec()


class KnownSpecs:
    """Specs by digest."""

    def __init__(self, *specs):
        self.by_digest = {spec.digest: spec for spec in specs}

    def spec_named(self, loop, digest):
        return self.by_digest.get(digest)


@pytest.fixture
def history(tmp_path):
    """A function from events and today's spec to examples."""

    def of(events, *, spec=SPEC, specs=None, **options):
        lake, records = Lake(tmp_path / "lake"), open_records(url_of(with_records(tmp_path)))
        ship(lake, records, [sealed(events)])
        join_loop(lake, records, spec, watermark=T0 + 24 * HOUR)
        records.close()
        return examples_of(lake, specs or KnownSpecs(spec), spec, **options)

    return of


def labelled(*labels, digest):
    return replace(SPEC, actions=ActionSpec(kind="discrete", labels=labels), digest=digest * 32)


def test_examples_are_arrays_in_the_order_of_the_decisions(history):
    events = [
        a_decision("late", at=T0 + 9, action=[1], propensity=0.3, split=0.9, context='{"hour":9}', is_fallback=True),
        a_decision("early", at=T0, action=[0], mask=[True, True, False], pmf=[[0.6, 0.4, 0.0]], propensity=0.6),
        an_outcome("early", values={"clicked": 1.0, "dwell_s": 60.0}),
    ]

    examples, _ = history(events)

    assert examples.contexts == [{"hour": 7}, {"hour": 9}]
    np.testing.assert_array_equal(examples.allowed, [[True, True, False], [True, True, True]])
    np.testing.assert_array_equal(examples.action, [0, 1])
    np.testing.assert_allclose(examples.reward, [1.1, 0.0])
    np.testing.assert_array_equal(examples.propensity, [0.6, 0.3])
    np.testing.assert_array_equal(examples.pmf, [[0.6, 0.4, 0.0], [0.5, 0.3, 0.2]])
    np.testing.assert_array_equal(examples.split, [0.25, 0.9])
    np.testing.assert_array_equal(examples.decided_at, [T0, T0 + 9])
    np.testing.assert_array_equal(examples.is_fallback, [False, True])
    assert list(examples.policy) == ["baseline", "baseline"]


def test_what_the_log_check_asks_for_comes_with_the_examples(history):
    events = [
        a_decision("seen", at=T0),
        an_outcome("seen", values={"clicked": 1.0}),
        a_decision("unseen", at=T0 + 1, propensity_kind="point"),
    ]

    examples, _ = history(events)

    assert list(examples.decision_id) == ["seen", "unseen"]
    assert list(examples.spec) == [SPEC.digest, SPEC.digest]
    assert list(examples.logged_kind) == ["probability", "point"]
    np.testing.assert_array_equal(examples.is_rewarded, [True, False])
    np.testing.assert_array_equal(examples.is_deferred, [False, False])


def test_an_empty_history_has_arrays_of_the_right_width(history):
    examples, _ = history([])

    assert (len(examples), examples.allowed.shape, examples.pmf.shape) == (0, (0, 3), (0, 3))


def test_what_was_not_logged_is_not_a_number(history):
    unknown = a_decision("u", pmf=None, propensity_kind="unknown")
    done = an_outcome("x", values={"$executed": None}, executed="1")

    examples, _ = history([unknown, a_decision("x", at=T0 + 1), done])

    assert np.isnan(examples.propensity).all()
    assert np.isnan(examples.pmf).all()
    np.testing.assert_array_equal(examples.action, [0, 1])


def test_conflicts_are_left_out(history):
    examples, _ = history([a_decision("c"), a_decision("c", at=T0 + 1, pmf=[[0.1, 0.1, 0.8]]), a_decision("d")])

    assert len(examples) == 1


def test_actions_of_an_older_spec_are_told_by_label(history):
    old = labelled("playful", "calm", digest="6")
    events = [a_decision("o", spec=old.digest, action=[0], pmf=[[0.7, 0.3]], mask=[True, True]), a_decision("n", at=T0 + 1)]

    examples, _ = history(events, specs=KnownSpecs(SPEC, old))

    np.testing.assert_array_equal(examples.action, [2, 0])
    np.testing.assert_array_equal(examples.pmf[0], [0.3, 0.0, 0.7])
    np.testing.assert_array_equal(examples.allowed[0], [True, False, True])


def test_an_action_that_is_gone_is_left_out_and_a_pmf_that_gave_it_mass_is_unknown(history):
    old = labelled("calm", "gone", digest="6")
    events = [
        a_decision("g", spec=old.digest, action=[1], pmf=[[0.7, 0.3]]),
        a_decision("k", at=T0 + 1, spec=old.digest, action=[0], propensity=0.7, pmf=[[0.7, 0.3]]),
        a_decision("z", at=T0 + 2, spec=old.digest, action=[0], pmf=[[1.0, 0.0]]),
    ]

    examples, _ = history(events, specs=KnownSpecs(SPEC, old))

    np.testing.assert_array_equal(examples.action, [0, 0])
    assert np.isnan(examples.pmf[0]).all()
    assert examples.propensity[0] == 0.7
    np.testing.assert_array_equal(examples.pmf[1], [1.0, 0.0, 0.0])


def test_an_index_that_its_spec_never_had_is_left_out(history):
    examples, _ = history([a_decision("bad", action=[3]), a_decision("good")])

    assert len(examples) == 1


def test_many_actions_are_read_whole(history):
    spec = labelled(*(f"a{i}" for i in range(50)), digest="5")
    pmf = [(i + 1) / 1275 for i in range(50)]

    examples, _ = history([a_decision(action=[49], pmf=[pack_floats(pmf)])], spec=spec)

    np.testing.assert_array_equal(examples.pmf, [pmf])


def test_older_examples_can_be_left_out(history):
    examples, _ = history([a_decision("a"), a_decision("b", at=T0 + HOUR)], since=T0 + 1)

    np.testing.assert_array_equal(examples.decided_at, [T0 + HOUR])


def test_a_snapshot_reads_again_what_was_read_then(tmp_path):
    lake, records = Lake(tmp_path / "lake"), open_records(url_of(with_records(tmp_path)))
    ship(lake, records, [sealed([a_decision("a")], segment=1)])
    join_loop(lake, records, SPEC, watermark=T0 + HOUR)
    _, snapshot = examples_of(lake, KnownSpecs(SPEC), SPEC)
    late = an_outcome("a", at=T0 + HOUR, occurred_at=T0 + 1)
    ship(lake, records, [sealed([a_decision("b"), late], segment=2)])
    join_loop(lake, records, SPEC, watermark=T0 + 2 * HOUR)
    records.close()

    then, _ = examples_of(lake, KnownSpecs(SPEC), SPEC, snapshot=snapshot)
    now, _ = examples_of(lake, KnownSpecs(SPEC), SPEC)

    assert (list(then.reward), len(now), now.reward.max() > 1) == ([0.0], 2, True)


def test_the_values_of_outcomes_come_along_when_they_are_asked_for(history):
    events = [
        a_decision("both", at=T0),
        an_outcome("both", values={"clicked": 1.0, "dwell_s": 30.0}),
        a_decision("none", at=T0 + 1),
    ]

    examples, _ = history(events, is_with_outcomes=True)

    assert examples.outcomes.keys() == {"clicked", "dwell_s"}
    np.testing.assert_array_equal(examples.outcomes["dwell_s"], [30.0, np.nan])
    np.testing.assert_array_equal(examples.where(examples.reward > 0).outcomes["clicked"], [1.0])


def test_a_reader_who_wants_rewards_alone_gets_no_outcomes(history):
    examples, _ = history([a_decision("d"), an_outcome("d", values={"clicked": 1.0})])

    assert examples.outcomes is None
