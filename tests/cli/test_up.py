"""`policyloop up`: what cannot be served is refused before anything is started or applied."""

from pathlib import Path

import pytest

LOOP = """
loop: front-page
context: {hour: {type: integer}}
actions: {labels: [calm, bold]}
outcomes: {clicked: {type: boolean}}
"""


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "example.com"])
def test_another_address_than_loopback_is_refused_before_anything_is_made(policyloop, tmp_path, monkeypatch, host):
    monkeypatch.setenv("POLICYLOOP_SERVER__HOST", host)
    (tmp_path / "front-page.yaml").write_text(LOOP)

    ran = policyloop("up", "--port", "8941")

    assert ran.code == 2
    assert ran.err.startswith(f"error: server.host is '{host}'; expected 127.0.0.1, ::1 or localhost.")
    assert [path.name for path in Path().iterdir()] == ["front-page.yaml"]
