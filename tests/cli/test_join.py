"""`policyloop join` of a loop with episodes: what became of every decision, and some of those that became no transition."""

import json
from pathlib import Path

import pytest

from carts import CART
from histories import a_history, a_row, the_last
from policyloop.core.settings import Home
from policyloop.lake.bulk import bring_history
from policyloop.run.deployment import open_deployment
from some_events import T0


@pytest.fixture
def carts(policyloop, tmp_path):
    """The command in a project whose carts have an episode with a gap, not joined yet."""
    (tmp_path / "carts.yaml").write_text("\n".join(f"{key}: {json.dumps(value)}" for key, value in CART.items()))
    assert policyloop("apply").code == 0
    with open_deployment(Home(Path("policyloop-data"))) as deployment:
        spec = deployment.registry.standing(CART["loop"]).spec
        rows = [a_row(0), a_row(1), a_row(3, terminated=True), the_last(4)]
        for row in rows:
            row["context"] = {"x": row["context"]["x"]}
        bring_history(
            deployment.lake,
            deployment.records,
            spec,
            a_history(rows, spec=spec),
            policy="x",
            salt=bytes(32),
            salt_id="s",
            now_us=T0,
        )
    return policyloop


def test_a_script_gets_every_count_and_the_rows_with_faults(carts):
    told = json.loads(carts("join", CART["loop"], "--json").out)

    counts = {name: told[name] for name in ("decisions", "transitions", "no_next", "gaps", "episodes", "terminated")}
    assert counts == {"decisions": 3, "transitions": 2, "no_next": 1, "gaps": 1, "episodes": 1, "terminated": 1}
    assert [(row["fault"], row["episode_id"], row["step"]) for row in told["rows"]] == [("no_next", "e1", 1)]


def test_people_get_tables(carts):
    lines = [line.split() for line in carts("join", CART["loop"]).out.splitlines()]

    assert ["transitions", "2"] in lines
    assert ["no", "next", "1"] in lines
    assert [line for line in lines if line[-1:] == ["0"]] == []  # only what came about; a script gets every count
    assert lines[-1][:4] == ["no", "next", "e1", "1"]
