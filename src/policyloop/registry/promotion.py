"""Promotion and rollback: the champion changes hands, together with the record of why, or not at all.

Question answered: may this verdict take effect as things stand now? A verdict is about the champion of its moment; when
another one has come in between, it has lost its ground and is refused. Functions over one connection: the caller's
transaction makes champion, model states and verdict one write.
"""

from __future__ import annotations

import sqlalchemy as sa

from policyloop.core.errors import NothingToDo, PromotionRefused
from policyloop.core.model import BASELINE
from policyloop.core.spec_file import from_json
from policyloop.gate.verdict import Call, Kind, Reason, Verdict
from policyloop.registry import loop_rows, model_rows, notice_rows, verdict_rows
from policyloop.registry.changes import changes_between
from policyloop.registry.loop_rows import LoopRow
from policyloop.registry.model_rows import MAY_GO_LIVE, ModelRow


def promote(connection: sa.Connection, loop: str, verdict: Verdict, *, now_us: int) -> None:
    """Make the verdict's model champion.

    Raises:
        UnknownLoop: no loop has that name.
        UnknownModel: the loop has no such model.
        PromotionRefused: promotions are frozen, the champion is another by now, the model may not go live again, or it
            was made for another recipe.
    """
    assert verdict.call == Call.PROMOTE, verdict.call
    row = loop_rows.row(connection, loop)
    model = model_rows.row(connection, loop, verdict.model)
    _check_may_go_live(row, model, verdict)
    _check_recipe(connection, row, model)
    if row.champion is not None:
        model_rows.set_state(connection, loop, row.champion, "replaced")
    model_rows.set_state(connection, loop, model.model, "live")
    first_is_anchor = model.model if row.champion is None else row.anchor
    values = {"champion": model.model, "previous": row.champion, "anchor": first_is_anchor}
    loop_rows.change(connection, loop, values, now_us=now_us)
    record_change(connection, loop, verdict, now_us=now_us)


def take_over(connection: sa.Connection, loop: str, verdict: Verdict, *, spec_version: int, now_us: int) -> None:
    """Make the model of a proven challenge champion and anchor, under the spec that its recipe makes.

    Raises:
        UnknownLoop: no loop has that name.
        UnknownModel: the loop has no such model.
        PromotionRefused: promotions are frozen, or the champion is another by now.
    """
    assert verdict.call == Call.PROMOTE, verdict.call
    row = loop_rows.row(connection, loop)
    model = model_rows.row(connection, loop, verdict.model)
    _check_may_go_live(row, model, verdict)
    if row.champion is not None:
        model_rows.set_state(connection, loop, row.champion, "replaced")
    model_rows.set_state(connection, loop, model.model, "live")
    values = {"champion": model.model, "previous": row.champion, "anchor": model.model, "spec_version": spec_version}
    loop_rows.change(connection, loop, values, now_us=now_us)
    record_change(connection, loop, verdict, now_us=now_us)


def roll_back(connection: sa.Connection, loop: str, verdict: Verdict, *, now_us: int) -> None:
    """Make an earlier model champion again, or the baseline; the one rolled back never comes back by itself.

    It goes back to the model before; what the hold-out found takes a whole line of refreshes back to its anchor. A model
    of another recipe brings the spec of its recipe back with it.

    Raises:
        UnknownLoop: no loop has that name.
        NothingToDo: the baseline decides already.
        PromotionRefused: the champion, or the model to go back to, is another by now.
    """
    assert verdict.call == Call.ROLLBACK, verdict.call
    row = loop_rows.row(connection, loop)
    if row.champion is None:
        raise NothingToDo(f"loop '{loop}' has no model to roll back: the baseline decides already.")
    back_to = _target(row, verdict)
    if (verdict.model, verdict.champion) != (row.champion, back_to):
        raise PromotionRefused(
            f"loop '{loop}' would go from {named(row.champion)} back to {named(back_to)}, but the verdict is about "
            f"{named(verdict.model)} and {named(verdict.champion)}; look again at how things stand."
        )
    model_rows.set_state(connection, loop, row.champion, "rolled-back")
    if back_to is not None:
        model_rows.set_state(connection, loop, back_to, "live")
    is_anchor_gone = back_to is None or row.anchor == row.champion
    values = {
        "champion": back_to,
        "previous": _before(connection, loop, back_to),
        "anchor": back_to if is_anchor_gone else row.anchor,
        "spec_version": _spec_version_of(connection, row, back_to),
    }
    loop_rows.change(connection, loop, values, now_us=now_us)
    record_change(connection, loop, verdict, now_us=now_us)


def reset(connection: sa.Connection, loop: str, verdict: Verdict, *, now_us: int) -> None:
    """Make the baseline decide again, as if no model had ever been promoted; none of them comes back by itself.

    Raises:
        UnknownLoop: no loop has that name.
        NothingToDo: the baseline decides already.
    """
    assert verdict.call == Call.ROLLBACK, verdict.call
    assert verdict.champion is None, verdict.champion
    row = loop_rows.row(connection, loop)
    if row.champion is None:
        raise NothingToDo(f"loop '{loop}' has no model to let go of: the baseline decides already.")
    model_rows.set_state(connection, loop, row.champion, "rolled-back")
    loop_rows.change(connection, loop, {"champion": None, "previous": None, "anchor": None}, now_us=now_us)
    record_change(connection, loop, verdict, now_us=now_us)


