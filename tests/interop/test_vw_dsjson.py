"""Vowpal Wabbit's dsjson: what we write VW learns from, what we read becomes examples, and out and in again nothing is lost."""

import json
import subprocess
import sys

import numpy as np
import pytest

from empty_records import with_records
from policyloop.core.clock import US_PER_S
from policyloop.core.errors import Fault, Invalid
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.interop.exported_row import ExportedRow, exported_rows
from policyloop.interop.formats import vw_dsjson
from policyloop.join.hours import join_loop
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.deployment import open_deployment
from policyloop.run.importing import import_files

SPEC = read_spec(
    {
        "loop": "front-page",
        "context": {"hour": "integer", "device": "category", "words": {"type": "text", "optional": True}},
        "actions": {"labels": ["calm", "bold", "playful"]},
        "outcomes": {"clicked": {"type": "boolean", "take": "max"}},
        "train": {"split": 0.5},
    }
)
MARKET = read_spec(
    {
        "loop": "market",
        "context": {"device": "category"},
        "actions": {"kind": "candidates", "features": {"price": "number", "name": "text"}, "ids": ["pear"]},
        "outcomes": {"earned": {"type": "number"}},
        "reward": {"range": [-1, 5]},
    }
)
ANYTHING = read_spec(
    {
        "loop": "anything",
        "context": {"given": "json"},
        "actions": {"kind": "candidates"},
        "outcomes": {"clicked": {"type": "boolean", "take": "max"}},
    }
)
# Facts of the format, as another system writes it.
OTHERS = (
    '{"_label_cost":-1.0,"_label_probability":0.05,"_label_Action":4,"_labelIndex":3,"o":[{"v":1.0,"EventId":"13118d",'
    '"ActionTaken":false}],"Timestamp":"2021-02-04T16:31:29.2460000Z","Version":"1","EventId":"13118d","a":[4,2,1,3],'
    '"c":{"FromUrl":[{"timeofday":"Afternoon"}],"_multi":[{"_tag":"Cappucino","i":{"hot":1}},{"_tag":"Cold brew"},'
    '{"_tag":"Iced mocha","j":[{"type":"iced","sweet":0.3}]},{"_tag":"Latte"}]},"p":[0.05,0.05,0.05,0.85],'
    '"VWState":{"m":"ff0744c1/550c12cb"},"_original_label_cost":-1.0}'
)


def exported(**changes):
    given = {
        "decision_id": "d1",
        "decided_at": 1_700_000_000_000_001,
        "policy": "baseline",
        "context": {"hour": 9, "device": "phone", "words": "big news"},
        "names": ["calm", "bold", "playful"],
        "features": None,
        "action": 1,
        "pmf": [0.2, 0.7, 0.1],
        "reward": 1.0,
        "is_rewarded": True,
        **changes,
    }
    return ExportedRow(**given)


def written(folder, rows, spec=SPEC):
    file = folder / "log.dsjson"
    with file.open("wb") as out:
        vw_dsjson.write(out, rows, spec)
    return file


def read(folder, *lines, spec=SPEC, outcome=None):
    file = folder / "in.dsjson"
    file.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return list(vw_dsjson.read(file, spec, policy="file", outcome=outcome))


def test_a_line_has_what_the_format_asks_for(tmp_path):
    assert json.loads(written(tmp_path, [exported()]).read_text()) == {
        "_label_cost": -1.0,
        "_label_probability": 0.7,
        "_label_Action": 2,
        "_labelIndex": 1,
        "o": [{"v": 1.0, "EventId": "d1", "ActionTaken": False}],
        "Timestamp": "2023-11-14T22:13:20.0000010Z",
        "Version": "1",
        "EventId": "d1",
        "a": [2, 1, 3],
        "c": {
            "context": {"hour": 9, "device": "phone", "words": {"_text": "big news"}},
            "_multi": [
                {"_tag": "calm", "action": {"is calm": 1}},
                {"_tag": "bold", "action": {"is bold": 1}},
                {"_tag": "playful", "action": {"is playful": 1}},
            ],
        },
        "p": [0.7, 0.2, 0.1],
        "VWState": {"m": "baseline"},
        "_original_label_cost": -1.0,
    }


def test_what_was_written_is_read_as_it_was(tmp_path):
    masked = exported(names=["calm", "playful"], action=1, pmf=[0.25, 0.75], reward=0.0, is_rewarded=False)

    whole, part = read(tmp_path, *written(tmp_path, [exported(), masked]).read_text().splitlines())

    assert (whole.decision.decision_id, whole.decision.action, whole.decision.mask) == ("d1", "bold", None)
    assert whole.decision.pmf == {"calm": 0.2, "bold": 0.7, "playful": pytest.approx(0.1)}
    assert whole.decision.context == {"hour": 9, "device": "phone", "words": "big news"}
    assert (whole.decision.occurred_at, whole.decision.policy) == ("2023-11-14T22:13:20.000001Z", "baseline")
    assert whole.outcomes == {"clicked": True}
    assert (part.decision.action, part.decision.mask) == ("playful", [True, False, True])
    assert part.outcomes == {}


