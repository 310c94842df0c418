"""What objects promise, in a folder and in memory."""

import pytest

from policyloop.storage.objects import BadObjectName, ObjectExists, Objects, UnknownObject, open_objects


@pytest.fixture(params=["folder", "memory"])
def objects(request, tmp_path):
    return open_objects("memory:" if request.param == "memory" else tmp_path / "objects")


def test_what_was_put_is_what_one_gets(objects):
    objects.put("models/3f/manifest.json", b"{}")

    assert objects.get("models/3f/manifest.json") == b"{}"


def test_a_second_put_replaces_unless_it_was_to_be_absent(objects):
    objects.put("a", b"1")
    objects.put("a", b"2")

    with pytest.raises(ObjectExists, match="an object named 'a' exists already"):
        objects.put("a", b"3", if_absent=True)
    assert objects.get("a") == b"2"


def test_an_object_that_is_not_there_is_named(objects):
    with pytest.raises(UnknownObject, match="no object is named 'nothing/here'"):
        objects.get("nothing/here")


def test_the_listing_has_what_lies_below_a_prefix(objects):
    for name in ("models/3f/a", "models/3f/b", "models/3fa/a"):
        objects.put(name, b"x")

    assert sorted(objects.list("models/3f")) == ["models/3f/a", "models/3f/b"]
    assert len(list(objects.list())) == 3


def test_deleting_twice_is_no_error(objects):
    objects.put("a", b"1")

    objects.delete("a")
    objects.delete("a")

    assert list(objects.list()) == []


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a//b", "a/../b", "a/./b", "", "a\x00b", "a%2e%2e", "..\\x", "ü", "a" * 1025]
)
def test_a_name_that_could_leave_the_store_is_refused(objects, name):
    with pytest.raises(BadObjectName):
        objects.put(name, b"x")


def test_conditional_puts_are_tried_and_found_to_work(objects):
    assert objects.has_conditional_put()
    assert list(objects.list()) == []


def test_a_store_that_ignores_the_condition_is_found_out(objects):
    class Forgetful(Objects):
        """A store as some gateways are: it takes the condition and overwrites all the same."""

        def put(self, path, data, *, if_absent=False):
            super().put(path, data)

    assert not Forgetful(objects._store).has_conditional_put()
