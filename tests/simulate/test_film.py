"""A film: a GIF that moves, with an episode beside another."""

import numpy as np
from PIL import Image

from policyloop.simulate.environment import open_environment
from policyloop.simulate.film import HEIGHT, WIDTH, shot_of, write_film
from policyloop.simulate.history import play

CARTPOLE = open_environment("cartpole", {"max_steps": 60})


def shot(name, title):
    return shot_of(play(CARTPOLE, CARTPOLE.actors[name], n_episodes=2, seed=1), title, episode=1)


def test_two_episodes_stand_beside_one_another_and_move(tmp_path):
    write_film(tmp_path / "film.gif", [shot("random", "Before"), shot("expert", "After")])

    with Image.open(tmp_path / "film.gif") as film:
        assert film.size == (2 * WIDTH, HEIGHT)
        assert film.n_frames == 13  # 61 states, every fifth
        first = np.asarray(film.convert("RGB"))
        film.seek(12)
        assert (np.asarray(film.convert("RGB")) != first).any()


def test_a_shot_goes_to_the_state_that_the_episode_ended_in():
    history = play(CARTPOLE, CARTPOLE.actors["random"], n_episodes=1, seed=1)

    made = shot_of(history, "Before")

    assert len(made.states) == len(made.reward) + 1
    np.testing.assert_array_equal(made.states[-1], history.last_state[0])
    assert made.is_lost == bool(history.terminated[-1])
