"""A cart on a line, for tests of episodes: pushed by a number, it moves; where it stands next is what it earns."""

from policyloop.core.spec_file import read_spec
from some_events import LOOP, MINUTE, SECOND, T0, a_decision, an_outcome

WINDOW = 10 * MINUTE
CART = {
    "loop": LOOP,
    "context": {"x": "number"},
    "actions": {"kind": "continuous", "box": {"force": {"min": -1, "max": 1}}},
    "episodes": {"max_steps": 5, "discount": 0.9},
    "reward": {"expression": "next.x", "range": [-100, 100], "window": "10m"},
    "baseline": "middle",
}


def a_cart_spec(**changes):
    return read_spec({**CART, **changes})


def a_step(step, *, episode="e1", x=None, at=None, force=0.5, decision_id=None, **fields):
    """The cart's decision at a step: unless told otherwise it stands at 10 * step, a second after the step before."""
    name = decision_id or f"{episode}/{step}"
    values = {
        "context": f'{{"x":{10.0 * step if x is None else x}}}',
        "action": [],
        "action_value": [force],
        "pmf": None,
        "propensity": 0.5,
        "propensity_kind": "density",
        "action_source": "policy",
        "episode_id": episode,
        "step": step,
    }
    return a_decision(name, at=T0 + step * SECOND if at is None else at, **(values | fields))


def the_end(step, *, episode="e1", x=None, terminated=None, truncated=None, at=None, decision_id=None, outcome_id="end"):
    """What is said when an episode ends after a step; without x, nobody recorded where the cart then stood."""
    return an_outcome(
        decision_id or f"{episode}/{step}",
        outcome_id=outcome_id,
        at=T0 + (step + 1) * SECOND if at is None else at,
        values={"$ended": None},
        terminated=terminated,
        truncated=truncated,
        next_context=None if x is None else f'{{"x":{x}}}',
    )
