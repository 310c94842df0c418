"""A client without a server, for tests of programs that use Policyloop: it plays a script and remembers what was reported.

Question answered: does my program do what the decision says, and does it report what came of it? Nothing is learned
and nothing leaves the process. Its methods are those of `policyloop.Client`, and so are its answers and refusals.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from policyloop.client.answers import Action, Answer, Receipt, defaulted
from policyloop.client.calls import as_sent, ending, loop_of, request
from policyloop.client.episodes import Episodes
from policyloop.client.errors import Refused, Unavailable


class FakeClient:
    """Plays the actions of a script in order, then the first label that is allowed, or the middle of each number.

    Args:
        actions: loop -> its labels, in order; none for one whose actions are candidates; of one whose actions are numbers
            `{"force": (-1, 1), "gear": ("low", "high")}`.
        script: the actions that the next decisions take; values where they are numbers.

    Attributes:
        is_away: set it to play an outage: decide answers the default, or raises without one; reports are spooled.
        decisions: the answers given, in order; those of an outage too.
        contexts: decision_id -> the context that decide was given.
        reports: what outcome and outcomes were given, in order, in the wire's shape.
        activated: ids that activate was given, in order.
        tracked: events that track was given, in order.
    """

    def __init__(
        self, actions: Mapping[str, Sequence[str] | Mapping[str, Sequence[Any]]], *, script: Iterable[Action] = ()
    ) -> None:
        self._parts = {loop: offered for loop, offered in actions.items() if isinstance(offered, Mapping)}
        self._labels = {loop: () if loop in self._parts else tuple(offered) for loop, offered in actions.items()}
        self._steps = Episodes()
        self._script = deque(script)
        self._asked: dict[tuple[str, str], tuple[Mapping[str, Any], Answer]] = {}
        self.is_away = False
        self.decisions: list[Answer] = []
        self.contexts: dict[str, Mapping[str, Any]] = {}
        self.reports: list[Mapping[str, Any]] = []
        self.activated: list[str] = []
        self.tracked: list[Mapping[str, Any]] = []

    def decide(
        self,
        loop: str,
        context: Mapping[str, Any],
        *,
        default: str | Mapping[str, Any] | None = None,
        decision_id: str | None = None,
        mask: Sequence[bool] | None = None,
        exclude: Sequence[str] | None = None,
        actions: Sequence[Mapping[str, Any]] | None = None,
        action_set: str | None = None,
        n: int | None = None,
        explore: bool = True,
        defer: bool = False,
        occurred_at: str | None = None,
        episode_id: str | None = None,
        step: int | None = None,
        previous: Mapping[str, Any] | Sequence[Any] | None = None,
        subject: str | None = None,
        pmf: bool = False,
        timeout: float | None = None,
    ) -> Answer:
        """The script's next action, or the first that is allowed; with probability 1.

        Raises:
            Refused: the loop or the scripted action is unknown, nothing is allowed, or the id came with another context.
            Unavailable: `is_away`, and no default.
        """
        fresh_id = f"fake-{len(self.decisions) + 1}" if decision_id is None else decision_id
        if self.is_away:
            answer = _in_an_outage(loop, fresh_id, default)
        elif loop in self._parts:
            answer = self._numbers(loop, fresh_id, context, is_deferred=defer)
        elif (loop, fresh_id) in self._asked:
            return self._again(loop, fresh_id, context)
        else:
            offered = self._offered(loop, actions, action_set)
            action = self._next(offered, mask, exclude)
            answer = _answer(loop, fresh_id, offered, action, is_deferred=defer, has_pmf=pmf)
            if n is not None:
                answer = replace(answer, ranking=_ranking(offered, action, mask, exclude)[:n])
            self._asked[loop, fresh_id] = (dict(context), answer)
        if episode_id is not None:
            said = {"episode_id": episode_id, **({} if step is None else {"step": step})}
            answer = replace(answer, episode_id=episode_id, step=self._steps.in_order(loop, said)["step"])
        self.decisions.append(answer)
        self.contexts[fresh_id] = dict(context)
        return answer

    def outcome(
        self,
        decision: Answer | str,
        outcomes: Mapping[str, float | bool] | None = None,
        *,
        loop: str | None = None,
        outcome_id: str | None = None,
        occurred_at: str | None = None,
        final: bool = False,
        timeout: float | None = None,
        **named: float | bool,
    ) -> Receipt:
        """Remember what came of a decision; as with the real client, there is nothing to report on one that nobody logged."""
        if isinstance(decision, Answer) and not decision.logged:
            return Receipt(dropped=1)
        given = {"outcome_id": outcome_id, "occurred_at": occurred_at, "final": final or None}
        report: dict[str, Any] = {"decision_id": _id_of(decision), "outcomes": {**(outcomes or {}), **named}}
        report.update({key: value for key, value in given.items() if value is not None})
        return self.outcomes(loop_of(decision, loop), [report])

    def end_episode(
        self,
        decision: Answer | str,
        next_context: Mapping[str, Any] | None = None,
        *,
        terminated: bool = False,
        truncated: bool = False,
        outcomes: Mapping[str, float | bool] | None = None,
        loop: str | None = None,
        outcome_id: str | None = None,
        occurred_at: str | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Remember how an episode ended, as a report."""
        end = ending(terminated=terminated, truncated=truncated, next_context=next_context)
        said = request(outcome_id=outcome_id, occurred_at=occurred_at, **end)
        return self._reported(decision, {"outcomes": dict(outcomes or {}), **said}, loop)

    def executed(
        self,
        decision: Answer | str,
        action: str | int | Mapping[str, Any] | Sequence[float],
        *,
        loop: str | None = None,
        outcome_id: str | None = None,
        occurred_at: str | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Remember what was really carried out, as a report."""
        said = request(outcome_id=outcome_id, occurred_at=occurred_at)
        return self._reported(decision, {"outcomes": {}, "executed": as_sent(action), **said}, loop)

    def outcomes(self, loop: str, reports: Sequence[Mapping[str, Any]], *, timeout: float | None = None) -> Receipt:
        """Remember many reports of one loop."""
        self._check(loop)
        self.reports += reports
        return self._receipt(len(reports))

    def activate(
        self,
        decision: Answer | str,
        *,
        loop: str | None = None,
        occurred_at: str | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Remember that a deferred decision took effect."""
        if isinstance(decision, Answer) and not decision.logged:
            return Receipt(dropped=1)
        self._check(loop_of(decision, loop))
        self.activated.append(_id_of(decision))
        return self._receipt(1)

    def register_actions(self, loop: str, actions: Sequence[Mapping[str, Any]], *, timeout: float | None = None) -> str:
        """Remember candidates under a name that decide takes as `action_set`; the same ids give the same name."""
        if self.is_away:
            raise Unavailable("the fake client plays an outage.")
        ids = self._offered(loop, actions, None)
        name = f"set-of-{'-'.join(ids)}"
        self._labels[name] = ids
        return name

    def track(self, events: Sequence[Mapping[str, Any]], *, timeout: float | None = None) -> list[Mapping[str, Any]]:
        """Remember events that happened elsewhere; each is accepted."""
        if self.is_away:
            raise Unavailable("the fake client plays an outage.")
        self.tracked += events
        return [{"status": "accepted", "id": event.get("outcome_id") or event.get("decision_id")} for event in events]

    def flush(self, *, timeout: float | None = None) -> bool:
        """Whether nothing waits: always, except in an outage."""
        return not self.is_away

    def close(self) -> None:
        """Nothing to close."""

    def __enter__(self) -> FakeClient:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def outcomes_of(self, decision: Answer | str) -> dict[str, float | bool]:
        """All that was reported on one decision; of a name that was reported twice, the last value."""
        found: dict[str, float | bool] = {}
        for report in self.reports:
            if report["decision_id"] == _id_of(decision):
                found.update(report["outcomes"])
        return found

    def _reported(self, decision: Answer | str, said: Mapping[str, Any], loop: str | None) -> Receipt:
        """Remember one report; there is nothing to report on a decision that nobody logged."""
        if isinstance(decision, Answer) and not decision.logged:
            return Receipt(dropped=1)
        return self.outcomes(loop_of(decision, loop), [{"decision_id": _id_of(decision), **said}])

    def _numbers(self, loop: str, decision_id: str, context: Mapping[str, Any], *, is_deferred: bool) -> Answer:
        """The script's next values, or the middle of each number and the first of each part's labels."""
        if (loop, decision_id) in self._asked:
            return self._again(loop, decision_id, context)
        scripted = self._script.popleft() if self._script else None
        values = {name: _usual(part) for name, part in self._parts[loop].items()}
        if scripted is not None and (isinstance(scripted, str) or set(scripted) != set(values)):
            raise Refused(f"the script says {scripted}; expected a value for each of {', '.join(values)}.", code="invalid")
        told = values if scripted is None else dict(scripted)
        action = json.dumps(told, separators=(",", ":"))
        answer = _answer(loop, decision_id, (action,), action, is_deferred=is_deferred, has_pmf=False)
        answer = replace(answer, values=told, propensity_kind="point")
        self._asked[loop, decision_id] = (dict(context), answer)
        return answer

    def _offered(self, loop: str, actions: Sequence[Mapping[str, Any]] | None, action_set: str | None) -> tuple[str, ...]:
        """The labels, or the ids of the candidates that the caller brought or named by a set's hash."""
        self._check(loop)
        if action_set is not None:
            self._check(action_set, "set")
            return self._labels[action_set]
        return self._labels[loop] if actions is None else tuple(str(action["id"]) for action in actions)

    def _next(self, labels: Sequence[str], mask: Sequence[bool] | None, exclude: Sequence[str] | None) -> str:
        allowed = _allowed(labels, mask, exclude)
        if not allowed:
            raise Refused("no action is left; expected at least one that is neither masked nor excluded.", code="invalid")
        action = self._script.popleft() if self._script else allowed[0]
        if not isinstance(action, str) or action not in allowed:
            raise Refused(f"the script says '{action}'; expected one of {', '.join(allowed)}.", code="invalid")
        return action

    def _again(self, loop: str, decision_id: str, context: Mapping[str, Any]) -> Answer:
        before, answer = self._asked[loop, decision_id]
        if before != context:
            message = f"decision_id '{decision_id}' was already decided with another context; expected a new id."
            raise Refused(message, status=409, code="decision_conflict", where="$.decision_id")
        return answer

    def _check(self, name: str, kind: str = "loop") -> None:
        if name not in self._labels:
            known = ", ".join(sorted(self._labels))
            raise Refused(f"no {kind} is named '{name}'; known: {known}.", status=404, code=f"unknown_{kind}")

    def _receipt(self, n: int) -> Receipt:
        return Receipt(spooled=n) if self.is_away else Receipt(accepted=n)


def _usual(part: Sequence[Any]) -> Any:
    """The middle between two bounds, or the first of some labels."""
    return part[0] if isinstance(part[0], str) else (part[0] + part[1]) / 2


def _in_an_outage(loop: str, decision_id: str, default: Action | None) -> Answer:
    if default is None:
        raise Unavailable("the fake client plays an outage, and decide was given no default.")
    return defaulted(loop, decision_id, default, reason="the fake client plays an outage.", in_doubt=False)


def _answer(loop: str, decision_id: str, labels: Sequence[str], action: str, *, is_deferred: bool, has_pmf: bool) -> Answer:
    """What a server would answer whose policy gives this action probability 1."""
    return Answer(
        loop=loop,
        decision_id=decision_id,
        action=action,
        logged=True,
        fallback=False,
        index=labels.index(action),
        propensity=1.0,
        policy="fake",
        decided_at="2000-01-01T00:00:00.000000Z",
        deferred=is_deferred,
        split=0.0,
        pmf=tuple(float(label == action) for label in labels) if has_pmf else None,
    )


def _allowed(labels: Sequence[str], mask: Sequence[bool] | None, exclude: Sequence[str] | None) -> list[str]:
    is_allowed = mask if mask is not None else [label not in (exclude or ()) for label in labels]
    return [label for label, may in zip(labels, is_allowed, strict=True) if may]


def _ranking(labels: Sequence[str], action: str, mask: Sequence[bool] | None, exclude: Sequence[str] | None) -> tuple[str, ...]:
    """The action, then what else is allowed in the offered order."""
    return (action, *(label for label in _allowed(labels, mask, exclude) if label != action))


def _id_of(decision: Answer | str) -> str:
    return decision.decision_id if isinstance(decision, Answer) else decision
