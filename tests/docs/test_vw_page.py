"""The page of VW is true: its loops can be applied, and each argument that it names is taken or refused as it says."""

import re
import shlex
from pathlib import Path

import pytest

from policyloop.cli.commands import export
from policyloop.core.errors import BadSetting
from policyloop.core.spec_file import read_spec
from policyloop.policy.vw_arguments import read
from policyloop.run.apply import check_plugins

PAGE = (Path(__file__).parents[2] / "docs" / "vw.md").read_text(encoding="utf-8")
HEAD = "loop: x\nactions: {labels: [a, b]}\noutcomes: {y: {type: boolean, take: max}}\n"
VALUES = {"-l": "0.1", "-b": "24", "-q": "ca", "--cubic": "cca", "--interactions": "ca", "--cb_type": "mtr"}
FLAGS = "--adaptive --invariant --normalized --sgd --adax --coin --pistol --ftrl --noconstant".split()  # noqa: SIM905


@pytest.mark.parametrize("body", re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
def test_a_loop_of_the_page_can_be_applied(body):
    pytest.importorskip("vowpalwabbit", reason="vowpalwabbit is not installed; pip install 'policyloop[vw]'")

    check_plugins(read_spec(HEAD + body))


def test_every_argument_of_the_list_is_taken():
    (listed,) = re.findall(r"features meet:\n\n(.*?)\n\nWhatever", PAGE, re.DOTALL)
    names = [name.split(" ")[0] for name in re.findall(r"`(--?[\w]+(?: [\w|]+)?)`", listed)]

    assert len(names) > 20
    for name in names:
        value = "a" if name in ("--ignore", "--ignore_linear", "--keep") else VALUES.get(name, "0.5")
        assert read(name if name in FLAGS else f"{name} {value}").learning


def test_the_commands_of_the_page_are_commands():
    (block,) = [block for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE) if "export" in block]
    ours, theirs = (shlex.split(line) for line in block.splitlines())

    assert ours[:2] == ["policyloop", "export"]
    assert ours[2] in export.WRITTEN
    assert ours[4] == theirs[3]


def test_every_argument_that_it_says_is_refused_is():
    (refused,) = re.findall(r"decides itself \((.*?), \.\.\.\)", PAGE, re.DOTALL)
    names = re.findall(r"`(--?\w+)`", refused)

    assert len(names) == 9
    for name in names:
        with pytest.raises(BadSetting, match=rf"has '{name}'"):
            read(name)
