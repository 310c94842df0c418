"""A room to be kept at 21 degrees: an environment of one's own is one function, and its reward is what the function answers."""

GOAL, STEP_H = 21.0, 0.25


def step(context, action, rng):
    """One quarter of an hour. Without a context, an episode begins."""
    if context is None:
        return {"inside": rng.uniform(14, 26), "outside": rng.uniform(-5, 12)}
    inside, outside, heat = context["inside"], context["outside"], action["heat"]
    inside += STEP_H * (12 * heat - 0.4 * (inside - outside)) + rng.normal(0, 0.05)
    earned = -abs(inside - GOAL) - 0.2 * heat  # comfort, and what heating costs
    return {"inside": inside, "outside": outside + rng.normal(0, 0.2)}, earned, False
