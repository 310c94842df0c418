"""Corners of a spec: valid for every type of field, and as far out as it goes."""

from policyloop.core.corners import corner_candidates, corner_contexts, corner_values
from policyloop.core.loop import ActionSpec, Field
from policyloop.ingest.json_values import check_plain


def test_corners_keep_to_the_bounds_of_each_type():
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


def test_every_value_of_a_category_is_a_corner_unless_there_are_very_many():
    few, many = ("phone", "desktop"), tuple(f"v{i}" for i in range(100))

    assert corner_values(Field(name="x", type="category", values=few)) == list(few)
    assert corner_values(Field(name="x", type="category", values=many)) == [*many[:19], many[-1]]


def test_bounds_beyond_what_stands_for_far_are_kept():
    assert corner_values(Field(name="x", type="number", min=1e12)) == [1e12, 1e12]
    assert corner_values(Field(name="x", type="integer", max=-2e9)) == [-2_000_000_000, -2_000_000_000]
    assert corner_values(Field(name="x", type="array", items="number", min=1, max=2)) == [[], [2.0] * 3]


def test_of_candidates_one_is_known_ahead_where_some_are():
    actions = ActionSpec(
        kind="candidates", features={"price": Field(name="price", type="number", min=0, max=9)}, ids=("a", "b")
    )

    corners = corner_candidates(actions)

    assert corners.ids == ("a", "a new one", "another new one")
    assert [features["price"] for features in corners.features] == [0, 9, 0]
