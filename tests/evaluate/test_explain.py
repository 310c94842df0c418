"""Explanations: exact for linear models, and told in words that fit the numbers."""

import numpy as np
import pytest

from front_page import front_page
from policyloop.core.loop import Field
from policyloop.core.policy import Pairs, Prediction
from policyloop.evaluate.explain import Offered, explanation
from policyloop.evaluate.pieces import pieces_of
from policyloop.evaluate.shapley import Shares, shapley
from policyloop.evaluate.worth import Candidate, worth_of_context, worth_of_pairs
from policyloop.policy.candidate_features import CandidateEncoder
from policyloop.policy.explorers.greedy import Greedy
from policyloop.policy.features import Encoder
from policyloop.policy.policies import linear
from policyloop.policy.scored import ScoredPolicy
from policyloop.policy.scored_candidates import ScoredCandidates
from served import context_of, some_model

RNG = np.random.default_rng(11)
CONTEXT = context_of(RNG)
OTHERS = [context_of(RNG) for _ in range(20)]


def shares_of(policy, fields):
    pieces = pieces_of(CONTEXT, fields)
    worth = worth_of_context(policy, CONTEXT, OTHERS, pieces=pieces, places=[0, 1, 2])
    return shapley(worth, len(pieces), rng=np.random.default_rng(5))


def test_of_a_linear_model_the_contributions_sum_to_the_difference_of_scores():
    policy = some_model()

    shares = shares_of(policy, front_page().context)

    scores, usual = policy.rewards_of_many([CONTEXT])[0], policy.rewards_of_many(OTHERS).mean(axis=0)
    np.testing.assert_allclose(shares.share.sum(axis=0), scores - usual, atol=1e-12)
    np.testing.assert_allclose(shares.base, usual, atol=1e-12)


def test_of_a_linear_model_each_field_gets_its_weights_times_what_is_unusual_in_its_features():
    policy = some_model()
    fields = list(front_page().context)

    shares = shares_of(policy, fields)

    for i, field in enumerate(fields):
        one_changed = [{**CONTEXT, field: other[field]} for other in OTHERS]
        truth = (policy.encoder.encode(CONTEXT) - policy.encoder.encode_many(one_changed).mean(axis=0)) @ (
            policy.reward_model.weights.T
        )
        np.testing.assert_allclose(shares.share[i], truth, atol=1e-12)


def test_products_of_two_features_are_shared_exactly_even_where_orders_are_drawn():
    """Twelve fields are too many to count every set; the model is a product of two of them."""
    names = [f"x{i}" for i in range(12)]
    encoder = Encoder.fit({name: Field(name=name, type="boolean") for name in names}, [])
    weights = np.zeros((3, linear.n_terms("quadratic", 13)))
    x = np.eye(13)[3] + np.eye(13)[7]
    weights[0] = linear.expand("quadratic", x[np.newaxis])[0] * (np.arange(weights.shape[1]) > 12)
    weights[0] *= linear.expand("quadratic", np.eye(13)).sum(axis=0) == 0  # without the squares
    policy = ScoredPolicy(encoder, linear.create("quadratic", weights), Greedy(), 0.0, 3)
    context, other = dict.fromkeys(names, True), dict.fromkeys(names, False)

    worth = worth_of_context(policy, context, [other], pieces=pieces_of(context, names), places=[0])
    shares = shapley(worth, 12, rng=np.random.default_rng(1))

    truth = np.zeros(12)
    truth[[2, 6]] = 0.5
    np.testing.assert_allclose(shares.share[:, 0], truth, atol=1e-12)
    np.testing.assert_allclose(shares.stderr, 0.0, atol=1e-12)


class PriceAndId:
    """Expects -price + 2 on a phone, and 10 more of the first known id."""

    n_draws = 0
    kind = "test"

    def predict_pairs(self, pairs: Pairs) -> Prediction:
        return Prediction(-pairs.actions[:, 1] + 2.0 * pairs.contexts[pairs.row, 1] + 10.0 * (pairs.ids == 0))


def test_of_candidates_their_own_features_and_ids_speak_beside_the_context():
    phone, cheap = Field(name="is_phone", type="boolean"), Field(name="is_dear", type="boolean")
    policy = ScoredCandidates(
        Encoder.fit({"is_phone": phone}, []),
        CandidateEncoder(Encoder.fit({"is_dear": cheap}, []), ["known"]),
        PriceAndId(),
        Greedy(),
        0.0,
    )
    context, own = {"is_phone": True}, [Candidate("known", {"is_dear": True}), Candidate("new", {"is_dear": False})]
    others = [
        ({"is_phone": False}, Candidate("new", {"is_dear": False})),
        ({"is_phone": False}, Candidate("x", {"is_dear": True})),
    ]

    worth = worth_of_pairs(
        policy,
        context,
        own,
        others,
        of_context=pieces_of(context, ["is_phone"]),
        of_candidate=pieces_of(own[0].features, ["is_dear"]),
    )
    shares = shapley(worth, 3, rng=np.random.default_rng(0))

    np.testing.assert_allclose(shares.share, [[2.0, 2.0], [-0.5, 0.5], [10.0, 0.0]])
    np.testing.assert_allclose(shares.whole, [11.0, 2.0])


