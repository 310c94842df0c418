"""Needs: an explorer that asks for more than means meets a learner that gives it, or a message that says who does."""

from types import ModuleType

import pytest

from policyloop.core import plugins
from policyloop.core.errors import BadSetting
from policyloop.policy import needs
from policyloop.policy.scored import EXPLORERS


def learner(**says):
    module = ModuleType("a_learner")
    vars(module).update(says)
    return module


def test_every_need_of_an_explorer_of_ours_is_known():
    found = {needs.need_of(plugins.load(EXPLORERS, name)) for name in plugins.ours(EXPLORERS)}

    assert found == {None, needs.POSTERIOR, needs.BOOTSTRAP, needs.WIDTH, needs.PMF}


def test_an_explorer_that_needs_the_means_alone_takes_any_learner():
    needs.check(None, "squarecb", learner(GIVES=()), "boosted")


def test_a_learner_that_says_nothing_gives_posterior_draws():
    needs.check(needs.POSTERIOR, "thompson", learner(), "theirs")
    with pytest.raises(BadSetting, match="which needs posterior draws; the learner vw gives none"):
        needs.check(needs.POSTERIOR, "thompson", learner(GIVES=()), "vw")


@pytest.mark.parametrize(
    ("need", "explorer", "fitting"),
    [(needs.BOOTSTRAP, "bootstrap", "linear"), (needs.WIDTH, "linucb", "linear"), (needs.PMF, "vw", "vw")],
)
def test_a_learner_that_cannot_give_it_is_refused_with_one_that_can(need, explorer, fitting):
    with pytest.raises(BadSetting) as caught:
        needs.check(need, explorer, learner(), "theirs")

    assert str(caught.value).startswith(f"explore.name is {explorer}, which needs ")
    assert str(caught.value).endswith(
        f"Take the learner {fitting}, or an explorer that needs the means alone, such as squarecb."
    )


def test_for_candidates_a_learner_may_give_something_else():
    says = learner(GIVES=(needs.POSTERIOR, needs.WIDTH), GIVES_SHARED=(needs.POSTERIOR,))

    needs.check(needs.WIDTH, "linucb", says, "theirs")
    with pytest.raises(BadSetting, match="linucb, which needs the standard error"):
        needs.check(needs.WIDTH, "linucb", says, "theirs", is_shared=True)
