"""Settled decisions of a challenge, drawn by the law that servers draw by, in a world whose truth is known.

Four kinds of context, three actions. The champion errs in the first kind. Challengers: `twin` errs in the second instead and so
earns the same, `better` errs nowhere, `worse` errs in both; an error costs .3 of a reward.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from policyloop.core.example import Examples, Trial
from policyloop.core.expression import Expression
from policyloop.core.loop import ActionSpec, ExploreSpec, Field, GateSpec, LoopSpec, OutcomeSpec, RewardSpec
from policyloop.gate.account import Settled
from policyloop.serve.fallback import Breaker
from policyloop.serve.traffic import Challenger, Traffic, branches_of, mixed, side_after, side_before

KINDS = ("a", "b", "c", "d")
TRUTH = np.array([[0.8, 0.5, 0.2], [0.2, 0.8, 0.5], [0.5, 0.2, 0.8], [0.8, 0.2, 0.5]])  # chance of a reward
TAKES = {"champion": (1, 1, 2, 0), "twin": (0, 2, 2, 0), "better": (0, 1, 2, 0), "worse": (1, 2, 2, 0)}
FLOOR = 0.2
SALT = b"a salt for tests"


def table_of(name):
    """(4, 3) probabilities of one of `TAKES`."""
    return (1 - FLOOR) * np.eye(3)[list(TAKES[name])] + FLOOR / 3


def difference(name, truth=TRUTH):
    """What a challenger truly earns more than the champion, a decision."""
    return float(((table_of(name) - table_of("champion")) * truth).sum() / 4)


def spec_of(**gate):
    """The loop; `gate` has the keys of GateSpec."""
    return LoopSpec(
        loop="shop",
        context={"kind": Field(name="kind", type="category", values=KINDS)},
        actions=ActionSpec(kind="discrete", labels=("calm", "bold", "playful")),
        outcomes={name: OutcomeSpec(name=name, type="boolean") for name in ("clicked", "paid")},
        reward=RewardSpec(expression=Expression.parse("clicked", ["clicked"]), low=0.0, high=1.0, window_s=600.0),
        baseline="uniform",
        explore=ExploreSpec(floor=FLOOR),
        gate=GateSpec(**gate),
    )


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """How the traffic is shared, and who wants to take over."""

    challenger: str = "twin"
    state: str = "canary"
    share: float = 0.2  # of what the hold-out leaves
    hold_out: float = 0.0
    n_subjects: int = 0  # that stay on one side; 0: sides are drawn each time
    truth: np.ndarray = field(default_factory=TRUTH.copy)  # (4, 3) chance of a reward

    def branches(self, kind):
        """The sides of a decision in one kind of context."""
        traffic = Traffic(
            challenger=Challenger(
                challenge="1", state=self.state, name="chal", policy=None, share=self.share, breaker=Breaker(budget_s=1.0)
            ),
            hold_out=self.hold_out,
            is_sticky=self.n_subjects > 0,
        )
        return branches_of(
            traffic,
            champion="champ",
            champion_pmf=table_of("champion")[kind].tolist(),
            challenger_pmf=table_of(self.challenger)[kind].tolist(),
            baseline_pmf=[1 / 3] * 3 if self.hold_out else None,
        )

    def settled(self, n, *, seed, start=0):
        """So many decisions, in order."""
        rng = np.random.default_rng(seed)
        of_kind = [self.branches(kind) for kind in range(4)]
        kind, u = rng.integers(0, 4, n), rng.random((2, n))
        unit = [f"subject {one}" for one in rng.integers(0, self.n_subjects, n)] if self.n_subjects else [""] * n
        side, pmf = [""] * n, np.empty((n, 3))
        if self.n_subjects:
            drawn = {}
            for row in range(n):
                branches = of_kind[kind[row]]
                if unit[row] not in drawn:
                    told = {"salt": SALT, "loop": "shop", "challenge": f"of seed {seed}", "state": self.state}
                    drawn[unit[row]] = side_before(branches, f"{seed} {unit[row]}", **told).side
                side[row] = drawn[unit[row]]
                pmf[row] = next(branch.pmf for branch in branches if branch.side == side[row])
        else:
            pmf[:] = np.array([mixed(branches) for branches in of_kind])[kind]
        action = (u[0][:, None] >= pmf.cumsum(axis=1)[:, :-1]).sum(axis=1)
        if not self.n_subjects:
            side = [side_after(of_kind[k], a, u=v).side for k, a, v in zip(kind, action, u[1], strict=True)]
        reward = (rng.random(n) < self.truth[kind, action]).astype(np.float64)
        return self.rows(kind, action, reward, pmf=pmf, side=side, unit=unit, start=start)

    def one(self, kind, action, reward, *, side="champion", unit=""):
        """One decision, all of it told; where it has a unit, the logged pmf is its side's."""
        branches = self.branches(KINDS.index(kind))
        pmf = next(branch.pmf for branch in branches if branch.side == side) if unit else mixed(branches)
        row = np.array([KINDS.index(kind)]), np.array([action]), np.array([float(reward)])
        return self.rows(*row, pmf=np.array([pmf]), side=[side], unit=[unit])

    def rows(self, kind, action, reward, *, pmf, side, unit, start=0):
        """Decisions as arrays; every click is paid for."""
        n = len(kind)
        champion, challenger = table_of("champion")[kind], table_of(self.challenger)[kind]
        share = 0.0 if self.state == "shadow" else (1 - self.hold_out) * self.share
        trial = Trial(
            challenger=np.full(n, "chal", dtype=object),
            champion=np.full(n, "champ", dtype=object),
            challenger_pmf=challenger,
            champion_pmf=champion,
            share=np.full(n, share),
            hold_out=np.full(n, self.hold_out),
            side=np.array(side, dtype=object),
            subject=np.array(unit, dtype=object),
            challenger_us=np.full(n, 40.0),
            champion_us=np.full(n, 30.0),
            is_broken=np.zeros(n, dtype=bool),
            challenge=np.full(n, "1", dtype=object),
            unit=np.array(unit, dtype=object),
            state=np.full(n, self.state, dtype=object),
        )
        examples = Examples(
            contexts=[{"kind": KINDS[k]} for k in kind],
            allowed=np.ones((n, 3), dtype=bool),
            action=action,
            reward=reward,
            propensity=pmf[np.arange(n), action],
            pmf=pmf,
            split=np.full(n, 0.5),
            decided_at=np.arange(start + 1, start + n + 1, dtype=np.int64),
            is_fallback=np.zeros(n, dtype=bool),
            policy=np.full(n, "champ", dtype=object),
            trial=trial,
            outcomes={"clicked": reward, "paid": reward.copy()},
        )
        is_first = np.ones(n, dtype=bool)
        if any(unit):
            is_first[:] = False
            is_first[np.unique(np.array(unit), return_index=True)[1]] = True
        return Settled(
            examples=examples,
            champion_rewards=np.full((n, 3), 0.5),
            challenger_rewards=np.clip(TRUTH[kind] + 0.1, 0, 1),
            is_first=is_first,
            least_propensity=np.full(n, FLOOR / 3),
        )


def part(settled, rows):
    """The same decisions, only some of them; `rows` is a slice."""
    keep = np.zeros(len(settled.examples), dtype=bool)
    keep[rows] = True
    return Settled(
        examples=settled.examples.where(keep),
        champion_rewards=settled.champion_rewards[keep],
        challenger_rewards=settled.challenger_rewards[keep],
        is_first=settled.is_first[keep],
        least_propensity=settled.least_propensity[keep],
    )


def with_trial(settled, **columns):
    """The same decisions, with columns of the trial replaced."""
    examples = settled.examples
    return replace(settled, examples=replace(examples, trial=replace(examples.trial, **columns)))
