"""A model that was chosen by its history alone: a state, no verdict, and no way to go live that somebody did not ask for."""

import pytest

from policyloop.core.errors import PromotionRefused

LOOP = "front-page"
WHY = ("The last checkpoint is taken.", "Nothing could be weighed.")


def state_of(registry, model):
    return next(row.state for row in registry.models(LOOP) if row.model == model)


@pytest.fixture
def chosen(loop, publish):
    model = publish(1)
    loop.choose_offline(LOOP, model, WHY)
    return model


def test_the_state_says_so_the_sentences_are_kept_and_there_is_no_verdict(loop, chosen):
    assert state_of(loop, chosen) == "offline-chosen"
    assert loop.offline_choice(LOOP, chosen) == WHY
    assert loop.verdicts(LOOP) == []


def test_a_model_that_was_not_chosen_offline_has_no_such_sentences(loop, publish):
    assert loop.offline_choice(LOOP, publish(1)) == ()


def test_no_refresh_puts_it_live(loop, chosen, verdict):
    with pytest.raises(PromotionRefused, match="was chosen offline: nobody has seen it act, so no refresh puts it live"):
        loop.promote(LOOP, verdict(chosen, None))

    assert loop.standing(LOOP).champion is None


def test_a_person_has_to_say_that_it_is_unseen(loop, chosen):
    with pytest.raises(PromotionRefused, match=r"nobody has seen it act.*--model.*--unseen"):
        loop.promote_by_person(LOOP, chosen, why="it looks fine")

    loop.promote_by_person(LOOP, chosen, why="it is a simulation", is_unseen_fine=True)

    assert loop.standing(LOOP).champion == chosen
    assert state_of(loop, chosen) == "live"


def test_what_the_gate_has_dealt_with_is_not_chosen_any_more(loop, chosen):
    loop.promote_by_person(LOOP, chosen, why="known", is_unseen_fine=True)

    with pytest.raises(PromotionRefused, match="is live; expected one that the gate has not dealt with"):
        loop.choose_offline(LOOP, chosen, WHY)
