"""The page of deciders at the edge is true: its code runs, and what it says of the file and the headers is so."""

import json
import re
from pathlib import Path

from edge_models import some_model_files
from model_server import ModelServer
from policyloop.core import model_file
from policyloop.run.edge import SPOOL_BYTES
from policyloop.run.edges.keepers import SEAL_AFTER_S
from policyloop.server.routes import gather

PAGE = (Path(__file__).parents[2] / "docs" / "edge.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8900/v1/loops/front-page/models/latest"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_code_runs_and_what_it_decided_arrives(tmp_path, monkeypatch, capsys):
    (file,) = some_model_files(tmp_path / "home", 1)
    model = model_file.unpack(file).model
    monkeypatch.chdir(tmp_path)
    Path("front-page.model").write_bytes(file)
    server = ModelServer(file)

    for block in blocks("python"):
        exec(compile(block.replace(ADDRESS, server.address), "edge.md", "exec"), {})
    server.go_away()

    first, second = capsys.readouterr().out.splitlines()
    assert ADDRESS in blocks("python")[0]
    assert first.split()[0] in ("calm", "bold", "playful")
    assert first.split()[2] == model
    assert second.startswith(f"{model} None {{'looks': 1, 'downloads': 1, 'failures': 0")
    assert [row["type"] for row in server.tracked] == ["decision", "outcome"]
    assert len(list(Path("edge-log").glob("*.plog"))) == 1


def test_the_first_lines_of_a_model_file_are_as_they_are_shown(tmp_path):
    (file,) = some_model_files(tmp_path, 1)
    (shown,) = blocks("text")

    magic, head, _ = file.split(b"\n", 2)
    assert shown.splitlines()[0].encode() == magic
    assert list(json.loads(shown.splitlines()[1])) == list(json.loads(head))


def test_the_row_is_there_and_the_numbers_are_those_of_the_code():
    paths = {row.path for row in gather() if row.scope == "models"}

    assert paths == {"/v1/loops/{loop}/models/{model}"}
    assert "`GET /v1/loops/{loop}/models/{model}`" in PAGE
    assert (SPOOL_BYTES, SEAL_AFTER_S) == (64 * 2**20, 60.0)
