"""Model files: named by their content, whole or not there, and verified at every read."""

from dataclasses import replace

import numpy as np
import pytest

from policyloop.core.errors import BadModel
from policyloop.core.example import Examples
from policyloop.core.policy import Actions
from policyloop.learn.train import train
from policyloop.registry import model_files
from policyloop.storage.objects import open_objects


@pytest.fixture
def objects(tmp_path):
    return open_objects(tmp_path)


def test_a_model_comes_back_bit_by_bit(objects, manifest, spec):
    model = model_files.write(objects, manifest(spec, 1), b"not read here")

    got = model_files.read(objects, model)

    assert (got.model, got.manifest, got.tensors) == (model, manifest(spec, 1), b"not read here")
    assert got.labels == ("calm", "bold", "playful")


def test_equal_models_have_equal_digests_and_others_do_not(manifest, spec):
    digests = [model_files.digest_of(manifest(spec, seed)) for seed in (1, 1, 2)]

    assert digests[0] == digests[1] != digests[2]
    assert len(digests[0]) == 32


def test_tensors_that_the_manifest_does_not_name_are_refused(objects, manifest, spec, tmp_path):
    with pytest.raises(BadModel, match="Publish what belongs together"):
        model_files.write(objects, manifest(spec, 1), b"other bytes")

    assert list(objects.list()) == []


@pytest.mark.parametrize("file", ["manifest.json", "tensors.safetensors"])
def test_a_flipped_bit_is_noticed_wherever_it_is(objects, manifest, spec, tmp_path, file):
    model = model_files.write(objects, manifest(spec, 1), b"not read here")
    path = tmp_path / "models" / model / file
    good = path.read_bytes()

    for place in range(0, len(good), 7):
        path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        with pytest.raises(BadModel, match=r"[rR]estore its folder"):
            model_files.read(objects, model)


@pytest.mark.parametrize("file", ["manifest.json", "tensors.safetensors"])
def test_a_missing_file_is_noticed(objects, manifest, spec, tmp_path, file):
    model = model_files.write(objects, manifest(spec, 1), b"not read here")
    (tmp_path / "models" / model / file).unlink()

    with pytest.raises(BadModel, match=f"model {model} is not whole"):
        model_files.read(objects, model)


def test_a_removed_model_leaves_no_file(objects, manifest, spec):
    model = model_files.write(objects, manifest(spec, 1), b"not read here")

    model_files.remove(objects, model)

    assert list(objects.list()) == []


def test_a_trained_model_gives_the_same_probabilities_after_the_store(objects, spec):
    rng = np.random.default_rng(1)
    n = 60
    examples = Examples(
        contexts=[{"hour": int(h), "title": None} for h in rng.integers(0, 24, n)],
        allowed=np.ones((n, 3), dtype=bool),
        action=rng.integers(0, 3, n),
        reward=rng.integers(0, 2, n).astype(np.float64),
        propensity=np.full(n, 1 / 3),
        pmf=np.full((n, 3), 1 / 3),
        split=np.zeros(n),
        decided_at=np.arange(n) * 1_000_000,
        is_fallback=np.ones(n, dtype=bool),
        policy=np.array(["baseline"] * n, dtype=object),
    )
    trained = train(examples, spec, seed=1, parent=None, snapshot={"examples": 1}, code_version="0.1.0")
    again = train(examples, spec, seed=1, parent=None, snapshot={"examples": 1}, code_version="0.1.0")

    model = model_files.write(objects, trained.manifest, trained.tensors)

    stored = model_files.read(objects, model)
    pmf = stored.policy().probabilities({"hour": 7, "title": "x"}, Actions.of(spec.labels))
    assert model_files.digest_of(again.manifest) == model
    assert pmf.sum() == pytest.approx(1.0)
    assert replace(stored, tensors=b"").model == model
