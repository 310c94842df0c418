"""The notebooks run from their first cell to their last, and are committed small and whole."""

import ast
import asyncio
import inspect
import json
from pathlib import Path

import matplotlib as mpl
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "examples").glob("*.ipynb"))
MAX_BYTES = 150_000


def code_cells(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


async def run_cells(cells):
    """As a kernel does: one namespace, one event loop, and `await` outside of functions."""
    names = {"__name__": "__main__"}
    for number, source in enumerate(cells):
        code = compile(source, f"cell {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, names)
        if inspect.isawaitable(result):
            await result
    return names


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.name)
def test_notebooks_are_small_and_tell_no_place_of_the_machine_they_ran_on(notebook):
    text = notebook.read_text(encoding="utf-8")

    assert len(text) < MAX_BYTES
    assert json.loads(text)["nbformat"] == 4
    assert not any(place in text for place in ("/home/", "/root/", "/tmp/", "/work/", "/Users/"))


@pytest.mark.slow
def test_the_bandit_notebook_learns_on_real_data_and_leaves_a_whole_deployment(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (notebook,) = [n for n in NOTEBOOKS if n.name == "bandits.ipynb"]

    with mpl.rc_context({"backend": "agg"}):
        names = asyncio.run(run_cells(code_cells(notebook)))

    told = capsys.readouterr().out
    assert len(names["earned"]) == 15 * 500
    assert names["earned"][-500:].mean() > max(names["majority"], 0.85)
    assert "final policy" in told
    (folder,) = tmp_path.iterdir()
    assert {"log", "lake", "models", "records.sqlite"} <= {file.name for file in (folder / "policyloop-data").iterdir()}
