"""A registry on a fresh SQLite file, a loop, and as many small models as a test wants."""

import hashlib

import pytest

from empty_records import with_records
from policyloop.core.clock import SystemClock
from policyloop.core.model import Manifest
from policyloop.core.spec_file import read_spec
from policyloop.gate.verdict import Call, Reason, Verdict
from policyloop.registry.registry import Registry
from policyloop.storage.objects import open_objects
from policyloop.storage.records import open_records, url_of

TENSORS = b"not read here"


def spec_of(**changed):
    body = {
        "loop": "front-page",
        "context": {"hour": {"type": "integer", "min": 0, "max": 23}, "title": {"type": "text", "optional": True}},
        "actions": {"kind": "discrete", "labels": ["calm", "bold", "playful"]},
        "outcomes": {"clicked": {"type": "boolean"}, "dwell_s": {"type": "number", "min": 0, "max": 60}},
        "reward": {"expression": "clicked", "range": [0, 1], "window": "10m"},
    }
    return read_spec(body | changed)


def manifest_of(spec, seed: int, *, parent: str | None = None, tensors: bytes = TENSORS) -> Manifest:
    return Manifest(
        loop=spec.loop,
        spec=spec.digest,
        recipe=spec.recipe,
        parent=parent,
        policy="linear",
        settings={"expansion": "none"},
        features={"parts": []},
        labels=list(spec.labels),
        explorer={"name": "squarecb", "floor": 0.02},
        learner={"name": "linear", "lambda": 1.0},
        snapshot={"examples": 7},
        trained_until=1_700_000_000_000_000,
        n_examples=100 + seed,
        seed=seed,
        code="0.1.0",
        tensors=hashlib.sha256(tensors).hexdigest(),
        progress={"progressive_loss": 0.125},
    )


def verdict_on(model: str, champion: str | None, *, call: Call = Call.PROMOTE, kind: str = "refresh") -> Verdict:
    reason = Reason(name="no-harm", call=call, sentence="said the gate.", numbers={"difference": 0.1})
    return Verdict(kind=kind, call=call, model=model, champion=champion, anchor=None, reasons=(reason,))


@pytest.fixture
def spec_with():
    return spec_of


@pytest.fixture
def spec():
    return spec_of()


@pytest.fixture
def manifest():
    return manifest_of


@pytest.fixture
def verdict():
    return verdict_on


@pytest.fixture
def records(tmp_path):
    opened = open_records(url_of(with_records(tmp_path)))
    yield opened
    opened.close()


@pytest.fixture
def registry(records, tmp_path):
    return Registry(records, open_objects(tmp_path), clock=SystemClock())


@pytest.fixture
def loop(registry, spec):
    """A registry whose loop `front-page` has a spec and no model."""
    registry.apply(spec)
    return registry


@pytest.fixture
def publish(registry, spec):
    """Publishes the model of a seed, under the spec that holds, and answers its digest."""

    def publish_one(seed: int, *, parent: str | None = None) -> str:
        return registry.publish(manifest_of(registry.standing(spec.loop).spec, seed, parent=parent), TENSORS)

    return publish_one


@pytest.fixture
def go_live(registry, publish):
    """Publishes the model of a seed and promotes it over whoever is champion."""

    def promote_one(seed: int) -> str:
        model = publish(seed)
        registry.promote("front-page", verdict_on(model, registry.standing("front-page").champion))
        return model

    return promote_one
