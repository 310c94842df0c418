"""Windows by hand, on a line of ten seconds."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from policyloop.join.window import NEVER, Seen, windows

CLICKED, ACTIVATED, UNDECLARED = 0, 1, -1


def line(*outcomes, deferred=False, close="window"):
    """Windows of one decision at 100 with a window of 10; outcomes are (name, happened, received, final)."""
    name, happened, received, final = (
        (np.array(c) for c in zip(*outcomes, strict=True)) if outcomes else [np.array([], int)] * 4
    )
    seen = Seen(
        decision=np.zeros(len(name), dtype=np.int64),
        name=name,
        value=np.ones(len(name)),
        happened_at=happened,
        received_at=received,
        final=final.astype(bool),
    )
    return windows(np.array([100]), np.array([deferred]), seen, activated=ACTIVATED, n_declared=1, window_us=10, close=close)


def test_the_window_is_closed_at_its_beginning_and_open_at_its_end():
    got = line(*[(CLICKED, t, t, False) for t in (99, 100, 109, 110)])

    np.testing.assert_array_equal(got.counts, [False, True, True, False])
    np.testing.assert_array_equal(got.happened_late, [True, False, False, True])
    assert got.matured_at[0] == 110


def test_what_arrives_after_the_example_matured_corrects_it():
    got = line((CLICKED, 105, 110, False), (CLICKED, 105, 111, False), (CLICKED, 120, 120, False))

    np.testing.assert_array_equal(got.arrived_late, [False, True, False])


def test_names_that_are_not_declared_are_neither_in_nor_late():
    got = line((UNDECLARED, 105, 105, False), (ACTIVATED, 105, 105, False), (UNDECLARED, 500, 500, False))

    assert not got.counts.any()
    assert not got.happened_late.any()


def test_a_deferred_window_starts_at_the_first_activation():
    got = line(
        (CLICKED, 101, 101, False),
        (ACTIVATED, 205, 300, False),
        (ACTIVATED, 203, 400, False),
        (CLICKED, 212, 212, False),
        deferred=True,
    )

    np.testing.assert_array_equal(got.counts, [False, False, False, True])
    assert (got.is_open[0], got.matured_at[0]) == (True, 213)


def test_without_activation_a_deferred_window_never_opens():
    got = line((CLICKED, 101, 101, False), deferred=True)

    assert not got.is_open[0]
    assert not got.happened_late.any()


def test_final_closes_at_the_first_that_is_received_but_not_before_the_start_nor_after_the_end():
    def closing(*received, deferred=False):
        reports = [(CLICKED, 101, t, True) for t in received]
        return line(
            *reports, *([(ACTIVATED, 150, 150, False)] if deferred else []), close="final", deferred=deferred
        ).matured_at[0]

    assert closing(107, 104) == 104
    assert closing(500) == 110
    assert closing(104, deferred=True) == 150


times = st.integers(90, 130)


@given(st.lists(st.tuples(st.sampled_from([0, 1, -1]), times, times, st.booleans()), max_size=12), st.booleans())
def test_every_declared_outcome_of_an_open_window_either_counts_or_is_late(outcomes, deferred):
    got = line(*outcomes, deferred=deferred)

    declared = np.array([name == CLICKED for name, *_ in outcomes], dtype=bool)
    np.testing.assert_array_equal(got.counts | got.happened_late, declared & got.is_open[0])
    assert not (got.counts & got.happened_late).any()
    assert not (got.arrived_late & ~got.counts).any()
    assert got.matured_at[0] < NEVER
