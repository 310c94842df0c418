"""VW as learner: what Vowpal Wabbit does, frozen in our models; with its own exploration and with ours."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from policyloop.core import plugins
from policyloop.core.errors import BadModel, BadSetting, MissingLibrary
from policyloop.core.example import ExampleBatch, Examples
from policyloop.core.policy import Actions, Pairs
from policyloop.core.spec_file import read_spec
from policyloop.policy import scored
from policyloop.policy.needs import PMF

pytest.importorskip("vowpalwabbit", reason="vowpalwabbit is not installed; pip install 'policyloop[vw]'")

from policyloop.learn.learners import vw as learner
from policyloop.learn.train import LEARNERS, train
from policyloop.policy.policies import vw

OWN = [
    "",
    "--epsilon 0.2",
    "--bag 5",
    "--cover 3",
    "--squarecb",
    "--squarecb --elim",
    "--regcb",
    "--regcbopt",
    "--softmax --lambda 5",
]


def batch(n, *, seed=2, k=3, d=3):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, d - 1))])
    action = rng.integers(k, size=n)
    return ExampleBatch(
        features=x,
        allowed=np.ones((n, k), dtype=bool),
        action=action,
        reward=(rng.random(n) < 0.2 + 0.5 * (action == (x[:, 1] > 0))).astype(float),
        propensity=np.full(n, 1 / k),
        decided_at=np.arange(n),
    )


def made(arguments="", *, own=False, **changes):
    given = {"n_actions": 3, "n_features": 3, "reward_default": 0.0, **changes}
    needs = {"needs": PMF, "reward_range": (0.0, 1.0)} if own else {}
    return learner.create(rng=np.random.default_rng(7), arguments=arguments, **needs, **given)


@pytest.mark.parametrize("arguments", OWN)
def test_its_own_exploration_gives_probabilities_that_stay_the_same(arguments):
    it = made(arguments, own=True)
    it.learn(batch(300))
    model = it.reward_model(n_draws=1)
    x = batch(40, seed=5).features

    first, again = model.predict(x).draws, model.predict(x[::-1]).draws[::-1]

    assert first.shape == (40, 1, 3)
    assert (first >= 0).all()
    np.testing.assert_allclose(first.sum(axis=2), 1.0, atol=1e-12)
    np.testing.assert_array_equal(first, again)  # asking teaches it nothing, in whatever order


@pytest.mark.parametrize("arguments", OWN)
def test_a_model_is_the_same_bits_after_saving(arguments):
    it = made(arguments, own=True)
    it.learn(batch(200))
    model, x = it.reward_model(n_draws=1), batch(20, seed=5).features
    before = model.predict(x)

    settings, tensors = model.save()
    after = vw.load(settings, tensors).predict(x)

    assert {name: tensor.dtype for name, tensor in tensors.items()} == {"values": np.uint8, "own": np.uint8}
    np.testing.assert_array_equal(before.mean, after.mean)
    np.testing.assert_array_equal(before.draws, after.draws)


def test_epsilon_greedy_by_hand():
    it = made("--epsilon 0.3", own=True)
    it.learn(batch(2000))

    found = it.reward_model(n_draws=1).predict(np.array([1.0, 2.0, 0.0]))

    assert found.mean.argmax() == 1
    np.testing.assert_allclose(found.draws, [[0.1, 0.8, 0.1]], atol=1e-6)


def test_squarecb_goes_by_the_count_frozen_in_the_model():
    few, many = made("--squarecb", own=True), made("--squarecb", own=True)
    few.learn(batch(300))
    many.learn(batch(20_000))

    x = np.array([1.0, 2.0, 0.0])
    assert few.reward_model(n_draws=1).predict(x).draws.max() < many.reward_model(n_draws=1).predict(x).draws.max()


def test_threads_get_what_one_alone_gets():
    it = made("--squarecb", own=True)
    it.learn(batch(300))
    model, x = it.reward_model(n_draws=1), batch(200, seed=5).features
    alone = model.predict(x)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(model.predict, list(x)))

    np.testing.assert_array_equal([one.mean for one in found], alone.mean)
    np.testing.assert_array_equal([one.draws for one in found], alone.draws)


def test_unknown_propensities_count_as_even_chances():
    known, unknown = made(), made()
    known.learn(batch(50))
    unknown.learn(replace(batch(50), propensity=np.full(50, np.nan)))

    x = batch(5, seed=5).features
    np.testing.assert_array_equal(known.reward_model().predict(x).mean, unknown.reward_model().predict(x).mean)


def test_progressive_loss_is_the_squared_error_before_learning():
    rows, it = batch(40), made()
    before = []
    for i in range(40):
        before.append(it.reward_model().predict(rows.features[i]).mean[rows.action[i]])
        it.learn(rows[i : i + 1])

    assert it.progress()["progressive_loss"] == pytest.approx(((rows.reward - before) ** 2).mean(), rel=1e-5)


def test_our_explorers_and_its_own_are_not_mixed_up():
    with pytest.raises(
        BadSetting, match=r"explores by --squarecb, but the probabilities come from `explore:`; say `explore: \{name: vw\}`"
    ):
        made("--squarecb")


def test_arguments_that_vw_does_not_take_together_are_told_in_its_words():
    with pytest.raises(BadSetting, match=r"learner\.arguments does not suit vw: .*'dr' is not a valid choice"):
        made("--squarecb --cb_type dr", own=True)


def test_a_half_life_is_refused():
    with pytest.raises(BadSetting, match=r"train\.half_life is 60 s; vw fades by its learning rate"):
        made(half_life_s=60.0)


def test_bytes_that_are_no_model_are_refused():
    it = made()
    it.learn(batch(10))
    settings, tensors = it.reward_model().save()
    evil = tensors["values"].tobytes().replace(b"--quadratic ca", b"--predictions x")[:-1]

    for wrong in (b"", b"nonsense" * 40, tensors["values"].tobytes()[:20]):
        with pytest.raises(BadModel, match="the bytes are no model of VW"):
            vw.load(settings, {"values": np.frombuffer(wrong, dtype=np.uint8)})
    with pytest.raises(BadModel, match="was made with '--predictions', which no loop may ask for"):
        vw.load(settings, {"values": np.frombuffer(evil, dtype=np.uint8)})
    with pytest.raises(BadModel, match="needs the tensor 'values'"):
        vw.load(settings, {})
    with pytest.raises(BadModel, match="needs the setting 'n_actions'"):
        vw.load({}, tensors)


def candidates(n, *, seed=1):
    """Examples of candidates with one feature, which brings its value when the context is 1 and the opposite when -1."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.choice([-1.0, 1.0], size=n)])
    value = rng.random(n)
    return ExampleBatch(
        features=x,
        allowed=np.ones((n, 4), dtype=bool),
        action=rng.integers(4, size=n),
        reward=x[:, 1] * value,
        propensity=np.full(n, 0.25),
        decided_at=np.arange(n),
        action_features=np.column_stack([np.ones(n), value]),
        action_id=np.full(n, -1),
    )


