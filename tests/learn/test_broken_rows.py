"""Broken rows: what cannot be learned from is refused, with the row, the episode and what to do."""

import numpy as np
import pytest

from made_history import MOVE, STEP, corridor, ladder
from policyloop.core.errors import Invalid
from policyloop.learn.broken_rows import check_rows


def test_what_is_no_number_is_refused_by_its_rows_all_at_once():
    history = corridor(2)
    history.state[3, 0], history.reward[5] = np.nan, np.inf

    with pytest.raises(Invalid) as refused:
        check_rows(history, MOVE)

    assert [fault.where for fault in refused.value.faults] == ["row 3, state", "row 5, reward"]
    assert "fill the gap" in refused.value.faults[0].message


def test_an_action_outside_the_box_is_refused_by_its_row():
    history = corridor(2)
    history.action_value[2] = 0.3

    with pytest.raises(Invalid, match=r"row 2, action_value: of episode 0, step 2, lies outside the box; widen the bounds"):
        check_rows(history, MOVE)


def test_a_label_that_the_loop_does_not_have_is_refused_by_its_row():
    history = ladder(2)
    history.action[4] = 2

    with pytest.raises(Invalid, match=r"row 4, action: of episode 0, step 4, is not among the loop's labels"):
        check_rows(history, STEP)


def test_labels_where_numbers_are_expected_are_refused():
    with pytest.raises(Invalid, match="has 0 numbers; expected 1"):
        check_rows(ladder(5), MOVE)


def test_rows_that_fit_are_taken_and_so_is_no_row_at_all():
    check_rows(ladder(2), STEP)
    check_rows(corridor(1).where(np.zeros(20, bool)), MOVE)
