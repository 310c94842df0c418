"""A loop's episodes as arrays: in order, in today's labels, whole runs, and tensors in their own shape."""

import numpy as np
import pytest

from carts import CART, a_cart_spec, a_step, the_end
from empty_records import with_records
from policyloop.core.errors import Invalid
from policyloop.core.spec_file import read_spec
from policyloop.join.episode_history import episodes_of
from policyloop.join.hours import join_loop
from policyloop.lake.tables import Lake
from policyloop.lake.write import ship
from policyloop.storage.records import open_records, url_of
from some_events import HOUR, LOOP, SECOND, T0, sealed

FOREVER = T0 + 1_000 * HOUR
SPEC = a_cart_spec()


class NoSpecs:
    """Nobody knows any earlier spec."""

    def spec_named(self, loop, digest):
        return None


class OneSpec:
    """There was one earlier spec."""

    def __init__(self, spec):
        self.spec = spec

    def spec_named(self, loop, digest):
        return self.spec


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


@pytest.fixture
def records(tmp_path):
    records = open_records(url_of(with_records(tmp_path)))
    yield records
    records.close()


def history(lake, records, events, *, spec=SPEC, specs=None, **options):
    ship(lake, records, [sealed(events)])
    join_loop(lake, records, spec, watermark=FOREVER)
    return episodes_of(lake, specs or NoSpecs(), spec, **options)[0]


def test_rows_of_an_episode_stand_together_in_the_order_of_their_steps(lake, records):
    events = [
        *(a_step(i, episode="b", split=0.9, force=-0.25) for i in (1, 0)),
        *(a_step(i, episode="a", at=T0 + HOUR + i * SECOND) for i in (2, 0, 1)),
        the_end(1, episode="b", x=5.0, terminated=True),
        the_end(2, episode="a", x=6.0, truncated=True),
    ]

    found = history(lake, records, events, is_with_ids=True)

    assert list(found.decision_id) == ["b/0", "b/1", "a/0", "a/1", "a/2"]
    np.testing.assert_array_equal(found.state, np.array([[0], [10], [0], [10], [20]], np.float32))
    np.testing.assert_array_equal(found.next_state, np.array([[10], [5], [10], [20], [6]], np.float32))
    np.testing.assert_array_equal(found.reward, np.array([10, 5, 10, 20, 6], np.float32))
    np.testing.assert_array_equal(found.action_value, np.array([[-0.25], [-0.25], [0.5], [0.5], [0.5]], np.float32))
    np.testing.assert_array_equal(found.episode, [0, 0, 1, 1, 1])
    np.testing.assert_array_equal(found.terminated, [False, True, False, False, False])
    np.testing.assert_array_equal(found.truncated, [False, False, False, False, True])
    assert (found.action.shape, found.state.dtype, found.discount) == ((5, 0), np.float32, 0.9)
    assert (set(found.propensity_kind), set(found.action_source), set(found.policy)) == ({"density"}, {"policy"}, {"baseline"})
    assert found.to_evaluate_on(0.8).n_episodes == 1
    assert found.decision_id is not None


def test_a_run_that_a_gap_cut_off_is_an_episode_of_its_own(lake, records):
    events = [*(a_step(i) for i in (0, 1, 3, 4)), the_end(4, x=9.0, terminated=True)]

    found = history(lake, records, events)

    np.testing.assert_array_equal(found.step, [0, 3, 4])
    np.testing.assert_array_equal(found.episode, [0, 1, 1])
    np.testing.assert_array_equal(found.truncated, [True, False, False])


def test_a_last_state_that_nobody_recorded_is_zeros(lake, records):
    spec = a_cart_spec(reward={"expression": "x", "range": [-100, 100]})

    found = history(lake, records, [a_step(1), the_end(1, terminated=True)], spec=spec)

    np.testing.assert_array_equal(found.next_state, [[0.0]])


