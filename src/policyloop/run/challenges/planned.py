"""A plan: how many decisions and days until a challenger that truly earns so much more would be found, in numbers and words.

Question answered: is it worth beginning, with which share of the traffic, and if it is not, what would help?
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from policyloop.core.loop import GateSpec, LoopSpec
from policyloop.gate.ramp import RAMP_EVENTS, SHADOW_DECISIONS
from policyloop.gate.verdict import Call
from policyloop.run.challenges.pace import Pace
from policyloop.simulate.gate.binomial import exact_interval
from policyloop.simulate.gate.play import FROZEN, Run

_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What becomes of such challenges with one share of the traffic."""

    canary: float
    runs: int
    promoted: float  # share of the runs in which the challenger is proven within the decisions
    promoted_low: float  # exact binomial interval at 95 %
    promoted_high: float
    retired: float
    frozen: float  # the log check stopped them, wrongly
    true_lift: float  # mean of what was played
    decisions: tuple[float, ...]  # sorted, one a run: until proven; infinite where it was not

    def until(self, share: float) -> float:
        """Decisions by which that share of the challenges is proven; infinite where it never is."""
        return self.decisions[min(math.ceil(share * self.runs), self.runs) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to expect of a challenge in a loop."""

    spec: LoopSpec
    lift: float
    floor: float
    canary: float  # that was asked for
    power: float
    events: int  # decisions after which a run was given up
    pace: Pace | None  # None: the log does not tell
    from_us: int  # when it would begin
    mean_reward: float  # what the champion earns a decision, as the log has it
    n_examples: int  # that the twin was made of
    outlooks: tuple[Outlook, ...]  # by rising canary

    @property
    def chosen(self) -> Outlook:
        """That of the canary that was asked for."""
        return next(one for one in self.outlooks if one.canary == self.canary)

    def days(self, decisions: float) -> float | None:
        """Until so many decisions of the canary have settled, the shadow before it included; None where it is not known."""
        if self.pace is None or not math.isfinite(decisions):
            return None
        return self.pace.days(SHADOW_DECISIONS + decisions, from_us=self.from_us) + 2 * self.spec.reward.window_s / _DAY_S

    def sentences(self) -> list[str]:
        """All of it, for people."""
        return [
            self._about_twin(),
            *self._about_gate(),
            self._about_chosen(self.chosen),
            *self._about_pace(),
            *self._about_help(self.chosen),
        ]

    def _about_twin(self) -> str:
        lift = self.chosen.true_lift
        told = (
            f"In the twin of loop '{self.spec.loop}', made of {self.n_examples:,} examples, the champion earns "
            f"{self.mean_reward:.4g} a decision with a floor of {self.floor:g}, and challengers earn {lift:+.4g} more."
        )
        if abs(lift - self.lift) <= 1e-6:
            return told
        return f"{told} A lift of {self.lift:+.4g} is not possible there: that is the most that another favourite brings."

    def _about_gate(self) -> list[str]:
        """The loop's own rule and hold-out, where they are not the usual ones."""
        gate = self.spec.gate
        settings = ", ".join(f"{name} {value}" for name, value in gate.challenge.settings.items())
        told = []
        if gate.challenge != GateSpec().challenge:
            told.append(f"The rule is the loop's own, {gate.challenge.name}{f' with {settings}' if settings else ''}.")
        if gate.hold_out:
            told.append(f"The baseline keeps its hold-out of {_percent(gate.hold_out)}; a canary is a share of the rest.")
        return told

    def _about_chosen(self, chosen: Outlook) -> str:
        head = f"With a canary of {_percent(chosen.canary)}"
        if not math.isfinite(chosen.until(self.power)):
            return (
                f"{head} such a challenger is found within {self.events:,} decisions in {_percent(chosen.promoted)} of "
                f"{chosen.runs} challenges (95 % sure between {_percent(chosen.promoted_low)} and "
                f"{_percent(chosen.promoted_high)}), and not in {_percent(self.power)}."
            )
        half, most = chosen.until(0.5), chosen.until(self.power)
        return (
            f"{head} half of such challengers are proven after {half:,.0f} decisions{self._in_days(half)}, and "
            f"{_percent(self.power)} after {most:,.0f}{self._in_days(most)}. The ramp then takes {RAMP_EVENTS} decisions more."
        )

    def _in_days(self, decisions: float) -> str:
        days = self.days(decisions)
        return "" if days is None else f" ({days:.1f} days)"

    def _about_pace(self) -> list[str]:
        before = f"Days count from now, with the {SHADOW_DECISIONS} decisions in the shadow before the canary and the windows"
        if self.pace is not None:
            return [f"{before}, at {self.pace.per_day:,.0f} decisions a day."]
        return [
            "How many days that is the log does not tell, for it has no hour of decisions that were made here; "
            "say how many there are a day (`--per-day`)."
        ]

    def _about_help(self, chosen: Outlook) -> list[str]:
        """The way out, where it would take too long."""
        if math.isfinite(chosen.until(self.power)):
            return []
        reached = [one for one in self.outlooks if math.isfinite(one.until(self.power)) and one.canary > chosen.canary]
        if reached:
            best = reached[0]
            most = best.until(self.power)
            return [
                f"A larger canary helps: with {_percent(best.canary)}, {_percent(self.power)} are proven after {most:,.0f} "
                f"decisions{self._in_days(most)} (`gate.canary`)."
            ]
        return [
            f"No canary up to {_percent(self.outlooks[-1].canary)} reaches it. What helps: more decisions (`--events`), a "
            f"higher floor (`--floor`, `explore.floor`), or to look for a larger lift."
        ]


def outlook_of(canary: float, runs: Sequence[Run]) -> Outlook:
    """What became of the runs; at least one."""
    n = len(runs)
    n_promoted = sum(run.end == Call.PROMOTE for run in runs)
    low, high = exact_interval(n_promoted, n)
    return Outlook(
        canary=canary,
        runs=n,
        promoted=n_promoted / n,
        promoted_low=low,
        promoted_high=high,
        retired=sum(run.end == Call.RETIRE for run in runs) / n,
        frozen=sum(run.end == FROZEN for run in runs) / n,
        true_lift=sum(run.lift for run in runs) / n,
        decisions=tuple(sorted(run.n_decisions if run.end == Call.PROMOTE else math.inf for run in runs)),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
