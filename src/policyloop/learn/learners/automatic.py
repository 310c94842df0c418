"""Automatic: several learners learn the same log, and the one that would have decided best on what came after is taken.

Question answered: which learner suits this loop? How that is judged is in learn/contest.py; the model's card says who was
taken and why, in words. The model itself is the winner's, and costs at a decision what the winner's costs.
Letters: k actions, d features.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from policyloop.core import plugins
from policyloop.core.errors import BadSetting
from policyloop.learn.contest import Contest, Entrant
from policyloop.policy.needs import POSTERIOR

GIVES = (POSTERIOR,)
GIVES_SHARED = (POSTERIOR,)
SEARCHED = None  # it is a search itself, among learners that take part by themselves
RECIPES = ("linear", "boosted")  # the simplest first; vw takes part by name, as it takes several times as long as both
_LEARNERS = "policyloop.learn.learners"


def create(
    *,
    n_actions: int,
    n_features: int,
    rng: np.random.Generator,
    reward_default: float,
    half_life_s: float | None = None,
    recipes: Sequence[str] | None = None,
) -> Contest:
    """A learner that knows nothing yet.

    Args:
        n_actions: k, at least 1.
        n_features: d, the constant feature included.
        rng: where every learner's noise comes from.
        reward_default: what an action is taken to bring where nothing is known of it, in the loop's reward unit.
        half_life_s: an example's weight halves in so many seconds before the newest; None: never.
        recipes: names of the learners that take part, the first leads while nothing speaks for another; None: `RECIPES`.

    Raises:
        UnknownName: no learner has one of the names.
        MissingLibrary: one that is named needs a library that is not installed.
        BadSetting: a name is `automatic` itself, none is left, or a learner that is named does not take these settings.
    """
    alike = {"n_features": n_features, "reward_default": reward_default, "half_life_s": half_life_s}
    return _contest("create", "GIVES", recipes, rng, {"n_actions": n_actions, **alike})


def create_shared(
    *,
    n_features: int,
    n_action_features: int,
    n_ids: int,
    rng: np.random.Generator,
    reward_default: float,
    half_life_s: float | None = None,
    recipes: Sequence[str] | None = None,
) -> Contest:
    """A learner of candidates that knows nothing yet; what is not told here is as in `create`.

    Only the candidate that was taken is known of each example, so learners are judged by their errors alone.

    Args:
        n_features: d, of the context, the constant included.
        n_action_features: e, of a candidate, the constant included.
        n_ids: how many ids have weights of their own.
        rng: as in `create`.
        reward_default: as in `create`.
        half_life_s: as in `create`.
        recipes: as in `create`.
    """
    alike = {"n_features": n_features, "reward_default": reward_default, "half_life_s": half_life_s}
    return _contest(
        "create_shared", "GIVES_SHARED", recipes, rng, {"n_action_features": n_action_features, "n_ids": n_ids, **alike}
    )


def _contest(
    maker: str, gives: str, recipes: Sequence[str] | None, rng: np.random.Generator, arguments: dict[str, Any]
) -> Contest:
    """Everyone that can take part."""
    names = RECIPES if recipes is None else tuple(recipes)
    if not names or "automatic" in names or isinstance(recipes, str):
        raise BadSetting(f"learner.recipes is {recipes!r}; expected a list of other learners, such as [linear, boosted].")
    entrants = []
    for name in names:
        plugin: ModuleType = plugins.load(_LEARNERS, name)
        learner = getattr(plugin, maker)(rng=np.random.default_rng(rng.integers(2**63)), **arguments)
        entrants.append(Entrant(name, learner, POSTERIOR in getattr(plugin, gives, (POSTERIOR,))))
    return Contest(entrants)
