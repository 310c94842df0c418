"""Deciders at the edge of a deployment as a user runs it: they follow its model, and what they decide becomes its examples."""

from deployed import LOOP, deployed, eventually
from edge_models import file_of
from policyloop.core.settings import Home
from policyloop.lake import views
from policyloop.run.by_hand import join_by_hand
from policyloop.run.deployment import open_deployment
from policyloop.run.edge import Decider
from trained import train_and_promote

N_DECIDERS = 20
POLL_S = 0.5
CONTEXT = {"hour": 9, "device": "phone"}
NO_TRAINING = LOOP.replace("every: 60 examples", "every: none")


def test_twenty_deciders_follow_the_champion_and_all_they_decide_is_learned_from_once(tmp_path):
    with deployed(tmp_path / "project", loop=NO_TRAINING) as running, open_deployment(Home(running.home)) as deployment:
        url = f"{running.url}/v1/loops/shop/models/latest"
        deciders = [Decider.from_url(url, spool=tmp_path / f"spool{i}", poll_s=POLL_S) for i in range(N_DECIDERS)]
        answers = [decider.decide(CONTEXT) for decider in deciders]
        assert {answer.policy for answer in answers} == {"baseline"}

        model = train_and_promote(deployment, loop="shop")
        eventually(lambda: {decider.model for decider in deciders} == {model})
        for decider in deciders:
            answers.append(decider.decide(CONTEXT))
            decider.outcome(answers[-1], clicked=True, final=True)
        assert {answer.policy for answer in answers[N_DECIDERS:]} == {model}

        path = tmp_path / "shop.model"
        path.write_bytes(file_of(deployment, model, "shop"))
        with Decider.from_path(path, log=tmp_path / "log") as offline:
            answers.append(offline.decide(CONTEXT))
            offline.outcome(answers[-1], clicked=True, final=True)
        assert running.run("ship", str(tmp_path / "log")).startswith("took 1 decision and 1 outcome")

        for decider in deciders:
            decider.close()
        failures = [decider.trouble for decider in deciders if decider.trouble is not None]
        running.stop()
        assert join_by_hand(deployment, deployment.registry.standing("shop").spec)
        decisions = views.decisions(deployment.lake, "shop").to_pylist()
        outcomes = views.outcomes(deployment.lake, "shop")["decision_id"].to_pylist()

    assert failures == []
    assert sorted(row["decision_id"] for row in decisions) == sorted(answer.decision_id for answer in answers)
    assert sorted(outcomes) == sorted(answer.decision_id for answer in answers[N_DECIDERS:])
    tracked = [row for row in decisions if row["decision_id"] != answers[-1].decision_id]
    assert {row["policy"] for row in tracked} == {"imported:baseline", f"imported:{model}"}
