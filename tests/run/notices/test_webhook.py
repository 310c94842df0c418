"""A webhook is a CloudEvent that its receiver can check: whose it is, that it is whole, and that it is not old."""

import base64
import time

import pytest

from policyloop.core.errors import BadSetting
from policyloop.core.settings import read_settings
from policyloop.registry.notice_rows import NoticeRow
from policyloop.run.notices.webhook import body_of, key_of, new_secret, receiver_of, signature
from receiver import SECRET, is_signed, receiving

NOTICE = NoticeRow(
    id=1,
    notice="0199f0c2-0000-7000-8000-000000000001",
    loop="shop",
    kind="rollback",
    body='{"sentence":"It did harm.","model":"abcd"}',
    at=1_790_000_000_123_456,
    state="waiting",
    attempts=0,
    next_at=0,
    message=None,
    ended_at=None,
)


def told(tmp_path, *, url="https://hooks.example.com/x", secret=SECRET, allow="[]"):
    (tmp_path / "policyloop.yaml").write_text(f"notify: {{url: '{url}', allow: {allow}, source: staging}}\n")
    return receiver_of(read_settings(tmp_path, {"POLICYLOOP_NOTIFY__SECRET": secret} if secret else {}))


def test_the_signature_is_the_one_that_the_standard_publishes_for_its_example():
    got = signature(
        key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1_614_265_330,
        body=b'{"test": 2432232314}',
    )

    assert got == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_receiver_gets_a_cloud_event_in_structured_mode_that_is_signed(tmp_path):
    with receiving() as receiver:
        assert told(tmp_path, url=receiver.url, allow="[127.0.0.1]").send(NOTICE) == 204

    ((_, headers, body),) = receiver.got
    assert headers["content-type"] == "application/cloudevents+json"
    assert headers["webhook-id"] == NOTICE.notice
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 300  # what receivers take by the standard
    assert is_signed(headers, body)
    assert receiver.events == [
        {
            "specversion": "1.0",
            "id": NOTICE.notice,
            "source": "staging",
            "type": "policyloop.rollback",
            "subject": "shop",
            "time": "2026-09-21T14:13:20.123456Z",
            "datacontenttype": "application/json",
            "data": {"loop": "shop", "sentence": "It did harm.", "model": "abcd"},
        }
    ]


def test_a_changed_byte_another_id_time_or_secret_spoils_the_signature():
    body = body_of(NOTICE, source="s")
    right = signature(key_of(SECRET), "a", timestamp=1, body=body)

    assert right not in {
        signature(key_of(SECRET), "a", timestamp=1, body=body + b" "),
        signature(key_of(SECRET), "b", timestamp=1, body=body),
        signature(key_of(SECRET), "a", timestamp=2, body=body),
        signature(key_of(new_secret()), "a", timestamp=1, body=body),
    }


def test_nobody_is_told_unless_a_receiver_is_named(tmp_path):
    assert receiver_of(read_settings(tmp_path, {})) is None


@pytest.mark.parametrize(
    ("secret", "what"),
    [
        ("", "is missing"),
        ("hush", "is no secret"),
        (base64.b64encode(bytes(32)).decode(), "is no secret"),
        ("whsec_" + base64.b64encode(bytes(23)).decode(), "is no secret"),
        ("whsec_" + base64.b64encode(bytes(65)).decode(), "is no secret"),
        ("whsec_%%%%" + "A" * 32, "is no secret"),
    ],
)
def test_a_receiver_without_a_secret_worth_the_name_is_refused_and_the_secret_is_not_told(tmp_path, secret, what):
    with pytest.raises(BadSetting, match=f"notify.secret {what}; expected whsec_ and 24 to 64 bytes") as caught:
        told(tmp_path, secret=secret)

    assert not secret or secret not in str(caught.value)


def test_a_new_secret_is_one_and_no_two_are_alike():
    assert len(key_of(new_secret())) == 32
    assert new_secret() != new_secret()


def test_a_receiver_in_hand_does_not_show_its_secret(tmp_path):
    assert "key" not in repr(told(tmp_path))
