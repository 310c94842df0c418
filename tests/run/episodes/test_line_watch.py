"""The watch over a line of episodes: worse than the baseline's hold-out by whole returns, it goes back; else it stays."""

import numpy as np
import pytest

from episode_world import World, in_canary
from policyloop.gate.ramp import State
from policyloop.gate.verdict import Call
from policyloop.run.challenges.gate_state import explained, gate_state
from policyloop.run.episodes import line_watch
from policyloop.run.episodes.trials import mean_return_before
from policyloop.run.looks import look


@pytest.fixture
def held(deployment):
    """A model that a person put live beside a hold-out."""
    world = World(deployment, "corridor", gate="gate: {hold_out: 0.4}\n")
    deployment.registry.promote_by_person("corridor", world.model, why="a simulation", is_unseen_fine=True)
    yield world
    world.log.close()


def turned(place, answer):
    """Every move goes the other way: what was learned is wrong now."""
    return {"place": float(np.clip(place["place"] - answer.values["move"], 0, 1))}


def test_a_line_that_returns_less_than_the_baseline_goes_back_and_says_why(held, deployment):
    held.after = turned
    done = []
    for _ in range(12):
        held.play(40)
        done += look(deployment, "corridor")
        if done:
            break

    (looked,) = done
    sentence = looked.sentence
    assert looked.is_harm
    last = deployment.registry.verdicts("corridor")[0].verdict
    assert sentence.startswith(f"model {held.model[:12]} was rolled back to the baseline. The line earns -")
    assert "an episode beside the baseline in" in sentence
    assert "closed episodes, 99 % sure at most -" in sentence
    assert (last.kind, last.call, last.model) == ("hold-out", Call.ROLLBACK, held.model)
    assert deployment.registry.standing("corridor").champion is None
    assert line_watch.look(deployment, "corridor") is None  # nothing is live


def test_a_line_that_returns_more_stays_and_what_the_hold_out_says_is_shown(held, deployment):
    for _ in range(3):
        held.play(30)
        assert look(deployment, "corridor") == []

    line = gate_state(deployment, "corridor").line
    assert line is not None
    assert line.numbers["n"] == 90
    assert line.numbers["difference"] > 0
    assert line.sentence.endswith("no harm is proven.")
    assert deployment.registry.standing("corridor").champion == held.model


def test_what_began_later_in_the_same_hour_is_no_part_of_the_mean_before(deployment):
    world = World(deployment, "corridor")
    assert np.isnan(mean_return_before(deployment, "corridor", deployment.clock.now_us()))
    world.play(3)
    moment = deployment.clock.now_us()
    before = mean_return_before(deployment, "corridor", moment)
    world.after = turned  # so that it returns something else
    world.play(1)
    world.log.close()

    rows = deployment.lake.rows("transitions", where="loop = 'corridor'").to_pylist()
    of_three = sum(row["reward"] for row in rows if row["episode_id"] != "e4") / 3
    assert len({row["episode_id"] for row in rows}) == 4
    assert before == pytest.approx(of_three)
    assert mean_return_before(deployment, "corridor", moment) == before
    assert mean_return_before(deployment, "corridor", deployment.clock.now_us()) != before


def test_without_a_hold_out_nothing_can_be_said(deployment):
    world = World(deployment, "corridor")
    deployment.registry.promote_by_person("corridor", world.model, why="a simulation", is_unseen_fine=True)
    world.after = turned
    world.play(40)
    world.log.close()

    assert look(deployment, "corridor") == []
    assert gate_state(deployment, "corridor").line is None


def test_while_a_model_challenges_nobody_says_what_a_line_earns_that_is_not_there(deployment):
    world = World(deployment, "corridor", gate="gate: {canary: 0.3, hold_out: 0.2}\n")
    in_canary(world)
    world.play(20)
    world.log.close()

    assert look(deployment, "corridor") == []
    assert world.state() == State.CANARY
    assert gate_state(deployment, "corridor").line is None


def test_a_challenge_beside_a_hold_out_leaves_the_hold_out_of_its_evidence(deployment):
    world = World(deployment, "corridor", gate="gate: {canary: 0.4, hold_out: 0.3}\n")
    world.play(3)
    in_canary(world)
    before = world.n
    world.play(30)
    look(deployment, "corridor")
    world.log.close()

    rows = deployment.lake.rows("decisions", where="loop = 'corridor'", columns=("episode_id", "side", "step")).to_pylist()
    sides = [row["side"] for row in rows if row["step"] == 0 and int(row["episode_id"][1:]) > before]
    told = explained(deployment, "corridor")
    assert told is not None
    assert 0 < sides.count("hold-out") < 30
    assert told.n == 30 - sides.count("hold-out")
    assert told.is_same is True
