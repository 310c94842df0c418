"""Small tables of a tank: its level, a valve, and the loop that they are a history of."""

import pytest

from policyloop.core.errors import Invalid
from policyloop.core.spec_file import read_spec
from policyloop.interop.historian.prepare import prepare
from policyloop.interop.historian.reading import read_options

TANK = """
loop: tank
context: {level: {type: number, min: 0, max: 100}}
actions: {kind: continuous, box: {valve: {min: 0, max: 10}}}
episodes: {id: batch, step: step, discount: 0.9}
reward: {expression: "next.level - valve", range: [-100, 100]}
learner: {name: fqi}
explore: {name: gaussian}
"""


@pytest.fixture
def tank():
    return read_spec(TANK)


@pytest.fixture
def made(tmp_path, tank):
    """A function that makes a history of the text of a CSV."""

    def make(text, *, spec=tank, **options):
        file = tmp_path / "tank.csv"
        file.write_text(text)
        return prepare(file, spec, read_options(**options))

    return make


@pytest.fixture
def faults(made):
    """A function that answers what is wrong with the text of a CSV, as `where: message`."""

    def told(text, **options):
        with pytest.raises(Invalid) as refused:
            made(text, **options)
        return [f"{fault.where}: {fault.message}" for fault in refused.value.faults]

    return told
