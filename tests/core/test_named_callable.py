"""Callables by name: found beside the project or installed, and told what is wrong with a name."""

import pytest

from policyloop.core.errors import BadSetting
from policyloop.core.named_callable import callable_of


def test_a_function_of_an_installed_module():
    assert callable_of("math:hypot")(3, 4) == 5.0


def test_a_function_in_the_folder_where_one_works(tmp_path, monkeypatch):
    (tmp_path / "a_room_of_ones_own.py").write_text("def step():\n    return 'here'\n")
    monkeypatch.chdir(tmp_path)

    assert callable_of("a_room_of_ones_own:step")() == "here"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("room", "names no callable; expected MODULE:FUNCTION"),
        ("math:", "names no callable"),
        ("not_there_at_all:step", "names a module that is not there; expected not_there_at_all.py"),
        ("math:hypott", "did you mean 'hypot'"),
        ("math:pi", "no callable of module 'math' is named 'pi'"),
    ],
)
def test_a_wrong_name_is_told_with_the_way_out(name, told):
    with pytest.raises(BadSetting, match=told):
        callable_of(name)


def test_a_module_that_fails_is_told_with_its_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken_at_once.py").write_text("x = 1\nraise ValueError('no plant')\n")

    with pytest.raises(BadSetting, match=r"cannot be imported: ValueError: no plant \(broken_at_once.py, line 2\)"):
        callable_of("broken_at_once:step")
