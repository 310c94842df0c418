"""A challenger beside the champion on the evaluation examples."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from policyloop.core.errors import UnknownName
from policyloop.core.example import Examples
from policyloop.evaluate.compare import compare, evidence, foretold_stderr, logged_value, value_of


@dataclass(frozen=True)
class ByKind:
    """Gives the pmf of the context's kind."""

    table: NDArray[np.float64]

    def probabilities(self, context, actions):
        return self.table[context["kind"]]

    def probabilities_of_many(self, contexts, allowed, candidates=None):
        return self.table[[c["kind"] for c in contexts]].reshape(len(contexts), -1)


GOOD = ByKind(np.array([[0.1, 0.1, 0.8], [0.8, 0.1, 0.1]]))
POOR = ByKind(np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]]))
TRUE_DIFFERENCE = 0.5 * 0.7 * 0.6 + 0.5 * 0.7 * 0.8  # of GOOD over POOR: mass .7 moves from .2 to .8 and from .1 to .9


def as_examples(data) -> Examples:
    n = len(data.reward)
    return Examples(
        contexts=[{"kind": int(k)} for k in data.kind],
        allowed=np.ones((n, 3), dtype=bool),
        action=data.action,
        reward=data.reward,
        propensity=data.propensity,
        pmf=np.full((n, 3), np.nan),
        split=np.full(n, 0.9),
        decided_at=np.arange(n),
        is_fallback=np.zeros(n, dtype=bool),
        policy=np.array(["m"] * n, dtype=object),
    )


def test_the_difference_is_recovered_within_four_standard_errors(world):
    data = world(4000, 1)

    got = compare(as_examples(data), challenger=GOOD, champion=POOR, predicted=np.full((4000, 3), 0.5))

    assert abs(got.difference.value - TRUE_DIFFERENCE) < 4 * got.difference.stderr
    assert got.baseline.value == pytest.approx(data.reward.mean())


def test_the_difference_is_that_of_the_two_estimates(world):
    data = world(500, 2)

    got = compare(as_examples(data), challenger=GOOD, champion=POOR, predicted=data.truth)

    assert got.difference.value == pytest.approx(got.challenger.value - got.champion.value)
    assert got.difference.value == pytest.approx(got.phi.mean())


def test_a_policy_compared_with_itself_differs_by_exactly_nothing(world):
    data = world(100, 3)

    got = compare(as_examples(data), challenger=GOOD, champion=GOOD, predicted=data.truth)

    assert (got.phi == 0).all()
    assert (got.difference.value, got.difference.stderr, got.difference.ess) == (0.0, 0.0, 0.0)


def test_pairing_makes_the_difference_of_like_policies_calm(world):
    data = world(500, 4)
    nearly = ByKind(GOOD.table + np.array([[0.01, 0, -0.01], [-0.01, 0, 0.01]]))

    got = compare(as_examples(data), challenger=nearly, champion=GOOD, predicted=data.truth)

    assert got.difference.stderr < got.challenger.stderr / 20


def test_the_effective_sample_of_the_difference_counts_the_examples_that_tell_the_two_apart(world):
    data = world(500, 5)
    differs_in_kind_0 = ByKind(np.stack([POOR.table[0], GOOD.table[1]]))

    got = compare(as_examples(data), challenger=GOOD, champion=differs_in_kind_0, predicted=data.truth)

    assert 0 < got.difference.ess <= (data.kind == 0).sum()


def test_only_evaluation_examples_with_known_propensity_that_no_fallback_decided_are_evidence(world):
    rows = as_examples(world(5, 6))
    marked = replace(
        rows,
        split=np.array([0.79, 0.8, 0.9, 0.9, 0.99]),
        is_fallback=np.array([False, False, True, False, False]),
        propensity=np.array([0.5, 0.5, 0.5, np.nan, 0.5]),
    )

    got = evidence(marked, split=0.8)

    assert got.decided_at.tolist() == [1, 4]


def test_the_estimator_can_be_named(world):
    data = world(200, 7)

    got = value_of(GOOD, as_examples(data), estimator="snips")

    assert got.estimator == "snips"


def test_an_unknown_estimator_is_an_error_with_the_nearest_name(world):
    with pytest.raises(UnknownName, match="no estimator is named 'snip'; did you mean 'snips'"):
        value_of(GOOD, as_examples(world(5, 8)), estimator="snip")


def test_the_baseline_is_what_was_really_earned(world):
    data = world(50, 9)

    got = logged_value(as_examples(data))

    assert got.value == pytest.approx(data.reward.mean())
    assert got.ess == 50


def test_the_error_of_the_difference_is_what_many_logs_show(world):
    differences, errors = [], []
    for seed in range(200):
        data = world(300, seed)
        got = compare(as_examples(data), challenger=GOOD, champion=POOR, predicted=data.truth).difference
        differences.append(got.value)
        errors.append(got.stderr)

    assert np.std(differences) == pytest.approx(np.mean(errors), rel=0.15)


def test_the_foretold_error_by_hand():
    rows = Examples(
        contexts=[{}, {}],
        allowed=np.ones((2, 2), dtype=bool),
        action=np.array([0, 0]),
        reward=np.array([1.0, 0.0]),
        propensity=np.array([0.9, 0.8]),
        pmf=np.array([[0.9, 0.1], [np.nan, np.nan]]),
        split=np.full(2, 0.9),
        decided_at=np.arange(2),
        is_fallback=np.zeros(2, dtype=bool),
        policy=np.array(["m", "m"], dtype=object),
    )

    got = foretold_stderr(rows, np.array([[-0.9, 0.9], [-0.8, 0.8]]), predicted=np.array([[0.5, 0.5], [0.5, 0.5]]))

    # .81 / .9 + .81 / .1 = 9 where the pmf is known, .64 / .64 = 1 where it is not; squared residuals .25
    assert got == pytest.approx(np.sqrt(0.25 * 5 / 2))


def test_actions_that_could_never_be_logged_foretell_an_infinite_error(world):
    data = world(10, 1)
    rows = replace(as_examples(data), pmf=np.tile([1.0, 0.0, 0.0], (10, 1)))

    got = compare(rows, challenger=GOOD, champion=POOR, predicted=np.full((10, 3), 0.5))

    assert got.difference.stderr == np.inf


def test_evidence_stops_at_the_first_decision_that_still_waits(world):
    examples = as_examples(world(20, 3))

    got = evidence(examples, split=0.8, before=12)

    np.testing.assert_array_equal(got.decided_at, np.arange(12))
