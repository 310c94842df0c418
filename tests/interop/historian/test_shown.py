"""What a file became, in numbers and as a picture."""

import pytest
from PIL import Image

from policyloop.core.errors import Invalid
from policyloop.core.spec_file import read_spec
from policyloop.interop.historian.plot import draw
from policyloop.interop.historian.shown import Spread, show

HEAD = "batch,step,level,valve,action_source\n"
TEXT = HEAD + "a,0,50,1,human\na,1,51,2,human\na,2,53,3,expert\nb,0,40,4,human\nb,1,41,5,human\n"


def test_numbers_worked_by_hand(made, tank):
    shown, steps = show(made(TEXT), tank)

    assert (shown.n_rows, shown.n_episodes, shown.n_steps) == (5, 2, 3)
    assert shown.length == Spread(1, 1.5, 2)
    assert shown.returns == Spread(37, (101 + 37) / 2, 101)
    assert shown.columns == {"level": Spread(40, 47, 53)}
    assert shown.values == {"valve": Spread(1, 7 / 3, 4)}
    assert shown.sources == {"human": 3}
    assert (shown.n_terminated, shown.n_truncated) == (0, 2)
    assert len(steps) == 3


def test_the_row_before_a_last_action_that_cannot_be_rewarded_terminates_and_is_told(made, tank):
    text = "batch,step,level,valve,terminated,truncated\na,0,50,1,0,0\na,1,51,2,0,0\na,2,53,3,1,0\n"
    mixed = text + "b,0,40,4,0,0\nb,1,41,5,0,1\nc,0,40,4,0,0\nc,1,0,,1,0\n"

    shown, steps = show(made(mixed), tank)

    assert (shown.n_episodes, shown.n_terminated, shown.n_truncated, shown.n_steps) == (3, 2, 1, 4)
    assert steps.terminated.tolist() == [False, True, False, True]
    assert steps.next_state[:, 0].tolist() == [51, 53, 41, 0]
    assert any(
        note.startswith("1 episodes terminate in their last row, and nobody recorded what came after its action")
        for note in shown.notes
    )


def test_a_history_too_thin_says_so_before_training(made, tank):
    shown, _ = show(made(TEXT), tank)

    told = (
        "too thin to learn from: 2 episodes with 3 steps; training asks for 20 episodes and 100 steps below the split of 0.8, "
    )
    assert any(told + "and 5 episodes above it" in note for note in shown.notes)


def test_a_reward_that_never_changes_is_told_before_training(made):
    spec = read_spec(
        "loop: tank\ncontext: {level: number}\nactions: {kind: continuous, box: {valve: {min: 0, max: 10}}}\n"
        "episodes: {id: batch, max_steps: 1}\nreward: {expression: 0 * next.level, range: [0, 1]}\nlearner: {name: fqi}\n"
    )

    shown, _ = show(made(TEXT, spec=spec), spec)

    assert any("before training: reward is 0 in all 3 steps" in note for note in shown.notes)
    assert any("1 episodes are longer than the loop's max_steps of 1" in note for note in shown.notes)


@pytest.mark.parametrize(
    "actions",
    [
        "{kind: continuous, box: {valve: {min: 0, max: 10}}}",
        "{kind: tuple, parts: {valve: {min: 0, max: 10}, action_source: [human, expert]}}",
    ],
)
def test_the_picture_is_one_page_and_shows_something(made, tmp_path, actions):
    spec = read_spec(
        f"loop: tank\ncontext: {{level: number}}\nactions: {actions}\nepisodes: {{id: batch}}\n"
        "reward: {expression: next.level, range: [0, 99]}\nlearner: {name: cql}\n"
    )
    _, steps = show(made(TEXT, spec=spec), spec)

    page = Image.open(draw(steps, spec, tmp_path / "page.png"))

    assert page.size == (1155, 1155)
    assert len(page.convert("RGB").getcolors(2**20)) > 50


def test_a_picture_that_cannot_be_written_is_told(made, tank, tmp_path):
    _, steps = show(made(TEXT), tank)

    with pytest.raises(Invalid, match="cannot be written: No such file or directory"):
        draw(steps, tank, tmp_path / "nowhere" / "page.png")
