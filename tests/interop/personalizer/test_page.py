"""docs/personalizer.md is true: its loop is the one that `init` writes, and its code runs against a real server."""

import re
import subprocess
from pathlib import Path

import pytest

from policyloop.core.spec_file import read_spec
from policyloop.interop.personalizer.loop_file import LOOP

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # the page closes no client
]
PAGE = (Path(__file__).parents[3] / "docs" / "personalizer.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_loop_on_the_page_is_the_one_that_init_writes():
    (loop,) = blocks("yaml")

    assert read_spec(loop).digest == read_spec({"loop": "shelf", **LOOP}).digest


def test_the_python_on_the_page_runs_one_block_after_the_other(endpoint, capsys):
    names = {}

    for block in blocks("python"):
        exec(compile(block.replace("http://127.0.0.1:8900", endpoint.url), "personalizer.md", "exec"), names)

    first, mode = capsys.readouterr().out.splitlines()
    assert first in ("pasta", "ice cream")
    assert mode == names["administration"].get_service_configuration()["learningMode"] == "Online"


@pytest.mark.parametrize("block", blocks("js"), ids=["rest", "v1"])
def test_the_javascript_on_the_page_runs(node_folder, endpoint, block):
    command = ["node", "-e", block.replace("http://127.0.0.1:8900", endpoint.url)]

    done = subprocess.run(command, cwd=node_folder, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout.strip() in ("pasta", "ice cream")) == (0, True), done.stderr
