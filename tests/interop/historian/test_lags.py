"""A lagged field is the value of so many steps before, of the same episode, and of nothing across a gap."""

import pytest

from policyloop.core.errors import Invalid
from policyloop.core.spec_file import read_spec

LAGGED = """
loop: tank
context: {level: number, level_lag2: LAG, valve_lag1: LAG}
actions: {kind: continuous, box: {valve: {min: 0, max: 10}}}
episodes: {id: batch}
reward: {expression: next.level, range: [0, 100]}
learner: {name: fqi}
"""
HEAD = "batch,step,level,valve\n"
TEXT = HEAD + "".join(f"{b},{k},{10 * k + len(b)},{k}\n" for b in ("a", "bb") for k in range(5))
LAGS = ["level=2", "valve=1"]


def contexts(prepared):
    return [(row["episode_id"], row["step"], *row["context"].values()) for row in prepared.history.to_pylist()]


def test_the_first_steps_of_each_episode_are_left_out_where_a_lag_must_be_there(made):
    prepared = made(TEXT, spec=read_spec(LAGGED.replace("LAG", "number")), lags=LAGS)

    assert contexts(prepared) == [
        ("a", 2, 21, 1, 1),
        ("a", 3, 31, 11, 2),
        ("a", 4, 41, 21, 3),
        ("bb", 2, 22, 2, 1),
        ("bb", 3, 32, 12, 2),
        ("bb", 4, 42, 22, 3),
    ]
    assert any("4 rows at the start of episodes are left out" in note for note in prepared.notes)


def test_a_lag_that_may_be_missing_is_missing_there(made):
    prepared = made(TEXT, spec=read_spec(LAGGED.replace("LAG", "{type: number, optional: true}")), lags=LAGS)

    assert contexts(prepared)[:3] == [("a", 0, 1, None, None), ("a", 1, 11, None, 0), ("a", 2, 21, 1, 1)]


def test_no_lag_reaches_across_a_gap(made):
    text = HEAD + "".join(f"a,{k},{k},{k}\n" for k in (0, 1, 2, 3, 7, 8, 9, 10))

    prepared = made(text, spec=read_spec(LAGGED.replace("LAG", "number")), lags=LAGS, repairs="split-gaps")

    assert [(name, step) for name, step, *_ in contexts(prepared)] == [("a", 2), ("a", 3), ("a/2", 9), ("a/2", 10)]


def test_a_lag_that_the_loop_does_not_know_is_told_as_the_line_that_it_needs(made, tank):
    with pytest.raises(Invalid, match="expected `level_lag2: number` in its context"):
        made(TEXT, lags=["level=2"])
    with pytest.raises(Invalid, match="no column of the history is named 'levle'; did you mean 'level'"):
        made(TEXT, lags=["levle=2"])
