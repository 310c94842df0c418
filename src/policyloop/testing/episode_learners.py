"""What every learner of episodes promises. Each function is one promise; it raises AssertionError where a plug-in breaks it.

`create` is the plug-in's `create_episodic`. Hand in one with small settings, `partial(create_episodic, width=16)`: it is made
some times for every kind of actions that it does not refuse, and learns from 96 rows. A promise that holds for labels, for
numbers, and for labels beside numbers is tried with each of them.
Letters: n rows, e episodes, t steps, a numbers of an action, p labelled parts, k labels.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from policyloop.core import plugins
from policyloop.core.episode import EpisodeLearner, EpisodePolicy, Transitions
from policyloop.core.errors import BadSetting, Invalid
from policyloop.core.loop import ActionSpec, BoxPart, LabelledPart
from policyloop.core.policy import Tensors
from policyloop.policy.scored import POLICIES

Create = Callable[..., EpisodeLearner]

_BOX = (BoxPart(name="force", low=-0.5, high=1.5),)
_KINDS = {
    "labels": ActionSpec(kind="discrete", labels=("down", "up")),
    "numbers": ActionSpec(kind="continuous", box=_BOX),
    "labels beside numbers": ActionSpec(
        kind="tuple", box=_BOX, choices=(LabelledPart(name="gear", labels=("low", "mid", "high")),)
    ),
}
_E, _T = 12, 8
_WHILE_LEARNING = {"critic_loss", "td_error", "conservative"}
_OF_ROWS = {"q_mean", "q_min", "q_max", "td_error", "conservative"}
_HELD_OUT = "held_out_"
_MOST_UPDATES = 1024  # until it is known what a step is worth
_NEAR = 0.2  # how well; an end and a cut are 0.67 apart


def equal_arguments_and_seed_give_equal_bits(create: Create) -> None:
    """What it tells, where it stands and what it hands out."""
    for kind in _kinds_of(create):
        one, same = _made(create, kind), _made(create, kind)
        first, second = one.advance(2), same.advance(2)
        assert first == second, f"{kind}: equal arguments told {first}, then {second}"
        _check_equal(one, same, f"{kind}: with equal arguments and seed")


def learning_in_pieces_is_learning_at_once(create: Create) -> None:
    """Bit by bit: the number of an update decides what it does, not the calls before it."""
    for kind in _kinds_of(create):
        whole, pieces = _made(create, kind), _made(create, kind)
        whole.advance(4)
        for n_updates in (1, 3):
            pieces.advance(n_updates)
        _check_equal(whole, pieces, f"{kind}: 4 updates at once, and 1 and 3 of them")


def what_goes_on_from_a_state_is_as_if_nothing_had_happened(create: Create) -> None:
    """Through safetensors, as states are kept; and a state does not change as its learner goes on."""
    for kind in _kinds_of(create):
        whole, again = _made(create, kind), _made(create, kind)
        whole.advance(1)
        state = whole.state()
        kept = safetensors.numpy.save(dict(state))
        told = whole.advance(2)
        assert safetensors.numpy.save(dict(state)) == kept, f"{kind}: a state changed after it was given"
        again.resume(safetensors.numpy.load(kept))
        found = again.advance(2)
        assert found == told, f"{kind}: after resume it told {found}; expected {told}"
        _check_equal(whole, again, f"{kind}: with a stop in between, and without")


def learning_does_not_change_a_policy_already_handed_out(create: Create) -> None:
    """Policies are immutable."""
    for kind in _kinds_of(create):
        learner = _made(create, kind)
        learner.advance(1)
        policy = learner.policy()
        before = _answers(policy, kind), _bits(policy.save()[1])
        learner.advance(2)
        learner.policy()
        _check_same(before[0], _answers(policy, kind), f"{kind}: a policy changed after it was handed out:")
        assert _bits(policy.save()[1]) == before[1], f"{kind}: the tensors of a policy changed after it was handed out"


def learning_does_not_change_the_history(create: Create) -> None:
    """It is the caller's."""
    for kind in _kinds_of(create):
        train, held_out = _history(kind), _history(kind, seed=2)
        before = [_columns(train), _columns(held_out)]
        learner = create(train, held_out, actions=_KINDS[kind], seed=1)
        learner.advance(1)
        learner.diagnose()
        for columns, after in zip(before, (train, held_out), strict=True):
            changed = [name for name, column in _columns(after).items() if column != columns[name]]
            assert not changed, f"{kind}: learning changed {', '.join(changed)} of the history that it was given"


