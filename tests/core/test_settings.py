"""Settings: the last source wins, every fault is named at once, and each value knows where it came from."""

import pytest

from policyloop.core.errors import BadSetting, Invalid
from policyloop.core.settings import read_settings


def test_the_default_yields_to_the_file_the_variable_and_the_flag_in_this_order(tmp_path):
    (tmp_path / "policyloop.yaml").write_text("server: {port: 1001, workers: 3}\nlog: {seal_after_s: 1}\n")

    got = read_settings(
        tmp_path, {"POLICYLOOP_SERVER__PORT": "1002", "POLICYLOOP_SERVER__WORKERS": "4"}, flags={"server.port": 1003}
    )

    assert {n: (got[n], got.values[n].source) for n in ("server.port", "server.workers", "log.seal_after_s", "log.mode")} == {
        "server.port": (1003, "flag"),
        "server.workers": (4, "POLICYLOOP_SERVER__WORKERS"),
        "log.seal_after_s": (1.0, str(tmp_path / "policyloop.yaml")),
        "log.mode": ("durable", "default"),
    }


def test_all_faults_are_told_at_once_with_the_nearest_name(tmp_path):
    (tmp_path / "policyloop.yaml").write_text("server: {prot: 1}\nlgo: {}\nlog: {segment_bytes: 12, mode: quick}\n")

    with pytest.raises(Invalid) as caught:
        read_settings(tmp_path, {"POLICYLOOP_SERVER__WORKERS": "many"})

    assert [f.message for f in caught.value.faults] == [
        "no setting is named 'prot'; did you mean 'port'?",
        "no section is named 'lgo'; did you mean 'log'?",
        "is 12; expected 65,536 to 268,435,456.",
        "is 'quick'; expected one of durable, fast.",
        "is 'many'; expected a whole number.",
    ]


def test_a_mistyped_variable_is_a_fault(tmp_path):
    with pytest.raises(Invalid, match="did you mean 'POLICYLOOP_LOG__MODE'"):
        read_settings(tmp_path, {"POLICYLOOP_LOG__MOED": "fast"})


def test_the_home_lies_beside_the_project_file(tmp_path):
    assert read_settings(tmp_path, {}).home.log == tmp_path / "policyloop-data" / "log"


def test_loop_defaults_are_handed_on_unread(tmp_path):
    (tmp_path / "policyloop.yaml").write_text("defaults: {train: {window: 30d}}\n")

    assert read_settings(tmp_path, {}).loop_defaults == {"train": {"window": "30d"}}


def test_the_file_is_read_as_loop_files_are(tmp_path):
    (tmp_path / "policyloop.yaml").write_text("log: {group_wait_s: 1e-3}\nserver: {port: 1}\nserver: {port: 2}\n")

    with pytest.raises(BadSetting, match="line 3, column 1: the key 'server' stands twice"):
        read_settings(tmp_path, {})


@pytest.mark.parametrize("said", ["5", "[train]", "train"])
def test_defaults_that_are_no_keys_are_a_fault(tmp_path, said):
    (tmp_path / "policyloop.yaml").write_text(f"defaults: {said}\nlog: {{group_wait_s: 1e-3}}\n")

    with pytest.raises(Invalid, match=r"defaults: is .*; expected keys of a loop, such as `train:`\."):
        read_settings(tmp_path, {})


def test_a_variable_that_is_no_yaml_is_a_fault_and_no_crash(tmp_path):
    with pytest.raises(Invalid, match=r"server.port \(from POLICYLOOP_SERVER__PORT\): is '\['; expected a whole number"):
        read_settings(tmp_path, {"POLICYLOOP_SERVER__PORT": "["})


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "policyloop.yaml").mkdir()

    with pytest.raises(BadSetting, match="cannot be read: Is a directory"):
        read_settings(tmp_path, {})


def test_a_secret_comes_from_the_environment_alone_as_it_stands_there(tmp_path):
    got = read_settings(tmp_path, {"POLICYLOOP_NOTIFY__SECRET": "0123"})  # YAML would read 83
    (tmp_path / "policyloop.yaml").write_text("notify: {secret: whsec_hush}\n")

    with pytest.raises(
        Invalid, match="is a secret; expected it in the environment alone, as POLICYLOOP_NOTIFY__SECRET"
    ) as caught:
        read_settings(tmp_path, {})

    assert got["notify.secret"] == "0123"
    assert got.values["notify.secret"].shown == "***"
    assert "0123" not in repr(got)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "read"), [("[a.internal, b.internal]", ("a.internal", "b.internal")), ("a.internal", ("a.internal",)), ("[]", ())]
)
def test_a_list_of_names_is_a_list_or_one_name_in_the_file_and_in_the_environment(tmp_path, said, read):
    by_variable = read_settings(tmp_path, {"POLICYLOOP_NOTIFY__ALLOW": said})
    (tmp_path / "policyloop.yaml").write_text(f"notify: {{allow: {said}}}\n")

    assert by_variable["notify.allow"] == read_settings(tmp_path, {})["notify.allow"] == read


@pytest.mark.parametrize("said", ["[1]", "{a: b}", "[[a]]", "7", "['']"])
def test_a_list_of_names_that_is_none_is_a_fault(tmp_path, said):
    (tmp_path / "policyloop.yaml").write_text(f"notify: {{allow: {said}}}\n")

    with pytest.raises(Invalid, match=r"notify\.allow .*; expected a list of texts\."):
        read_settings(tmp_path, {})
