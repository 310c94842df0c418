"""KSUIDs: recognised by their form, and read for the second in which they were made."""

import pytest

from policyloop.core.clock import from_iso
from policyloop.interop.ksuid import is_ksuid, made_at


@pytest.mark.parametrize(
    ("ksuid", "second"),
    [
        ("0ujtsYcgvSTl8PAuAdqWYSMnLOv", "2017-10-10T04:00:47Z"),  # the example of its authors
        ("000000000000000000000000000", "2014-05-13T16:53:20Z"),  # the first second
        ("aWgEPTl1tmebfsQzFP4bxwgy80V", "2150-06-19T23:21:35Z"),  # the largest that 20 bytes hold
    ],
)
def test_a_ksuid_tells_the_second_in_which_it_was_made(ksuid, second):
    assert is_ksuid(ksuid)
    assert made_at(ksuid) == from_iso(second)


def test_a_form_that_no_20_bytes_hold_lies_far_in_the_future():
    assert is_ksuid("z" * 27)
    assert made_at("z" * 27) > from_iso("2200-01-01T00:00:00Z")


@pytest.mark.parametrize(
    "text", ["", "0" * 26, "0" * 28, "0" * 26 + "\n", "0" * 27 + "\n", "0" * 26 + "-", "0" * 26 + "é", "０" * 27]
)
def test_what_is_not_27_letters_and_digits_is_none(text):
    assert not is_ksuid(text)