def held_out_episodes_are_told_of_and_never_learned_from(create: Create) -> None:
    """Others of them change what is told of them, and nothing else."""
    for kind in _kinds_of(create):
        one, other = _made(create, kind), _made(create, kind, held_out=_history(kind, seed=3))
        one.advance(2)
        other.advance(2)
        _check_equal(one, other, f"{kind}: with other held-out episodes")
        first, second = one.diagnose(), other.diagnose()
        assert first["q_mean"] == second["q_mean"], f"{kind}: other held-out episodes changed q_mean, which is of the data"
        name = f"{_HELD_OUT}q_mean"
        assert first.get(name) != second.get(name), f"{kind}: {name} is {first.get(name)} for any episodes"


def it_tells_what_the_choice_of_a_checkpoint_reads(create: Create) -> None:
    """By these names, as finite numbers; of the data, and of held-out episodes where there are any."""
    for kind in _kinds_of(create):
        learner = _made(create, kind)
        told, found = learner.advance(1), learner.diagnose()
        missing = _WHILE_LEARNING - set(told)
        assert not missing, f"{kind}: advance does not tell {', '.join(sorted(missing))}; found {', '.join(told)}"
        wanted = {f"{before}{name}" for before in ("", _HELD_OUT) for name in _OF_ROWS}
        missing = wanted - {*told, *found}
        assert not missing, f"{kind}: diagnose does not tell {', '.join(sorted(missing))}; found {', '.join(found)}"
        for name, number in {**told, **found}.items():
            assert math.isfinite(number), f"{kind}: {name} is {number}; expected a finite number"
        for before in ("", _HELD_OUT):
            least, mean, most = (found[f"{before}{name}"] for name in ("q_min", "q_mean", "q_max"))
            assert least <= mean <= most, f"{kind}: {before}q_mean is {mean}; expected it in {least} to {most}"


def without_held_out_episodes_it_tells_of_the_data_alone(create: Create) -> None:
    """And of the data what it tells beside held-out episodes."""
    for kind in _kinds_of(create):
        nothing = _history(kind).where(np.zeros(_E * _T, dtype=bool))
        learner, beside = _made(create, kind, held_out=nothing), _made(create, kind)
        learner.advance(1)
        beside.advance(1)
        found, wanted = learner.diagnose(), beside.diagnose()
        made_up = [name for name in found if name.startswith(_HELD_OUT)]
        assert not made_up, f"{kind}: it tells {', '.join(made_up)} although no episode was held out"
        assert found["q_mean"] == wanted["q_mean"], f"{kind}: q_mean depends on whether episodes were held out"


def what_it_tells_of_the_data_is_what_its_policy_expects(create: Create) -> None:
    """`q_mean`, `q_min` and `q_max` are of what the policy handed out says of the actions that the history took, to 1e-4."""
    for kind in _kinds_of(create):
        train, learner = _history(kind), _made(create, kind)
        learner.advance(2)
        value = learner.policy().value(train.state, _taken(train, kind)).astype(np.float64)
        told = learner.diagnose()
        for name, truth in (("q_mean", value.mean()), ("q_min", value.min()), ("q_max", value.max())):
            gap = abs(told[name] - truth)
            assert gap <= 1e-4 * (1 + abs(truth)), f"{kind}: {name} is {told[name]}; by the policy handed out it is {truth}"


def a_policy_saved_and_loaded_answers_the_same_bits(create: Create) -> None:
    """Through JSON and safetensors, by the plug-in of `policyloop.policy.policies` that its `kind` names."""
    for kind in _kinds_of(create):
        learner = _made(create, kind)
        learner.advance(1)
        policy = learner.policy()
        settings, tensors = policy.save()
        stored = json.loads(json.dumps(settings)), safetensors.numpy.load(safetensors.numpy.save(dict(tensors)))
        loaded: EpisodePolicy = plugins.load(POLICIES, policy.kind).load(*stored)
        _check_same(_answers(policy, kind), _answers(loaded, kind), f"{kind}: saved and loaded,")


def actions_lie_in_the_box_and_among_the_labels(create: Create) -> None:
    """In states that no history has, too; there is a finite score for every label."""
    for kind in _kinds_of(create):
        learner = _made(create, kind)
        learner.advance(2)
        policy, actions = learner.policy(), _KINDS[kind]
        states = np.concatenate([_history(kind).state[:5], np.array([[1e6, -1e6], [-1e6, 1e6], [0, 0]], np.float32)])
        n, p, a = len(states), len(actions.choices), len(actions.box)
        if not a:
            scores = policy.scores(states)
            shape = (n, len(actions.labels))
            assert scores.shape == shape, f"{kind}: {n} states got scores of the shape {scores.shape}; expected {shape}"
            assert np.isfinite(scores).all(), f"{kind}: a score is not finite: {scores}"
            continue
        taken = policy.act(states)
        assert taken.shape == (n, p + a), f"{kind}: {n} states got actions of the shape {taken.shape}; expected {(n, p + a)}"
        for i, part in enumerate(actions.choices):
            known = np.isin(taken[:, i], np.arange(len(part.labels)))
            assert known.all(), f"{kind}: {part.name} is {taken[~known, i]}; expected places from 0 to {len(part.labels) - 1}"
        for i, bounds in enumerate(actions.box, start=p):
            room = 1e-6 * (bounds.high - bounds.low)
            inside = (taken[:, i] >= bounds.low - room) & (taken[:, i] <= bounds.high + room)
            assert inside.all(), f"{kind}: {bounds.name} is {taken[~inside, i]}; expected {bounds.low} to {bounds.high}"


