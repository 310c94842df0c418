"""The cart-pole demo, whole and as a user runs it: what it promises is what it prints."""

import json
import os
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_the_whole_demo_ends_with_a_better_controller_that_was_proven_and_serves(tmp_path):
    pytest.importorskip("jax", reason="needs the extra rl")
    command = [sys.executable, "-m", "policyloop", "demo", "cartpole", "--json", "--out", "demo"]

    ran = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=1800)

    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    history, expert, chosen, mixed = (told[name] for name in ("history", "expert", "chosen", "chosen_with_random"))
    for player in (history, expert, chosen, mixed):
        assert {"mean_return", "mean_steps", "share_full_length"} <= set(player)
    assert history["n_episodes"] == 2000
    assert history["mean_return"] == pytest.approx(1939, abs=100)  # what the reference problem says
    assert expert["mean_return"] == pytest.approx(7474, abs=100)
    assert chosen["mean_return"] >= 10_500
    assert chosen["share_full_length"] == 1
    assert history["mean_return"] < mixed["mean_return"] < chosen["mean_return"]
    assert set(told["by_source"]) == {"policy", "random"}
    assert told["challenge"][-1].endswith("RAMP -> LIVE")
    assert told["seconds"] > 0
    made = {file.name for file in (tmp_path / "demo").iterdir()}
    assert {"report.html", "before-and-after.gif", "cart-pole.onnx", "history.parquet"} <= made
    assert (tmp_path / "demo" / "before-and-after.gif").read_bytes().startswith(b"GIF8")
