"""What differs between two specs, what that entails, and which changes a live model allows."""

import pytest

from policyloop.core.errors import SpecRefused
from policyloop.registry.changes import Entails, changes_between, check_changes

HOUR = {"type": "integer", "min": 0, "max": 23}
TITLE = {"type": "text", "optional": True}
CLICKED = {"type": "boolean"}
DWELL = {"type": "number", "min": 0, "max": 60}


def actions(*labels):
    return {"kind": "discrete", "labels": list(labels)}


COMPATIBLE = [
    (
        {"context": {"hour": HOUR, "title": TITLE, "tag": {"type": "category", "optional": True}}},
        "$.context.tag",
        Entails.FIELDS,
    ),
    (
        {"context": {"tag": {"type": "category", "optional": True}, "hour": HOUR, "title": TITLE}},
        "$.context.tag",
        Entails.FIELDS,
    ),
    ({"context": {"hour": HOUR}}, "$.context.title", Entails.FIELDS),
    ({"context": {"hour": {**HOUR, "optional": True}, "title": TITLE}}, "$.context.hour", Entails.FIELDS),
    (
        {"context": {"hour": HOUR, "title": TITLE, "about": {"type": "json", "optional": True, "max_fields": 9}}},
        "$.context.about",
        Entails.FIELDS,
    ),
    ({"actions": actions("calm", "bold", "playful", "loud")}, "$.actions.labels", Entails.ACTIONS),
    ({"actions": actions("calm", "playful")}, "$.actions.labels", Entails.ACTIONS),
    (
        {"outcomes": {"clicked": CLICKED, "dwell_s": DWELL, "paid": {"type": "number"}}},
        "$.outcomes.paid",
        Entails.NEXT_DECISION,
    ),
    ({"outcomes": {"clicked": CLICKED}}, "$.outcomes.dwell_s", Entails.NEXT_DECISION),
    ({"baseline": "bold"}, "$.baseline", Entails.NEXT_DECISION),
    ({"explore": {"floor": 0.1}}, "$.explore.floor", Entails.NEXT_DECISION),
    ({"train": {"every": "100 examples"}}, "$.train.every", Entails.NEXT_REFRESH),
    ({"train": {"window": "7d"}}, "$.train.window", Entails.NEXT_REFRESH),
    ({"train": {"split": 0.9}}, "$.train.split", Entails.NEXT_REFRESH),
    ({"gate": {"refresh": "point"}}, "$.gate.refresh", Entails.NEXT_REFRESH),
    ({"on_log_failure": "serve-baseline"}, "$.on_log_failure", Entails.NEXT_DECISION),
    ({"aliases": ["Front_Page"]}, "$.aliases", Entails.NEXT_DECISION),
    ({"public_models": True}, "$.public_models", Entails.AT_ONCE),
]
REFUSED = [
    ({"context": {"hour": HOUR, "title": TITLE, "age": {"type": "number"}}}, "$.context.age", Entails.NEW_LINE),
    ({"context": {"title": TITLE}}, "$.context.hour", Entails.NEW_LINE),
    ({"context": {"hour": {"type": "number", "min": 0, "max": 23}, "title": TITLE}}, "$.context.hour", Entails.NEW_LINE),
    ({"context": {"title": TITLE, "hour": HOUR}}, "$.context (order)", Entails.NEW_LINE),
    ({"actions": actions("bold", "calm", "playful")}, "$.actions.labels (order)", Entails.NEW_LINE),
    ({"outcomes": {"clicked": {**CLICKED, "take": "max"}, "dwell_s": DWELL}}, "$.outcomes.clicked", Entails.EXAMPLES_AGAIN),
    ({"reward": {"expression": "clicked", "range": [0, 1], "window": "20m"}}, "$.reward.window", Entails.EXAMPLES_AGAIN),
    (
        {"reward": {"expression": "0.5 * clicked", "range": [0, 1], "window": "10m"}},
        "$.reward.expression",
        Entails.EXAMPLES_AGAIN,
    ),
    ({"explore": {"name": "thompson"}}, "$.explore.name", Entails.RECIPE),
    ({"train": {"split": 0.5}}, "$.train.split", Entails.SPENT_EVIDENCE),
    ({"subject": "title"}, "$.subject", Entails.NEW_LINE),
]


@pytest.mark.parametrize(("changed", "where", "entails"), COMPATIBLE + REFUSED)
def test_each_change_is_named_with_what_it_entails(spec, spec_with, changed, where, entails):
    after = spec_with(**changed)

    got = {change.where: change.entails for change in changes_between(spec, after)}

    assert got[where] == entails


@pytest.mark.parametrize(("changed", "where", "entails"), COMPATIBLE)
def test_a_compatible_change_may_be_made_while_a_model_is_live(spec, spec_with, changed, where, entails):
    changes = changes_between(spec, spec_with(**changed))

    check_changes(changes, loop="front-page", champion="m")

    assert [change.where for change in changes if change.entails == entails] == [where]


@pytest.mark.parametrize(("changed", "where", "entails"), REFUSED)
def test_any_other_change_is_refused_with_the_way_out(spec, spec_with, changed, where, entails):
    changes = changes_between(spec, spec_with(**changed))

    is_only_a_recipe = where in ("$.explore.name", "$.reward.expression")
    way_out = "policyloop challenge front-page --recipe FILE`" if is_only_a_recipe else "a new loop, under another name"
    with pytest.raises(SpecRefused, match=f"{way_out}; 'front-page' goes on as it is") as caught:
        check_changes(changes, loop="front-page", champion="m")

    assert f"  {where}: " in caught.value.message
    assert f"({entails})" in caught.value.message


def test_another_range_alone_cannot_win_a_challenge_so_the_way_out_is_a_new_loop(spec, spec_with):
    wider = changes_between(spec, spec_with(reward={"expression": "clicked", "range": [0, 2], "window": "10m"}))
    other = changes_between(spec, spec_with(reward={"expression": "2 * clicked", "range": [0, 2], "window": "10m"}))

    with pytest.raises(SpecRefused, match="Apply it as a new loop, under another name"):
        check_changes([change for change in wider if change.where == "$.reward.range"], loop="front-page", champion="m")
    with pytest.raises(SpecRefused, match="Let it prove itself"):
        check_changes([change for change in other if "reward" in change.where], loop="front-page", champion="m")


def test_a_json_field_may_take_more_or_fewer_values_while_a_model_is_live(spec_with):
    before = spec_with(context={"about": {"type": "json"}})
    after = spec_with(context={"about": {"type": "json", "max_fields": 2000}})

    (change,) = changes_between(before, after)

    assert str(change) == "$.context.about: json -> json of at most 2,000 values (takes effect with the next decision)"
    assert change.is_in_place


def test_equal_specs_have_no_changes(spec, spec_with):
    assert changes_between(spec, spec_with()) == []


def test_all_refused_changes_are_listed_at_once(spec, spec_with):
    after = spec_with(
        explore={"name": "thompson", "floor": 0.1}, reward={"expression": "clicked", "range": [0, 1], "window": "20m"}
    )

    with pytest.raises(SpecRefused) as caught:
        check_changes(changes_between(spec, after), loop="front-page", champion="m")

    assert caught.value.message == (
        "the spec of loop 'front-page' cannot be changed like this while model m is live:\n"
        "  $.reward.window: 10m -> 20m (examples are made again from history, and the model has to be learned anew)\n"
        "  $.explore.name: squarecb -> thompson (is another recipe, which has to win a challenge)\n"
        "Apply it as a new loop, under another name; 'front-page' goes on as it is."
    )
    assert caught.value.where == "$.reward.window"