@pytest.mark.parametrize("own", [False, True])
def test_candidates_are_scored_by_their_features_in_each_context(own):
    needs = {"needs": PMF, "reward_range": (-1.0, 1.0)} if own else {}
    it = learner.create_shared(
        n_features=2, n_action_features=2, n_ids=0, rng=np.random.default_rng(1), reward_default=0.0, **needs
    )
    it.learn(candidates(2000))
    contexts = np.array([[1.0, 1.0], [1.0, -1.0]])
    actions = np.array([[1.0, 0.1], [1.0, 0.9], [1.0, 0.1], [1.0, 0.5], [1.0, 0.9]])
    pairs = Pairs(contexts, np.array([0, 0, 1, 1, 1]), actions, np.full(5, -1))

    model = it.reward_model(n_draws=1)
    found = model.predict_pairs(pairs)

    np.testing.assert_allclose(found.mean, [0.1, 0.9, -0.1, -0.5, -0.9], atol=0.1)
    if own:
        assert found.draws.shape == (1, 5)
        np.testing.assert_allclose([found.draws[0, :2].sum(), found.draws[0, 2:].sum()], 1.0)
        assert found.draws[0].argmax() in (1, 2)
    again = vw.load_shared(*model.save()).predict_pairs(pairs)
    np.testing.assert_array_equal(again.mean, found.mean)
    assert it.progress()["progressive_loss"] < 0.1


