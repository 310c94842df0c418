"""A loop whose action is a label and a number, from its file to a decision: applied, tracked, joined, trained, asked."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from gearbox import GEARBOX, GEARS, best, driven
from running_app import running_app

LEARNER = {"updates": 600, "checkpoint_every": 300, "width": 64, "depth": 1, "batch": 64, "learning_rate": 3e-3}
LOOP = GEARBOX | {
    "learner": {"name": "iql", "weight_temperature": 10.0, **LEARNER},
    "explore": {"name": "own", "floor": 0.1},
}
DECIDE = "/v1/loops/gearbox/decide"


def tracked(history):
    """The rows of a history as another system sends them: each step a decision, and after the last of an episode its end."""
    for i in range(len(history)):
        context = dict(zip(("slope", "load"), history.state[i].tolist(), strict=True))
        episode, step = f"trip-{history.episode[i]}", int(history.step[i])
        yield {
            "type": "decision",
            "loop": "gearbox",
            "decision_id": f"{episode}-{step}",
            "context": context,
            "values": {"gear": GEARS[history.action[i, 0]], "throttle": float(history.action_value[i, 0])},
            "propensity": 1 / 3,
            "propensity_kind": "density",
            "action_source": "random",
            "episode_id": episode,
            "step": step,
        }
        if history.truncated[i]:
            after = dict(zip(("slope", "load"), history.next_state[i].tolist(), strict=True))
            ended = {"outcomes": {}, "truncated": True, "next_context": after}
            yield {"type": "outcome", "loop": "gearbox", "decision_id": f"{episode}-{step}", **ended}


@pytest.fixture
def command(policyloop, tmp_path):
    """A function that runs a command on the project's data and answers what it printed."""
    (tmp_path / "policyloop.yaml").write_text("home: {path: data}\n")
    (tmp_path / "gearbox.yaml").write_text(yaml.safe_dump(LOOP, sort_keys=False))

    def ran(*words):
        done = policyloop(*words)
        assert done.code == 0, done.err
        return done.out

    return ran


def test_a_history_of_gears_and_throttles_becomes_a_model_that_decides_both(command, policyloop, tmp_path):
    pytest.importorskip("jax", reason="needs the extra rl")
    command("apply")
    rows = list(tracked(driven(300, seed=1)))
    with running_app(tmp_path) as app:
        taken = [app.post("/v1/track", rows[i : i + 900]) for i in range(0, len(rows), 900)]
    assert [result["status"] for answer in taken for result in answer.json["results"]] == ["accepted"] * len(rows)

    command("join", "gearbox")
    command("train", "gearbox")
    (model,) = json.loads(command("models", "gearbox", "--json"))
    command("promote", "gearbox", model["model"], "--unseen", "--why", "its optimum is known")
    command("export", "onnx", "gearbox", "gearbox.onnx")
    states = np.random.default_rng(7).uniform(-1, 1, (60, 2)).astype(np.float32)
    with running_app(tmp_path) as app:
        asked = [
            {"context": {"slope": float(s), "load": float(load)}, "episode_id": f"new-{i}", "step": 0}
            for i, (s, load) in enumerate(states)
        ]
        likeliest = [
            app.post(DECIDE, {**one, "episode_id": one["episode_id"] + "-sure", "explore": False}).json for one in asked
        ]
        drawn = [app.post(DECIDE + "?pmf=true", one).json for one in asked]
        strange = app.post(DECIDE, {"context": {"slope": 40.0, "load": 0.0}, "episode_id": "far", "step": 0}).json
        told = app.post("/v1/loops/gearbox/predict", {"inputs": states.tolist()}).json

    gears, throttle = best(states)
    assert np.mean([answer["values"]["gear"] == GEARS[gear] for answer, gear in zip(likeliest, gears, strict=True)]) >= 0.9
    assert np.mean([abs(a["values"]["throttle"] - t) for a, t in zip(likeliest, throttle, strict=True)]) < 0.05
    assert {answer["propensity_kind"] for answer in likeliest} == {"point"}
    for answer in drawn:
        assert answer["policy"] == model["model"]
        assert 0 <= answer["values"]["throttle"] <= 1
        assert sum(answer["pmf"]["gear"]) == pytest.approx(1)
        assert min(answer["pmf"]["gear"]) >= 0.1 / 3 - 1e-12
        assert answer["propensity"] > 0
        assert np.isfinite(answer["action_value_estimate"])
    assert (strange["fallback"], strange["policy"]) == (True, "baseline")
    assert told["names"] == ["throttle"]
    np.testing.assert_allclose(told["mean"], [[answer["values"]["throttle"]] for answer in likeliest], atol=1e-5)
    assert [GEARS[np.argmax(pmf)] for pmf in told["pmf"]["gear"]] == [answer["values"]["gear"] for answer in likeliest]
    np.testing.assert_allclose(told["value"], [answer["action_value_estimate"] for answer in likeliest], atol=1e-4)
    assert (tmp_path / "gearbox.onnx").stat().st_size > 1000
    for answer in (likeliest[0], drawn[0], strange):
        # to the last bit, on the machine that decided
        assert "they are 0 apart at most.\nThey agree." in command("replay", answer["decision_id"])


def test_formats_that_know_one_kind_of_action_say_so_instead_of_losing_the_other(command, policyloop, tmp_path):
    command("apply")
    with running_app(tmp_path) as app:
        app.post("/v1/track", list(tracked(driven(2, seed=1))))
    command("join", "gearbox")

    left_out = [policyloop("export", name, "gearbox", "out") for name in ("rllib", "minari")]
    command("export", "transitions", "gearbox", "out.parquet")
    again = policyloop("import", "transitions", "gearbox", "out.parquet")

    assert [done.code for done in left_out] == [2, 2]
    assert (
        "knows actions of one kind, and those of loop 'gearbox' are labels and numbers at once. Write them as"
        in left_out[0].err
    )
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["action"].to_pylist() == driven(2, seed=1).action[:, 0].tolist()
    np.testing.assert_allclose(np.array(table["action_value"].to_pylist()), driven(2, seed=1).action_value)
    assert again.code == 2
    assert "Bring them in by `policyloop import history` or `POST /v1/track`." in again.err
