"""Changes: what differs between two versions of a loop's spec, and what each difference entails.

Question answered: may this change be made while a model is live, and what happens then? Adding or removing an optional
field or an action, and whatever only says when and how strictly to refresh, is compatible. What makes other models
(learner, features, explorer, reward) is another recipe, which has to win a challenge; what changes the meaning of fields or
outcomes needs a new loop. Source: section 5 of the semantics of events and tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from policyloop.core.errors import SpecRefused
from policyloop.core.loop import Field, LoopSpec
from policyloop.core.spec_file import to_mapping
from policyloop.core.spec_gate import gate_mapping


class Entails(StrEnum):
    """What follows from a difference."""

    NEXT_DECISION = "takes effect with the next decision"
    AT_ONCE = "takes effect at once"
    NEXT_REFRESH = "takes effect with the next refresh"
    NEXT_CHALLENGE = "takes effect with the next challenge"
    ACTIONS = "a new action starts at its share of the floor; a removed one gets no mass"
    IDS = "weights of its own come and go with the next refresh"
    FIELDS = "missing is a value of its own, so the live model goes on"
    EXAMPLES_AGAIN = "examples are made again from history, and the model has to be learned anew"
    RECIPE = "is another recipe, which has to win a challenge"
    NEW_LINE = "changes what the fields mean, so a new line of models starts"
    SPENT_EVIDENCE = "would take examples for evidence that models have learned from"


_IN_PLACE = {
    Entails.NEXT_DECISION,
    Entails.AT_ONCE,
    Entails.NEXT_REFRESH,
    Entails.NEXT_CHALLENGE,
    Entails.ACTIONS,
    Entails.IDS,
    Entails.FIELDS,
}
_RANGE = "$.reward.range"
_OF_A_RECIPE = ("$.reward.expression", _RANGE, "$.reward.default")  # examples of both come from the same outcomes
_OF_GATE = {"refresh": Entails.NEXT_REFRESH, "hold_out": Entails.NEXT_DECISION}  # the other keys are a challenge's


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two specs."""

    where: str  # a JSON path such as `$.explore.floor`
    before: Any  # None: it was not there
    after: Any  # None: it is gone
    entails: Entails

    @property
    def is_in_place(self) -> bool:
        """Whether it may be made while a model is live."""
        return self.entails in _IN_PLACE

    def __str__(self) -> str:
        return f"{self.where}: {_shown(self.before)} -> {_shown(self.after)} ({self.entails})"


def changes_between(before: LoopSpec, after: LoopSpec) -> list[Change]:
    """All differences, in the order of the spec's keys; empty when the specs say the same."""
    old, new = to_mapping(before), to_mapping(after)
    return [
        *_of_fields(before.context, after.context),
        *_of_actions(before.labels, after.labels),
        *_of_candidates(before, after),
        *_of_outcomes(old["outcomes"], new["outcomes"]),
        *_of_keys("$.reward", old["reward"], new["reward"], Entails.EXAMPLES_AGAIN),
        *_of_value("$.actions", _numbers_of(old), _numbers_of(new), Entails.NEW_LINE),
        *_of_value("$.baseline", old["baseline"], new["baseline"], Entails.NEXT_DECISION),
        *_of_keys("$.limits", old.get("limits", {}), new.get("limits", {}), Entails.NEXT_DECISION),
        *_of_episodes(old.get("episodes"), new.get("episodes")),
        *_of_keys("$.learner", old["learner"], new["learner"], Entails.RECIPE),
        *_of_explore(old["explore"], new["explore"]),
        *_of_train(old["train"], new["train"]),
        *_of_gate(gate_mapping(before.gate, is_whole=True), gate_mapping(after.gate, is_whole=True)),
        *_of_value("$.on_log_failure", before.on_log_failure, after.on_log_failure, Entails.NEXT_DECISION),
        *_of_value("$.subject", before.subject, after.subject, Entails.NEW_LINE),
        *_of_value("$.aliases", list(before.aliases), list(after.aliases), Entails.NEXT_DECISION),
        *_of_value("$.public_models", before.public_models, after.public_models, Entails.AT_ONCE),
    ]


def check_changes(changes: Sequence[Change], *, loop: str, champion: str) -> None:
    """Let only those changes through that may be made while a model is live.

    Args:
        changes: as `changes_between` gives them.
        loop: its name.
        champion: the model that is live.

    Raises:
        SpecRefused: with every change that may not, and the way out.
    """
    refused = [change for change in changes if not change.is_in_place]
    if refused:
        listed = "\n".join(f"  {change}" for change in refused)
        raise SpecRefused(
            f"the spec of loop '{loop}' cannot be changed like this while model {champion} is live:\n{listed}\n"
            f"{_way_out(refused, loop)}; '{loop}' goes on as it is.",
            where=refused[0].where,
        )


def _way_out(refused: Sequence[Change], loop: str) -> str:
    """What to do instead: where only the recipe is another, it may prove itself.

    It does so by the reward that the loop has: a range alone makes no model that earns more of that, so it could never win.
    """
    is_recipe = all(change.entails == Entails.RECIPE or change.where in _OF_A_RECIPE for change in refused)
    if is_recipe and any(change.where != _RANGE for change in refused):
        return f"Let it prove itself: `policyloop challenge {loop} --recipe FILE`"
    return "Apply it as a new loop, under another name"


