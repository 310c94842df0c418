"""Runs the command line in a folder of its own, as a user would."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import pytest

from empty_records import with_records
from policyloop.cli.app import main
from policyloop.core.model import Manifest
from policyloop.core.settings import Home
from policyloop.run.deployment import open_deployment

LOOP = """
loop: front-page
context: {hour: {type: integer, min: 0, max: 23}}
actions: {labels: [calm, bold]}
outcomes: {clicked: {type: boolean, take: max}}
aliases: [Homepage]
"""
TENSORS = b"not read here"


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def policyloop(tmp_path, monkeypatch, capsys):
    """A function that runs `policyloop ARGS` in tmp_path and answers its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*args):
        with pytest.raises(SystemExit) as left:
            main([str(arg) for arg in args])
        printed = capsys.readouterr()
        code = left.value.code
        return Ran(0 if code is None else code, printed.out, printed.err)

    return run


@pytest.fixture
def project(policyloop, tmp_path):
    """The same, in a project whose loop front-page is applied."""
    (tmp_path / "front-page.yaml").write_text(LOOP)
    with_records(tmp_path / "policyloop-data")
    assert policyloop("apply").code == 0
    return policyloop


@pytest.fixture
def publish():
    """A function that publishes a small model for front-page and answers its digest."""

    def published(seed, *, parent=None):
        with open_deployment(Home(Path("policyloop-data"))) as deployment:
            spec = deployment.registry.standing("front-page").spec
            manifest = Manifest(
                loop=spec.loop,
                spec=spec.digest,
                recipe=spec.recipe,
                parent=parent,
                policy="linear",
                settings={},
                features={},
                labels=list(spec.labels),
                explorer={"name": "squarecb", "floor": 0.02},
                learner={"name": "linear"},
                snapshot={"examples": 7},
                trained_until=1_700_000_000_000_000,
                n_examples=1000 + seed,
                seed=seed,
                code="0.1.0",
                tensors=hashlib.sha256(TENSORS).hexdigest(),
                progress={"progressive_loss": 0.125},
            )
            return deployment.registry.publish(manifest, TENSORS)

    return published
