"""Arguments of VW in a loop file: what leaves the process is refused by name, and all faults come at once."""

import pytest

from policyloop.core.errors import BadSetting
from policyloop.policy.vw_arguments import Arguments, read


def test_arguments_are_taken_apart_into_learning_and_exploring():
    got = read("-l 0.5 --cb_type=dr -qca --squarecb --gamma_scale 5 -b 20 --cb_min_cost -1")

    assert got == Arguments(
        learning=("--learning_rate 0.5", "--cb_type dr", "--quadratic ca", "--bit_precision 20"),
        exploring=("--squarecb", "--gamma_scale 5", "--cb_min_cost -1"),
    )
    assert got.names_interactions
    assert not read("").names_interactions


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-f model", "reads or writes a file"),
        ("-fmodel", "reads or writes a file"),
        ("--final_regressor=/tmp/x", "reads or writes a file"),
        ("-i model", "reads or writes a file"),
        ("-d train.dat", "reads or writes a file"),
        ("-p /dev/stdout", "reads or writes a file"),
        ("-r raw", "reads or writes a file"),
        ("--cache_file x", "reads or writes a file"),
        ("-c", "reads or writes a file"),
        ("-k", "reads or writes a file"),
        ("--dictionary a:b", "reads or writes a file"),
        ("--readable_model x", "reads or writes a file"),
        ("--daemon", "opens the network"),
        ("--port 26542", "opens the network"),
        ("--span_server host", "opens the network"),
        ("--id me", "says what Policyloop decides itself"),
        ("-t", "says what Policyloop decides itself"),
        ("--passes 3", "says what Policyloop decides itself"),
        ("--random_seed 1", "says what Policyloop decides itself"),
    ],
)
def test_what_leaves_the_process_or_is_ours_is_refused(text, why):
    with pytest.raises(BadSetting) as caught:
        read(f"-l 0.5 {text}")

    name = text.split(" ")[0].split("=")[0]
    assert f"learner.arguments has '{name}', which {why}" in str(caught.value)
    assert "leave it out: only how vw learns and explores is said here." in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "--learning_rte 1",
            "no argument of vw that a loop may give is named '--learning_rte'; did you mean '--learning_rate'?",
        ),
        ("-l fast", "--learning_rate is 'fast'; expected a number."),
        ("-l nan", "--learning_rate is 'nan'; expected a number."),
        ("-l --squarecb", "--learning_rate is missing; expected a number."),
        ("-b 40", "--bit_precision is '40'; expected a whole number from 1 to 24."),
        ("--bag 0", "--bag is '0'; expected a whole number from 1 to 100."),
        ("--cb_type sm", "--cb_type is 'sm'; expected mtr, ips or dr."),
        ("-q xy", "--quadratic is 'xy'; expected letters of namespaces: c the context, a the action, i the ids of candidates."),
        ("--squarecb=1", "--squarecb takes no value; found '1'."),
        ("stray", "learner.arguments has 'stray', which belongs to no argument before it."),
        ("--bag 5 --squarecb", "learner.arguments has --bag and --squarecb; expected one way to explore."),
        ("--bag 3 --lambda 5", "learner.arguments has --lambda without --softmax, which it belongs to."),
        ("--mellowness 1", "has --mellowness without --squarecb or --regcb or --regcbopt, which it belongs to."),
        ("-q 'ca", "learner.arguments cannot be read: No closing quotation"),
    ],
)
def test_a_wrong_argument_is_told_with_what_was_expected(text, message):
    with pytest.raises(BadSetting) as caught:
        read(text)

    assert message in str(caught.value)


def test_all_faults_are_told_at_once():
    with pytest.raises(BadSetting) as caught:
        read("-f x --daemon -l fast")

    assert str(caught.value).count("learner.arguments") == 4  # x has lost what it belonged to