def test_known_ids_have_weights_of_their_own():
    it = learner.create_shared(n_features=1, n_action_features=1, n_ids=2, rng=np.random.default_rng(1), reward_default=0.0)
    rows = candidates(600)
    ids = np.arange(600) % 2
    it.learn(
        replace(
            rows,
            features=np.ones((600, 1)),
            action_features=np.ones((600, 1)),
            action_id=ids,
            reward=np.where(ids == 0, 1.0, 0.0),
        )
    )

    found = it.reward_model().predict_pairs(Pairs(np.ones((1, 1)), np.zeros(2, dtype=int), np.ones((2, 1)), np.array([0, 1])))

    np.testing.assert_allclose(found.mean, [1.0, 0.0], atol=0.1)


def spec(explore, arguments):
    return read_spec(
        {
            "loop": "shop",
            "context": {"x": {"type": "number"}},
            "actions": {"labels": ["a", "b", "c"]},
            "outcomes": {"bought": {"type": "boolean", "take": "max"}},
            "learner": {"name": "vw", "arguments": arguments},
            "explore": explore,
            "train": {"split": 1.0},
        }
    )


def examples(n):
    rows = batch(n, d=2)
    return Examples(
        contexts=[{"x": x} for x in rows.features[:, 1].tolist()],
        allowed=rows.allowed,
        action=rows.action,
        reward=rows.reward,
        propensity=rows.propensity,
        pmf=np.full((n, 3), 1 / 3),
        split=np.zeros(n),
        decided_at=rows.decided_at,
        is_fallback=np.zeros(n, dtype=bool),
        policy=np.array(["baseline"] * n, dtype=object),
    )


@pytest.mark.parametrize(
    ("explore", "arguments"),
    [("vw", "--squarecb"), ("vw", "--cover 3"), ("squarecb", "-l 0.1 --cb_type dr"), ("greedy", "--coin")],
)
def test_a_loop_may_ask_for_it_and_the_floor_comes_last(explore, arguments):
    the_spec = spec({"name": explore, "floor": 0.06}, arguments)
    made_once, again = (train(examples(500), the_spec, seed=1, parent=None, snapshot={}, code_version="0") for _ in range(2))

    policy = scored.load(made_once.manifest, made_once.tensors)

    assert made_once == again  # to the last bit
    pmf = policy.probabilities({"x": 2.0}, Actions.of(("a", "b", "c")))
    assert pmf.argmax() == 1
    assert pmf.min() >= 0.02 - 1e-15
    masked = policy.probabilities({"x": 2.0}, Actions(("a", "b", "c"), np.array([True, False, True])))
    assert masked[1] == 0
    assert masked.sum() == pytest.approx(1.0)
    assert masked.min(where=np.array([True, False, True]), initial=1) >= 0.03 - 1e-15


def test_an_explorer_that_needs_draws_is_refused_with_a_learner_that_gives_them():
    with pytest.raises(
        BadSetting, match=r"thompson, which needs posterior draws; the learner vw gives none. Take the learner linear"
    ):
        train(examples(10), spec("thompson", ""), seed=1, parent=None, snapshot={}, code_version="0")


def test_without_the_library_the_way_to_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "vowpalwabbit", None)
    monkeypatch.delitem(sys.modules, "policyloop.learn.learners.vw")
    plugins.load.cache_clear()

    with pytest.raises(MissingLibrary) as caught:
        plugins.load(LEARNERS, "vw")

    assert str(caught.value) == (
        "vw needs the library 'vowpalwabbit', which is not installed; run: pip install 'policyloop[vw]'"
    )
