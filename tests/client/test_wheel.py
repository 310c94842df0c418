"""The small wheel policyloop-client holds the same client, and needs nothing but the standard library."""

import ast
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "src" / "policyloop" / "client"

USE_IT = """
import sys
sys.path.insert(0, sys.argv[1])
import policyloop_client
answer = policyloop_client.Client(sys.argv[2]).decide("front-page", {}, default="calm", timeout=10)
print(policyloop_client.__file__, answer.action, answer.logged, any(name.split(".")[0] == "policyloop" for name in sys.modules))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT / "packaging" / "client", check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_it_runs_alone_under_its_own_name(wheel, tmp_path, server):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)

    # -I -S: no environment, no user folder, no site-packages
    command = [sys.executable, "-I", "-S", "-c", USE_IT, str(tmp_path), server.url]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert told.split() == [str(tmp_path / "policyloop_client" / "__init__.py"), "bold", "True", "False"]


def test_it_holds_every_file_of_the_client_and_the_licence(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}

    for file in [*CLIENT.glob("*.py"), CLIENT / "py.typed"]:
        assert held[f"policyloop_client/{file.name}"] == file.read_bytes()
    assert held["policyloop_client/LICENSE"] == (ROOT / "LICENSE").read_bytes()


def test_its_metadata_agrees_with_the_whole_package(wheel):
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    small = tomllib.loads((ROOT / "packaging" / "client" / "pyproject.toml").read_text())["project"]

    assert small["version"] == whole["version"]
    assert small["license"] == whole["license"]
    assert small["dependencies"] == []
    assert wheel.name == f"policyloop_client-{whole['version']}-py3-none-any.whl"


@pytest.mark.parametrize("file", sorted(CLIENT.glob("*.py")), ids=lambda file: file.name)
def test_it_imports_the_standard_library_and_itself_alone_in_the_words_of_python_3_9(file):
    for node in ast.walk(ast.parse(file.read_text(), feature_version=(3, 9))):
        if isinstance(node, ast.Import):
            assert all(name.name.split(".")[0] in sys.stdlib_module_names for name in node.names)
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module.split(".")[0] in sys.stdlib_module_names
