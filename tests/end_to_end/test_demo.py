"""The demo runs the whole loop on real data, and says what it played on and what came of it."""

import json
import os
import subprocess
import sys

PNG = b"\x89PNG\r\n\x1a\n"


def test_two_short_rounds_learn_are_judged_and_are_drawn(tmp_path):
    table = tmp_path / "light.csv"
    rows = [f"{i % 7},{i % 3},{'on' if i % 3 else 'off'}" for i in range(600)]
    table.write_text("\n".join(["hour,room,light", *rows]))
    environment = {**os.environ, "POLICYLOOP_DEMO_DATA": str(table)}

    command = [sys.executable, "-m", "policyloop", "demo", "--rounds", "2", "--batch-size", "60", "--out", "played", "--json"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["data"] == f"{table} (POLICYLOOP_DEMO_DATA)"
    assert "Data: " in done.stderr
    assert [r["number"] for r in told["rounds"]] == [0, 1, 2]
    assert next(r["verdict"] for r in told["rounds"]) == "PROMOTE"
    assert (told["n"], told["oracle"], told["majority"], told["random"]) == (120, 1.0, 400 / 600, 0.5)
    assert told["greedy_value"] > 0.9
    assert (tmp_path / told["plot"]).read_bytes().startswith(PNG)
    assert (tmp_path / "played" / "demo.yaml").read_text().count("loop: demo") == 1
