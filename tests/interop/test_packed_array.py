"""Packed arrays are read without unpickling: numbers come out as they went in, and anything else is refused unrun."""

import base64
import contextlib
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from episodes_of_a_cart import packed
from policyloop.interop.packed_array import PREFIX, NoArray, array_in, is_packed, unpacked


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("dtype", ["float32", "float64", ">f8", "int64", "uint8", "bool", "float16"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_come_out_as_they_went_in(protocol, dtype, order):
    array = np.asarray(np.arange(12).reshape(3, 4) % 5, dtype=dtype, order=order)

    read = unpacked(packed(array, protocol))

    np.testing.assert_array_equal(read, array)
    assert read.dtype == np.dtype(dtype).newbyteorder("=")


@pytest.mark.parametrize("array", [np.zeros((0, 3)), np.float32([7]), np.arange(8).reshape(2, 2, 2)[:, ::2]])
def test_empty_short_and_strided_arrays_come_out_too(array):
    np.testing.assert_array_equal(unpacked(packed(array)), array)


def test_a_packed_value_is_known_by_its_first_letters():
    assert packed(np.zeros(3)).startswith(PREFIX[:6])
    assert is_packed(packed(np.zeros(3)))
    assert not is_packed([1.0, 2.0])
    assert not is_packed("hello")


class Evil:
    """A pickle of it writes a file where it is run."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.write_text, (Path(self.path), "run"))


def test_a_malicious_pickle_is_refused_and_not_run(tmp_path):
    for protocol in range(6):
        with pytest.raises(NoArray, match="expected an array of plain numbers and nothing else, so it was not run"):
            unpacked(packed(Evil(tmp_path / "witness"), protocol))

    assert not (tmp_path / "witness").exists()
    pickle.loads(pickle.dumps(Evil(tmp_path / "witness")))
    assert (tmp_path / "witness").exists()  # so the pickle does what it is refused for


@pytest.mark.parametrize(
    "pickled",
    [
        b"cos\nsystem\n(S'echo'\ntR.",
        b"c__builtin__\neval\n(X\x01\x00\x00\x001tR.",
        b"\x80\x04\x8c\x05numpy\x8c\x04load\x93.",
        b"\x80\x04\x8c\x05numpy\x8c\x07ndarray\x93.",
        b"\x80\x04\x8c\x05numpy\x8c\x05dtype\x93\x8c\x02O8\x89\x88\x87R.",
        b"\x80\x04}.",
        b"\x80\x04]q\x00.",
        b"\x80\x02r\xff\xff\xff\x7f.",
        b"\x80\x04h\x05.",
        b"\x80\x04R.",
        b"\x80\x04K\x01K\x02b.",
        b"\x80\x04N.",
        b"\x80\x04",
        b"",
        b"no pickle at all",
    ],
)
def test_what_is_no_array_is_refused(pickled):
    with pytest.raises(NoArray):
        array_in(pickled)


@pytest.mark.parametrize(
    "value", [[1, 2], {"a": 1}, np.array([object()]), np.array(["a"]), np.float64(3), np.zeros(2, "f4,f4")]
)
def test_other_values_than_plain_arrays_are_refused(value):
    with pytest.raises(NoArray):
        unpacked(packed(value))


@pytest.mark.parametrize("text", ["BCJNGG", "BCJNGGhA!!", base64.b64encode(b"\x04\x22\x4d\x18rest").decode(), "AAAA"])
def test_damaged_frames_are_refused(text):
    with pytest.raises(NoArray):
        unpacked(text)


def test_a_frame_that_unfolds_too_far_is_refused_before_it_does(monkeypatch):
    monkeypatch.setattr("policyloop.interop.packed_array.MAX_BYTES", 1000)

    with pytest.raises(NoArray, match="unfolds to more than 1,000 bytes"):
        unpacked(packed(np.zeros(100_000)))


def test_a_shape_of_more_numbers_than_there_are_bytes_is_refused():
    honest = pickle.dumps(np.zeros(300, np.uint8), protocol=4)
    forged = honest.replace(b"M" + struct.pack("<H", 300), b"M" + struct.pack("<H", 60_000), 1)
    assert forged != honest

    with pytest.raises(NoArray, match="is damaged"):
        array_in(forged)


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_an_array_or_are_refused(data):
    for pickled in (data, pickle.dumps(np.arange(3.0), protocol=4)[:60] + data):
        with contextlib.suppress(NoArray):
            assert isinstance(array_in(pickled), np.ndarray)
