"""Transitions are a function of the set of events and the watermark. Each rule by hand, and all of them by permutation."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carts import WINDOW, a_cart_spec, a_step, the_end
from policyloop.core.clock import hour_of
from policyloop.core.event import Decision
from policyloop.core.spec_file import read_spec
from policyloop.join.episodes import put_together
from policyloop.lake.rows import Placed, decision_rows, outcome_rows
from policyloop.lake.schema import TRANSITION_SCHEMA
from reference_episodes import reference_transitions
from some_events import HOUR, LOOP, SECOND, T0, a_decision, an_outcome, writer_name

FOREVER = T0 + 1_000 * HOUR
SPEC = a_cart_spec()


def tables(events, *, writers=None):
    """The raw rows of events, each with an identity of its own unless `writers` says which."""
    identities = writers or [(1, i) for i in range(len(events))]
    placed = [Placed(e, writer_name(w), 1, seq, 1, hour_of(T0)) for e, (w, seq) in zip(events, identities, strict=True)]
    decisions = decision_rows([p for p in placed if isinstance(p.event, Decision)])
    return decisions, outcome_rows([p for p in placed if not isinstance(p.event, Decision)])


def joined(events, *, spec=SPEC, watermark=FOREVER, writers=None):
    return put_together(*tables(events, writers=writers), spec, watermark=watermark)


def transitions_of(events, **where):
    return joined(events, **where).transitions.to_pylist()


def steps_of(events, *columns, **where):
    """Those columns of the transitions, in order."""
    return [tuple(row[name] for name in columns) for row in transitions_of(events, **where)]


def test_each_step_has_the_context_that_came_after_it_and_the_reward_of_its_own_action():
    rows = transitions_of([a_step(0, force=0.25), a_step(1), the_end(1, x=25.0, terminated=True)])

    assert [row["step"] for row in rows] == [0, 1]
    assert [row["context"] for row in rows] == ['{"x":0.0}', '{"x":10.0}']
    assert [row["next_context"] for row in rows] == ['{"x":10.0}', '{"x":25.0}']
    assert [(row["state"], row["next_state"]) for row in rows] == [([0.0], [10.0]), ([10.0], [25.0])]
    assert [row["reward"] for row in rows] == [10.0, 25.0]
    assert [row["action_value"] for row in rows] == [[0.25], [0.5]]
    assert [(row["terminated"], row["truncated"]) for row in rows] == [(False, False), (True, False)]
    assert {(row["discount"], row["propensity"], row["propensity_kind"], row["split"]) for row in rows} == {
        (0.9, 0.5, "density", 0.25)
    }


# The known mistakes of earlier systems, each of which would make one of these fail.


def test_a_time_limit_is_never_written_as_terminated():
    ended_by_word = [*(a_step(i) for i in range(3)), the_end(2, x=30.0, truncated=True)]
    at_the_limit = [a_step(i) for i in range(6)]  # five steps at most; the sixth only tells where the fifth led

    assert steps_of(ended_by_word, "step", "terminated", "truncated")[-1] == (2, False, True)
    assert steps_of(at_the_limit, "step", "terminated", "truncated")[-1] == (4, False, True)


def test_a_state_is_paired_with_the_reward_of_its_own_action_and_not_of_the_one_before():
    spec = read_spec({**_one_push(), "reward": {"expression": "paid", "range": [0, 100], "window": "10m"}})
    events = [a_step(0), an_outcome("e1/0", values={"paid": 7.0}, at=T0), a_step(1), the_end(1, x=0.0, terminated=True)]

    assert steps_of(events, "step", "reward", spec=spec) == [(0, 7.0), (1, 0.0)]


def test_the_last_state_is_recorded():
    rows = transitions_of([a_step(0), the_end(0, x=99.0, truncated=True)])

    assert [(row["next_state"], row["next_context"]) for row in rows] == [([99.0], '{"x":99.0}')]


def test_the_terminal_mark_is_of_the_step_that_led_to_the_end_and_not_of_the_one_after():
    rows = steps_of([a_step(0), a_step(1), a_step(2), the_end(2, x=0.0, terminated=True)], "step", "terminated")

    assert rows == [(0, False), (1, False), (2, True)]


def test_an_episode_that_is_told_after_the_next_one_has_begun_is_there_whole():
    first = [a_step(0), a_step(1), the_end(1, x=20.0, terminated=True, at=T0 + 9 * SECOND)]
    second = [a_step(0, episode="e2", x=0.5, at=T0 + 3 * SECOND), the_end(0, episode="e2", x=1.0, terminated=True)]

    rows = steps_of([*second, *first], "episode_id", "step", "next_state")

    assert rows == [("e1", 0, [10.0]), ("e1", 1, [20.0]), ("e2", 0, [1.0])]


# Ends.


def test_an_episode_is_in_the_table_whole_or_not_at_all():
    events = [a_step(0), a_step(1), a_step(2)]
    silent_at = T0 + 2 * SECOND + WINDOW

    before = joined(events, watermark=silent_at - 1)

    assert before.transitions.num_rows == 0
    assert (before.due, before.first_waiting, before.episodes.waiting) == (silent_at, T0, 3)
    assert steps_of(events, "step", watermark=silent_at) == [(0,), (1,)]


def test_an_episode_that_nobody_ended_is_truncated_at_the_last_step_with_a_next_context():
    found = joined([a_step(0), a_step(1), a_step(2)])

    rows = found.transitions.to_pylist()
    assert [(row["step"], row["next_state"], row["truncated"]) for row in rows] == [(0, [10.0], False), (1, [20.0], True)]
    assert (found.episodes.silent, found.episodes.no_next) == (1, 1)
    assert found.episodes.rows[0].decision_id == "e1/2"


def test_an_episode_that_was_ended_need_not_wait_for_the_window_where_outcomes_make_no_reward():
    events = [a_step(0), the_end(0, x=1.0, terminated=True, at=T0 + SECOND)]

    assert joined(events, watermark=T0 + SECOND).transitions.num_rows == 0  # what came at that moment may be missing still
    assert joined(events, watermark=T0 + SECOND + 1).transitions.num_rows == 1


def test_an_episode_waits_for_outcomes_that_may_still_change_its_rewards():
    spec = read_spec({**_one_push(), "reward": {"expression": "paid + next.x", "range": [0, 100], "window": "10m"}})
    events = [a_step(0), the_end(0, x=1.0, terminated=True)]

    assert joined(events, spec=spec, watermark=T0 + WINDOW - 1).due == T0 + WINDOW
    assert steps_of(events, "reward", spec=spec, watermark=T0 + WINDOW) == [(1.0,)]


def test_a_limit_that_was_reached_without_a_word_is_counted_and_truncates():
    found = joined([a_step(i) for i in range(6)])

    assert [row["truncated"] for row in found.transitions.to_pylist()] == [False] * 4 + [True]
    assert (found.episodes.at_limit, found.episodes.after_end) == (1, 1)


def test_the_last_step_of_a_limit_is_left_out_when_nobody_recorded_where_it_led():
    found = joined([a_step(i) for i in range(5)])

    assert [(row["step"], row["truncated"]) for row in found.transitions.to_pylist()][-1] == (3, True)
    assert (found.episodes.at_limit, found.episodes.no_next) == (1, 1)


def test_a_terminated_step_without_a_last_context_is_kept_only_where_the_reward_can_do_without():
    events = [a_step(0), a_step(1), the_end(1, terminated=True)]
    spec = read_spec({**_one_push(), "reward": {"expression": "force + x", "range": [-100, 100]}})

    assert steps_of(events, "step") == [(0,)]
    assert steps_of(events, "step", "reward", "terminated", "next_state", spec=spec) == [
        (0, 0.5, False, [10.0]),
        (1, 10.5, True, None),
    ]


def test_where_a_terminated_step_is_left_out_the_one_before_it_terminates():
    found = joined([a_step(0), a_step(1), a_step(2), the_end(2, terminated=True)])

    rows = [(row["step"], row["next_state"], row["terminated"], row["truncated"]) for row in found.transitions.to_pylist()]
    assert rows == [(0, [10.0], False, False), (1, [20.0], True, False)]
    assert (found.episodes.terminated, found.episodes.no_next) == (1, 1)


def test_an_end_that_is_left_out_terminates_nothing_across_a_gap_nor_beyond_the_limit():
    across = [a_step(0), a_step(1), a_step(2), a_step(4), the_end(4, terminated=True)]
    beyond = [*(a_step(i) for i in range(6)), the_end(5, terminated=True)]  # max_steps is 5

    assert steps_of(across, "step", "terminated", "truncated") == [(0, False, False), (1, False, True)]
    assert steps_of(beyond, "step", "terminated", "truncated")[-1] == (4, False, True)


def test_termination_on_the_very_last_step_is_believed_and_counted():
    found = joined([*(a_step(i) for i in range(5)), the_end(4, x=1.0, terminated=True)])

    assert found.transitions.to_pylist()[-1]["terminated"]
    assert found.episodes.terminated_at_limit == 1


# Faults.


def test_a_gap_cuts_an_episode_in_runs_and_nothing_is_guessed_across_it():
    found = joined([a_step(0), a_step(1), a_step(3), a_step(4), the_end(4, x=50.0, terminated=True)])

    rows = [(r["step"], r["next_state"], r["terminated"], r["truncated"]) for r in found.transitions.to_pylist()]
    assert rows == [(0, [10.0], False, True), (3, [40.0], False, False), (4, [50.0], True, False)]
    assert (found.episodes.gaps, found.episodes.no_next) == (1, 1)


def test_of_a_repeated_step_the_first_decision_counts():
    again = a_step(1, decision_id="again", x=77.0, at=T0 + 90 * SECOND)
    found = joined([again, a_step(0), a_step(1), the_end(1, x=20.0, terminated=True, at=T0 + 91 * SECOND)])

    assert [row["decision_id"] for row in found.transitions.to_pylist()] == ["e1/0", "e1/1"]
    assert found.episodes.repeated_step == 1
    assert found.episodes.rows[0].decision_id == "again"


def test_decisions_after_the_end_are_left_out_and_never_tell_where_the_last_step_led():
    found = joined([a_step(0), a_step(1), the_end(1, terminated=False, truncated=True), a_step(2)])

    assert [(row["step"], row["truncated"]) for row in found.transitions.to_pylist()] == [(0, True)]
    assert (found.episodes.after_end, found.episodes.no_next) == (1, 1)


def test_an_end_that_is_said_to_be_both_is_terminated_and_counted():
    found = joined([a_step(0), the_end(0, x=1.0, terminated=True, truncated=True)])

    (row,) = found.transitions.to_pylist()
    assert (row["terminated"], row["truncated"]) == (True, False)
    assert (found.episodes.both_ends, found.episodes.terminated, found.episodes.truncated) == (1, 1, 0)


def test_of_several_words_about_an_end_the_first_received_counts():
    words = [
        the_end(0, x=2.0, truncated=True, at=T0 + 3 * SECOND, outcome_id="second"),
        the_end(0, x=1.0, terminated=True, at=T0 + 2 * SECOND, outcome_id="first"),
    ]
    found = joined([a_step(0), *words])

    assert [(row["next_state"], row["terminated"]) for row in found.transitions.to_pylist()] == [([1.0], True)]
    assert found.episodes.ended_again == 1


def test_decisions_without_episode_or_step_are_counted_with_their_rows():
    found = joined([a_step(0, episode=None, decision_id="alone"), a_step(0), a_step(None, x=3.0, at=T0 + SECOND), a_step(1)])

    assert (found.episodes.no_episode, found.episodes.no_step) == (1, 1)
    assert {(row.fault, row.decision_id) for row in found.episodes.rows} >= {("no_episode", "alone"), ("no_step", "e1/None")}


def test_decisions_that_belong_to_no_episode_at_all_are_counted():
    found = joined([a_step(0, episode=None, decision_id="alone")])

    assert (found.transitions.num_rows, found.episodes.no_episode, found.due) == (0, 1, None)


def test_steps_of_an_episode_that_nobody_counted_are_counted_by_time():
    events = [a_step(None, x=float(i), at=T0 + i * SECOND, decision_id=f"d{i}") for i in (2, 0, 1)]

    assert steps_of(events, "step", "decision_id") == [(0, "d0"), (1, "d1")]


def test_a_decision_whose_records_contradict_one_another_is_no_step():
    twin = a_step(1, x=99.0)
    found = joined([a_step(0), a_step(1), twin, a_step(2), a_step(3), the_end(3, x=0.0, terminated=True)])

    assert [row["step"] for row in found.transitions.to_pylist()] == [2, 3]
    assert found.episodes.conflict == 1


def test_a_context_without_a_number_that_the_spec_demands_is_unreadable():
    found = joined([a_step(0), a_step(1, context="{}"), a_step(2), the_end(2, x=0.0, terminated=True)])

    assert [row["step"] for row in found.transitions.to_pylist()] == [2]
    assert (found.episodes.unreadable, found.episodes.no_next) == (1, 1)


# What was really done.


@pytest.mark.parametrize("told", ['{"force":-0.75}', "[-0.75]", "-0.75"])
def test_what_was_carried_out_replaces_the_action_and_its_propensity_is_unknown(told):
    executed = an_outcome("e1/0", outcome_id="done", values={"$executed": None}, executed=told)
    spec = read_spec({**_one_push(), "reward": {"expression": "force", "range": [-1, 1]}})
    found = joined([a_step(0), executed, the_end(0, x=1.0, terminated=True)], spec=spec)

    (row,) = found.transitions.to_pylist()
    assert (row["action_value"], row["reward"]) == ([-0.75], -0.75)
    assert (row["propensity"], row["propensity_kind"]) == (None, "unknown")
    assert found.episodes.executed == 1


def test_what_cannot_be_read_of_what_was_carried_out_makes_no_transition():
    executed = an_outcome("e1/0", outcome_id="done", values={"$executed": None}, executed='{"torque":1}')
    found = joined([a_step(0), executed, a_step(1), the_end(1, x=1.0, terminated=True)])

    assert [row["step"] for row in found.transitions.to_pylist()] == [1]
    assert found.episodes.unusable == 1


# Labels, outcomes and tensors.


def test_labels_may_be_named_by_their_place_and_none_of_the_outcomes_is_the_default():
    spec = read_spec(
        {
            "loop": LOOP,
            "context": {"board": {"type": "tensor", "shape": [2], "dtype": "uint8"}},
            "actions": {"kind": "discrete", "labels": ["left", "right"]},
            "baseline": "left",
            "outcomes": {"lines": {"type": "number", "min": 0, "max": 4}},
            "episodes": {},
            "reward": {"expression": "lines", "range": [-1, 4], "default": -1},
        }
    )
    board = {"context": '{"board":[1,2]}', "action": [1], "action_value": None, "pmf": [[0.5, 0.5]]}
    events = [a_step(0, **board), an_outcome("e1/0", values={"lines": 2.0}), a_step(1, **board), the_end(1, terminated=True)]

    rows = transitions_of(events, spec=spec)

    assert [row["reward"] for row in rows] == [2.0, -1.0]
    assert [row["action"] for row in rows] == [[1], [1]]
    assert {row["state"] for row in rows} == {None}  # a board is read from its context


def test_a_missing_optional_number_is_zero_in_a_reward():
    spec = read_spec({**_one_push(), "context": {"x": {"type": "number", "optional": True}}})
    events = [a_step(0), a_step(1, context='{"x":null}'), the_end(1, x=5.0, terminated=True)]

    assert steps_of(events, "reward", "state", spec=spec) == [(0.0, [0.0, 1.0]), (5.0, [0.0, 0.0])]


def test_every_decision_is_accounted_for():
    events = [a_step(0), a_step(1), a_step(1, decision_id="twice"), a_step(3), a_step(0, episode="e2", at=FOREVER)]
    audit = joined(events).episodes

    left_out = audit.no_episode + audit.no_step + audit.repeated_step + audit.conflict + audit.not_activated
    left_out += audit.unusable + audit.unreadable + audit.after_end + audit.no_next
    assert audit.decisions == audit.transitions + audit.waiting + left_out == 5
    assert (audit.episodes, audit.episodes_waiting) == (1, 1)


STEPS = st.builds(
    lambda episode, step, x, late: a_step(step, episode=episode, x=x, at=T0 + (step + late) * SECOND),
    st.sampled_from(["e1", "e2"]),
    st.integers(0, 6),
    st.sampled_from([1.0, 2.0]),
    st.integers(0, 2),
)
ENDS = st.builds(
    lambda episode, step, x, terminated, number: the_end(
        step,
        episode=episode,
        x=x,
        terminated=terminated,
        truncated=not terminated,
        at=T0 + (step + 3) * SECOND,
        outcome_id=number,
    ),
    st.sampled_from(["e1", "e2"]),
    st.integers(0, 6),
    st.none() | st.just(9.0),
    st.booleans(),
    st.sampled_from(["a", "b"]),
)


def facts(found):
    rows = found.transitions.to_pylist()
    return {
        (r["episode_id"], r["step"]): (r["decision_id"], r["reward"], r["next_state"][0], r["terminated"], r["truncated"])
        for r in rows
    }


@settings(max_examples=60)
@given(st.lists(STEPS | ENDS, max_size=14), st.sampled_from([3, 8, WINDOW // SECOND + 4, 10**6]), st.data())
def test_any_order_of_arrival_gives_what_the_words_say(events, wait_s, data):
    writers = [(1, i) for i in range(len(events))]
    watermark = T0 + wait_s * SECOND
    shuffled = data.draw(st.permutations(list(zip(events, writers, strict=True))))

    found = joined([e for e, _ in shuffled], writers=[w for _, w in shuffled], watermark=watermark)

    decisions, outcomes = tables(events, writers=writers)
    expected = reference_transitions(
        decisions.to_pylist(), outcomes.to_pylist(), watermark=watermark, window=WINDOW, max_steps=5
    )
    assert facts(found) == expected
    assert found.transitions.schema == TRANSITION_SCHEMA
    assert found.audit.decisions == found.audit.joined + found.audit.waiting + found.audit.unusable
    straight = joined(events, writers=writers, watermark=watermark)
    assert straight.transitions.equals(found.transitions)
    assert straight.episodes == found.episodes


def test_of_two_words_with_one_id_and_one_time_the_same_counts_whichever_came_first():
    step = a_step(0, at=T0)
    words = [the_end(0, x=x, truncated=True, at=T0 + SECOND, outcome_id="a") for x in (9.0, 8.0)]

    one_way, other_way = (steps_of([step, *told], "next_context") for told in (words, words[::-1]))

    assert one_way == other_way
    assert len(one_way) == 1


def test_a_state_is_what_the_context_said_to_the_last_bit():
    x = float(np.float32(0.1)) + 1e-12
    (row,) = transitions_of([a_step(0, x=x), the_end(0, x=1.0, terminated=True)])

    assert json.loads(row["context"])["x"] == x
    assert row["state"] == [np.float32(x)]


def _one_push():
    return {
        "loop": LOOP,
        "context": {"x": "number"},
        "actions": {"kind": "continuous", "box": {"force": {"min": -1, "max": 1}}},
        "outcomes": {"paid": {"type": "number", "min": 0, "max": 100}},
        "episodes": {},
        "reward": {"expression": "next.x", "range": [-100, 100], "window": "10m"},
        "baseline": "middle",
    }


def test_a_loop_of_one_number_can_be_joined_when_there_is_nothing():
    found = joined([])

    assert found.transitions.num_rows == 0
    assert found.due is None
    assert a_decision().episode_id is None
