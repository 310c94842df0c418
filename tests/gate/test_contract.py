"""The contract: each thing that cannot be is told with its row, its decision and its value; what is barred is left alone."""

import json
from dataclasses import replace

import numpy as np
import pytest

from policyloop.core.example import Examples
from policyloop.gate.checks.contract import Contract, Known, update
from policyloop.gate.verdict import Call

KNOWN = Known(policies=frozenset({"model-a"}), floors={"older": 0.02})


def rows(**changes):
    """Three rows that keep the contract, of three actions with a floor of .3."""
    pmf = np.array([[0.8, 0.1, 0.1], [0.1, 0.5, 0.4], [0.85, 0.15, 0.0]])
    columns = {
        "contexts": [{}, {}, {}],
        "allowed": np.array([[True, True, True], [True, True, True], [True, True, False]]),
        "action": np.array([0, 2, 1]),
        "reward": np.zeros(3),
        "propensity": np.array([0.8, 0.4, 0.15]),
        "pmf": pmf,
        "split": np.full(3, 0.9),
        "decided_at": np.arange(3),
        "is_fallback": np.zeros(3, dtype=bool),
        "policy": np.array(["model-a", "baseline", "model-a"], dtype=object),
        "decision_id": np.array(["a", "b", "c"], dtype=object),
        "spec": np.array(["today", "today", "today"], dtype=object),
        "logged_kind": np.array(["probability"] * 3, dtype=object),
    }
    return Examples(**(columns | changes))


@pytest.fixture
def today(spec_with):
    return replace(spec_with(floor=0.3), digest="today")


def told(examples, spec, *, challenger=None, known=KNOWN):
    contract, is_fit = update(Contract(), examples, spec=spec, known=known, challenger=challenger)
    return contract, is_fit, contract.reason()


def test_rows_that_keep_it_are_fit(today):
    contract, is_fit, reason = told(rows(), today)

    assert is_fit.all()
    assert (contract.n, reason.call) == (3, Call.PROMOTE)
    assert reason.sentence == "All 3 decisions keep the log's contract."


@pytest.mark.parametrize("value", [0.0, -0.1, 1.5, np.nan, np.inf])
def test_a_propensity_that_is_no_probability(today, value):
    contract, is_fit, reason = told(rows(propensity=np.array([0.8, value, 0.15])), today)

    assert list(is_fit) == [True, False, True]
    assert set(contract.faults) == {"propensity"}
    assert reason.call == Call.REFUSE
    assert f"row 1 (decision 'b'): propensity is {value}; expected a probability in (0, 1]" in reason.sentence


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        ([0.8, 0.1, 0.2], "[0.8, 0.1, 0.2], sum 1.1"),
        ([1.2, -0.3, 0.1], "[1.2, -0.3, 0.1], sum 1"),
        ([0.8, np.nan, 0.1], "[0.8, nan, 0.1], sum nan"),
    ],
)
def test_a_pmf_that_is_none(today, row, shown):
    pmf = rows().pmf.copy()
    pmf[0] = row

    contract, is_fit, reason = told(rows(pmf=pmf), today)

    assert list(is_fit) == [False, True, True]
    assert set(contract.faults) == {"pmf"}
    assert f"row 0 (decision 'a'): pmf is {shown}; expected probabilities that sum to 1" in reason.sentence


def test_a_propensity_that_is_not_the_entry_of_its_pmf(today):
    contract, is_fit, reason = told(rows(propensity=np.array([0.8, 0.5, 0.15])), today)

    assert (list(is_fit), set(contract.faults)) == ([True, False, True], {"entry"})
    assert "row 1 (decision 'b'): propensity is 0.5; expected 0.4, the entry of its pmf for action 2" in reason.sentence


def test_an_action_without_its_share_of_the_floor(today):
    pmf = np.array([[0.8, 0.1, 0.1], [0.07, 0.53, 0.4], [0.85, 0.15, 0.0]])

    contract, _, reason = told(rows(pmf=pmf), today)

    assert set(contract.faults) == {"floor"}
    assert (
        "row 1 (decision 'b'): pmf is [0.07, 0.53, 0.4], sum 1; expected at least 0.1 for every allowed action"
        in reason.sentence
    )


def test_the_floor_is_that_of_the_decisions_own_spec(today):
    low = np.array([[0.8, 0.1, 0.1], [0.02, 0.58, 0.4], [0.85, 0.15, 0.0]])

    under_older = rows(pmf=low, spec=np.array(["today", "older", "today"], dtype=object))

    assert told(under_older, today)[2].is_passed


