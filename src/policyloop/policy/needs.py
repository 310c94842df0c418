"""Needs: what an explorer asks of the reward model beside the means, and who can give it.

Question answered: does this learner fit this explorer? An explorer's file says `NEEDS = ...`, a learner's `GIVES = (...)`;
what is asked for comes as the rows of `Prediction.draws`:

| need | rows | asked for by |
|---|---|---|
| posterior | s expected rewards, each as one draw of what is not known has them | `thompson` |
| bootstrap | s expected rewards, each of a model that weighed the examples its own way | `bootstrap` |
| width | 1: the standard error of each expected reward | `linucb` |
| pmf | 1: the probabilities that the model itself gives | `vw` |
"""

from __future__ import annotations

from types import ModuleType

from policyloop.core.errors import BadSetting

POSTERIOR, BOOTSTRAP, WIDTH, PMF = "posterior", "bootstrap", "width", "pmf"
_IN_WORDS = {
    POSTERIOR: "posterior draws",
    BOOTSTRAP: "models of resampled logs",
    WIDTH: "the standard error of every expected reward",
    PMF: "probabilities of the learner's own",
}


def need_of(explorer: ModuleType) -> str | None:
    """What the explorer of this file needs; None when the means are enough."""
    need: str | None = getattr(explorer, "NEEDS", None)
    return need


def check(need: str | None, explorer: str, learner: ModuleType, learner_name: str, *, is_shared: bool = False) -> None:
    """Refuse a learner that does not give what the explorer needs; one that says nothing gives posterior draws.

    Args:
        need: of the explorer.
        explorer: its name.
        learner: the plug-in, with `GIVES`, and `GIVES_SHARED` where its models of candidates give something else.
        learner_name: its name.
        is_shared: whether the actions are candidates.

    Raises:
        BadSetting: it does not give that.
    """
    gives: tuple[str, ...] = getattr(learner, "GIVES_SHARED" if is_shared else "GIVES", (POSTERIOR,))
    if need is not None and need not in gives:
        fitting = "vw" if need == PMF else "linear"
        raise BadSetting(
            f"explore.name is {explorer}, which needs {_IN_WORDS.get(need, need)}; the learner {learner_name} gives none. "
            f"Take the learner {fitting}, or an explorer that needs the means alone, such as squarecb."
        )
