"""`policyloop config show`: each setting, its value and where it came from."""

import json


def test_each_setting_is_shown_with_where_it_came_from(policyloop, tmp_path, monkeypatch):
    (tmp_path / "policyloop.yaml").write_text("server: {port: 9100}\n")
    monkeypatch.setenv("POLICYLOOP_SERVER__WORKERS", "3")

    ran = policyloop("config", "show", "--json", "--home", "elsewhere")

    shown = json.loads(ran.out)
    assert shown["server.port"]["value"] == 9100
    assert shown["server.port"]["source"].endswith("policyloop.yaml")
    assert shown["server.workers"] == {"value": 3, "source": "POLICYLOOP_SERVER__WORKERS"}
    assert shown["home.path"] == {"value": str(tmp_path / "elsewhere"), "source": "flag"}
    assert shown["log.mode"]["source"] == "default"


def test_people_get_a_table(policyloop):
    ran = policyloop("config", "show")

    assert ran.code == 0
    assert ran.out.splitlines()[0].split() == ["setting", "value", "from", "what", "it", "is", "for"]


def test_a_mistyped_setting_is_exit_2(policyloop, tmp_path):
    (tmp_path / "policyloop.yaml").write_text("server: {prot: 9100}\n")

    ran = policyloop("config", "show")

    assert ran.code == 2
    assert "no setting is named 'prot'; did you mean 'port'?" in ran.err


def test_a_secret_is_never_shown(policyloop, tmp_path, monkeypatch):
    monkeypatch.setenv("POLICYLOOP_NOTIFY__SECRET", "whsec_hush")

    shown = json.loads(policyloop("config", "show", "--json").out)

    assert shown["notify.secret"] == {"value": "***", "source": "POLICYLOOP_NOTIFY__SECRET"}
    assert shown["notify.allow"]["value"] == []
    assert "hush" not in policyloop("config", "show").out
