"""Learners by networks: what they share beyond what every learner promises, and what they find where the answer is known."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("jax", reason="needs the extra rl")

from made_history import GOAL, MOVE, STEP, corridor, ladder
from policyloop.core import plugins
from policyloop.core.errors import BadModel, BadSetting, Diverged, NothingToDo
from policyloop.learn.networks.method import told_of
from policyloop.learn.networks.rows import rows_of, scaled
from policyloop.learn.train import LEARNERS
from policyloop.policy.policies.network import load

OF_NUMBERS = ("bc", "cql", "iql", "rebrac", "td3_bc")
OF_LABELS = ("cql_discrete", "dqn")
ALL = OF_NUMBERS + OF_LABELS
# Compiling takes all the time there is: where sizes agree, tests share what was compiled. 15 episodes are learned from.
SMALL = {"width": 16, "depth": 1, "batch": 32, "layer_norm": True}
QUICK = {"learning_rate": 3e-3, "target_rate": 0.05}


def history_for(name, **changes):
    return (corridor if name in OF_NUMBERS else ladder)(20, **changes)


def actions_for(name):
    return MOVE if name in OF_NUMBERS else STEP


def learner(name, *, history=None, held_out=None, seed=1, **settings):
    whole = history_for(name) if history is None else history
    return plugins.load(LEARNERS, name).create_episodic(
        whole.to_learn_from(0.75),
        whole.to_evaluate_on(0.75) if held_out is None else held_out,
        actions=actions_for(name),
        seed=seed,
        **{**SMALL, **settings},
    )


def bits(tensors):
    return {name: tensor.tobytes() for name, tensor in tensors.items()}


@pytest.mark.parametrize("name", ["rebrac", "dqn"])
def test_another_seed_learns_something_else(name):
    one, other = learner(name, seed=1), learner(name, seed=2)

    assert one.advance(3) != other.advance(3)


@pytest.mark.parametrize("name", ["rebrac", "dqn"])
def test_a_learner_that_runs_away_says_so_and_keeps_what_it_had(name):
    history = history_for(name)
    one = learner(name, history=dataclasses.replace(history, discount=1.0), learning_rate=0.1, target_rate=1.0)
    one.advance(1)
    one.learned = one.learned._replace(numbers={**one.learned.numbers, "learning_rate": np.float32(1e30)})
    before = bits(one.state())

    with pytest.raises(Diverged, match=r"between updates 1 and 41; expected a finite number: the learner has diverged. Lower"):
        one.advance(40)

    assert bits(one.state()) == before


def test_a_checkpoint_of_another_shape_is_refused():
    one, wider = learner("rebrac"), learner("rebrac", width=9)

    with pytest.raises(BadModel, match="Resume with the learner, settings and actions that it was made with"):
        wider.resume(one.state())
    with pytest.raises(BadModel, match="the checkpoint has no tensor for 'weights/log_std'"):
        learner("iql").resume(one.state())


def test_nothing_is_learned_from_nothing():
    history = corridor(4)
    one = learner("bc", history=history, held_out=history)
    one.n_put = 0

    with pytest.raises(NothingToDo, match="the history has no row to learn from"):
        one.advance(1)
    with pytest.raises(BadSetting, match=r"learner.updates is 0; expected a whole number above 0"):
        one.advance(0)


@pytest.mark.parametrize("name", ["dqn"])
def test_images_are_looked_at_by_a_trunk(name):
    history = history_for(name)
    rng = np.random.default_rng(0)
    state, after = (rng.integers(0, 2, (len(history), 2, 6, 5)).astype(np.uint8) for _ in range(2))
    one = learner(name, history=dataclasses.replace(history, state=state, next_state=after), channels=[3, 4])

    one.advance(3)

    policy, told = one.policy(), told_of(one.method, one.learned, one.rows)
    settings, tensors = policy.save()
    train = dataclasses.replace(history, state=state).to_learn_from(0.75)
    action = train.action_value if name == "rebrac" else train.action[:, 0]
    values = policy.value(train.state, action) / settings["reward_scale"]
    assert (settings["dtype"], settings["state_shape"]) == ("uint8", [2, 6, 5])
    assert settings["trunk"] == [{"stride": 1, "padding": "same"}, {"stride": 2, "padding": "same"}]
    assert load(settings, tensors).save()[0] == settings
    assert values.mean() == pytest.approx(float(told["q_mean"]), abs=1e-5)


def test_a_minibatch_comes_in_the_units_of_the_history():
    history = corridor(20)
    one = learner("bc", history=history)

    batch = scaled(rows_of(history, MOVE), one.learned.scaler)

    train = history.to_learn_from(0.75)
    assert np.abs(np.asarray(batch.action)).max() <= 1
    assert float(one.learned.scaler.reward) == pytest.approx(np.abs(train.reward).max())
    assert float(one.learned.scaler.mean[0]) == pytest.approx(train.state.mean(), rel=1e-5)
    assert float(one.learned.scaler.scale[0]) == pytest.approx(train.state.std(), rel=1e-5)


def of_one_step(*, is_end):
    """Every episode is one step, which brings 1, and ends, or is cut off in the state that it began in."""
    history = ladder(160, 1)  # 120 rows of it are learned from
    n = len(history)
    return dataclasses.replace(
        history,
        state=np.zeros((n, 1), np.float32),
        next_state=np.zeros((n, 1), np.float32),
        reward=np.ones(n, np.float32),
        terminated=np.full(n, is_end),
        truncated=np.full(n, not is_end),
        discount=0.5,
    )


@pytest.mark.parametrize(("is_end", "value"), [(True, 1.0), (False, 2.0)], ids=["terminated", "truncated"])
def test_after_an_end_nothing_is_expected_and_after_a_cut_everything(is_end, value):
    """1 + 0.5 + 0.25 + ... is 2 where the record merely stops."""
    history = of_one_step(is_end=is_end)
    one = learner("dqn", history=history, **QUICK)

    told = [one.advance(400), one.advance(200)][1]

    np.testing.assert_allclose(one.policy().scores(np.zeros((1, 1))), value, atol=0.05)
    assert told["td_error"] < 0.01


def test_it_gives_up_a_little_now_for_more_later():
    """On the ladder, down brings 0.1 at once; up brings 1, but only at the top."""
    one = learner("cql_discrete", conservative_weight=0.1, **QUICK)

    one.advance(800)

    assert (one.policy().scores(np.arange(5.0).reshape(5, 1)).argmax(axis=1) == 1).all()


def test_it_finds_the_goal_in_a_history_of_random_moves():
    one = learner("rebrac", **QUICK)

    one.advance(800)

    place = np.array([[0.1], [0.4], [0.9]], np.float32)
    for _ in range(10):
        place = np.clip(place + one.policy().act(place), 0, 1)
    np.testing.assert_allclose(place, GOAL, atol=0.1)


def test_a_copy_does_what_was_done():
    history = corridor(20)
    history = dataclasses.replace(history, action_value=(0.2 * (0.5 - history.state)).astype(np.float32))
    one = learner("bc", history=history, **QUICK)

    one.advance(600)

    np.testing.assert_allclose(one.policy().act(np.array([[0.0], [1.0]])), [[0.1], [-0.1]], atol=0.02)


def test_it_learns_from_what_is_played_meanwhile():
    """From no history at all: its own steps, in room for 120, of which the oldest make room."""
    none = ladder(4).to_evaluate_on(1.0)
    one, again = (learner("dqn", history=none, held_out=none, seed=seed, replay=120, **QUICK) for seed in (1, 2))

    for seed in range(4):
        one.append(ladder(20, seed=seed))
        one.advance(200)
    again.resume(one.state())

    assert (one.n_rows, one.n_put) == (120, 640)
    assert (one.policy().scores(np.arange(5.0).reshape(5, 1)).argmax(axis=1) == 1).all()
    assert again.advance(3) == one.advance(3)
    assert float(one.learned.scaler.scale[0]) == pytest.approx(ladder(20, seed=0).state.std(), rel=1e-5)


def test_without_room_nothing_can_be_appended():
    with pytest.raises(BadSetting, match=r"learner.replay is 0, which leaves no room for more transitions"):
        learner("dqn").append(ladder(10))


def scores(learner):
    return learner.policy().scores(ladder(20).state).tobytes()


@pytest.mark.parametrize("name", OF_LABELS)
def test_what_goes_on_from_a_policy_begins_with_exactly_what_it_knows(name):
    earlier, later = learner(name), learner(name, history=ladder(20, seed=5), seed=2)
    earlier.advance(3)
    assert scores(later) != scores(earlier)

    later.begin_with(earlier.policy())

    assert scores(later) == scores(earlier)
    weights = {path: tensor for path, tensor in later.state().items() if path.startswith(("weights/", "target/"))}
    assert {path.split("/", 1)[1] for path in weights} == {path.split("/", 1)[1] for path in weights if "target/" in path}
    for path, tensor in weights.items():
        np.testing.assert_array_equal(tensor, weights[f"target/{path.split('/', 1)[1]}"], err_msg=path)
    later.advance(3)
    assert scores(later) != scores(earlier)


def test_what_goes_on_keeps_the_units_of_the_first():
    history = ladder(20)
    tenfold = dataclasses.replace(
        history, reward=10 * history.reward, state=history.state + 3, next_state=history.next_state + 3
    )
    earlier, later = learner("dqn"), learner("dqn", history=tenfold)
    earlier.advance(3)

    later.begin_with(earlier.policy())

    kept, own = (made.learned.scaler for made in (earlier, later))
    for name, number in kept._asdict().items():
        np.testing.assert_array_equal(number, getattr(own, name), err_msg=name)


def test_a_policy_of_another_shape_is_nothing_to_go_on_from():
    earlier = learner("dqn", width=8)

    with pytest.raises(BadModel, match=r"has the shape \(8,\) for 'critic0.0.b'; expected the shape \(16,\)"):
        learner("dqn").begin_with(earlier.policy())


def test_an_actor_is_more_than_a_policy_tells_so_learners_of_numbers_do_not_go_on():
    earlier = learner("rebrac")
    earlier.advance(1)

    with pytest.raises(BadSetting, match=r"learner\.goes_on is true, which takes a learner of labels: dqn or cql_discrete"):
        learner("rebrac").begin_with(earlier.policy())
