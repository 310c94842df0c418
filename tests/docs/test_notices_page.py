"""docs/notices.md is true: its settings are read, its kinds are all there are, and its receiver's check checks."""

import re
import time
from pathlib import Path
from typing import get_args

import pytest
import yaml

from policyloop.core.settings import read_settings
from policyloop.registry.notice_rows import Kind, NoticeRow
from policyloop.run.notices.sending import MOST_ATTEMPTS
from policyloop.run.notices.webhook import body_of, key_of, new_secret, receiver_of, signature

PAGE = (Path(__file__).parents[2] / "docs" / "notices.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_every_kind_of_notice_is_in_the_table():
    assert re.findall(r"^\| `policyloop\.([a-z-]+)` \|", PAGE, re.MULTILINE) == list(get_args(Kind))


@pytest.mark.parametrize("block", blocks("yaml"))
def test_the_settings_name_a_receiver(tmp_path, block):
    (tmp_path / "policyloop.yaml").write_text(block)

    receiver = receiver_of(read_settings(tmp_path, {"POLICYLOOP_NOTIFY__SECRET": new_secret()}))

    assert receiver.place.host in yaml.safe_load(block)["notify"]["url"]


def test_the_event_has_the_keys_that_are_sent():
    (told,) = [yaml.safe_load(block) for block in blocks("json")]
    row = NoticeRow(
        id=1,
        notice=told["id"],
        loop=told["subject"],
        kind="rollback",
        body="{}",
        at=1,
        state="waiting",
        attempts=0,
        next_at=0,
        message=None,
        ended_at=None,
    )

    assert list(yaml.safe_load(body_of(row, source="production"))) == list(told)
    assert f"{MOST_ATTEMPTS} times" in PAGE


def test_the_check_for_receivers_takes_what_is_right_and_nothing_else():
    (code,) = blocks("python")
    names = {}
    exec(compile(code, "notices.md", "exec"), names)
    is_from_us, secret, now_s = names["is_from_us"], new_secret(), int(time.time())

    def headers(timestamp):
        made = signature(key_of(secret), "a", timestamp=timestamp, body=b"{}")
        return {"webhook-id": "a", "webhook-timestamp": str(timestamp), "webhook-signature": f"v1a,other {made}"}

    assert is_from_us(secret, headers(now_s), b"{}")
    assert not is_from_us(secret, headers(now_s), b"{ }")
    assert not is_from_us(new_secret(), headers(now_s), b"{}")
    assert not is_from_us(secret, headers(now_s - 3600), b"{}")