def test_candidates_keep_their_ids_and_features(tmp_path):
    row = exported(
        names=["pear", "fig"],
        features=[{"price": 1.5, "name": "a green pear"}, {"price": 2.0, "name": "fig"}],
        action=0,
        pmf=[0.5, 0.5],
        reward=-0.5,
        context={"device": "phone"},
    )
    line = json.loads(written(tmp_path, [row], MARKET).read_text())

    (found,) = read(tmp_path, line, spec=MARKET)

    assert line["c"]["_multi"] == [
        {"_tag": "pear", "action": {"price": 1.5, "name": {"_text": "a green pear"}}, "id": {"is pear": 1}},
        {"_tag": "fig", "action": {"price": 2.0, "name": {"_text": "fig"}}},
    ]
    assert line["_label_cost"] == 0.5
    assert [one.id for one in found.decision.actions] == ["pear", "fig"]
    assert [one.features for one in found.decision.actions] == row.features
    assert (found.decision.action, found.decision.pmf, found.outcomes) == (0, [0.5, 0.5], {"earned": -0.5})


def test_a_line_of_another_system_comes_in(tmp_path):
    (row,) = read(tmp_path, OTHERS, spec=ANYTHING)

    assert row.decision.context == {"given": {"FromUrl": [{"timeofday": "Afternoon"}]}}
    assert [one.id for one in row.decision.actions] == ["Cappucino", "Cold brew", "Iced mocha", "Latte"]
    assert [one.features for one in row.decision.actions] == [{"hot": 1}, {}, {"j": [{"type": "iced", "sweet": 0.3}]}, {}]
    assert row.decision.action == 3
    assert row.decision.pmf == pytest.approx([0.05, 0.05, 0.85, 0.05])
    assert (row.decision.policy, row.decision.occurred_at) == ("ff0744c1/550c12cb", "2021-02-04T16:31:29.246000Z")
    assert row.outcomes == {"clicked": True}


def test_places_may_count_from_0(tmp_path):
    (row,) = read(tmp_path, json.loads(OTHERS) | {"a": [3, 1, 0, 2]}, spec=ANYTHING)

    assert row.decision.action == 3


def test_without_probabilities_a_line_is_no_evidence_and_never_activated_it_is_no_example(tmp_path):
    line = json.loads(OTHERS)
    del line["p"]

    estimated, skipped = read(tmp_path, line, json.loads(OTHERS) | {"_skipLearn": True}, spec=ANYTHING)

    assert (estimated.decision.propensity_kind, estimated.decision.propensity, estimated.decision.pmf) == (
        "estimated",
        0.05,
        None,
    )
    assert (estimated.decision.defer, skipped.decision.defer) == (False, True)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"_outcomes": []}, "has _outcomes; expected a decision among actions, not of several slots or of continuous ones."),
        ({"a": [4, 4, 1, 3]}, "a is [4, 4, 1, 3]; expected each place from 1 to 4, as c._multi has 4 actions."),
        ({"p": [0.5, 0.5, 0.5, 0.5]}, "p sums to 2; expected 1."),
        ({"p": [1.0]}, "p is [1.0]; expected 4 numbers, one per entry of a."),
        ({"p": "even"}, "p is even; expected 4 numbers, one per entry of a."),
        ({"c": {}}, "c._multi is missing or no list of objects; expected an object per action."),
        ({"c": []}, "c._multi is missing or no list of objects; expected an object per action."),
        ({"_label_cost": "x"}, "_label_cost is x; expected a number, minus the reward."),
        ({"EventId": 5}, "EventId is 5; expected a text."),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_line_that_does_not_fit_is_named_and_the_others_are_read(tmp_path, changes, told):
    bad, good = read(tmp_path, json.loads(OTHERS) | changes, OTHERS, spec=ANYTHING)

    assert bad == Fault("line 1", told)
    assert good.decision.action == 3


def test_what_is_no_decision_is_named(tmp_path):
    torn, array, reward = read(tmp_path, "{", "[]", {"RewardValue": 1.0, "EventId": "x"}, spec=ANYTHING)

    assert torn.message.startswith("is not JSON")
    assert array.message == "is no JSON object; expected a decision as dsjson has it."
    assert reward.message == "has no _label_cost, a, c; expected at least _label_cost, EventId, a, c."
    with pytest.raises(Invalid, match="cannot be read: No such file"):
        list(vw_dsjson.read(tmp_path / "none", SPEC, policy="file", outcome=None))


