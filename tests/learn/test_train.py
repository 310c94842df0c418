"""Training: a pure function from examples to a model that can be served."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from policyloop.core.errors import NothingToDo
from policyloop.core.example import Examples
from policyloop.core.model import Manifest, canonical_json
from policyloop.core.policy import Actions
from policyloop.core.spec_file import read_spec
from policyloop.learn.train import train
from policyloop.policy import scored

DAY_US = 86_400_000_000


def spec(**keys):
    return read_spec(
        {
            "loop": "shop",
            "context": {"x": {"type": "number"}, "device": {"type": "category", "values": ["phone", "desktop"]}},
            "actions": {"kind": "discrete", "labels": ["a", "b", "c"]},
            "outcomes": {"bought": {"type": "boolean"}},
            "reward": {"expression": "bought", "range": [0, 1]},
            "baseline": "uniform",
            **keys,
        }
    )


def examples(n, *, seed=0, split=None):
    rng = np.random.default_rng(seed)
    x, device, action = rng.normal(size=n), rng.integers(2, size=n), rng.integers(3, size=n)
    return Examples(
        contexts=[{"x": float(a), "device": ("phone", "desktop")[b]} for a, b in zip(x, device, strict=True)],
        allowed=np.ones((n, 3), dtype=bool),
        action=action,
        reward=(action == np.where(device == 0, 0, np.where(x > 0, 1, 2))).astype(float),
        propensity=np.full(n, 1 / 3),
        pmf=np.full((n, 3), 1 / 3),
        split=rng.random(n) if split is None else np.full(n, split),
        decided_at=np.arange(n, dtype=np.int64) * (DAY_US // 100),
        is_fallback=np.ones(n, dtype=bool),
        policy=np.array(["baseline"] * n, dtype=object),
    )


def trained(rows, the_spec, **changes):
    given = {"seed": 1, "parent": None, "snapshot": {"examples": 3}, "code_version": "0", **changes}
    return train(rows, the_spec, **given)


@pytest.mark.parametrize("explorer", ["squarecb", "thompson", "bootstrap", "linucb"])
def test_the_same_input_gives_the_same_bytes(explorer):
    the_spec = spec(explore={"name": explorer})

    assert trained(examples(300), the_spec) == trained(examples(300), the_spec)


@pytest.mark.parametrize("explorer", ["squarecb", "thompson", "greedy", "epsilon_greedy", "softmax", "bootstrap", "linucb"])
def test_a_model_loaded_from_its_bytes_takes_what_it_learned(explorer):
    made = trained(examples(600), spec(explore={"name": explorer}))

    policy = scored.load(made.manifest, made.tensors)

    for context, best in (({"x": 1.0, "device": "phone"}, 0), ({"x": 1.0, "device": "desktop"}, 1)):
        assert policy.probabilities(context, Actions.of(("a", "b", "c"))).argmax() == best


def test_a_manifest_that_was_read_is_written_as_it_was():
    written = canonical_json(trained(examples(300), spec()).manifest)

    assert canonical_json(msgspec.json.decode(written, type=Manifest)) == written


def test_examples_of_the_evaluation_split_leave_no_trace():
    learned, other = examples(100, split=0.5), examples(100, seed=9, split=0.9)
    both = Examples(
        **{
            name: [*getattr(learned, name), *getattr(other, name)]
            if name == "contexts"
            else np.concatenate([getattr(learned, name), getattr(other, name)])
            for name in Examples.__slots__
            if getattr(learned, name) is not None
        }
    )

    assert trained(both, spec()) == trained(learned, spec())


def test_examples_older_than_the_window_leave_no_trace():
    rows = examples(300, split=0.0)  # three days

    windowed = trained(rows, spec(train={"window": "1d"}))

    assert windowed.manifest.n_examples == 101  # the newest, and those at most a day before it
    alone = trained(rows.where(np.arange(300) >= 199), spec(train={"window": "1d"}))
    assert windowed == alone


def test_the_subject_is_never_a_feature():
    context = {"x": {"type": "number"}, "device": {"type": "category"}, "user": {"type": "category", "optional": True}}

    made = trained(examples(50), spec(context=context, subject="user"))

    named = [name for part in made.manifest.features["parts"] for name in part["names"]]
    assert named == ["x", "device"]


def test_without_examples_it_says_what_is_missing():
    with pytest.raises(NothingToDo, match="no example to learn from: 5 are joined"):
        trained(examples(5, split=0.9), spec())


def undeclared(rows):
    """The same examples, with the context in one object that nobody declared."""
    about = [{"about": {"x": one["x"], "seen_on": {"device": one["device"]}}} for one in rows.contexts]
    return replace(rows, contexts=about)


ANY = {"about": {"type": "json", "optional": True}}


def test_what_stands_in_any_json_is_learned_as_if_it_were_declared():
    rows, fresh = examples(2000, split=0.1), examples(500, seed=7)
    declared, any_json = trained(rows, spec()), trained(undeclared(rows), spec(context=ANY))

    best, best_of_json = (
        scored.load(made.manifest, made.tensors).probabilities_of_many(some.contexts, some.allowed).argmax(axis=1)
        for made, some in ((declared, fresh), (any_json, undeclared(fresh)))
    )

    assert (best == best_of_json).mean() > 0.99


@pytest.mark.parametrize(
    "about",
    [
        {"x": 1.0, "seen_on": {"device": "phone"}, **{f"new-{i}": {"path": i} for i in range(400)}},
        {"x": "a text", "seen_on": ["a list"]},
        {"x": {"y": {"z": None}}, "seen_on": 7},
        [[[1, 2], "x"], True],
        {},
        None,
    ],
    ids=["new paths", "other types", "other shapes", "a list", "nothing in it", "missing"],
)
def test_no_json_breaks_a_model(about):
    made = trained(undeclared(examples(300)), spec(context=ANY))
    policy = scored.load(made.manifest, made.tensors)

    one = policy.probabilities({"about": about}, Actions.of(("a", "b", "c")))
    (many,) = policy.probabilities_of_many([{"about": about}], np.ones((1, 3), dtype=bool))

    assert one.sum() == pytest.approx(1)
    assert (one > 0).all()
    np.testing.assert_allclose(one, many, atol=1e-12)
