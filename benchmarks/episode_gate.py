"""The gate of episodes on the cart-pole: promotions by luck between equals, and how soon a real improvement is proven.

Question answered: of challenges in which both sides play the same policy, how many go live? And after how many episodes does
one that is truly better? Every return is that of an episode played for it: what made the history of the cart-pole (every second
step random) is the champion; the challenger is the same, or random at every fourth step, or the regulator alone.
Run: python benchmarks/episode_gate.py [--runs 200] [--episodes 300] [--share 0.1] [--json]
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
from numpy.typing import NDArray

from policyloop.gate.episodes import ClosedEpisodes, begun, judged, taken_up
from policyloop.gate.verdict import Call, verdict_of
from policyloop.simulate.actor import EXPERT, Actor, Certain, EveryNth, Uniform
from policyloop.simulate.environments.cartpole import CartPole, create, regulate
from policyloop.simulate.gate.binomial import exact_interval

MOST_BY_LUCK = 0.05
LOOK_EVERY = 10  # episodes
ALPHA = 0.05
BEFORE = 500  # episodes of the champion, whose mean return the challenge begins with


def returns_of(environment: CartPole, actor: Actor, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(n,) of as many episodes, played side by side."""
    total, place = np.zeros(n), np.arange(n)
    episodes, step = environment.start(n, rng=rng), 0
    while len(place):
        moved = episodes.step(actor.act(episodes.state, np.full(len(place), step), rng=rng).action)
        total[place] += moved.reward
        goes_on = ~(moved.terminated | moved.truncated)
        if not goes_on.all():
            episodes.keep(goes_on)
            place = place[goes_on]
        step += 1
    return total


def promoted_after(
    champion: NDArray[np.float64], challenger: NDArray[np.float64], *, level: float, share: float, high: float, seed: int
) -> tuple[str, int]:
    """How a challenge ends, and after how many episodes; `open` when they are used up.

    Args:
        champion, challenger: (m,) what either would return in each episode; one of the two is seen.
    """
    m = len(champion)
    sides = np.random.default_rng(seed).random(m) < share
    returns = np.where(sides, challenger, champion)
    account = begun("CANARY", bounds=(0.0, high), mean_return=level, position=0)
    for start in range(0, m, LOOK_EVERY):
        part = slice(start, start + LOOK_EVERY)
        seen = ClosedEpisodes(
            returns=returns[part],
            is_challengers=sides[part],
            share=np.full(len(returns[part]), share),
            began_at=np.arange(m)[part],
        )
        account = taken_up(account, seen, state="CANARY")
        call = verdict_of(judged(account, alpha=ALPHA))
        if call != Call.INCONCLUSIVE:
            return call.value, start + len(seen)
    return "open", m


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--episodes", type=int, default=300)
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    environment = create()
    uniform, expert = Uniform(environment.problem.actions), Certain(regulate, source=EXPERT)
    history = EveryNth(uniform, expert, every=2)
    challengers: dict[str, Actor] = {
        "the same": history,
        "random at every fourth step": EveryNth(uniform, expert, every=4),
        "the regulator alone": expert,
    }
    results = []
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    for i, (name, actor) in enumerate(challengers.items()):
        # what is truly better is soon proven: fewer runs and episodes will do
        runs, episodes = (asked.runs, asked.episodes) if i == 0 else (min(asked.runs, 50), min(asked.episodes, 200))
        results.append(_measured(environment, history, actor, name, runs=runs, episodes=episodes, share=asked.share, seed=i))
    took = (time.perf_counter() - wall_s, time.process_time() - cpu_s)
    if asked.json:
        print(json.dumps(results, indent=2))
        return
    _print(results, asked.share, took)


def _measured(
    environment: CartPole, champion: Actor, challenger: Actor, name: str, *, runs: int, episodes: int, share: float, seed: int
) -> dict[str, float | str | None]:
    high = environment.problem.reward_range[1] * environment.problem.max_steps
    rng = np.random.default_rng(seed)
    level = float(returns_of(environment, champion, BEFORE, rng).mean())
    ends, means = [], []
    for run in range(runs):
        both = [returns_of(environment, actor, episodes, rng) for actor in (champion, challenger)]
        means.append(both[1].mean() - both[0].mean())
        ends.append(promoted_after(both[0], both[1], level=level, share=share, high=high, seed=1_000 * seed + run))
    n_promoted = sum(call == "PROMOTE" for call, _ in ends)
    low, top = exact_interval(n_promoted, runs)
    after = [n for call, n in ends if call == "PROMOTE"]
    return {
        "challenger": name,
        "difference": float(np.mean(means)),
        "runs": runs,
        "episodes": episodes,
        "promoted": n_promoted / runs,
        "low": low,
        "high": top,
        "retired": sum(call == "RETIRE" for call, _ in ends) / runs,
        "median_episodes": float(np.median(after)) if len(after) * 2 > runs else None,
    }


def _print(results: list[dict[str, float | str | None]], share: float, took: tuple[float, float]) -> None:
    print(f"The champion is what made the history; the challenger plays {100 * share:g} % of the episodes.")
    print(
        "| challenger | truly returns more by | runs of episodes | promoted (95 %) | retired | median episodes to promotion |"
    )
    print("|---|---|---|---|---|---|")
    for one in results:
        median = "" if one["median_episodes"] is None else f"{one['median_episodes']:.0f}"
        print(
            f"| {one['challenger']} | {one['difference']:+,.0f} | {one['runs']} of {one['episodes']} | "
            f"{100 * one['promoted']:.1f} % ({100 * one['low']:.1f} to {100 * one['high']:.1f}) | "
            f"{100 * one['retired']:.1f} % | {median} |"
        )
    is_met = results[0]["promoted"] <= MOST_BY_LUCK
    print(f"demanded between equals: at most {100 * MOST_BY_LUCK:g} %: {'met' if is_met else 'MISSED'}")
    print(f"{took[0]:.1f} s of wall time, {took[1]:.1f} s of CPU time")


if __name__ == "__main__":
    main()
