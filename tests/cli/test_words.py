"""How commands say things: what a loop decides about, in words."""

from cart import cart, engine
from front_page import front_page
from policyloop.cli.words import actions_in_words


def test_labels_are_actions_and_numbers_are_numbers():
    assert actions_in_words(front_page()) == "3 actions"
    assert actions_in_words(cart()) == "1 number"
    assert actions_in_words(engine()) == "1 label part and 2 numbers"