def record_change(connection: sa.Connection, loop: str, verdict: Verdict, *, now_us: int) -> None:
    """Keep the verdict that changed who decides, and let it be told outside."""
    verdict_rows.add(connection, loop, verdict, now_us=now_us)
    notice_rows.add_change(connection, loop, verdict, now_us=now_us)


def note_freeze(connection: sa.Connection, loop: str, *, is_frozen: bool, why: str, now_us: int) -> None:
    """Keep that promotions were frozen, or allowed again, and why; a freeze is told outside."""
    champion = loop_rows.row(connection, loop).champion
    done = "Promotions were frozen" if is_frozen else "Promotions were allowed again"
    reason = Reason(name="freeze", call=Call.INCONCLUSIVE, sentence=f"{done}: {why}")
    kind: Kind = "freeze" if is_frozen else "unfreeze"
    verdict = Verdict(
        kind=kind, call=Call.INCONCLUSIVE, model=champion or BASELINE, champion=champion, anchor=None, reasons=(reason,)
    )
    verdict_rows.add(connection, loop, verdict, now_us=now_us)
    if is_frozen:
        notice_rows.add(connection, loop, "freeze", {"sentence": why}, now_us=now_us)


def named(model: str | None) -> str:
    """A model as a sentence speaks of it."""
    return "the baseline" if model is None else f"model {model}"


def _target(row: LoopRow, verdict: Verdict) -> str | None:
    """What a rollback goes back to: for the hold-out the anchor, or the baseline where the anchor itself is at fault."""
    if verdict.kind != "hold-out":
        return row.previous
    return None if row.anchor == row.champion else row.anchor


def _spec_version_of(connection: sa.Connection, row: LoopRow, model: str | None) -> int:
    """The spec to serve a model under: that of today, or the last one of its own recipe where today's is another."""
    if model is None:
        return row.spec_version
    versions = loop_rows.spec_rows(connection, row.loop)
    recipe_now = next(spec.recipe for spec in versions if spec.version == row.spec_version)
    made_for = model_rows.row(connection, row.loop, model).spec
    recipe = next((spec.recipe for spec in versions if spec.digest == made_for), recipe_now)
    of_recipe = [spec.version for spec in versions if spec.recipe == recipe]
    return row.spec_version if recipe == recipe_now else max(of_recipe)


def _check_may_go_live(row: LoopRow, model: ModelRow, verdict: Verdict) -> None:
    if row.is_frozen:
        raise PromotionRefused(f"promotions of loop '{row.loop}' are frozen; find out why, then unfreeze them.")
    if verdict.champion != row.champion:
        raise PromotionRefused(
            f"the verdict compares model {model.model} with {named(verdict.champion)}, but loop '{row.loop}' is served by "
            f"{named(row.champion)} by now; judge it again."
        )
    if model.state == "live":
        raise PromotionRefused(f"model {model.model} of loop '{row.loop}' is live already.")
    if model.state == "offline-chosen" and verdict.kind == "refresh":
        raise PromotionRefused(
            f"model {model.model} of loop '{row.loop}' was chosen offline: nobody has seen it act, so no refresh puts it live. "
            f"Let it prove itself: `policyloop challenge {row.loop} --model {model.model[:12]}`."
        )
    if model.state not in MAY_GO_LIVE and verdict.kind != "promote":
        raise PromotionRefused(
            f"model {model.model} of loop '{row.loop}' is {model.state} and never goes live again by itself; "
            f"a person can promote it: `policyloop promote {row.loop} {model.model}`."
        )


def _check_recipe(connection: sa.Connection, row: LoopRow, model: ModelRow) -> None:
    """A model of an older spec may go live when everything that has changed since is compatible."""
    versions = loop_rows.spec_rows(connection, row.loop)
    now = next(spec for spec in versions if spec.version == row.spec_version)
    then = next((spec for spec in reversed(versions) if spec.digest == model.spec), None)
    if then is None:  # of a challenge that never went live
        raise PromotionRefused(
            f"model {model.model} was made for another recipe, which loop '{row.loop}' never had; let that recipe challenge "
            f"the present one: `policyloop challenge {row.loop} --recipe FILE`."
        )
    if then.digest == now.digest:
        return
    refused = [change for change in changes_between(from_json(then.body), from_json(now.body)) if not change.is_in_place]
    if refused:
        listed = "; ".join(str(change) for change in refused)
        raise PromotionRefused(
            f"model {model.model} was made for version {then.version} of the spec of loop '{row.loop}', and since then there "
            f"is another recipe: {listed}. Train a new model, or apply a loop file with the recipe of that version again."
        )


def _before(connection: sa.Connection, loop: str, model: str | None) -> str | None:
    """Who was champion before a model came to be it, leaving out those rolled back since; None: the baseline."""
    before, row_id = model, None
    while before is not None:
        promotion = verdict_rows.promotion_of(connection, loop, before, before_id=row_id)
        if promotion is None:
            return None
        row_id, before = promotion
        if before is not None and before != model and model_rows.row(connection, loop, before).state != "rolled-back":
            return before
    return None