def test_an_earlier_snapshot_is_read_again_as_it_was(lake, records):
    ship(lake, records, [sealed([a_step(0), the_end(0, x=1.0, terminated=True)])])
    join_loop(lake, records, SPEC, watermark=FOREVER)
    _, snapshot = episodes_of(lake, NoSpecs(), SPEC)
    ship(lake, records, [sealed([a_step(0, episode="e2"), the_end(0, episode="e2", x=1.0, terminated=True)], segment=2)])
    join_loop(lake, records, SPEC, watermark=FOREVER)

    assert len(episodes_of(lake, NoSpecs(), SPEC)[0]) == 2
    assert len(episodes_of(lake, NoSpecs(), SPEC, snapshot=snapshot)[0]) == 1


def test_episodes_that_began_earlier_than_asked_for_are_left_out(lake, records):
    late = [a_step(0, episode="e2", at=T0 + HOUR), the_end(0, episode="e2", x=1.0, terminated=True, at=T0 + HOUR)]

    found = history(lake, records, [a_step(0), the_end(0, x=2.0, terminated=True), *late], since=T0 + HOUR)

    assert found.reward.tolist() == [1.0]


def test_a_board_keeps_its_shape_and_type_and_is_read_once(lake, records):
    spec = _with_labels(["left", "right"])
    boards = ["[[0,1],[2,3]]", "[[4,5],[6,7]]"]
    steps = [_on_a_board(i, board) for i, board in enumerate(boards)]

    found = history(lake, records, [*steps, _last_board("[[8,9],[10,11]]")], spec=spec)

    assert (found.state.dtype, found.state.shape) == (np.uint8, (2, 2, 2))
    assert found.state.tolist() == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
    assert found.next_state.tolist() == [[[4, 5], [6, 7]], [[8, 9], [10, 11]]]
    np.testing.assert_array_equal(found.action, [[1], [1]])
    np.testing.assert_array_equal(found.pmf, [[0.25, 0.75], [0.25, 0.75]])


def test_actions_are_told_in_todays_labels_and_one_that_is_gone_cuts_the_episode(lake, records):
    then, today = _with_labels(["left", "right"]), _with_labels(["right", "up"])
    steps = [_on_a_board(i, "[[0,0],[0,0]]", action=[place]) for i, place in enumerate([1, 0, 1])]

    found = history(lake, records, [*steps, _last_board("[[1,1],[1,1]]", step=2)], spec=today, specs=OneSpec(then))

    np.testing.assert_array_equal(found.action, [[0], [0]])
    np.testing.assert_array_equal(found.step, [0, 2])
    np.testing.assert_array_equal(found.truncated, [True, False])
    assert np.isnan(found.pmf).all()  # some of it was on the label that is gone


def test_a_context_that_no_state_can_hold_is_refused(lake, records):
    spec = read_spec({**CART, "context": {"x": "number", "note": {"type": "text", "learn": False}}})
    found = history(lake, records, [a_step(0), the_end(0, x=1.0, terminated=True)], spec=spec)
    assert found.state.shape == (1, 1)

    with pytest.raises(Invalid, match="declare it as a category"):
        history(lake, records, [], spec=read_spec({**CART, "context": {"x": "number", "note": "text"}}))


def test_a_loop_without_any_episode_has_an_empty_history(lake, records):
    found, _ = episodes_of(lake, NoSpecs(), SPEC)

    assert (len(found), found.n_episodes, found.state.shape) == (0, 0, (0, 1))


def _with_labels(labels):
    return read_spec(
        {
            "loop": LOOP,
            "context": {"board": {"type": "tensor", "shape": [2, 2], "dtype": "uint8"}},
            "actions": {"kind": "discrete", "labels": labels},
            "outcomes": {"lines": {"type": "number", "min": 0, "max": 4}},
            "episodes": {},
            "reward": {"expression": "lines", "range": [0, 4]},
            "baseline": labels[0],
        }
    )


def _on_a_board(step, board, **fields):
    values = {"context": f'{{"board":{board}}}', "action": [1], "action_value": None, "pmf": [[0.25, 0.75]]}
    return a_step(step, **(values | fields))


def _last_board(board, *, step=1):
    end = the_end(step, x=0.0, terminated=True)
    return type(end)(**{name: getattr(end, name) for name in end.__struct_fields__} | {"next_context": f'{{"board":{board}}}'})
