"""Whether a loop can stand behind the endpoint, and where the endpoint's values go in it.

Question answered: which field takes the context, and which outcome takes the reward?
"""

from __future__ import annotations

from typing import Any

from policyloop.core.loop import LoopSpec
from policyloop.interop.personalizer.refusals import Refused

REWARD = "reward"


def check_fit(spec: LoopSpec) -> None:
    """Let through a loop whose actions come with the request, with one outcome for the reward.

    Raises:
        Refused: it is another kind of loop.
    """
    if not spec.is_candidates:
        raise Refused(
            "InvalidApiAccess",
            f"loop '{spec.loop}' chooses among the labels of its spec; expected actions of kind candidates. "
            f"`policyloop init {spec.loop} --like personalizer` writes such a loop file.",
            status=403,
        )
    if outcome_of(spec) is None:
        raise Refused(
            "InvalidApiAccess",
            f"loop '{spec.loop}' has the outcomes {', '.join(spec.outcomes)}; expected one, or one named '{REWARD}', "
            f"for the reward that is sent.",
            status=403,
        )
    if spec.reward.close == "final":
        raise Refused(
            "InvalidApiAccess",
            f"loop '{spec.loop}' waits for an outcome that says it is the last, which no reward of this protocol does; "
            f"expected `close: window` in its reward.",
            status=403,
        )


def outcome_of(spec: LoopSpec) -> str | None:
    """The outcome that the reward is reported as: `reward`, or the only one; None when it cannot be told."""
    if REWARD in spec.outcomes:
        return REWARD
    return next(iter(spec.outcomes)) if len(spec.outcomes) == 1 else None


def context_as_declared(context: dict[str, Any], spec: LoopSpec) -> dict[str, Any]:
    """The context under the loop's one JSON field where that is all it declares, else as it came."""
    fields = list(spec.context.values())
    if len(fields) == 1 and fields[0].type == "json":
        return {fields[0].name: context}
    return context
