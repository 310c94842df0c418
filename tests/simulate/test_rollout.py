"""A rollout's part: a pure function that plays episodes, and gives the events that production would have written."""

import json
from collections import Counter

import numpy as np
import pytest

from policyloop.core import model_file
from policyloop.core.density import Density
from policyloop.core.errors import EnvironmentFailed, Invalid
from policyloop.core.event import Decision, Outcome
from policyloop.core.spec_file import read_spec
from policyloop.simulate.environment import open_environment
from policyloop.simulate.rollout import Part, play

SALT = b"a salt of thirty-two bytes, yes!"
SHORT = {"max_steps": 30}


def part(environment="cartpole", settings=SHORT, **changes):
    spec = read_spec(open_environment(environment, settings).problem.loop_file())
    given = {"n": 3, "first": 0, "seed": 5, "run": "r", "loop": spec.loop, "salt": SALT, "file": model_file.pack(spec)}
    return Part(environment=environment, settings=settings, **(given | changes))


def decisions(played):
    return [record for record in played.records if isinstance(record, Decision)]


def outcomes(played):
    return [record for record in played.records if isinstance(record, Outcome)]


def test_every_step_is_a_decision_and_every_episode_ends_once():
    played = play(part(actor="history"))

    made, ends = decisions(played), outcomes(played)
    assert len(made) == sum(played.lengths)
    assert Counter(d.episode_id for d in made) == dict(zip(["r-0", "r-1", "r-2"], played.lengths, strict=True))
    assert [sorted(d.step for d in made if d.episode_id == "r-1")] == [list(range(played.lengths[1]))]
    assert sorted(e.decision_id for e in ends) == sorted(f"r-{i}-{n - 1}" for i, n in enumerate(played.lengths))
    assert all((e.terminated is True) != (e.truncated is True) for e in ends)
    assert all(set(json.loads(e.next_context)) == {"x", "v", "th", "w", "goal"} for e in ends)


def test_a_time_limit_is_no_fall():
    played = play(part(actor="expert"))

    assert [(e.terminated, e.truncated) for e in outcomes(played)] == [(None, True)] * 3
    assert played.n_terminated == 0


def test_an_actor_of_the_environment_is_logged_with_its_true_propensities():
    made = {d.step: d for d in decisions(play(part(actor="history", n=1)))}

    assert (made[0].action_source, made[0].propensity_kind, made[0].propensity) == ("random", "density", 0.5)
    assert Density.from_json(made[0].density).at(made[0].action_value) == 0.5
    assert (made[1].action_source, made[1].propensity_kind, made[1].propensity) == ("expert", "point", 1.0)
    assert made[1].policy == "imported:history"


def test_a_baseline_decides_through_the_decider_itself():
    played = play(part())

    made = decisions(played)
    assert {d.policy for d in made} == {"baseline"}
    assert all(Density.from_json(d.density).at(d.action_value) == pytest.approx(d.propensity) for d in made)
    assert sum(played.n_steps.values()) == len(made)


def test_the_random_fraction_is_the_floor_of_the_decision():
    spec = read_spec({**open_environment("cartpole", SHORT).problem.loop_file(), "baseline": "middle"})

    played = play(part(n=20, random_fraction=0.25, file=model_file.pack(spec)))

    made = decisions(played)
    assert {d.density["floor"] for d in made} == {0.25}
    n_random, n = played.n_steps["random"], len(made)
    assert abs(n_random / n - 0.25) < 4 * (0.25 * 0.75 / n) ** 0.5
    assert {d.propensity for d in made if d.action_source == "random"} == {0.125}  # a quarter of the density of the uniform


def test_a_fraction_of_an_actor_is_a_coin_for_each_step():
    played = play(part(n=20, actor="expert", random_fraction=0.25))

    made = decisions(played)
    n_random = sum(d.action_source == "random" for d in made)
    assert abs(n_random / len(made) - 0.25) < 4 * (0.25 * 0.75 / len(made)) ** 0.5


