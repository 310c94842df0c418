"""A rollout against a server: it decides and logs, and what was drawn evenly beside it says so."""

import itertools
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import yaml

from deployed import deployed
from policyloop.core.density import Density
from policyloop.core.errors import NothingToDo
from policyloop.core.settings import Home
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.deployment import open_deployment
from policyloop.run.episodes.rollout import Plan, roll_out
from policyloop.simulate.environment import open_environment
from policyloop.simulate.remote import server_and_loop

SETTINGS = {"cartpole": {"max_steps": 25}, "gridworld": {"width": 4, "height": 3, "pits": []}}


def loop_of(name, **changes):
    file = open_environment(name, SETTINGS[name]).problem.loop_file() | changes
    return yaml.safe_dump(file, sort_keys=False)


def played(name, url, **changes):
    plan = Plan(environment=name, settings=SETTINGS[name], policy=url, n_episodes=4, seed=2, random_fraction=0.4, **changes)
    return roll_out(None, plan)


LIMITS = {"force": {"min": -0.6, "max": 0.8, "max_change": 0.3}}


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """What was told of a rollout in each of three loops of one server, and the decisions and outcomes that it logged."""
    folder = tmp_path_factory.mktemp("remote") / "project"
    folder.mkdir()
    (folder / "grid.yaml").write_text(loop_of("gridworld"))
    (folder / "limited.yaml").write_text(loop_of("cartpole", loop="limited", limits=LIMITS))
    with deployed(folder, loop=loop_of("cartpole")) as running:
        at = f"{running.url}/v1/loops"
        loops = {"pole": ("cartpole", running.url), "grid": ("gridworld", f"{at}/gridworld")}
        loops["limited"] = ("cartpole", f"{at}/limited")
        told = {name: played(*where) for name, where in loops.items()}
        running.stop()
    with open_deployment(Home(folder / "policyloop-data")) as deployment:
        with ship_by_hand(deployment) as is_ours:
            assert is_ours
        return told, deployment.lake.rows("decisions"), deployment.lake.rows("outcomes")


def test_the_server_writes_the_log_and_random_steps_are_tracked(logged):
    told_of, decided, reported = logged
    pole, grid, decisions = told_of["pole"], told_of["grid"], decided.to_pylist()
    ends = [row for row in reported.to_pylist() if row["terminated"] or row["truncated"]]

    for told in (pole, grid):
        rows = [row for row in decisions if row["loop"] == told.loop]
        tracked = [row for row in rows if row["policy"] == "imported:random"]
        assert len(rows) == told.n_steps == sum(one.n_steps for one in told.by_source.values())
        assert len(tracked) == told.by_source["random"].n_steps > 0
        assert {row["action_source"] for row in tracked} == {"random"}
        assert {row["propensity"] for row in tracked} == {0.5 if told is pole else 0.25}
        ended = {row["decision_id"].rsplit("-", 1)[0] for row in ends if row["loop"] == told.loop}
        assert ended == {row["episode_id"] for row in rows}
        assert len(ended) == 4
        assert told.n_events == 0


def test_random_steps_keep_the_limits_and_what_follows_them_begins_from_what_was_done(logged):
    told_of, decided, _ = logged
    told = told_of["limited"]
    in_order = decided.sort_by([("episode_id", "ascending"), ("step", "ascending")]).to_pylist()
    rows = [row for row in in_order if row["loop"] == "limited"]

    forces = np.array([row["action_value"][0] for row in rows])
    densities = [Density.from_json(json.loads(row["density"])) for row in rows]
    assert len(rows) == told.n_steps
    assert forces.min() >= -0.6
    assert forces.max() <= 0.8
    for (before, row), density in zip(itertools.pairwise(rows), densities[1:], strict=True):
        if before["episode_id"] == row["episode_id"]:  # the draw is cut round what was really done, whoever did it
            done = before["action_value"][0]
            assert density.low == [pytest.approx(max(done - 0.3, -0.6))]
            assert density.high == [pytest.approx(min(done + 0.3, 0.8))]
    for row, density in zip(rows, densities, strict=True):
        assert row["propensity"] == pytest.approx(density.at(row["action_value"]))
        assert row["propensity"] == pytest.approx(1 / (density.high[0] - density.low[0]))  # the baseline is even, too
    pairs = {(a["policy"], b["policy"]) for a, b in itertools.pairwise(rows) if a["episode_id"] == b["episode_id"]}
    assert len(pairs) == 4  # each of the two after each


def test_a_server_that_is_away_is_told_before_anything_is_played():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"

        with pytest.raises(NothingToDo, match=rf"no server answers at {url}: .* Expected one of `policyloop up`"):
            played("gridworld", url)


class NotFound(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_error(404)

    def log_message(self, *args):
        pass


def test_a_server_that_refuses_a_step_is_told_with_episode_and_step():
    with ThreadingHTTPServer(("127.0.0.1", 0), NotFound) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(NothingToDo, match="the server refuses step 0 of episode 'gridworld-remote-s2-"):
            roll_out(None, Plan(environment="gridworld", policy=f"http://127.0.0.1:{server.server_port}", n_episodes=2, seed=2))
        server.shutdown()


def test_an_address_may_name_the_loop():
    assert server_and_loop("http://127.0.0.1:8900") == ("http://127.0.0.1:8900", None)
    assert server_and_loop("https://there/v1/loops/cart-pole/decide") == ("https://there", "cart-pole")