def after_an_end_nothing_is_expected_and_after_a_cut_what_comes(create: Create) -> None:
    """In one state where every step brings 1, cut off after two steps: worth 1 + 0.5 + 0.25 + ..., which is 2.

    Where every second step terminates, q = 1 + 0.5 * q / 2, which is 4/3; it is that, too, where a cut is taken for an end.
    """
    for kind in _kinds_of(create):
        for is_end, truth in ((True, 4 / 3), (False, 2.0)):
            rows = _of_two_steps(kind, is_end=is_end)
            learner = create(rows, rows, actions=_KINDS[kind], seed=1)
            n_updates, values = 0, [math.inf, math.inf]  # twice in a row, since what goes on rising passes by any truth
            while max(abs(value - truth) for value in values[-2:]) > _NEAR and n_updates < _MOST_UPDATES:
                n_more = max(1, n_updates)
                learner.advance(n_more)
                n_updates += n_more
                values.append(float(learner.policy().value(rows.state, _taken(rows, kind)).mean()))
            how = "terminate" if is_end else "are truncated"
            told = f"where episodes of two steps {how}, a step is worth {values[-1]:.2f} after {n_updates} updates"
            assert max(abs(value - truth) for value in values[-2:]) <= _NEAR, (
                f"{kind}: {told}; expected {truth:.2f}, to {_NEAR}"
            )


def rows_that_are_broken_are_refused_by_their_number(create: Create) -> None:
    """NaN, infinity, a number outside the box, a label that the loop does not have: each is a fault of its row."""
    for kind in _kinds_of(create):
        history = _history(kind)
        broken = {"state": (3, np.nan), "next_state": (4, np.nan), "reward": (5, np.inf)}
        broken |= {"action_value": (6, 1.6)} if history.action_value.shape[1] else {}
        broken |= {"action": (7, 3)} if history.action.shape[1] else {}
        for name, (row, value) in broken.items():
            column = getattr(history, name).copy()
            column.reshape(len(column), -1)[row, 0] = value
            what = f"{kind}: a history with {name} {value} in row {row}"
            try:
                create(replace(history, **{name: column}), _history(kind, seed=2), actions=_KINDS[kind], seed=1)
            except Invalid as refused:
                named = any(f"row {row}" in f"{fault.where} {fault.message}" for fault in refused.faults)
                assert named, f"{what} was refused without 'row {row}': {refused.message}"
                continue
            raise AssertionError(f"{what} was learned from; expected Invalid")


def it_can_be_made_of_two_steps_in_which_nothing_happens(create: Create) -> None:
    """So that the settings of a loop file can be checked when it is applied, before there is a history."""
    for kind in _kinds_of(create):
        two = _history(kind).where(np.arange(_E * _T) < 2)
        still = replace(two, state=two.state * 0, next_state=two.state * 0, reward=two.reward * 0, action=two.action * 0)
        create(still, still, actions=_KINDS[kind], seed=0)


PROMISES = (
    equal_arguments_and_seed_give_equal_bits,
    learning_in_pieces_is_learning_at_once,
    what_goes_on_from_a_state_is_as_if_nothing_had_happened,
    learning_does_not_change_a_policy_already_handed_out,
    learning_does_not_change_the_history,
    held_out_episodes_are_told_of_and_never_learned_from,
    it_tells_what_the_choice_of_a_checkpoint_reads,
    without_held_out_episodes_it_tells_of_the_data_alone,
    what_it_tells_of_the_data_is_what_its_policy_expects,
    a_policy_saved_and_loaded_answers_the_same_bits,
    actions_lie_in_the_box_and_among_the_labels,
    after_an_end_nothing_is_expected_and_after_a_cut_what_comes,
    rows_that_are_broken_are_refused_by_their_number,
    it_can_be_made_of_two_steps_in_which_nothing_happens,
)


