"""The arguments of Vowpal Wabbit that a loop file may give: how it learns and explores, and nothing that leaves the process.

Question answered: may these arguments be handed to it? All that read or write a file, open the network or change what
Policyloop decides itself are refused by name, and so is whatever is not known here; each fault is told at once.
Namespaces, for `-q` and the like: `c` the context, `a` the action, `i` the ids of candidates.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from policyloop.core.errors import BadSetting, unknown

EXPLORATIONS = ("--bag", "--cover", "--squarecb", "--regcb", "--regcbopt", "--softmax")  # none of them: egreedy
MAX_BITS = 24
_NAMESPACES = "[cai:]"
_FLAG, _NUMBER, _WHOLE = "flag", "number", "whole"

# name -> what follows it: nothing, a number, a whole number, or what a text must match
_LEARNING = {
    **dict.fromkeys(("--adaptive", "--invariant", "--normalized", "--sgd", "--adax", "--ftrl", "--coin", "--pistol"), _FLAG),
    **dict.fromkeys(("--noconstant", "--leave_duplicate_interactions"), _FLAG),
    **dict.fromkeys(("--learning_rate", "--power_t", "--initial_t", "--decay_learning_rate", "--l1", "--l2"), _NUMBER),
    **dict.fromkeys(("--ftrl_alpha", "--ftrl_beta", "--clip_p", "--constant"), _NUMBER),
    "--bit_precision": _WHOLE,
    "--cb_type": "mtr|ips|dr",
    "--quadratic": _NAMESPACES + "{2}",
    "--cubic": _NAMESPACES + "{3}",
    "--interactions": _NAMESPACES + "{2,4}",
    **dict.fromkeys(("--ignore", "--ignore_linear", "--keep"), _NAMESPACES),
}
_EXPLORING = {
    **dict.fromkeys(("--cb_explore_adf", "--greedify", "--nounif", "--first_only", "--elim"), _FLAG),
    **dict.fromkeys(("--squarecb", "--regcb", "--regcbopt", "--softmax"), _FLAG),
    **dict.fromkeys(("--bag", "--cover"), _WHOLE),
    **dict.fromkeys(("--epsilon", "--psi", "--gamma_scale", "--gamma_exponent", "--mellowness", "--lambda"), _NUMBER),
    **dict.fromkeys(("--cb_min_cost", "--cb_max_cost"), _NUMBER),
}
_BELONGS_TO = {
    "--greedify": ("--bag",),
    **dict.fromkeys(("--psi", "--nounif"), ("--cover",)),
    **dict.fromkeys(("--gamma_scale", "--gamma_exponent", "--elim"), ("--squarecb",)),
    **dict.fromkeys(("--mellowness", "--cb_min_cost", "--cb_max_cost"), ("--squarecb", "--regcb", "--regcbopt")),
    "--lambda": ("--softmax",),
}
_SHORT = {"-l": "--learning_rate", "-b": "--bit_precision", "-q": "--quadratic", "-C": "--constant"}
_FILES = (
    "-d --data -f --final_regressor -i --initial_regressor -p --predictions -r --raw_predictions -c --cache --cache_file -k "
    "--kill_cache --readable_model --invert_hash --dump_json_weights_experimental --dictionary --dictionary_path "
    "--feature_mask --input_feature_regularizer --output_feature_regularizer_binary --output_feature_regularizer_text "
    "--pid_file --port_file --save_per_pass --log_output --driver_output --audit -a --extra_metrics"
)
_NETWORK = "--daemon --foreground --port --num_children --span_server --span_server_port --unique_id --total --node"
_OURS = (
    "-t --testonly --random_seed --quiet --cb_adf --cb --cb_explore --id --save_resume --predict_only_model --passes "
    "--holdout_off --json --dsjson --loss_function --first --rank_all --cb_sample --version --help -h -P --progress"
)
_REFUSED = {
    **dict.fromkeys(_FILES.split(), "reads or writes a file, or the screen"),
    **dict.fromkeys(_NETWORK.split(), "opens the network"),
    **dict.fromkeys(_OURS.split(), "says what Policyloop decides itself"),
}


@dataclass(frozen=True, slots=True)
class Arguments:
    """Checked and taken apart, each `--name` or `--name value`."""

    learning: tuple[str, ...]
    exploring: tuple[str, ...]  # what only its own exploration takes

    @property
    def names_interactions(self) -> bool:
        """Whether products of namespaces are asked for."""
        return any(one.startswith(("--quadratic", "--cubic", "--interactions")) for one in self.learning)

    def has(self, name: str) -> bool:
        """Whether an argument of exploration is there."""
        return any(one.split(" ")[0] == name for one in self.exploring)


def read(text: str) -> Arguments:
    """The arguments in a text, as one would type them.

    Raises:
        BadSetting: some are not allowed, not known, or lack their value; all are told.
    """
    faults: list[str] = []
    learning: list[str] = []
    exploring: list[str] = []
    for name, value in _pairs(text):
        fault = _fault_of_name(name) or _fault_of_value(name, value)
        if fault is not None:
            faults.append(fault)
        else:
            (learning if name in _LEARNING else exploring).append(name if value is None else f"{name} {value}")
    names = {one.split(" ")[0] for one in exploring}
    kinds = [name for name in EXPLORATIONS if name in names]
    if len(kinds) > 1:
        faults.append(f"learner.arguments has {' and '.join(kinds)}; expected one way to explore.")
    for name in sorted(names & _BELONGS_TO.keys()):
        if not names & set(_BELONGS_TO[name]):  # VW would take it and do nothing
            faults.append(f"learner.arguments has {name} without {' or '.join(_BELONGS_TO[name])}, which it belongs to.")
    if faults:
        raise BadSetting(" ".join(faults))
    return Arguments(tuple(learning), tuple(exploring))


def is_ours_or_allowed(name: str) -> bool:
    """Whether a saved model may have been made with this argument."""
    made_by_us = ("--cb_adf", "--random_seed", "--csoaa_ldf", "--csoaa_rank")
    return name in _LEARNING or name in _EXPLORING or name in made_by_us


def _pairs(text: str) -> Iterator[tuple[str, str | None]]:
    """(long name, value) in order; None where the next word is another name, or there is none."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise BadSetting(f"learner.arguments cannot be read: {error}; expected such as `-l 0.5 --squarecb`.") from None
    i = 0
    while i < len(words):
        name, value = _split(words[i])
        i += 1
        if value is None and _takes_value(name) and i < len(words) and not _is_name(words[i]):
            value = words[i]
            i += 1
        yield name, value