def test_another_systems_decisions_know_no_floor(today):
    low = np.array([[0.8, 0.1, 0.1], [0.02, 0.58, 0.4], [0.85, 0.15, 0.0]])
    imported = rows(pmf=low, policy=np.array(["model-a", "imported:shop", "model-a"], dtype=object))

    assert told(imported, today)[2].is_passed


def test_mass_where_nothing_was_allowed(today):
    pmf = np.array([[0.8, 0.1, 0.1], [0.1, 0.5, 0.4], [0.8, 0.15, 0.05]])

    contract, _, reason = told(rows(pmf=pmf), today)

    assert set(contract.faults) == {"mask"}
    assert "row 2 (decision 'c'): pmf gives action 2 0.05; expected 0, as it was not allowed" in reason.sentence


def test_models_and_specs_that_nobody_knows(today):
    examples = rows(
        policy=np.array(["model-a", "model-z", "model-a"], dtype=object),
        spec=np.array(["today", "today", "foreign"], dtype=object),
    )

    _, _, reason = told(examples, today)

    assert "row 1 (decision 'b'): policy is 'model-z'; expected a model of this loop" in reason.sentence
    assert "row 2 (decision 'c'): spec is 'foreign'; expected one that this loop had" in reason.sentence


def test_a_decision_that_comes_twice(today):
    _, _, reason = told(rows(decision_id=np.array(["a", "b", "a"], dtype=object)), today)

    assert "row 2 (decision 'a'): decision_id came before; expected each once" in reason.sentence


def test_actions_of_the_challenger_that_the_log_can_never_show(today):
    spec = replace(today, explore=replace(today.explore, floor=0.0))
    pmf = np.array([[0.8, 0.2, 0.0], [0.1, 0.5, 0.4], [0.85, 0.15, 0.0]])
    takes = np.array([[0.1, 0.1, 0.8], [np.nan] * 3, [0.5, 0.5, 0.0]])

    _, _, reason = told(rows(pmf=pmf), spec, challenger=takes)

    assert reason.call == Call.REFUSE
    assert (
        "row 0 (decision 'a'): the challenger takes action 2, which was logged with probability 0; expected a floor above 0"
        in reason.sentence
    )
    assert reason.numbers == {"n": 3.0, "support": 1.0}


@pytest.mark.parametrize("kind", ["point", "estimated", "unknown"])
def test_what_is_barred_from_gates_anyway_is_no_fault(today, kind):
    examples = rows(
        propensity=np.array([0.8, np.nan, 0.15]),
        pmf=np.array([[0.8, 0.1, 0.1], [0.0, 0.0, 1.0], [0.85, 0.15, 0.0]]),
        logged_kind=np.array(["probability", kind, "probability"], dtype=object),
    )

    _, is_fit, reason = told(examples, today)

    assert list(is_fit) == [True, False, True]
    assert reason.is_passed


def test_a_pmf_that_was_not_logged_is_no_fault_and_cannot_be_reckoned_with(today):
    pmf = rows().pmf.copy()
    pmf[1] = np.nan

    _, is_fit, reason = told(rows(pmf=pmf), today)

    assert list(is_fit) == [True, False, True]
    assert reason.is_passed


def test_padding_beyond_a_smaller_set_of_candidates_is_no_fault(today):
    pmf = np.array([[0.8, 0.1, 0.1], [0.6, 0.4, 0.0], [1.0, 0.0, 0.0]])
    allowed = pmf > 0

    examples = rows(pmf=pmf, allowed=allowed, action=np.array([0, 1, 0]), propensity=np.array([0.8, 0.4, 1.0]))

    assert told(examples, today)[2].is_passed


def test_examples_without_a_log_are_held_to_their_numbers(today):
    examples = rows(decision_id=None, spec=None, logged_kind=None, propensity=np.array([0.8, 2.0, 0.15]))

    assert "row 1: propensity is 2.0; expected" in told(examples, today)[2].sentence


def test_faults_add_up_and_the_first_is_told_by_its_place_in_all_that_was_checked(today):
    bad = rows(propensity=np.array([0.8, 0.0, 0.0]))
    good, _ = update(Contract(), rows(), spec=today, known=KNOWN, challenger=None)
    contract, _ = update(good, bad, spec=today, known=KNOWN, challenger=None)
    contract, _ = update(contract, bad, spec=today, known=KNOWN, challenger=None)

    assert contract.faults["propensity"].n == 4
    assert "row 4 (decision 'b'): propensity is 0.0; expected a probability in (0, 1] (4 rows)." in contract.reason().sentence
    assert Contract.from_mapping(json.loads(json.dumps(contract.to_mapping()))) == contract
