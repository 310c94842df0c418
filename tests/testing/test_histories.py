"""The promises of formats of episodes: every fault is found by its promise."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from policyloop.interop.histories import transitions
from policyloop.testing import histories as contract


def writing(change):
    """A format that does something to the rows before it writes them."""
    return SimpleNamespace(write=lambda path, rows, spec: transitions.write(path, change(rows), spec), read=transitions.read)


def reading(change):
    """A format that does something to what it reads."""
    return SimpleNamespace(write=transitions.write, read=lambda path, spec: change(transitions.read(path, spec)))


def shifted(rows):
    return replace(rows, reward=np.roll(rows.reward, 1))


def without_first(rows):
    return rows.where(rows.episode > 0)


def rounded(rows):
    return replace(rows, action_value=rows.action_value.round(1))


def in_half_the_range(rows):
    return replace(rows, state=rows.state / 2, next_state=rows.next_state / 2)


def without_last_states(rows):
    return replace(rows, is_next_known=np.zeros(len(rows), bool))


def zeros_as_nothing(rows):
    return replace(rows, is_next_known=rows.next_state.reshape(len(rows), -1).any(axis=1))


def ends_as_cuts(rows):
    return replace(rows, terminated=rows.terminated & False, truncated=rows.terminated | rows.truncated)


def with_certainty(rows):
    return replace(rows, propensity=np.ones(len(rows)))


def from_the_second_step(table):
    return table.slice(1).drop_columns(["context"])


def in_place(rows):
    rows.reward[:] += 1
    return rows


class ReadsAnything:
    write = staticmethod(transitions.write)

    @staticmethod
    def read(path, spec):
        return None


@pytest.mark.parametrize(
    ("broken", "promise", "said"),
    [
        (writing(without_first), contract.every_episode_comes_back_with_all_its_steps, "wrote 1 episodes; expected 2"),
        (reading(from_the_second_step), contract.every_episode_comes_back_with_all_its_steps, "came back with the steps"),
        (writing(shifted), contract.a_reward_stays_beside_the_action_that_brought_it, "came back with the reward 111.0"),
        (writing(rounded), contract.an_action_comes_back_as_it_was, "came back with action_value"),
        (writing(in_half_the_range), contract.a_state_comes_back_as_it_was_and_so_does_the_last, "step 0 came back in"),
        (writing(without_last_states), contract.a_state_comes_back_as_it_was_and_so_does_the_last, r"\[3, 2\] states"),
        (writing(zeros_as_nothing), contract.a_last_state_of_nothing_but_zeros_is_one, "came back with 3 states; expected 4"),
        (writing(ends_as_cuts), contract.terminated_stays_apart_from_truncated, r"terminated came back in"),
        (writing(with_certainty), contract.a_propensity_comes_back_or_is_unknown, "with the propensity 1.0; expected 0.25"),
        (reading(from_the_second_step), contract.what_comes_back_may_enter_the_tables, "what came back is refused"),
        (writing(in_place), contract.writing_does_not_change_the_rows, "write changed reward of the rows"),
        (ReadsAnything, contract.what_is_no_such_file_is_refused_by_its_name, "'wrong' was read, and is no"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)  # fmt: skip
def test_a_format_with_a_fault_is_found_out(broken, promise, said, tmp_path):
    with pytest.raises(AssertionError, match=said):
        promise(broken, tmp_path)