def offered(rewards, explored, *, floor=0.0):
    names = ("calm", "bold", "playful")
    n = sum(reward is not None for reward in rewards)
    return [
        Offered(
            name=name,
            is_allowed=reward is not None,
            reward=reward,
            explored=p,
            probability=(1 - floor) * p + floor / n if reward is not None else 0.0,
        )
        for name, reward, p in zip(names, rewards, explored, strict=True)
    ]


def told(rewards, explored, share, *, taken=1, places=(1, 0, 2), floor=0.0, is_point=False):
    table = np.array(share, dtype=float)
    shares = Shares(table, np.zeros_like(table), np.zeros(table.shape[1]), table.sum(axis=0))
    return explanation(
        offered(rewards, explored, floor=floor),
        shares,
        taken=taken,
        places=places,
        pieces=[("device", "phone"), ("hour", 9)][: len(table)],
        n_background=64,
        explorer="squarecb",
        floor=floor,
        is_point=is_point,
    )


def test_the_best_action_is_explained_by_what_raised_it_and_its_lead():
    found = told([0.3, 0.42, 0.1], [0.1, 0.8, 0.1], [[0.12, -0.03, 0.0], [0.002, 0.001, 0.0]], floor=0.3)

    assert found.sentences() == [
        "Its expected reward, 0.42, was the best of 3: 0.12 above 'calm', the next.",
        "device = phone raised the expected reward of 'bold' by 0.12 and its lead over 'calm' by 0.15.",
        "squarecb gave it a probability of 0.8; with the floor, 0.3 shared by 3, that is 0.66.",
        "Usual is what 64 other decisions of the log had.",
    ]


def test_an_action_that_was_not_the_best_was_taken_to_explore():
    found = told([0.5, 0.42, 0.1], [0.9, 0.05, 0.05], [[0.12, 0.2, 0.0]])

    assert found.sentences()[:2] == [
        "Its expected reward, 0.42, was number 2 of 3, 0.08 below 'calm', the best: it was taken to explore.",
        "device = phone raised the expected reward of 'bold' by 0.12 but lowered its lead over 'calm' by 0.08.",
    ]


def test_contributions_come_with_those_that_matter_most_first_and_the_mean_of_the_others():
    found = told([0.3, 0.42, 0.1], [0.1, 0.8, 0.1], [[0.01, 0.0, 0.0], [0.1, -0.1, -0.3]])

    first, second = found.contributions
    assert (first.name, first.to_taken) == ("hour", 0.1)
    assert (first.against_next, first.against_others) == pytest.approx((0.2, 0.3))
    assert second.name == "device"


def test_masked_actions_and_a_wish_not_to_explore_are_told():
    found = told([0.3, 0.42, None], [0.0, 1.0, 0.0], [[0.1, 0.0]], places=(1, 0), is_point=True)

    assert "1 of 3 offered actions were not allowed." in found.sentences()
    assert "The caller asked not to explore, so the most probable action was taken." in found.sentences()


def test_a_tie_and_a_single_action_are_told_as_such():
    tie = told([0.42, 0.42, 0.1], [0.5, 0.5, 0.0], [[0.0, 0.0, 0.0]])
    alone = told([None, 0.42, None], [0.0, 1.0, 0.0], [[0.1]], places=(1,))

    assert tie.sentences()[:2] == [
        "Its expected reward, 0.42, was that of 'calm' too: a tie.",
        "No field moved its expected reward away from what is usual.",
    ]
    assert alone.sentences()[:2] == [
        "'bold' was the only action that was allowed and that the model knows.",
        "device = phone raised the expected reward of 'bold' by 0.1.",
    ]


def test_an_action_that_the_model_does_not_know_had_its_share_of_the_floor():
    options = offered([0.3, None, 0.1], [0.9, 0.0, 0.1])

    found = explanation(
        options,
        None,
        taken=1,
        places=[],
        pieces=[],
        n_background=0,
        explorer="squarecb",
        floor=0.02,
        is_point=False,
    )

    assert found.sentences()[0] == (
        "The model does not know 'bold', so nothing spoke for it: it had its share of the floor alone."
    )


def test_probabilities_that_the_model_does_not_give_any_more_are_told():
    options = [Offered(name="calm", is_allowed=True, reward=1.0, explored=1.0, probability=0.5)]

    found = explanation(
        options, None, taken=0, places=[0], pieces=[], n_background=0, explorer="greedy", floor=0.0, is_point=False
    )

    assert found.sentences()[-1] == "It was logged with 0.5: see `policyloop replay`."
