"""The model card: data, settings, numbers and verdicts, in Markdown."""

from dataclasses import replace

from policyloop.core.estimate import Estimate
from policyloop.registry.card import card
from policyloop.registry.lineage import ancestors

LOOP = "front-page"


def card_of(registry, model):
    row = registry.find(LOOP, model)
    line = ancestors(registry.models(LOOP), model)
    return card(row, registry.load(LOOP, model).manifest, line=line, verdicts=registry.verdicts(LOOP, model=model))


def test_a_card_tells_what_the_model_learned_from_and_what_the_gate_said(loop, publish, verdict):
    first = publish(1)
    said = replace(verdict(first, None), estimates={"challenger": Estimate("dr", 0.5, 0.1, 1200, 300.4)})
    loop.promote(LOOP, said)

    got = card_of(loop, first)

    assert got.startswith(f"# Model {first}\n\nLive in loop `front-page`, published 20")
    for line in (
        "| examples | 101 |",
        "| newest example decided at | 2023-11-14T22:13:20.000000Z |",
        "| tables | examples at version 7 |",
        "| trained while champion | the baseline |",
        "| learner | linear (lambda 1.0) |",
        "| actions | calm, bold, playful |",
        "| progressive_loss | 0.125 |",
        "- no-harm: said the gate.",
        "| challenger | 0.5 | 0.304 to 0.696 | 1,200 | 300 |",
    ):
        assert line in got.splitlines()


def test_a_model_without_a_verdict_says_so(loop, publish):
    assert "## What the gate said\n\nNothing yet." in card_of(loop, publish(1))


def test_labels_cannot_break_the_tables(loop, registry, spec_with, manifest):
    odd = spec_with(loop="odd", actions={"kind": "discrete", "labels": ["a|b", "c"]})
    registry.apply(odd)
    model = registry.publish(manifest(odd, 1), b"not read here")

    row = registry.find("odd", model)
    got = card(row, registry.load("odd", model).manifest, line=[row], verdicts=[])

    assert "| actions | a\\|b, c |" in got.splitlines()
