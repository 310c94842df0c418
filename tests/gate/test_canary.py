"""Canary decisions: corners of the spec and the newest real contexts, under several masks."""

from dataclasses import replace

from policyloop.core.loop import ActionSpec
from policyloop.gate.canary import N_NEWEST, canary_of


def test_every_action_is_masked_once_and_left_alone_once(spec):
    canary = canary_of(spec, [])

    masks = {tuple(row) for row in canary.allowed.tolist()}
    assert masks == {
        (True, True, True),
        (False, True, True), (True, False, True), (True, True, False),
        (True, False, False), (False, True, False), (False, False, True),
    }  # fmt: skip
    assert len(canary.contexts) == len(canary.allowed)


def test_the_newest_real_contexts_are_among_them(spec):
    canary = canary_of(spec, [{"kind": i} for i in range(300)])

    kinds = {c["kind"] for c in canary.contexts[3 : 3 + N_NEWEST]}
    assert kinds == set(range(200, 300))


def test_a_loop_with_one_action_is_never_left_without(spec):
    one = replace(spec, actions=ActionSpec(kind="discrete", labels=("only",)))

    assert canary_of(one, []).allowed.all()
