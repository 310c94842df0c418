"""A model file: what it holds comes back, and whatever is wrong with it is said instead of being decided with."""

import hashlib

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from policyloop.core import model_file
from policyloop.core.errors import BadModel
from policyloop.core.model import Manifest, canonical_json, digest
from policyloop.core.spec_file import read_spec
from running_app import LOOP

SPEC = read_spec(LOOP)
TENSORS = bytes(range(256))
MANIFEST = canonical_json(
    Manifest(
        loop=SPEC.loop,
        spec=SPEC.digest,
        recipe=SPEC.recipe,
        parent=None,
        policy="linear",
        settings={},
        features={},
        labels=list(SPEC.labels),
        explorer={"name": "squarecb"},
        learner={"name": "linear"},
        snapshot={"examples": 7},
        trained_until=1,
        n_examples=1,
        seed=1,
        code="0.1.0",
        tensors=hashlib.sha256(TENSORS).hexdigest(),
        progress={},
    )
)
WHOLE = model_file.pack(SPEC, model=digest(MANIFEST), manifest=MANIFEST, tensors=TENSORS)


def test_what_was_packed_comes_back():
    found = model_file.unpack(WHOLE)

    assert (found.spec, found.model, found.tensors) == (SPEC, digest(MANIFEST), TENSORS)
    assert canonical_json(found.manifest) == MANIFEST


def test_without_a_model_there_is_the_spec_alone():
    found = model_file.unpack(model_file.pack(SPEC))

    assert (found.spec, found.model, found.manifest, found.tensors) == (SPEC, None, None, b"")


def test_equal_models_have_equal_bytes_and_begin_with_what_they_are():
    assert model_file.pack(SPEC, model=digest(MANIFEST), manifest=MANIFEST, tensors=TENSORS) == WHOLE
    assert WHOLE.startswith(b'policyloop-model 1\n{"loop":"front-page","spec":"' + SPEC.digest.encode())


@given(st.integers(0, len(WHOLE) - 1))
@settings(max_examples=200, deadline=None)
@example(0)
@example(len(WHOLE) - 1)
def test_a_file_that_is_cut_short_is_refused(n_bytes):
    with pytest.raises(BadModel):
        model_file.unpack(WHOLE[:n_bytes])


@given(st.integers(0, 8 * len(WHOLE) - 1))
@settings(max_examples=500, deadline=None)
def test_a_file_with_a_flipped_bit_is_refused(bit):
    damaged = bytearray(WHOLE)
    damaged[bit // 8] ^= 1 << bit % 8

    with pytest.raises(BadModel):
        model_file.unpack(bytes(damaged))


@given(st.binary(max_size=300))
def test_whatever_else_it_is_it_is_refused(data):
    with pytest.raises(BadModel):
        model_file.unpack(data)


def test_more_than_the_whole_is_refused():
    with pytest.raises(BadModel, match="and should have"):
        model_file.unpack(WHOLE + b"\0")


def test_another_format_is_told_apart_from_damage():
    with pytest.raises(BadModel) as told:
        model_file.unpack(WHOLE.replace(b"policyloop-model 1\n", b"policyloop-model 2\n", 1))

    assert told.value.message == (
        "the model file has format '2'; this version reads format 1. Was it written by a newer version of Policyloop?"
    )


def test_a_model_of_another_loop_is_refused():
    manifest = canonical_json(msgspec.structs.replace(msgspec.json.decode(MANIFEST, type=Manifest), loop="other"))

    with pytest.raises(BadModel, match="its model is of loop 'other'"):
        model_file.unpack(model_file.pack(SPEC, model=digest(manifest), manifest=manifest, tensors=TENSORS))
