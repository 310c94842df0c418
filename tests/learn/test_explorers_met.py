"""Each explorer with each learner of ours: trained and loaded they decide well, or `apply` says who does not go together."""

import numpy as np
import pytest

from policyloop.core import plugins
from policyloop.core.candidates import candidates_of
from policyloop.core.errors import Invalid, MissingLibrary
from policyloop.core.example import Examples
from policyloop.core.plugin_settings import names_with
from policyloop.core.policy import Actions
from policyloop.core.spec_file import read_spec
from policyloop.learn.train import LEARNERS, train
from policyloop.policy import needs, scored
from policyloop.policy.scored import EXPLORERS
from policyloop.run.apply import check_plugins

N, K = 600, 3
LABELS = {"labels": ["a", "b", "c"]}
CANDIDATES = {"kind": "candidates", "features": {"price": {"type": "number"}}}
OURS = [name for name in names_with(LEARNERS, "create") if name in plugins.ours(LEARNERS)]
PAIRS = [(learner, explorer) for learner in OURS for explorer in names_with(EXPLORERS, "create")]


def loop(learner, explorer, actions):
    return read_spec(
        {
            "loop": "market",
            "context": {"purse": {"type": "number"}},
            "actions": actions,
            "outcomes": {"bought": {"type": "boolean", "take": "max"}},
            "learner": {"name": learner},
            "explore": {"name": explorer, "floor": 0.03},
            "train": {"split": 1.0},
        }
    )


def log(is_candidates):
    """People with a large purse (1) like the last, which is the dearest; others (-1) the first, which is the cheapest."""
    rng = np.random.default_rng(1)
    purse, action = rng.choice([-1.0, 1.0], size=N), rng.integers(K, size=N)
    prices = np.sort(rng.random((N, K)), axis=1)
    offered = [candidates_of(["x", "y", "z"], [{"price": price} for price in row]) for row in prices.tolist()]
    return Examples(
        contexts=[{"purse": value} for value in purse.tolist()],
        allowed=np.ones((N, K), dtype=bool),
        action=action,
        reward=(action == np.where(purse > 0, K - 1, 0)).astype(float),
        propensity=np.full(N, 1 / K),
        pmf=np.full((N, K), 1 / K),
        split=np.zeros(N),
        decided_at=np.arange(N),
        is_fallback=np.ones(N, dtype=bool),
        policy=np.array(["baseline"] * N, dtype=object),
        candidates=offered if is_candidates else None,
    )


@pytest.mark.parametrize("kind", ["labels", "candidates"])
@pytest.mark.parametrize(("learner", "explorer"), PAIRS)
def test_they_decide_well_together_or_are_refused_ahead(learner, explorer, kind):
    is_candidates = kind == "candidates"
    spec = loop(learner, explorer, CANDIDATES if is_candidates else LABELS)
    try:
        module = plugins.load(LEARNERS, learner)
    except MissingLibrary as error:
        pytest.skip(str(error))
    gives = getattr(module, "GIVES_SHARED" if is_candidates else "GIVES", (needs.POSTERIOR,))
    need = needs.need_of(plugins.load(EXPLORERS, explorer))
    if need not in (None, *gives):
        with pytest.raises(Invalid, match=rf"explore\.name is {explorer}, which needs"):
            check_plugins(spec)
        return

    made = train(log(is_candidates), spec, seed=3, parent=None, snapshot={}, code_version="0")
    policy = scored.load(made.manifest, made.tensors)

    new = candidates_of(["new", "old", "odd"], [{"price": 0.05}, {"price": 0.5}, {"price": 0.95}]) if is_candidates else None
    actions = Actions(("new", "old", "odd") if is_candidates else ("a", "b", "c"), np.ones(K, dtype=bool), new)
    for purse, best in ((1.0, K - 1), (-1.0, 0)):
        pmf = policy.probabilities({"purse": purse}, actions)
        assert pmf.argmax() == best
        assert pmf.min() >= 0.01 - 1e-12
        assert pmf.sum() == pytest.approx(1.0)
        together = policy.probabilities_of_many([{"purse": purse}], np.ones((1, K), dtype=bool), None if new is None else [new])
        np.testing.assert_allclose(together[0], pmf, atol=1e-9)
