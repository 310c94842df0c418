"""A loop file: what it may hold, what it becomes, and what each mistake is answered with."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyloop.core.errors import Invalid
from policyloop.core.loop import ExploreSpec, GateSpec, PluginSpec, TrainSpec
from policyloop.core.spec_file import from_json, is_loop_file, read_spec, read_spec_file, to_json
from policyloop.core.spec_warnings import largest_weight, warnings_of

DESIGN = """
loop: front-page
context:
  hour: {type: integer, min: 0, max: 23}
  device: {type: category, values: [phone, tablet, desktop]}
  tags: {type: array, items: category, max_items: 8}
actions: {kind: discrete, labels: [calm, bold, playful]}
outcomes: {clicked: {type: boolean, take: max}, dwell_s: {type: number, min: 0, take: last}}
reward: {expression: "clicked + 0.1 * min(dwell_s, 60) / 60", range: [0, 1.1], window: 10m, close: window, default: 0}
baseline: calm
learner: {name: linear}
explore: {name: squarecb, floor: 0.02}
train: {every: 500 examples or 4h, window: 90d, half_life: none, max_runtime: 2h}
"""
SMALL = {
    "loop": "small",
    "context": {"hour": {"type": "integer"}},
    "actions": {"labels": ["a", "b"]},
    "outcomes": {"won": {"type": "boolean", "take": "max"}},
}


def small(**changes):
    return {**SMALL, **changes}


def faults(source, **defaults):
    with pytest.raises(Invalid) as caught:
        read_spec(source, defaults=defaults)
    return [f"{fault.where}: {fault.message}" for fault in caught.value.faults]


def test_the_designs_own_loop_is_read_word_by_word():
    spec = read_spec(DESIGN)

    assert spec.loop == "front-page"
    assert list(spec.context) == ["hour", "device", "tags"]
    assert spec.context["device"].values == ("phone", "tablet", "desktop")
    assert spec.labels == ("calm", "bold", "playful")
    assert spec.outcomes["clicked"].take == "max"
    assert (spec.reward.low, spec.reward.high, spec.reward.window_s) == (0.0, 1.1, 600.0)
    assert spec.train == TrainSpec()
    assert warnings_of(spec) == []


def test_what_is_left_out_has_the_default_that_the_spec_states():
    spec = read_spec(SMALL)

    assert (spec.baseline, spec.learner, spec.explore) == ("first", PluginSpec(name="linear"), ExploreSpec())
    assert (spec.train, spec.gate, spec.on_log_failure) == (TrainSpec(), GateSpec(), "refuse")
    assert (spec.subject, spec.aliases, spec.public_models) == (None, (), False)


def test_public_models_is_part_of_the_spec_only_where_it_is_true():
    plain = read_spec(SMALL)
    closed = read_spec({**SMALL, "public_models": False})
    opened = read_spec({**SMALL, "public_models": True})

    assert closed == plain
    assert "public_models" not in to_json(plain)
    assert (opened.public_models, opened.recipe == plain.recipe, opened.digest == plain.digest) == (True, True, False)
    assert from_json(to_json(opened)) == opened


def test_one_outcome_alone_is_the_reward_and_gives_its_range():
    reward = read_spec(SMALL).reward

    assert (reward.expression.text, reward.low, reward.high) == ("won", 0.0, 1.0)


def test_the_canonical_form_reads_back_to_the_same_spec():
    spec = read_spec(DESIGN)

    again = from_json(to_json(spec))

    assert again == spec
    assert to_json(again) == to_json(spec)


def test_spelling_does_not_change_the_digest_and_meaning_does():
    spec = read_spec(SMALL)

    assert read_spec(small(train={"every": "4h or 500 examples"}, baseline="first")).digest == spec.digest
    assert read_spec(small(train={"every": "501 examples or 4h"})).digest != spec.digest
    assert read_spec(small(actions={"labels": ["b", "a"]})).digest != spec.digest


def test_the_order_of_fields_is_part_of_the_spec():
    one = read_spec(small(context={"x": "number", "y": "number"}))
    other = read_spec(small(context={"y": "number", "x": "number"}))

    assert one.digest != other.digest
    assert from_json(to_json(other)) == other


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({"explore": {"floor": 0.1}}, True),
        ({"baseline": "b"}, True),
        ({"train": {"every": "1h"}}, True),
        ({"explore": {"name": "epsilon_greedy"}}, False),
        ({"reward": {"range": [0, 2]}}, False),
        ({"context": {"hour": "number"}}, False),
    ],
)
def test_the_recipe_is_the_part_that_makes_models(changes, is_same):
    assert (read_spec(small(**changes)).recipe == read_spec(SMALL).recipe) is is_same


def test_an_applied_spec_stays_readable_when_its_plugin_is_gone():
    text = to_json(read_spec(SMALL)).replace('"linear"', '"long_gone"')

    assert from_json(text).learner.name == "long_gone"


def test_dashes_and_underscores_in_plugin_names_are_the_same():
    assert read_spec(small(explore={"name": "epsilon-greedy"})) == read_spec(small(explore={"name": "epsilon_greedy"}))


def test_whole_numbers_are_taken_as_labels():
    assert read_spec(small(actions={"labels": [1, 2]}, baseline=2)).labels == ("1", "2")


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        ({"every": "200 examples"}, (200, None, None)),
        ({"every": "1 example"}, (1, None, None)),
        ({"every": "90m"}, (None, 5400.0, None)),
        ({"every": "1h30m or 1,000 examples"}, (1000, 5400.0, None)),
        ({"every": "none"}, (None, None, None)),
        ({"cron": "0  3 * * *"}, (None, None, "0 3 * * *")),
        ({}, (500, 14400.0, None)),
    ],
)
def test_training_can_wait_for_examples_time_or_a_clock(train, expected):
    spec = read_spec(small(train=train))

    assert (spec.train.every_examples, spec.train.every_s, spec.train.cron) == expected
    assert from_json(to_json(spec)) == spec


def test_project_defaults_go_under_the_loops_own_keys():
    spec = read_spec(
        small(train={"window": "30d"}, explore={"floor": 0.05}),
        defaults={"train": {"window": "10d", "retries": 7}, "explore": {"name": "epsilon_greedy", "epsilon": 0.2}},
    )

    assert (spec.train.window_s, spec.train.retries) == (30 * 86_400.0, 7)
    assert spec.explore == ExploreSpec(name="epsilon_greedy", floor=0.05, settings={"epsilon": 0.2})


def test_another_plugin_leaves_the_default_plugins_settings_behind_but_keeps_the_floor():
    spec = read_spec(
        small(explore={"name": "greedy"}), defaults={"explore": {"name": "epsilon_greedy", "epsilon": 0.2, "floor": 0.3}}
    )

    assert spec.explore == ExploreSpec(name="greedy", floor=0.3)


def test_a_loops_cron_replaces_the_projects_every():
    spec = read_spec(small(train={"cron": "0 3 * * *"}), defaults={"train": {"every": "1h"}})

    assert (spec.train.cron, spec.train.every_s) == ("0 3 * * *", None)


def test_defaults_hold_only_what_loops_can_share():
    got = faults(SMALL, context={}, tarin={})

    assert got == [
        "$.defaults.context: belongs in each loop's own file; expected it there.",
        "$.defaults.tarin: no key of defaults is named 'tarin'; did you mean 'train'?",
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"trian": {}}, "$.trian: no key of a loop is named 'trian'; did you mean 'train'?"),
        (
            {"loop": "Front Page"},
            "$.loop: is 'Front Page'; expected 1 to 63 lower-case letters, digits and -, such as front-page.",
        ),
        ({"loop": "a" * 64}, "expected 1 to 63 lower-case letters, digits and -, such as front-page."),
        ({"loop": "x\n"}, "expected 1 to 63 lower-case letters"),
        ({"loop": None}, "$.loop: is empty; expected 1 to 63 lower-case letters, digits and -"),
        ({"context": [1]}, "$.context: is [1]; expected the fields, such as `hour: {type: integer, min: 0, max: 23}`."),
        (
            {"context": {"hour": {"type": "integr"}}},
            "$.context.hour.type: no field type is named 'integr'; did you mean 'integer'?",
        ),
        (
            {"context": {"hour": {"type": "tensor"}}},
            "$.context.hour.shape: is missing; expected the dimensions, such as [20, 16].",
        ),
        ({"context": {"hour": {}}}, "$.context.hour.type: is missing; expected one of number, integer, boolean"),
        ({"context": {"hour": {"type": 3}}}, "$.context.hour.type: is 3; expected one of number"),
        ({"context": {"hour": {"type": None}}}, "$.context.hour.type: is empty; expected one of number"),
        (
            {"context": {"a b": "number"}},
            "$.context: has a field named 'a b'; expected 1 to 128 printable characters without blanks",
        ),
        ({"context": {"$x": "number"}}, "$.context: has a field named '$x'; expected"),
        (
            {"context": {True: "number"}},
            "$.context: has the key true; put it in quotes: YAML reads yes, no, on, off, true and false as",
        ),
        (
            {"context": {"hour": {"type": "number", "values": ["a"]}}},
            "$.context.hour.values: no option of a field of type number is named 'values'; known: default, learn, max, min,",
        ),
        (
            {"context": {"hour": {"type": "number", "min": 3, "max": 2}}},
            "$.context.hour.max: is 2, below min 3; expected 3 or more.",
        ),
        ({"context": {"hour": {"type": "number", "min": math.nan}}}, "$.context.hour.min: is nan; expected a number."),
        (
            {"context": {"hour": {"type": "integer", "min": 0.5}}},
            "$.context.hour.min: is 0.5; expected a whole number, as the type is",
        ),
        (
            {"context": {"hour": {"type": "number", "optional": "maybe"}}},
            "$.context.hour.optional: is 'maybe'; expected true or false.",
        ),
        (
            {"context": {"hour": {"type": "number", "store": "sometimes"}}},
            "$.context.hour.store: is 'sometimes'; expected yes, hash or never.",
        ),
        ({"context": {"hour": {"type": "number", "default": "x"}}}, "$.context.hour.default: is 'x'; expected a number."),
        (
            {"context": {"hour": {"type": "integer", "default": 1.5}}},
            "$.context.hour.default: is 1.5; expected a whole number.",
        ),
        (
            {"context": {"hour": {"type": "number", "min": 2, "default": 1}}},
            "$.context.hour.default: is 1; expected 2 or more.",
        ),
        (
            {"context": {"hour": {"type": "number", "max": 2, "default": 3}}},
            "$.context.hour.default: is 3; expected 2 or less.",
        ),
        ({"context": {"d": {"type": "boolean", "default": 1}}}, "$.context.d.default: is 1; expected true or false."),
        ({"context": {"d": {"type": "text", "default": 1}}}, "$.context.d.default: is 1; expected a text."),
        (
            {"context": {"d": {"type": "category", "values": ["x"], "default": "y"}}},
            "$.context.d.default: is 'y'; expected one of x.",
        ),
        (
            {"context": {"d": {"type": "category", "values": []}}},
            "$.context.d.values: has 0 entries; expected a list of 1 to 10,000 names",
        ),
        ({"context": {"d": {"type": "array"}}}, "$.context.d.items: is missing; expected one of number, category."),
        (
            {"context": {"d": {"type": "array", "items": "nmber"}}},
            "$.context.d.items: no item type is named 'nmber'; did you mean 'number'?",
        ),
        (
            {"context": {"d": {"type": "json", "max_fields": 10_001}}},
            "$.context.d.max_fields: is 10001; expected a whole number from 1 to 10,000.",
        ),
        (
            {"context": {"d": {"type": "text", "max_fields": 5}}},
            "$.context.d.max_fields: no option of a field of type text is named 'max_fields'",
        ),
        (
            {"context": {"d": {"type": "json", "default": "x"}}},
            "$.context.d.default: is 'x'; expected an object or a list, such as {}.",
        ),
        (
            {"context": {"d": {"type": "json", "default": {1: "x"}}}},
            "$.context.d.default: is a mapping; expected names that are text; put them in quotes.",
        ),
        (
            {"context": {"d": {"type": "json", "max_fields": 2, "default": [1, [2, {}]]}}},
            "expected at most 2 values in all.",
        ),
        (
            {"context": {"d": {"type": "array", "items": "number", "max_items": 0}}},
            "$.context.d.max_items: is 0; expected a whole number from 1 to 1,024.",
        ),
        (
            {"context": {"d": {"type": "array", "items": "number", "max_items": 1, "default": [1, 2]}}},
            "$.context.d.default: is [1, 2]; expected a list of at most 1 items.",
        ),
        (
            {"context": {"d": {"type": "array", "items": "number", "default": ["x"]}}},
            "$.context.d.default: is ['x']; expected items that are each a number.",
        ),
        (
            {"context": dict.fromkeys((f"f{i}" for i in range(1001)), "number")},
            "$.context: has 1,001 fields; expected at most 1,000.",
        ),
        (
            {"actions": {"kind": "slots"}},
            "$.actions.kind: is 'slots', which comes later; what works today is discrete, candidates, continuous, tuple.",
        ),
        (
            {"actions": {"kind": "discreet"}},
            "$.actions.kind: is 'discreet'; expected one of discrete, candidates, continuous, tuple (coming: slots).",
        ),
        ({"actions": {}}, "$.actions.labels: is missing; expected the actions, such as [calm, bold, playful]."),
        (
            {"actions": {"labels": "calm"}},
            "$.actions.labels: is 'calm'; expected a list of 1 to 1,000 names, such as [calm, bold].",
        ),
        ({"actions": {"labels": ["a", "a"]}}, "$.actions.labels[1]: is 'a' a second time; expected each name once."),
        (
            {"actions": {"labels": ["a", 1.5]}},
            "$.actions.labels[1]: is 1.5; expected a text of 1 to 256 printable characters; put it in quotes.",
        ),
        ({"actions": {"labels": ["a", ""]}}, "$.actions.labels[1]: is ''; expected a text of 1 to 256 printable characters."),
        (
            {"actions": {"labels": ["a", "first"]}},
            "$.actions.labels: has 'first', a word that baseline uses; expected another name",
        ),
        (
            {"actions": {"labels": ["a"], "lables": 1}},
            "$.actions.lables: no key of actions is named 'lables'; did you mean 'labels'?",
        ),
        (
            {"outcomes": {}},
            "$.outcomes: is empty; expected at least one outcome, such as `clicked: {type: boolean, take: max}`.",
        ),
        (
            {"outcomes": {"won-it": "number"}},
            "$.outcomes: has an outcome named 'won-it'; expected letters, digits and _, such as dwell_s",
        ),
        ({"outcomes": {"if": "number"}}, "$.outcomes: has an outcome named 'if'; expected letters"),
        (
            {"outcomes": {"won": {"type": "bool"}}},
            "$.outcomes.won.type: no outcome type is named 'bool'; did you mean 'boolean'?",
        ),
        (
            {"outcomes": {"won": {"take": "maximum"}}},
            "$.outcomes.won.take: no aggregation is named 'maximum'; did you mean 'max",
        ),
        (
            {"outcomes": {"won": {"take": "sum", "missing": 1}}},
            "$.outcomes.won.missing: is 1; expected 0: without a report, the sum is 0.",
        ),
        ({"outcomes": {"won": {"min": 2, "max": 1}}}, "$.outcomes.won.max: is 1, below min 2; expected 2 or more."),
        (
            {"outcomes": {"won": {"type": "boolean", "min": 0}}},
            "$.outcomes.won.min: no option of a boolean outcome is named 'min'; did you mean 'missing'?",
        ),
        ({"outcomes": {f"o{i}": "number" for i in range(201)}}, "$.outcomes: has 201 outcomes; expected at most 200."),
        (
            {"reward": {"expression": "wno"}},
            "$.reward.expression: column 1 of 'wno': no outcome is named 'wno'; did you mean 'won'?",
        ),
        (
            {"reward": {"expression": "1 / won", "range": [0, 1]}},
            "$.reward.expression: column 3 of '1 / won': the divisor can be 0",
        ),
        ({"reward": {"expression": True}}, "$.reward.expression: is true; expected arithmetic over won."),
        ({"reward": {"range": [1, 0]}}, "$.reward.range: is [1, 0]; expected [low, high], two numbers with low below high."),
        ({"reward": {"range": [1, 2]}}, "$.reward.default: is 0; expected a number in the range [1, 2]."),
        ({"reward": {"window": 600}}, "$.reward.window: is 600; expected a unit, such as 600s, 600m or 600h."),
        ({"reward": {"window": "soon"}}, "$.reward.window: is 'soon'; expected a duration such as 90s, 10m, 4h, 1.5h or 90d."),
        ({"reward": {"window": "none"}}, "$.reward.window: is 'none'; expected a duration"),
        ({"reward": {"window": "0s"}}, "$.reward.window: is '0s'; expected at least 0.001s."),
        ({"reward": {"window": [1]}}, "$.reward.window: is [1]; expected a duration"),
        ({"reward": {"close": "windw"}}, "$.reward.close: no close is named 'windw'; did you mean 'window'?"),
        ({"reward": {"close": 1}}, "$.reward.close: is 1; expected one of window, final."),
        ({"reward": {"default": True}}, "$.reward.default: is true; expected a number."),
        (
            {"outcomes": {"paid": "number"}},
            "$.reward.range: is missing, and the expression lies in [-inf, inf]; expected [low, high]",
        ),
        (
            {"outcomes": {"won": "boolean", "paid": "number"}},
            "$.reward.expression: is missing; expected arithmetic over won, paid.",
        ),
        ({"baseline": "c"}, "$.baseline: no label is named 'c'; known: a, b, first, uniform."),
        ({"baseline": True}, "$.baseline: is true; expected a label in quotes, first or uniform."),
        ({"learner": {"name": "liner"}}, "$.learner.name: no learner is named 'liner'; did you mean 'linear'?"),
        (
            {"learner": {"name": True}},
            "$.learner.name: is true; expected the name of a learner; put it in quotes: YAML reads yes",
        ),
        ({"learner": {"name": "linear", "weigth": 3}}, "$.learner.weigth: no setting of linear is named 'weigth'"),
        (
            {"learner": {"max_weight": {"a": 1}}},
            "$.learner.max_weight: is a mapping; expected a number, a text, true, false or a list",
        ),
        ({"explore": {"name": "squarebc"}}, "$.explore.name: no explorer is named 'squarebc'; did you mean 'squarecb'?"),
        ({"explore": {"floor": 1.5}}, "$.explore.floor: is 1.5; expected a number from 0 to 1."),
        ({"explore": {"gamma": 1}}, "$.explore.gamma: no setting of squarecb is named 'gamma'; did you mean 'gamma_scale'?"),
        (
            {"train": {"every": "often"}},
            "$.train.every: is 'often'; expected such as `500 examples`, `4h` or `500 examples or 4h`.",
        ),
        ({"train": {"every": "4h or 5h"}}, "$.train.every: is '4h or 5h'; expected such as"),
        ({"train": {"every": 500}}, "$.train.every: is 500; expected such as"),
        ({"train": {"every": "4h", "cron": "0 3 * * *"}}, "$.train.every: stands beside cron; expected one of the two."),
        ({"train": {"cron": "61 * * * *"}}, "$.train.cron: is '61 * * * *'; expected five fields in UTC"),
        ({"train": {"cron": "0 3 31 2 *"}}, "$.train.cron: is '0 3 31 2 *'; expected five fields in UTC"),
        ({"train": {"cron": "@daily"}}, "$.train.cron: is '@daily'; expected five fields in UTC"),
        (
            {"train": {"window": "long"}},
            "$.train.window: is 'long'; expected a duration such as 90s, 10m, 4h, 1.5h or 90d, or none.",
        ),
        ({"train": {"window": "40000d"}}, "$.train.window: is '40000d'; expected at most 36500d, or none."),
        ({"train": {"retries": 1.5}}, "$.train.retries: is 1.5; expected a whole number from 0 to 100."),
        ({"train": {"split": 0}}, "$.train.split: is 0; expected a number from 0.01 to 1."),
        (
            {"gate": {"refresh": {"name": "no-ham"}}},
            "$.gate.refresh.name: no gate rule is named 'no-ham'; did you mean 'no-harm'?",
        ),
        (
            {"gate": {"challenge": "proven-bettr"}},
            "$.gate.challenge.name: no gate rule is named 'proven-bettr'; ",
        ),
        (
            {"on_log_failure": "ignore"},
            "$.on_log_failure: no answer to a log failure is named 'ignore'; known: refuse, serve-baseline.",
        ),
        ({"subject": "hor"}, "$.subject: no field is named 'hor'; did you mean 'hour'?"),
        (
            {"context": {"x": "number"}, "subject": "x"},
            "$.subject: is 'x', a field of type number; expected category, text or integer.",
        ),
        ({"aliases": "x"}, "$.aliases: is 'x'; expected a list of at most 20 names."),
        ({"aliases": [""]}, "$.aliases[0]: is ''; expected a text of 1 to 128 printable characters."),
        ({"aliases": ["x", "x"]}, "$.aliases[1]: is 'x' a second time; expected each name once."),
        ({"aliases": ["small"]}, "$.aliases[0]: is 'small' a second time; expected each name once."),
    ],
)
def test_each_mistake_is_told_with_its_place_and_what_was_expected(changes, expected):
    got = faults(small(**changes))

    assert any(expected in fault for fault in got), got


def test_booleans_among_labels_ask_to_be_quoted():
    got = faults("loop: x\nactions: {labels: [yes, no]}\noutcomes: {won: boolean}\nreward: {range: [0, 1]}")

    hint = "put it in quotes: YAML reads yes, no, on, off, true and false as booleans unless they are quoted."
    assert got == [f"$.actions.labels[0]: is true; {hint}", f"$.actions.labels[1]: is false; {hint}"]


def test_a_bare_yes_is_a_way_to_store():
    assert (
        read_spec("""