def test_labels_carry_their_probabilities_and_outcomes_their_values():
    played = play(part("gridworld", {}, actor="history", n=5))

    made = decisions(played)
    assert all(d.probabilities()[d.action[0]] == d.propensity for d in made)
    assert {d.propensity_kind for d in made} == {"probability"}
    told = sum(o.values["earned"] for o in outcomes(played))
    assert told == pytest.approx(sum(played.returns))


def test_a_board_goes_through_as_it_is():
    played = play(part("tetris", {"rows": 6, "columns": 5, "max_steps": 12}, n=1))

    context = json.loads(decisions(played)[0].context)
    assert np.array(context["board"]).shape == (2, 6, 6)


def test_the_same_part_is_the_same_play_and_other_episodes_are_others():
    first, again, next_ones = play(part()), play(part()), play(part(first=3))

    assert first.returns == again.returns
    assert [d.action_value for d in decisions(first)] == [d.action_value for d in decisions(again)]
    assert first.returns != next_ones.returns
    assert {d.episode_id for d in decisions(next_ones)} == {"r-3", "r-4", "r-5"}


def test_an_environment_that_fails_is_told_with_its_episode(monkeypatch, pytestconfig):
    monkeypatch.chdir(pytestconfig.rootpath)
    settings = {"function": "tests.simulate.environments.rooms:broken", "actions": ["a", "b"]}

    with pytest.raises(EnvironmentFailed, match=r"episode 'r-3', step 1: .* raised ValueError: pump broke"):
        play(part("callable", settings, first=3, actor="random"))


def test_rewards_are_counted_by_who_acted():
    played = play(part(actor="history"))

    assert sum(played.rewards.values()) == pytest.approx(sum(played.returns))
    assert set(played.n_steps) == {"random", "expert"}


def test_a_loop_about_something_else_is_refused():
    other = read_spec(open_environment("gridworld").problem.loop_file())

    with pytest.raises(Invalid, match=r"context: of loop 'gridworld' are x, y; those of environment 'cart-pole' are x, v"):
        play(part(file=model_file.pack(other), actor="expert"))


def test_a_loop_that_names_the_actions_in_another_order_is_refused():
    own = open_environment("gridworld").problem.loop_file()
    turned = read_spec({**own, "actions": {"kind": "discrete", "labels": own["actions"]["labels"][::-1]}})

    with pytest.raises(Invalid, match=r"actions: of loop 'gridworld' are left, down, right, up; those of environment 'grid"):
        play(part(environment="gridworld", settings={}, file=model_file.pack(turned)))


def test_numbers_with_other_bounds_are_told_with_both():
    own = open_environment("cartpole").problem.loop_file()
    other = read_spec({**own, "actions": {"kind": "continuous", "box": {"force": {"min": -2, "max": 2}}}})

    with pytest.raises(Invalid, match=r"are force from -2 to 2; those of environment 'cart-pole' are force from -1 to 1"):
        play(part(file=model_file.pack(other)))


def test_an_outcome_that_the_loop_lacks_is_told_with_its_line():
    own = open_environment("gridworld").problem.loop_file()
    other = read_spec({**own, "outcomes": {"found": "number"}, "reward": {"expression": "found", "range": [-1, 1]}})

    with pytest.raises(Invalid, match=r"Add under `outcomes:` \w+: \{type: number"):
        play(part(environment="gridworld", settings={}, file=model_file.pack(other)))


def test_a_loop_without_outcomes_takes_its_reward_from_what_comes_next():
    own = open_environment("gridworld").problem.loop_file()
    reward = {"expression": "next.x / 10", "range": [-1, 1]}
    without = read_spec({**own, "outcomes": {}, "reward": reward})

    played = play(part(environment="gridworld", settings={}, file=model_file.pack(without)))

    assert all(set(one.values) == {"$ended"} for one in outcomes(played))
