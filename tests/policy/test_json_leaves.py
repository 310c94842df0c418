"""Leaves of JSON: dotted paths, arrays with one path for all items, words of texts; nothing depends on the order of keys."""

import pytest

from policyloop.policy.json_leaves import MAX_PLACES, leaves_of


def test_objects_are_flattened_to_dotted_paths():
    assert leaves_of({"user": {"age": 41, "plan": "free"}}) == leaves_of({"user.plan": "free", "user.age": 41})
    assert leaves_of({"user": {"age": 41}}) != leaves_of({"user": {"ago": 41}})


def test_the_same_number_and_string_under_two_names_are_two_leaves():
    leaves = leaves_of({"a": 1, "b": 1, "c": "x", "d": "x"})

    assert sorted(leaves.numbers.values()) == [1.0, 1.0]
    assert sorted(leaves.strings.values()) == [1.0, 1.0]


def test_names_that_start_with_an_underscore_are_left_out_with_all_below():
    assert leaves_of({"a": 1, "_b": {"c": [1, "x"]}, "d": {"_e": "x"}}) == leaves_of({"a": 1})


def test_null_is_the_same_as_not_there():
    assert leaves_of({"a": None, "b": 1}) == leaves_of({"b": 1})


def test_true_and_false_are_numbers():
    assert leaves_of({"is_new": True}) == leaves_of({"is_new": 1})
    assert leaves_of({"is_new": False}).numbers != {}


def test_a_number_and_its_text_differ():
    assert leaves_of({"a": "1"}).numbers == {}
    assert leaves_of({"a": 1}).strings == {}


def test_a_short_text_counts_by_its_words_and_as_a_whole():
    leaves = leaves_of({"title": "Cheap red shoes"})

    assert sorted(leaves.strings.values()) == [pytest.approx(0.5)] * 4  # 3 words and the whole, over root 4
    assert len(leaves.strings.keys() & leaves_of({"title": "red CHEAP boots"}).strings.keys()) == 2


def test_a_long_text_counts_by_its_words_alone():
    leaves = leaves_of({"title": "red " * 25})

    assert list(leaves.strings.values()) == [pytest.approx(25 / 25**0.5)]


def test_strings_in_an_array_are_counted_over_the_root_of_their_number():
    leaves = leaves_of(["a", "b", "a", "c"])

    assert sorted(leaves.strings.values()) == [0.5, 0.5, 1.0]  # b and c: 1 / root 4; a: 2 / root 4
    assert list(leaves.numbers.values()) == [4.0]  # the count


def test_an_array_of_numbers_is_count_mean_smallest_largest_and_its_places():
    assert sorted(leaves_of({"xy": [3, 7]}).numbers.values()) == [2.0, 3.0, 3.0, 5.0, 7.0, 7.0]
    assert len(leaves_of({"v": [1.0] * 1000}).numbers) == 4 + MAX_PLACES


def test_objects_in_an_array_share_their_paths():
    leaves = leaves_of({"cart": [{"price": 10, "kind": "book"}, {"price": 30, "kind": "pen"}]})

    assert sorted(leaves.numbers.values()) == [2.0, 20.0]  # the count, and the mean price
    assert list(leaves.strings.values()) == [pytest.approx(0.5**0.5)] * 2


def test_arrays_of_arrays_average_row_by_row():
    numbers = leaves_of({"m": [[1, 2], [3, 6]]}).numbers

    # 2 rows; each of 2 numbers, means 1.5 and 4.5, smallest 1 and 3, largest 2 and 6, and the same two by place
    assert sorted(numbers.values()) == [2.0, 2.0, 2.0, 2.0, 3.0, 4.0, 4.0]


def test_an_array_of_everything_is_taken():
    leaves = leaves_of([1, "a", None, [], {}, [["b"]], {"c": True}])

    assert len(leaves.strings) == 2
    assert 7.0 in leaves.numbers.values()


def test_codes_never_change():
    leaves = leaves_of({"user": {"age": 41, "plan": "free"}, "tags": ["a b"]})

    assert leaves.numbers == {2577774272: 41.0, 3552415958: 1.0}
    assert sorted(leaves.strings) == [941331033, 2335763860, 2702361571, 2724285013]