def _kinds_of(create: Create) -> Iterator[str]:
    """The kinds of actions that it learns about: those that it does not refuse as a bad setting."""
    n = 0
    for kind in _KINDS:
        try:
            _made(create, kind)
        except BadSetting:
            continue
        n += 1
        yield kind
    assert n, f"it refused {', '.join(_KINDS)}, all as a bad setting; expected a learner of at least one of them"


def _made(create: Create, kind: str, *, held_out: Transitions | None = None) -> EpisodeLearner:
    beside = _history(kind, seed=2) if held_out is None else held_out
    return create(_history(kind), beside, actions=_KINDS[kind], seed=1)


def _history(kind: str, *, seed: int = 1) -> Transitions:
    """Random actions, whose reward depends on state and action; every other episode terminates, the rest are truncated."""
    rng, actions = np.random.default_rng(seed), _KINDS[kind]
    states = rng.normal(size=(_E, _T + 1, 2)).astype(np.float32)
    n, p, a = _E * _T, max(len(actions.choices), min(1, len(actions.labels))), len(actions.box)
    label = rng.integers(2, size=(n, p)).astype(np.int32)
    number = rng.uniform(-0.5, 1.5, size=(n, a)).astype(np.float32)
    episode, step = np.repeat(np.arange(_E), _T), np.tile(np.arange(_T), _E)
    is_last = step == _T - 1
    state = states[:, :-1].reshape(n, 2)
    return Transitions(
        state=state,
        action=label,
        action_value=number,
        reward=(np.tanh(state[:, 0]) + label.sum(axis=1) - np.abs(number).sum(axis=1)).astype(np.float32),
        next_state=states[:, 1:].reshape(n, 2),
        terminated=is_last & (episode % 2 == 0),
        truncated=is_last & (episode % 2 == 1),
        episode=episode,
        step=step,
        propensity=np.full(n, 0.5**p * 0.5**a),
        propensity_kind=np.full(n, "density" if a else "probability", dtype=object),
        action_source=np.full(n, "random", dtype=object),
        split=episode / _E,
        discount=0.9,
    )


def _of_two_steps(kind: str, *, is_end: bool) -> Transitions:
    """As many rows, in episodes of two steps that never leave their state."""
    history = _history(kind)
    place = np.arange(len(history))
    return replace(
        history,
        state=history.state * 0,
        next_state=history.state * 0,
        reward=np.ones(len(history), dtype=np.float32),
        terminated=(place % 2 == 1) & is_end,
        truncated=(place % 2 == 1) & (not is_end),
        episode=place // 2,
        step=place % 2,
        discount=0.5,
    )


def _taken(rows: Transitions, kind: str) -> NDArray[Any]:
    """The actions of a history as `EpisodePolicy.value` takes them."""
    if kind == "labels":
        return rows.action[:, 0]
    return np.concatenate([rows.action.astype(np.float32), rows.action_value], axis=1)


def _answers(policy: EpisodePolicy, kind: str) -> dict[str, NDArray[Any]]:
    """What it does in some states, and expects of some actions."""
    rows = _history(kind, seed=4)
    found: dict[str, NDArray[Any]] = {"value": policy.value(rows.state, _taken(rows, kind))}
    if kind == "labels":
        return {**found, "scores": policy.scores(rows.state)}
    mean, spread = policy.gaussian(rows.state)
    return {**found, "act": policy.act(rows.state), "mean": mean, "spread": spread}


def _check_same(before: Mapping[str, NDArray[Any]], after: Mapping[str, NDArray[Any]], what: str) -> None:
    for name, answer in before.items():
        assert np.array_equal(answer, after[name], equal_nan=True), f"{what} it answers another {name}"


def _check_equal(one: EpisodeLearner, other: EpisodeLearner, what: str) -> None:
    """That two learners stand at the same point, and hand out the same."""
    for name, first, second in (
        ("state", one.state(), other.state()),
        ("policy", one.policy().save()[1], other.policy().save()[1]),
    ):
        assert first.keys() == second.keys(), f"{what}, the {name} has other tensors: {sorted(first)} and {sorted(second)}"
        differ = [tensor for tensor, bits in _bits(first).items() if bits != _bits(second)[tensor]]
        assert not differ, f"{what}, the {name} differs in {', '.join(differ)}; expected equal bits"


def _bits(tensors: Tensors) -> dict[str, bytes]:
    return {name: np.asarray(tensor).tobytes() for name, tensor in tensors.items()}


def _columns(rows: Transitions) -> dict[str, bytes]:
    """The bits of every column of numbers."""
    columns = {column.name: getattr(rows, column.name) for column in fields(rows)}
    found = {name: column for name, column in columns.items() if isinstance(column, np.ndarray) and column.dtype != object}
    return _bits(found)
