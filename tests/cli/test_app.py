"""The command line as a whole: finding commands, and telling errors."""

import subprocess
import sys

import pytest

from policyloop.cli.app import COMMANDS, main, typed_name
from policyloop.core import plugins


def test_help_lists_every_command_with_the_first_line_of_its_file(policyloop):
    ran = policyloop("--help")

    assert ran.code == 0
    for name in plugins.ours(COMMANDS):
        assert f"  {typed_name(name)} " in ran.out
        assert plugins.summary(COMMANDS, name)[:30] in ran.out


def test_help_imports_no_command_and_no_number_crunching():
    script = (
        "import sys\n"
        "from policyloop.cli.app import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = ('numpy', 'pyarrow', 'duckdb', 'sqlalchemy', 'rich')\n"
        "bad = [m for m in sys.modules if m.startswith('policyloop.cli.commands.') or m in heavy]\n"
        "sys.exit(', '.join(bad) or 0)\n"
    )

    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("name", [typed_name(name) for name in plugins.ours(COMMANDS)])
def test_every_command_tells_what_it_does(policyloop, name):
    ran = policyloop(name, "--help")

    assert ran.code == 0
    assert ran.out.startswith(f"Usage: policyloop {name} ")


def test_an_unknown_command_is_answered_with_the_nearest(policyloop):
    ran = policyloop("inti")

    assert ran.code == 2
    assert "no command is named 'inti'; did you mean 'init'?" in ran.err


def test_no_command_at_all_shows_the_help(policyloop):
    ran = policyloop()

    assert "Commands:" in ran.out + ran.err


def test_the_version_is_the_packages(policyloop):
    assert policyloop("--version").out.startswith("policyloop 0.")


def test_a_users_mistake_is_one_message_on_stderr_and_exit_2(policyloop):
    ran = policyloop("init", "Not A Name")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "error: $.loop: is 'Not A Name'; expected 1 to 63 lower-case letters, digits and -, such as front-page.\n"
    )


def test_our_mistake_is_a_short_message_and_exit_1(policyloop, tmp_path):
    (tmp_path / "policyloop-data" / "records.sqlite").mkdir(parents=True)  # no code looks for a folder there

    ran = policyloop("status")

    assert ran.code == 1
    assert ran.err.startswith("error: OperationalError:")
    assert "POLICYLOOP_DEBUG=1 shows where it happened." in ran.err
    assert "Traceback" not in ran.err


def test_debugging_shows_the_traceback(policyloop, tmp_path, monkeypatch):
    monkeypatch.setenv("POLICYLOOP_DEBUG", "1")

    assert "Traceback" in policyloop("init", "Not A Name").err


def test_python_m_policyloop_is_the_same_command():
    ran = subprocess.run([sys.executable, "-m", "policyloop", "--version"], capture_output=True, text=True)

    assert ran.returncode == 0
    assert ran.stdout.startswith("policyloop 0.")


def test_an_interrupt_leaves_quietly(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    script = (
        "import sys\n"
        "import policyloop.cli.commands.init as init\n"
        "def run(**_) -> None:\n"
        "    raise KeyboardInterrupt\n"
        "init.run = run\n"
        "from policyloop.cli.app import main\n"
        "main(['init', 'x'])\n"
    )

    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert ran.returncode == 130
    assert "Traceback" not in ran.stderr


def test_main_takes_its_arguments_from_the_caller():
    with pytest.raises(SystemExit):
        main(["--version"])


def test_a_data_folder_that_cannot_be_is_the_users_mistake(policyloop, tmp_path):
    (tmp_path / "a-file").write_text("")

    ran = policyloop("work", "--home", "a-file")

    assert ran.code == 2
    assert ran.err.endswith("a folder, or a place where one can be made.\n")
    assert "a-file', which cannot be a data folder: File exists; expected" in ran.err


def test_watching_without_a_terminal_is_refused_since_it_would_show_nothing_for_ever(project):
    piped = project("status", "--watch")
    for_a_script = project("status", "--watch", "--json")

    assert piped.code == for_a_script.code == 2
    assert piped.err == "error: --watch: redraws a terminal; expected one, without --json. A script asks for --json again.\n"
    assert for_a_script.err == piped.err


def test_what_a_group_lists_is_not_cut(policyloop):
    told = " ".join(policyloop("jobs", "--help").out.split())

    assert "trainings, challenges, evaluations and searches, and how they ended. follow" in told


def test_files_of_a_format_are_asked_for_as_they_are_typed(policyloop):
    assert policyloop("import", "rllib", "--help").out.startswith(
        "Usage: policyloop import [OPTIONS] {FORMAT} {LOOP} {FILE}..."
    )


def test_a_search_of_less_than_one_trial_is_refused(policyloop):
    ran = policyloop("tune", "tank", "--trials", "-3")

    assert (ran.code, ran.out) == (2, "")
    assert "Invalid value for '--trials'" in ran.err
