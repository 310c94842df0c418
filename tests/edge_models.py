"""Model files of the front page of running_app.py, for tests of deciders at the edge."""

from pathlib import Path

from empty_records import with_records
from policyloop.core import model_file
from policyloop.core.settings import Home
from policyloop.run.deployment import open_deployment
from running_app import apply_loop
from trained import train_and_promote


def some_model_files(folder: Path, n: int) -> list[bytes]:
    """Files of n models that differ."""
    apply_loop(folder)
    with open_deployment(Home(with_records(folder / "data"))) as deployment:
        return [file_of(deployment, train_and_promote(deployment, seed=seed)) for seed in range(n)]


def file_of(deployment, model: str, loop: str = "front-page") -> bytes:
    stored = deployment.registry.load(loop, model)
    spec = deployment.registry.standing(loop).spec
    return model_file.pack(spec, model=model, manifest=stored.body, tensors=stored.tensors)
