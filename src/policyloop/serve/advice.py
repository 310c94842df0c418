"""Advice: what a challenger would do is told beside the decision, for a person who acts.

Question answered: what does a person get to see of a challenger that is in the state ADVISORY? What is done stays the person's
choice, and a program that does not look here goes on as before.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from policyloop.core.event import Decision
from policyloop.core.shadow import read_shadow
from policyloop.core.wire import Advice
from policyloop.ingest.decisions import Asked
from policyloop.serve.live import Live

_to_json = msgspec.json.Encoder().encode


def advice_in(event: Decision, live: Live, asked: Asked) -> Advice | UnsetType:
    """What the challenger advises; UNSET where none is to, or it gave no answer."""
    challenger = None if live.traffic is None else live.traffic.challenger
    if challenger is None or challenger.state != "advisory" or event.shadow is None:
        return UNSET
    shadow = read_shadow(event.shadow)
    if shadow.advice is None or shadow.policy is None:
        return UNSET
    if live.box is None:
        names = live.spec.labels if asked.candidates is None else asked.candidates.ids
        return Advice(model=shadow.policy, action=names[int(shadow.advice[0])])
    n_labelled = len(live.box.n_labels)
    values = live.box.named([int(place) for place in shadow.advice[:n_labelled]], shadow.advice[n_labelled:])
    return Advice(
        model=shadow.policy,
        action=_to_json(values).decode(),
        values=values,
        action_value_estimate=UNSET if shadow.advice_value is None else shadow.advice_value,
    )
