"""Bodies: read by type; whatever is wrong with them is a refusal that names the key, never another exception."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.core.errors import Fault, Invalid
from policyloop.core.wire import DecideRequest, OutcomeRequest, TrackedActivation, TrackedDecision, TrackedOutcome
from policyloop.ingest.payload import read, read_row, read_rows, reports_in


def messages_of(body: bytes, kind=DecideRequest) -> list[str]:
    with pytest.raises(Invalid) as caught:
        read(body, kind)
    str(caught.value).encode()
    return [f"{fault.where} {fault.message}" for fault in caught.value.faults]


def test_a_request_is_read():
    got = read(b'{"context": {"hour": 9}, "mask": [true, false]}', DecideRequest)

    assert got == DecideRequest(context={"hour": 9}, mask=[True, False])


def test_every_wrong_key_is_named():
    assert messages_of(b'{"contxt": {}, "step": "a", "mask": [true, 1], "defer": null, "decision_id": 5}') == [
        "$.contxt no key is named 'contxt'; did you mean 'context'?",
        "$.step is 'a'; expected a whole number or null, got text.",
        "$.mask[1] expected true or false, got a whole number.",
        "$.defer is null; expected true or false, got null.",
        "$.decision_id is 5; expected text or null, got a whole number.",
        "$.context is missing; expected an object.",
    ]


def test_of_duplicate_keys_the_last_counts():
    assert read(b'{"context": {"a": 1}, "context": {"a": 2}}', DecideRequest).context == {"a": 2}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"{",
        b"[]",
        b"null",
        b"3",
        b'"text"',
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"context": {"a": NaN}}',
        b'{"context": {"a": Infinity}}',
        b'{"context": {"a": 1e999}}',
        b'{"context": {"a": -1e999}}',
        b'{"context": {"a": ' + b"9" * 5000 + b"}}",
        b'{"context": {"a": "\\ud800"}}',
        b'{"context": {"a": "\\udc00 and more"}}',
        b'{"context": {"a": "\xff"}}',
        b'{"\xff": 1}',
        b'{"context": {}} {}',
        b'{"context": {}, "step": ' + b"9" * 5000 + b"}",
        b'{"context": {}, "step": 99999999999999999999}',
        b'{"context": {}, "step": -1}',
        b'{"context": ' + b"[" * 100_000,
        b'{"context": {"a": ' + b"[" * 1_000 + b"]" * 1_000 + b"}}",
        b'{"context": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b"[" * 100_000 + b"]" * 100_000,
        b'{"context": {"__proto__": 1}, "__proto__": 1, "constructor": 2}',
        b'{"context": {}, "' + b"k" * 2**20 + b'": 1}',
        b'{"context": {}, "decision_id": "' + b"k" * 2**20 + b'", "x": 1}',
        b"{" + b",".join(b'"%d": 1' % i for i in range(100_000)) + b"}",
    ],
    ids=lambda body: repr(body[:30]),
)
def test_hostile_bodies_are_refused_with_a_short_message(body):
    got = messages_of(body)

    assert 1 <= len(got) <= 21
    assert all(len(message) < 400 for message in got)


def test_a_number_out_of_range_is_found_in_its_object():
    assert messages_of(b'{"context": {"fine": 1, "huge": 1e999}}') == [
        "$.context.huge is a number of 5 characters; expected one that fits 64 bits."
    ]


def test_what_else_is_wrong_is_told_beside_the_wrong_keys():
    def check(request):
        raise Invalid([Fault("$.context.hour", f"is {request.context['hour']}."), Fault("$.step", "is told already.")])

    with pytest.raises(Invalid) as caught:
        read(b'{"context": {"hour": 99}, "step": "x", "defr": true}', DecideRequest, check=check)

    assert [fault.where for fault in caught.value.faults] == ["$.step", "$.defr", "$.context.hour"]


@pytest.mark.parametrize("depth", [100, 1_000, 100_000])
def test_nesting_of_any_depth_is_read_or_refused(depth):
    body = b'{"context": {"a": ' + b'{"b":' * depth + b"1" + b"}" * depth + b"}}"

    try:
        assert isinstance(read(body, DecideRequest), DecideRequest)
    except Invalid as invalid:
        assert "nested too deeply" in str(invalid)


def test_reports_come_alone_or_as_an_array_each_with_its_place():
    one = b'{"decision_id": "d", "outcomes": {"clicked": true}}'

    assert reports_in(one) == [("$", one)]
    assert [(where, bytes(item)) for where, item in reports_in(b" [" + one + b"," + one + b"]")] == [
        ("$[0]", one),
        ("$[1]", one),
    ]


@pytest.mark.parametrize("body", [b"[]", b"[" + b",".join([b"{}"] * 10_001) + b"]", b"[{},", b"[" * 100_000])
def test_arrays_that_are_empty_too_long_or_broken_are_refused(body):
    with pytest.raises(Invalid):
        reports_in(body)


def test_rows_come_as_lines_or_as_an_array():
    row = b'{"type": "activation", "loop": "a", "decision_id": "d"}'
    expected = TrackedActivation(loop="a", decision_id="d")

    for body in (row, row + b"\n", row + b"\r\n\n" + row, b"[" + row + b"]"):
        assert {read_row(raw, where="$[0]") for raw in read_rows(body)} == {expected}


def test_rows_are_told_apart_by_type():
    decision = read_row(msgspec.Raw(b'{"type":"decision","loop":"a","context":{},"action":1}'), where="$[0]")
    outcome = read_row(msgspec.Raw(b'{"type":"outcome","loop":"a","decision_id":"d","outcomes":{}}'), where="$[0]")

    assert isinstance(decision, TrackedDecision)
    assert isinstance(outcome, TrackedOutcome)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b'{"type": "outcom"}', "$[4].type: no row type is named 'outcom'; did you mean 'outcome'?"),
        (b"{}", "$[4].type: is missing or no text; expected 'decision', 'outcome' or 'activation'."),
        (b'{"type": 3}', "$[4].type: is missing or no text; expected 'decision', 'outcome' or 'activation'."),
        (
            b'{"type": "activation", "loop": "a", "decision_id": 3}',
            "$[4].decision_id: is 3; expected text, got a whole number.",
        ),
    ],
)
def test_a_row_that_is_wrong_names_its_place(row, message):
    with pytest.raises(Invalid) as caught:
        read_row(msgspec.Raw(row), where="$[4]")

    assert str(caught.value) == message


@pytest.mark.parametrize("row", [b"3", b"{", b"\xff", b"[" * 100_000, b'{"type": "decision", "loop": "\\ud800"}'])
def test_a_row_that_is_no_object_is_refused(row):
    with pytest.raises(Invalid):
        read_row(msgspec.Raw(row), where="$[0]")


def test_an_empty_track_body_is_refused():
    with pytest.raises(Invalid, match="is empty"):
        read_rows(b"\n \n")


@given(
    body=st.binary(max_size=200) | st.text(alphabet='{}[]":,0123456789eE+-.ntfalsru \\udcontexmk', max_size=60).map(str.encode)
)
def test_any_bytes_are_read_or_refused(body):
    for kind in (DecideRequest, OutcomeRequest, TrackedDecision):
        try:
            assert isinstance(read(body, kind), kind)
        except Invalid as invalid:
            str(invalid).encode()
