"""`policyloop ship`: what a decider at the edge kept comes home, and what cannot is told."""

import json
from pathlib import Path

from policyloop.core import model_file
from policyloop.core.settings import Home
from policyloop.run.deployment import open_deployment
from policyloop.run.edge import Decider


def keep(folder: Path, n: int) -> None:
    """n decisions and an outcome of the first, kept under the spec that holds in the project."""
    with open_deployment(Home(Path("policyloop-data"))) as deployment:
        Path("m.model").write_bytes(model_file.pack(deployment.registry.standing("front-page").spec))
    with Decider.from_path("m.model", log=folder) as decider:
        answers = [decider.decide({"hour": 9}) for _ in range(n)]
        decider.outcome(answers[0], clicked=True)


def test_it_says_what_it_took(project, tmp_path):
    keep(tmp_path / "edge", 2)

    first = project("ship", tmp_path / "edge")
    again = project("ship", tmp_path / "edge", "--json")

    assert (first.code, first.out) == (0, "took 2 decisions and 1 outcome in 1 segment.\n")
    assert json.loads(again.out) == {"n_segments": 0, "n_decisions": 0, "n_outcomes": 0, "n_repeated": 0, "left": []}


def test_what_stays_is_told_with_the_reason(project, tmp_path):
    keep(tmp_path / "edge", 1)
    with open_deployment(Home(Path("elsewhere"))):
        pass  # another deployment, without the loop

    ran = project("ship", tmp_path / "edge", "--home", "elsewhere")

    assert (ran.code, ran.out) == (1, "took 0 decisions and 0 outcomes in 0 segments.\n")
    assert "left: " in ran.err
    assert "which is not here; apply the loop first" in ran.err


def test_a_folder_that_is_none_is_the_users_mistake(project, tmp_path):
    ran = project("ship", tmp_path / "nowhere")

    assert ran.code == 2
    assert "holds no log of a decider; expected the folder that was given as log=FOLDER." in ran.err
