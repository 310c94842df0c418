"""Canary decisions: corners of the spec and the newest real contexts, under several masks."""

from dataclasses import replace

from policyloop.core.loop import ActionSpec, Field
from policyloop.gate.canary import N_NEWEST, canary_of, corner_contexts
from policyloop.ingest.json_values import check_plain


def test_every_action_is_masked_once_and_left_alone_once(spec):
    canary = canary_of(spec, [])

    masks = {tuple(row) for row in canary.allowed.tolist()}
    assert masks == {
        (True, True, True),
        (False, True, True), (True, False, True), (True, True, False),
        (True, False, False), (False, True, False), (False, False, True),
    }  # fmt: skip
    assert len(canary.contexts) == len(canary.allowed)


def test_the_newest_real_contexts_are_among_them(spec):
    canary = canary_of(spec, [{"kind": i} for i in range(300)])

    kinds = {c["kind"] for c in canary.contexts[3 : 3 + N_NEWEST]}
    assert kinds == set(range(200, 300))


def test_a_loop_with_one_action_is_never_left_without(spec):
    one = replace(spec, actions=ActionSpec(kind="discrete", labels=("only",)))

    assert canary_of(one, []).allowed.all()


def test_corners_keep_to_the_bounds_of_each_type(spec):
    fields = [
        Field(name="hour", type="integer", min=0.5, max=22.5),
        Field(name="price", type="number", min=-1.5, optional=True),
        Field(name="is_new", type="boolean"),
        Field(name="device", type="category", values=("phone", "desktop")),
        Field(name="title", type="text", optional=True),
        Field(name="tags", type="array", items="category", max_items=2),
        Field(name="scores", type="array", items="number", max_items=1),
        Field(name="about", type="json", optional=True),
        Field(name="least", type="json", max_fields=1),
    ]

    low, high, missing = corner_contexts({f.name: f for f in fields})

    assert low == {
        "hour": 1, "price": -1.5, "is_new": False, "device": "phone", "title": "", "tags": [], "scores": [],
        "about": [], "least": [],
    }  # fmt: skip
    assert (high["hour"], high["price"], high["is_new"], high["device"]) == (22, 1e9, True, "desktop")
    assert (len(high["tags"]), high["scores"]) == (2, [1e9])
    assert (missing["price"], missing["title"], missing["about"], missing["hour"]) == (None, None, None, 1)
    assert high["least"] == {"far": 1e9}
    check_plain(high["about"], 6)  # of every kind one