def _of_candidates(before: LoopSpec, after: LoopSpec) -> list[Change]:
    """What may be brought along. A known id may come or go at any time: it is only what has weights of its own."""
    old, new = before.actions, after.actions
    removed = [Change("$.actions.ids", name, None, Entails.IDS) for name in old.ids if name not in new.ids]
    added = [Change("$.actions.ids", None, name, Entails.IDS) for name in new.ids if name not in old.ids]
    return [
        *_of_value("$.actions.kind", old.kind, new.kind, Entails.NEW_LINE),
        *_of_fields(old.features, new.features, "$.actions.features"),
        *removed,
        *added,
        *_of_value("$.actions.max", old.max, new.max, Entails.NEXT_DECISION),
    ]


def _of_fields(before: Mapping[str, Field], after: Mapping[str, Field], parent: str = "$.context") -> list[Change]:
    changes = []
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name), after.get(name)
        if old != new:
            where = f"{parent}.{name}"
            changes.append(Change(where, _field_shown(old), _field_shown(new), _entailed_by_field(old, new)))
    order_before, order_after = [n for n in before if n in after], [n for n in after if n in before]
    return changes + _of_value(f"{parent} (order)", order_before, order_after, Entails.NEW_LINE)


def _entailed_by_field(old: Field | None, new: Field | None) -> Entails:
    if old is None or new is None:
        only = old or new
        assert only is not None
        return Entails.FIELDS if only.optional else Entails.NEW_LINE
    if old.type == "json" and replace(old, max_fields=new.max_fields) == new:
        return Entails.NEXT_DECISION
    if replace(old, learn=new.learn) == new:
        return Entails.RECIPE
    is_only_made_optional = replace(old, optional=True) == new
    return Entails.FIELDS if is_only_made_optional else Entails.NEW_LINE


def _field_shown(field: Field | None) -> str | None:
    if field is None:
        return None
    bound = "" if field.max_fields is None else f" of at most {field.max_fields:,} values"
    low = "" if field.min is None else f" from {field.min:g}"
    high = "" if field.max is None else f" to {field.max:g}"
    values = "" if field.values is None else f" of {len(field.values):,} values"
    unlearned = "" if field.learn else ", not learned from"
    return f"{'optional ' if field.optional else ''}{field.type}{low}{high}{values}{bound}{unlearned}"


def _of_actions(before: Sequence[str], after: Sequence[str]) -> list[Change]:
    removed = [Change("$.actions.labels", label, None, Entails.ACTIONS) for label in before if label not in after]
    added = [Change("$.actions.labels", None, label, Entails.ACTIONS) for label in after if label not in before]
    order_before, order_after = [a for a in before if a in after], [a for a in after if a in before]
    return [*removed, *added, *_of_value("$.actions.labels (order)", order_before, order_after, Entails.NEW_LINE)]


def _of_outcomes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """An outcome that comes or goes changes no reward by itself: the expression would have to name it."""
    changes = []
    for name in [*before, *(name for name in after if name not in before)]:
        is_kept = name in before and name in after
        entails = Entails.EXAMPLES_AGAIN if is_kept else Entails.NEXT_DECISION
        changes += _of_value(f"$.outcomes.{name}", before.get(name), after.get(name), entails)
    return changes


def _numbers_of(spec: Mapping[str, Any]) -> Any:
    """The parts of an action that are numbers, and their labelled companions; models are made for them."""
    return spec["actions"].get("box") or spec["actions"].get("parts")


def _of_episodes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Change]:
    """Columns of a history are read with the next import; how far ahead is looked makes another model."""
    if before is None or after is None:
        return _of_value("$.episodes", before, after, Entails.NEW_LINE)
    entails = {"id": Entails.NEXT_DECISION, "step": Entails.NEXT_DECISION, "discount": Entails.RECIPE}
    return [
        change
        for key in dict.fromkeys([*before, *after])
        for change in _of_value(f"$.episodes.{key}", before.get(key), after.get(key), entails.get(key, Entails.EXAMPLES_AGAIN))
    ]


def _of_explore(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    floor = _of_value("$.explore.floor", before["floor"], after["floor"], Entails.NEXT_DECISION)
    rest_before, rest_after = ({k: v for k, v in side.items() if k != "floor"} for side in (before, after))
    return [*_of_keys("$.explore", rest_before, rest_after, Entails.RECIPE), *floor]


def _of_gate(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """A challenge keeps the rules that it began with."""
    return [
        change
        for key, entails in ((key, _OF_GATE.get(key, Entails.NEXT_CHALLENGE)) for key in before)
        for change in _of_value(f"$.gate.{key}", before[key], after[key], entails)
    ]


def _of_train(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """A smaller split turns examples that were learned from into evidence; all else only says when to refresh."""
    is_smaller = after["split"] < before["split"]
    changes = _of_keys("$.train", before, after, Entails.NEXT_REFRESH)
    return [
        replace(change, entails=Entails.SPENT_EVIDENCE) if is_smaller and change.where == "$.train.split" else change
        for change in changes
    ]


def _of_keys(where: str, before: Mapping[str, Any], after: Mapping[str, Any], entails: Entails) -> list[Change]:
    keys = [*before, *(key for key in after if key not in before)]
    return [change for key in keys for change in _of_value(f"{where}.{key}", before.get(key), after.get(key), entails)]


def _of_value(where: str, before: Any, after: Any, entails: Entails) -> list[Change]:
    return [] if before == after else [Change(where, before, after, entails)]


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)