def _split(word: str) -> tuple[str, str | None]:
    """`--name=value`, `-qca` or a name alone."""
    name, sign, value = word.partition("=")
    if word.startswith("--") and sign:
        return name, value
    if word[:2] in _SHORT and not word.startswith("--"):
        return _SHORT[word[:2]], word[2:] or None
    return word, None


def _takes_value(name: str) -> bool:
    return {**_LEARNING, **_EXPLORING}.get(name, _FLAG) != _FLAG


def _is_name(word: str) -> bool:
    """Whether it is an argument and not a negative number."""
    return word.startswith("-") and re.match(r"-[\d.]", word) is None


def _fault_of_name(name: str) -> str | None:
    """Why an argument may not be given; None when it may."""
    if name in _LEARNING or name in _EXPLORING:
        return None
    if not name.startswith("-"):
        return f"learner.arguments has '{name[:80]}', which belongs to no argument before it."
    why = _REFUSED.get(name) or (None if name.startswith("--") else _REFUSED.get(name[:2]))  # -fmodel, too
    if why is not None:
        return f"learner.arguments has '{name[:80]}', which {why}; leave it out: only how vw learns and explores is said here."
    return f"learner.arguments: {unknown('argument of vw that a loop may give', name[:80], [*_LEARNING, *_EXPLORING])}"


def _fault_of_value(name: str, value: str | None) -> str | None:
    """Why a value does not fit its argument; None when it does."""
    shape = {**_LEARNING, **_EXPLORING}[name]
    if shape == _FLAG:
        return None if value is None else f"learner.arguments: {name} takes no value; found '{value[:80]}'."
    if shape == _NUMBER:
        return None if _is_number(value) else f"learner.arguments: {name} is {_shown(value)}; expected a number."
    if shape == _WHOLE:
        high = MAX_BITS if name == "--bit_precision" else 100
        fits = value is not None and value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= high
        return None if fits else f"learner.arguments: {name} is {_shown(value)}; expected a whole number from 1 to {high}."
    if value is not None and re.fullmatch(shape, value):
        return None
    expected = (
        "mtr, ips or dr"
        if name == "--cb_type"
        else "letters of namespaces: c the context, a the action, i the ids of candidates"
    )
    return f"learner.arguments: {name} is {_shown(value)}; expected {expected}."


def _is_number(value: str | None) -> bool:
    try:
        return value is not None and math.isfinite(float(value))
    except ValueError:
        return False


def _shown(value: str | None) -> str:
    return "missing" if value is None else f"'{value[:80]}'"
