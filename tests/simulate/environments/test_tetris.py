"""Tetris: pieces, walls, rows and the end, on boards that are small enough to draw."""

import numpy as np
import pytest

from policyloop.core.errors import BadSetting
from policyloop.simulate.environment import open_environment
from policyloop.simulate.environments.tetris import DOWN, LABELS, LEFT, MARGIN, NONE, PIECES, RIGHT, UP
from policyloop.simulate.history import play


def game(piece, *, rows=6, columns=6, following="O", board=()):
    """One game in which `piece` has just come in; `board` is drawn from its lowest rows up."""
    episodes = open_environment("tetris", {"rows": rows, "columns": columns}).start(1, rng=np.random.default_rng(0))
    inside = episodes._board[0, MARGIN:-MARGIN, MARGIN:-MARGIN]
    for i, line in enumerate(reversed(board)):
        inside[-1 - i] = [c == "#" for c in line]
    episodes._next[:] = PIECES.index(piece)
    episodes._bring_in(np.array([0]))
    episodes._next[:] = PIECES.index(following)
    return episodes


def drawn(episodes):
    """The current frame without its last column: `.` empty, `#` fixed, `o` the piece."""
    return ["".join(".#o"[cell] for cell in row) for row in episodes.state[0, 1][:, :-1]]


def after(episodes, *actions):
    for action in actions:
        moved = episodes.step(np.array([action]))
    return moved


def test_there_are_five_actions_and_five_pieces():
    assert LABELS == ("up", "down", "left", "right", "none")
    assert len(PIECES) == 5


def test_a_piece_falls_one_row_after_every_action():
    episodes = game("T")

    after(episodes, NONE)

    assert drawn(episodes) == ["......", "..o...", ".ooo..", "......", "......", "......"]


def test_down_falls_twice_left_and_right_move_before_they_fall():
    fallen, moved_left, moved_right = game("O"), game("O"), game("O")

    after(fallen, DOWN)
    after(moved_left, LEFT)
    after(moved_right, RIGHT)

    assert drawn(fallen)[2:4] == ["..oo..", "..oo.."]
    assert drawn(moved_left)[1:3] == [".oo...", ".oo..."]
    assert drawn(moved_right)[1:3] == ["...oo.", "...oo."]


def test_a_piece_turns_about_its_pivot_and_a_square_does_not():
    t, o = game("T"), game("O")

    after(t, UP)
    after(o, UP)

    assert drawn(t)[1:4] == ["..o...", "..oo..", "..o..."]
    assert drawn(o)[1:3] == ["..oo..", "..oo.."]


def test_four_turns_are_none():
    episodes = game("L", rows=10)

    after(episodes, UP, UP, UP, UP)

    assert drawn(episodes)[4:6] == ["...o..", ".ooo.."]


def test_walls_and_fixed_cells_stop_a_piece():
    episodes = game("O", rows=8)

    after(episodes, LEFT, LEFT, LEFT, LEFT)

    assert drawn(episodes)[4:6] == ["oo....", "oo...."]


def test_a_piece_that_cannot_fall_is_fixed_and_the_next_comes_in():
    episodes = game("O", rows=4, following="I")

    moved = after(episodes, NONE, NONE, NONE)

    assert drawn(episodes) == [".oooo.", "......", "..##..", "..##.."]
    assert moved.outcomes["placed"].tolist() == [True]
    assert (moved.reward[0], bool(moved.terminated[0])) == (0.0, False)


def test_full_rows_are_cleared_and_what_is_above_comes_down():
    episodes = game("O", following="T", board=["#.....", "##..##", "##..##"])

    moved = after(episodes, DOWN, DOWN, DOWN)

    assert (moved.reward[0], moved.outcomes["lines"][0]) == (2.0, 2.0)
    assert drawn(episodes)[-3:] == ["......", "......", "#....."]


def test_the_game_ends_where_there_is_no_room_for_the_next_piece():
    episodes = game("O", rows=4, board=["..#...", "..#..."])

    ended = after(episodes, NONE)

    assert (ended.reward[0], bool(ended.terminated[0]), bool(ended.truncated[0])) == (-1.0, True, False)
    assert bool(ended.outcomes["died"][0])


def test_a_state_is_the_last_two_frames_with_the_next_piece_and_whether_it_is_over():
    episodes = game("O", rows=4, following="Z")
    after(episodes, NONE)
    before = episodes.state[0, 1].copy()

    after(episodes, NONE)

    assert episodes.state.shape == (1, 2, 4, 7)
    assert episodes.state.dtype == np.uint8
    np.testing.assert_array_equal(episodes.state[0, 0], before)
    assert before[0, -1] == PIECES.index("Z")
    assert before[1, -1] == 0


def test_the_state_that_a_game_ends_in_is_kept_and_says_that_it_is_over():
    history = play(open_environment("tetris", {"columns": 8, "rows": 10}), _random(), n_episodes=8, seed=0)

    assert (history.last_state[:, 1, 1, -1] == 1).all()
    assert (history.state[:, 1, 1, -1] == 0).all()
    assert (history.reward[history.terminated] == -1.0).all()


def test_the_usual_board_is_20_by_15():
    assert open_environment("tetris").problem.context["board"]["shape"] == [2, 20, 16]


def test_pieces_come_evenly():
    episodes = open_environment("tetris").start(5000, rng=np.random.default_rng(1))

    counts = np.bincount(episodes._piece, minlength=5)

    assert abs(counts - 1000).max() < 4 * (5000 * 0.2 * 0.8) ** 0.5


@pytest.mark.parametrize("settings", [{"rows": 3}, {"columns": 65}, {"max_steps": 0}])
def test_a_board_of_no_use_is_refused(settings):
    with pytest.raises(BadSetting, match=next(iter(settings))):
        open_environment("tetris", settings)


def _random():
    return open_environment("tetris").actors["random"]