loop: x
context: {a: {type: text, store: yes}, b: {type: text, store: hash}}
actions: {labels: [a, b]}
outcomes: {won: {type: boolean, take: last}}
""")
        .context["a"]
        .store
        == "yes"
    )


def test_all_faults_are_told_at_once():
    got = faults({"lop": "x", "context": {"a": "nmber"}, "explore": {"floor": 2}})

    assert len(got) >= 5


@pytest.mark.parametrize("text", ["", "- 1", "3", "loop", "null"])
def test_what_is_no_mapping_is_no_loop(text):
    assert any(fault.startswith("$") for fault in faults(text))


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    with pytest.raises(
        Invalid, match=r"missing\.yaml: cannot be read: No such file or directory; expected a loop's YAML file\."
    ):
        read_spec_file(tmp_path / "missing.yaml")


def test_a_loop_file_is_told_by_its_loop_key(tmp_path):
    (tmp_path / "a.yaml").write_text(DESIGN)
    (tmp_path / "b.yaml").write_text("server: {port: 1}")

    assert is_loop_file(tmp_path / "a.yaml")
    assert not is_loop_file(tmp_path / "b.yaml")
    assert not is_loop_file(tmp_path / "c.yaml")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"explore": {"floor": 0}}, "explore.floor is 0: actions may never be tried, so no gate can pass; use 0.02 or more."),
        (
            {"explore": {"floor": 0.001}},
            "explore.floor is 0.001 over 2 actions: one example may weigh 2,000, so the gate may need about 2,000,000 ",
        ),
        (
            {"reward": {"range": [0, 0.5]}},
            "reward.range can be exceeded, and what lies outside is clipped: the range is [0, 0.5], the expression lies in",
        ),
        ({"reward": {"range": [0, 2]}}, "reward.range is wider than need be, which makes intervals wide: the range is [0, 2]"),
        (
            {"reward": {"range": [-2, -1], "default": -1}},
            "reward.range does not meet the expression, so every reward is clipped to one",
        ),
        (
            {"reward": {"expression": "0.5", "range": [0, 1]}},
            "reward.expression is 0.5 whatever happens: there is nothing to learn.",
        ),
        (
            {"reward": {"expression": "0.5", "range": [0, 1]}},
            "outcomes.won is not used by reward.expression; it is stored and counted",
        ),
        ({"actions": {"labels": ["a"]}}, "actions.labels has one label: there is nothing to choose."),
        ({"context": {"x": {"type": "text", "store": "never"}}}, "context.x has `store: never`: it is not in the examples"),
        ({"train": {"split": 1}}, "train.split is 1: no decision is left for evaluation, so the gate sees nothing."),
        ({"reward": {"window": "90d"}}, "reward.window (90d) is not shorter than train.window (90d)"),
        (
            {"reward": {"close": "final"}},
            "reward.close is final: only for clients that send a final outcome for every decision",
        ),
    ],
)
def test_what_is_likely_a_mistake_is_warned_of(changes, expected):
    got = warnings_of(read_spec(small(**changes)))

    assert any(expected in warning for warning in got), got


def test_the_largest_weight_is_the_number_of_actions_over_the_floor():
    assert largest_weight(read_spec(SMALL)) == 100.0
    assert largest_weight(read_spec(small(explore={"floor": 0}))) == math.inf


NAMES = st.text("abcdefgh_", min_size=1, max_size=6).filter(lambda name: name not in ("if", "or"))
BOUNDS = st.tuples(st.integers(-100, 100), st.integers(0, 100)).map(lambda b: {"min": b[0], "max": b[0] + b[1]})
FIELDS = st.one_of(
    BOUNDS.map(lambda b: {"type": "number", **b}),
    BOUNDS.map(lambda b: {"type": "integer", **b, "default": b["min"]}),
    st.just({"type": "boolean", "optional": True}),
    st.lists(NAMES, min_size=1, max_size=4, unique=True).map(lambda v: {"type": "category", "values": v, "default": v[0]}),
    st.sampled_from([{"type": "text", "store": "hash"}, {"type": "array", "items": "category", "max_items": 3}]),
    st.sampled_from(
        ["json", {"type": "json", "max_fields": 9, "optional": True, "default": {"b": [1, None], "a": {"c": "x"}}}]
    ),
)
SPECS = st.fixed_dictionaries(
    {
        "loop": st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,20}\Z"),
        "context": st.dictionaries(NAMES, FIELDS, max_size=4),
        "actions": st.lists(NAMES, min_size=1, max_size=5, unique=True).map(
            lambda labels: {"kind": "discrete", "labels": labels}
        ),
        "outcomes": st.dictionaries(
            NAMES, st.sampled_from(["boolean", {"type": "number", "min": 0, "take": "last"}]), min_size=1
        ),
        "reward": st.builds(
            lambda low, width, window: {"expression": "1", "range": [min(low, 0), min(low, 0) + width + 100], "window": window},
            st.floats(-50, 50),
            st.floats(0.001, 50),
            st.sampled_from(["1s", "90s", "1.5h", "250ms", "7d", "2w"]),
        ),
        "explore": st.builds(lambda floor: {"name": "squarecb", "floor": floor}, st.floats(0, 1)),
        "train": st.builds(
            lambda every, half_life, split: {"every": every, "half_life": half_life, "split": split},
            st.sampled_from(["none", "1 example", "4h", "500 examples or 4h"]),
            st.sampled_from(["none", "3d"]),
            st.floats(0.01, 1),
        ),
        "aliases": st.lists(st.sampled_from(["A", "B", "C"]), unique=True),
    }
)


@settings(max_examples=60, deadline=None)
@given(SPECS)
def test_any_spec_survives_the_round_trips_through_json_and_yaml(document):
    spec = read_spec(document)

    assert from_json(to_json(spec)) == spec
    assert read_spec(to_json(spec)) == spec  # JSON is YAML


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.sampled_from([*SMALL, "reward", "learner", "explore", "train", "gate", "subject", "aliases"]), JSON))
def test_any_value_in_any_place_is_read_or_refused_politely(changes):
    try:
        read_spec(small(**changes))
    except Invalid as error:
        assert all(fault.where.startswith("$") and fault.message.endswith((".", "?")) for fault in error.faults)


def test_a_mistyped_type_is_one_fault_and_its_options_are_none():
    context = {
        "device": {"type": "categry", "values": ["phone"]},
        "tags": {"type": "array", "items": "categori", "values": ["a"]},
        "hour": {"type": "integr", "min": 0, "mx": 23},
    }

    assert faults(small(context=context, subject="device")) == [
        "$.context.device.type: no field type is named 'categry'; did you mean 'category'?",
        "$.context.tags.items: no item type is named 'categori'; did you mean 'category'?",
        "$.context.hour.type: no field type is named 'integr'; did you mean 'integer'?",
        "$.context.hour.mx: no option of a field is named 'mx'; did you mean 'max'?",
    ]


def test_every_unknown_name_in_the_expression_is_told():
    reward = {"expression": "wn + mni(wonn, 1) * (won", "range": [0, 1]}

    assert [fault.split("': ", 1)[1] for fault in faults(small(reward=reward))] == [
        "no outcome is named 'wn'; did you mean 'won'?",
        "no function is named 'mni'; did you mean 'min'?",
        "no outcome is named 'wonn'; did you mean 'won'?",
        "found the end; expected ')'.",
    ]


def test_keys_beside_a_mistyped_kind_of_actions_are_checked():
    assert faults(small(actions={"kind": "discret", "lables": ["a"], "labels": ["a", "b"]})) == [
        "$.actions.kind: is 'discret'; expected one of discrete, candidates, continuous, tuple (coming: slots).",
        "$.actions.lables: no key of actions is named 'lables'; did you mean 'labels'?",
    ]


def test_a_fault_of_the_projects_defaults_is_told_at_its_place_there():
    train = {"evry": "3 examples", "retries": -1}

    assert faults(small(train={"retries": 200}), train=train, trian={}) == [
        "$.defaults.trian: no key of defaults is named 'trian'; did you mean 'train'?",
        "$.train.retries: is 200; expected a whole number from 0 to 100.",
        "$.defaults.train.evry: no key of train is named 'evry'; did you mean 'every'?",
    ]
