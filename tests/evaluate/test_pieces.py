"""Pieces: a context with some of its own pieces and the rest of another's."""

from policyloop.core.loop import Field
from policyloop.evaluate.pieces import MAX_KEYS, Piece, learnable, mixed, pieces_of, pieces_of_many

OWN = {"device": "phone", "page": {"title": "a", "words": 7}}
OTHER = {"device": "desktop", "page": {"words": 9, "author": "b"}}
FIELDS = ("device", "page")


def test_a_field_is_a_piece_and_an_object_is_one_for_each_key_and_one_for_the_rest():
    assert [piece.name for piece in pieces_of(OWN, FIELDS)] == ["device", "page.title", "page.words", "page (rest)"]
    assert [piece.value_in(OWN) for piece in pieces_of(OWN, FIELDS)] == ["phone", "a", 7, None]


def test_with_every_piece_it_is_itself_and_with_none_the_other():
    pieces = pieces_of(OWN, FIELDS)

    assert mixed(OWN, OTHER, pieces, [True] * 4) == OWN
    assert mixed(OWN, OTHER, pieces, [False] * 4) == OTHER


def test_some_pieces_are_its_own_and_the_rest_the_others():
    pieces = pieces_of(OWN, FIELDS)

    assert mixed(OWN, OTHER, pieces, [False, True, False, True]) == {"device": "desktop", "page": {"title": "a", "words": 9}}


def test_a_field_that_only_one_of_them_has_is_missing_where_the_other_is_taken():
    assert mixed({"x": 1}, {}, [Piece("x")], [False]) == {"x": None}


def test_an_object_against_something_that_is_none_leaves_its_keys_out():
    pieces = pieces_of(OWN, ["page"])

    assert mixed(OWN, {"page": None}, pieces, [True, False, True]) == {"page": {"title": "a"}}


def test_an_object_of_many_keys_keeps_the_last_ones_together():
    wide = {"page": {f"k{i}": i for i in range(1000)}}
    pieces = pieces_of(wide, ["page"])

    assert len(pieces) == MAX_KEYS + 1
    assert mixed(wide, {"page": {}}, pieces, [True] * (MAX_KEYS + 1)) == wide


def test_of_many_contexts_the_most_frequent_keys_are_pieces():
    many = [{"page": {"often": 1, f"k{i}": i}} for i in range(MAX_KEYS + 5)]

    pieces = pieces_of_many([*many, OWN], FIELDS)

    assert [piece.name for piece in pieces[:2]] == ["device", "page.often"]
    assert len(pieces) == 1 + MAX_KEYS + 1
    assert pieces[-1].is_rest


def test_what_is_never_stored_not_learned_from_or_names_the_person_is_no_piece():
    kinds = {"store": {"store": "never"}, "learn": {"learn": False}, "person": {}, "hour": {}}
    fields = {name: Field(name=name, type="number", **changes) for name, changes in kinds.items()}

    assert learnable(fields, "person") == ["hour"]
