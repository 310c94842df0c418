"""VW: Vowpal Wabbit's contextual bandits, learning online in the order of the log (needs the extra `vw`).

Question answered: what does each action bring, by a linear model that is learned event by event? How it learns is said in
`arguments`, as on its command line. Costs are the default reward minus the reward, so that what is not known costs 0. With the
explorer `vw` a second one learns beside it by `--cb_explore_adf`, whose own probabilities are taken; the first goes on
saying what to expect.
Source: Bietti, Agarwal & Langford 2021 (arXiv:1802.04064).
Letters: n examples, k actions, d features, e features of a candidate.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from vowpalwabbit import Workspace

from policyloop.core.errors import BadSetting
from policyloop.core.example import ExampleBatch
from policyloop.policy.needs import PMF
from policyloop.policy.policies import vw
from policyloop.policy.vw_arguments import Arguments, read

GIVES = (PMF,)
GIVES_SHARED = (PMF,)
SEARCHED = None  # it takes several times as long as the others together
_MIN_PROPENSITY = 1e-6
_NEEDS_COSTS = ("--squarecb", "--regcb", "--regcbopt")  # they reckon with bounds of the cost, which are [0, 1] unless said


class VwLearner:
    """One VW for expected rewards, and one more for its own exploration where that is asked for."""

    asks_for_weights = True  # examples weigh by 1 / propensity; where none came, all actions count as equally likely

    def __init__(self, values: Workspace, own: Workspace | None, *, n_actions: int | None, reward_default: float) -> None:
        self._values = values
        self._own = own
        self._n_actions = n_actions  # None: the actions are candidates
        self._reward_default = reward_default
        self._n = 0
        self._loss = 0.0

    def learn(self, batch: ExampleBatch) -> None:
        """Take in examples, one after another."""
        cost = (self._reward_default - batch.reward).tolist()
        n_allowed = batch.allowed.sum(axis=1)
        propensity = np.where(np.isnan(batch.propensity), 1 / np.maximum(n_allowed, 1), batch.propensity)
        chance = np.maximum(propensity, _MIN_PROPENSITY).tolist()
        for i in range(len(batch)):
            lines, taken = self._lines(batch, i)
            lines[taken + 1] = f"0:{cost[i]:.9g}:{chance[i]:.9g} {lines[taken + 1]}"
            example = self._values.parse(lines)
            predicted = self._values.predict(example)[taken]
            self._values.learn(example)
            self._values.finish_example(example)
            self._loss += (cost[i] - predicted) ** 2
            if self._own is not None:
                self._own.learn(lines)
        self._n += len(batch)

    def _lines(self, batch: ExampleBatch, i: int) -> tuple[list[str], int]:
        """The context and what was offered, and the place of what was taken among it."""
        context = vw.context_line(batch.features[i])
        if batch.action_features is not None and batch.action_id is not None:  # of candidates only the one taken is told
            return [context, *vw.candidate_lines(batch.action_features[i : i + 1], [int(batch.action_id[i])])], 0
        action = int(batch.action[i])
        assert self._n_actions is not None, "examples of labels came to a learner of candidates"
        offered = [a for a in range(self._n_actions) if batch.allowed[i, a] or a == action]
        labels = vw.label_lines(self._n_actions)
        return [context, *(labels[a] for a in offered)], offered.index(action)

    def reward_model(self, *, n_draws: int = 0) -> vw.Vw | vw.VwShared:
        """What has been learned so far; later learning does not change it."""
        values = vw.Scorer(vw.saved_bytes(self._values))
        own = None if self._own is None else vw.Scorer(vw.saved_bytes(self._own))
        if self._n_actions is None:
            return vw.VwShared(values, own, self._reward_default)
        return vw.Vw(values, own, self._n_actions, self._reward_default)

    def progress(self) -> Mapping[str, float]:
        """`n`, and `progressive_loss`: mean squared error on examples before they were learned."""
        return {"n": self._n, "progressive_loss": self._loss / self._n if self._n else 0.0}


def create(
    *,
    n_actions: int,
    n_features: int,
    rng: np.random.Generator,
    reward_default: float,
    half_life_s: float | None = None,
    arguments: str = "",
    needs: str | None = None,
    reward_range: tuple[float, float] | None = None,
) -> VwLearner:
    """A learner that knows nothing yet.

    Args:
        n_actions: k, at least 1.
        n_features: not needed here: VW hashes whatever comes.
        rng: where VW's seed comes from.
        reward_default: what an action is taken to bring where nothing is known of it, in the loop's reward unit.
        half_life_s: must be None: VW fades by its learning rate, not by time.
        arguments: how to learn and explore, such as `-l 0.1 --cb_type dr --squarecb`. Without interactions among them, `-q ca`
            is added, as no action could be better in one context than in another.
        needs: `pmf` where the explorer takes VW's own probabilities.
        reward_range: of the loop; bounds of the cost for the explorations that reckon with them.

    Raises:
        BadSetting: an argument is not allowed, or does not fit the others or the explorer; a half-life is asked for.
    """
    values, own = _workspaces(arguments, rng, reward_default, half_life_s, needs, reward_range, ("-q ca",))
    return VwLearner(values, own, n_actions=n_actions, reward_default=reward_default)


def create_shared(
    *,
    n_features: int,
    n_action_features: int,
    n_ids: int,
    rng: np.random.Generator,
    reward_default: float,
    half_life_s: float | None = None,
    arguments: str = "",
    needs: str | None = None,
    reward_range: tuple[float, float] | None = None,
) -> VwLearner:
    """A learner of candidates that knows nothing yet; arguments as in `create`.

    Without interactions among its arguments, `-q ca` is added, and where ids are known, `-q ci`.
    """
    usual = ("-q ca", "-q ci") if n_ids else ("-q ca",)
    values, own = _workspaces(arguments, rng, reward_default, half_life_s, needs, reward_range, usual)
    return VwLearner(values, own, n_actions=None, reward_default=reward_default)


def _workspaces(
    text: str,
    rng: np.random.Generator,
    reward_default: float,
    half_life_s: float | None,
    needs: str | None,
    reward_range: tuple[float, float] | None,
    usual: tuple[str, ...],
) -> tuple[Workspace, Workspace | None]:
    """One for the values, and one for its own exploration or None."""
    if not isinstance(text, str):
        raise BadSetting(f"learner.arguments is {text!r}; expected a text such as '-l 0.1 --squarecb'.")
    if half_life_s is not None:
        raise BadSetting(f"train.half_life is {half_life_s:g} s; vw fades by its learning rate, not by time: leave it out.")
    arguments = read(text)
    if arguments.exploring and needs != PMF:
        raise BadSetting(
            f"learner.arguments explores by {arguments.exploring[0]}, but the probabilities come from `explore:`; "
            f"say `explore: {{name: vw}}`, or leave it out."
        )
    learning = [*arguments.learning, *(() if arguments.names_interactions else usual)]
    seed = f"--random_seed {int(rng.integers(1, 2**31))}"
    values = _workspace(["--cb_adf", seed, *learning])
    if needs != PMF:
        return values, None
    exploring = [one for one in arguments.exploring if one != "--cb_explore_adf"]
    return values, _workspace(
        ["--cb_explore_adf", seed, *learning, *exploring, *_bounds(arguments, reward_default, reward_range)]
    )


def _bounds(arguments: Arguments, reward_default: float, reward_range: tuple[float, float] | None) -> list[str]:
    """The lowest and the highest cost, for explorations that reckon with them, unless the arguments say them."""
    if reward_range is None or not any(arguments.has(name) for name in _NEEDS_COSTS):
        return []
    low, high = reward_range
    bounds = {"--cb_min_cost": reward_default - high, "--cb_max_cost": reward_default - low}
    return [f"{name} {bound:.9g}" for name, bound in bounds.items() if not arguments.has(name)]


def _workspace(words: list[str]) -> Workspace:
    """VW with these arguments.

    Raises:
        BadSetting: VW does not take them together.
    """
    try:
        return Workspace(" ".join([*words, "--quiet"]), enable_logging=False)
    except (RuntimeError, ValueError) as error:
        raise BadSetting(f"learner.arguments does not suit vw: {error}") from error
