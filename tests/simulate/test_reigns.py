"""How long something worse was let stay, counted by hand."""

import pytest

from policyloop.simulate.reigns import longest_worse

SINCE = [0, 100, 600, 1100, 1600]


@pytest.mark.parametrize(
    ("values", "longest", "why"),
    [
        ([0.1, 0.9, 0.91, 0.92, 0.93], 0, "each is better"),
        ([0.1, 0.9, 0.89, 0.88, 0.87], 0, "each is worse by less than the margin than the one before it"),
        ([0.1, 0.9, 0.88, 0.91, 0.92], 500, "one is worse by the margin, and the next mends it"),
        ([0.1, 0.9, 0.85, 0.86, 0.91], 1000, "the next is better than the worse one, and still worse than what that replaced"),
        ([0.1, 0.9, 0.85, 0.87, 0.86], 1400, "it is never mended"),
        ([0.1, 0.9, 0.8, 0.9, 0.8], 500, "two spells: the longer counts"),
        ([0.5, 0.4, 0.6, 0.7, 0.8], 500, "the first model is worse than the baseline"),
    ],
)
def test_a_spell_lasts_until_what_is_live_is_worth_as_much_as_what_was_replaced(values, longest, why):
    assert longest_worse(values, SINCE, n=2000, margin=0.02) == longest, why


def test_one_champion_alone_replaced_nothing():
    assert longest_worse([0.3], [0], n=2000, margin=0.02) == 0