@pytest.fixture
def deployment(tmp_path):
    with open_deployment(Home(with_records(tmp_path / "data"))) as opened:
        yield opened


def bring_in(deployment, spec, file):
    deployment.registry.apply(spec)
    import_files(deployment, spec, file_format="vw-dsjson", files=[file])
    with ship_by_hand(deployment):
        pass
    join_loop(deployment.lake, deployment.records, spec, watermark=deployment.clock.now_us() + 3600 * US_PER_S)


def visits(n):
    """Phone people like calm, others bold; decided at random, playful more seldom."""
    rng = np.random.default_rng(1)
    for i in range(n):
        device, action = ("phone", "desktop")[i % 2], int(rng.choice(3, p=[0.4, 0.4, 0.2]))
        yield exported(
            decision_id=f"d{i}",
            context={"hour": int(rng.integers(24)), "device": device},
            action=action,
            pmf=[0.4, 0.4, 0.2],
            reward=float(action == i % 2),
        )


def test_out_and_in_and_out_again_is_the_same(tmp_path, deployment):
    file = written(tmp_path, visits(60))
    bring_in(deployment, SPEC, file)

    rows = list(exported_rows(deployment.lake, deployment.registry, SPEC))

    again = {line["EventId"]: line for line in map(json.loads, written(tmp_path, rows).read_text().splitlines())}
    first = {row.decision_id: row for row in visits(60)}
    assert again.keys() == first.keys()
    for name, row in first.items():
        line = json.loads(written(tmp_path, [row]).read_text())
        assert {key: again[name][key] for key in ("a", "p", "c", "o", "_label_cost")} == {
            key: pytest.approx(line[key]) if key == "p" else line[key] for key in ("a", "p", "c", "o", "_label_cost")
        }


def test_a_part_and_a_time_may_be_asked_for_and_what_has_no_probabilities_is_counted(tmp_path, deployment):
    file = written(tmp_path, visits(60))
    line = json.loads(file.read_text().splitlines()[0])
    del line["p"]
    with file.open("a") as more:
        more.write(json.dumps(line | {"EventId": "unknown"}) + "\n")
    bring_in(deployment, SPEC, file)

    def rows(**asked):
        return list(exported_rows(deployment.lake, deployment.registry, SPEC, **asked))

    assert (len(rows()), rows().count(None)) == (61, 1)
    assert len(rows(part="learned")) + len(rows(part="held-out")) == 61
    assert 10 < len(rows(part="learned")) < 51
    assert rows(since=deployment.clock.now_us()) == []


def vw(*arguments):
    pytest.importorskip("vowpalwabbit", reason="vowpalwabbit is not installed; pip install 'policyloop[vw]'")
    command = [sys.executable, "-m", "vowpalwabbit", *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout + done.stderr


@pytest.mark.parametrize("spec", [SPEC, MARKET], ids=["labels", "candidates"])
def test_vw_learns_from_the_file_by_its_command_line(tmp_path, spec):
    if spec is SPEC:
        rows = list(visits(1500))
    else:
        features = [{"price": price, "name": name} for price, name in ((1.0, "green pear"), (2.0, "fig"), (3.0, "plum"))]
        rows = [
            exported(
                names=["pear", "fig", "plum"],
                features=features,
                context={"device": row.context["device"]},
                action=row.action,
                pmf=row.pmf,
                reward=row.reward,
            )
            for row in visits(1500)
        ]
    log, model, asked, answers = written(tmp_path, rows, spec), tmp_path / "model", tmp_path / "asked", tmp_path / "answers"

    told = vw("--dsjson", "-d", log, "--cb_explore_adf", "--epsilon", "0.1", "-q", "ca", "-q", "ci", "-f", model)
    asked.write_text("\n".join(log.read_text().splitlines()[:2]) + "\n")  # a phone, a desktop
    vw("--dsjson", "-d", asked, "-i", model, "-t", "-p", answers)

    assert "error" not in told
    assert "number of examples = 1500" in told
    best = [dict(pair.split(":") for pair in line.split(",")) for line in answers.read_text().split()]
    assert [max(one, key=lambda place: float(one[place])) for one in best] == ["0", "1"]


def test_any_json_of_ours_is_taken_by_vw(tmp_path):
    odd = {
        "a": ["x", "y"],
        "b": [[1], [2, "z"]],
        "c": {"d": {"e": [True, None, {"f": 1}]}},
        "_hidden": 1,
        "~g": "h|i:j k",
        "n": None,
    }
    row = exported(
        names=["i d|:1", "é"], features=[{"features": odd}, {"features": {}}], action=0, pmf=[0.5, 0.5], context={"given": odd}
    )

    told = vw("--dsjson", "-d", written(tmp_path, [row], ANYTHING), "--cb_explore_adf")

    assert "error" not in told
    assert "number of examples = 1\n" in told
