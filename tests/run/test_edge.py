"""A decider at the edge: the same decisions as on the server, kept before they are told, with or without a server."""

import json
import math
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import policyloop
from policyloop.core import model_file
from policyloop.core.clock import iso
from policyloop.core.errors import BadModel, BadSetting, Invalid, LogUnavailable, NoModel, OtherVersion
from policyloop.core.event import Decision
from policyloop.core.rng import draw, keyed_uniform, salt_id
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.core.wire import DecideRequest
from policyloop.log.folder import segments
from policyloop.log.replay import read_segment
from policyloop.run.deployment import open_deployment
from policyloop.run.edge import Decider
from policyloop.run.edges.folder import MARK, read_mark
from policyloop.run.edges.keepers import SpoolKeeper
from policyloop.run.edges.live_model import LiveModel
from running_app import CONTEXT, LOOP, apply_loop
from served import HandClock
from trained import train_and_promote


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model file of a trained loop."""
    folder = tmp_path_factory.mktemp("trained")
    apply_loop(folder)
    with open_deployment(Home(folder / "data")) as deployment:
        digest = train_and_promote(deployment)
        stored = deployment.registry.load("front-page", digest)
        spec = deployment.registry.standing("front-page").spec
    path = folder / "front-page.model"
    path.write_bytes(model_file.pack(spec, model=digest, manifest=stored.body, tensors=stored.tensors))
    return path


def records_in(folder: Path) -> list[Decision]:
    return [record.event() for file in segments(folder) for record in read_segment(file).records]


def test_the_public_name_is_the_decider_at_the_edge():
    assert policyloop.Decider is Decider


def test_a_decision_is_in_the_log_before_it_is_told(model, tmp_path):
    with Decider.from_path(model, log=tmp_path / "log") as decider:
        answer = decider.decide(CONTEXT)
        (record,) = records_in(tmp_path / "log")

    assert (record.decision_id, record.policy) == (answer.decision_id, decider.model)
    assert (answer.logged, answer.fallback, answer.loop) == (True, False, "front-page")
    assert record.decided_at > 0
    assert answer.decided_at == iso(record.decided_at)


def test_a_file_holds_one_model_so_nothing_is_held_out_here(model):
    file = model_file.unpack(model.read_bytes())
    spec = replace(file.spec, gate=replace(file.spec.gate, hold_out=0.5))
    live = LiveModel(replace(file, spec=spec), salt=bytes(32), clock=HandClock(), append=lambda record: 1)

    events = [live.decider.decide(DecideRequest(context=CONTEXT)).event for _ in range(30)]

    assert {(event.policy, event.mixture) for event in events} == {(file.model, None)}


def test_the_draw_can_be_replayed_from_what_the_folder_keeps(model, tmp_path):
    with Decider.from_path(model, log=tmp_path / "log") as decider:
        for _ in range(20):
            decider.decide(CONTEXT)

    salt = bytes.fromhex(read_mark(tmp_path / "log").salt)
    for record in records_in(tmp_path / "log"):
        u = keyed_uniform(salt, "front-page", record.decision_id, "action")
        assert draw(record.probabilities(), u) == record.action[0]
        assert (record.salt_id, record.draw_version) == (salt_id(salt), 1)


def test_the_same_id_gets_the_same_action_after_a_restart(model, tmp_path):
    actions = []
    for _ in range(2):
        with Decider.from_path(model, log=tmp_path / "log") as decider:
            actions.append([decider.decide(CONTEXT, decision_id=f"d{i}").action for i in range(30)])

    assert actions[0] == actions[1]


def test_outcomes_and_activations_go_into_the_same_log(model, tmp_path):
    with Decider.from_path(model, log=tmp_path / "log") as decider:
        answer = decider.decide(CONTEXT, defer=True)
        activated = decider.activate(answer)
        told = decider.outcome(answer, clicked=True, dwell_s=np.float64(3.5), outcome_id="o1", final=True)

    _, activation, outcome = records_in(tmp_path / "log")
    assert (activated.spooled, told.spooled) == (1, 1)
    assert (activation.values, outcome.values) == ({"$activated": None}, {"clicked": 1.0, "dwell_s": 3.5})
    assert (outcome.decision_id, outcome.outcome_id, outcome.final) == (answer.decision_id, "o1", True)


def test_an_undeclared_outcome_is_kept_and_warned_about(model):
    with Decider.from_path(model, log=None, mode="fast") as decider:
        receipt = decider.outcome(decider.decide(CONTEXT), cliked=True)

    assert any("clicked" in warning for warning in receipt.warnings)


def test_numpy_values_are_taken_as_numbers(model):
    with Decider.from_path(model, mode="fast") as decider:
        answer = decider.decide({"hour": np.int64(9), "device": np.str_("phone")}, pmf=True)

    assert sum(answer.pmf) == pytest.approx(1.0)


def test_what_does_not_fit_is_told_with_every_fault(model):
    with Decider.from_path(model, mode="fast") as decider:
        with pytest.raises(Invalid) as told:
            decider.decide({"hour": 99, "device": "fridge"})
        with pytest.raises(Invalid, match="not finite"):
            decider.decide({"hour": math.nan, "device": "phone"})
        with pytest.raises(Invalid, match="no action is named"):
            decider.decide(CONTEXT, exclude=["blod"])

    assert [fault.where for fault in told.value.faults] == ["$.context.hour", "$.context.device"]


def test_memory_alone_has_to_be_asked_for_and_says_that_nothing_is_kept(model):
    with pytest.raises(BadSetting, match=r"expected log=FOLDER, or mode='fast' if you can lose them"):
        Decider.from_path(model)

    with Decider.from_path(model, mode="fast") as decider:
        answer = decider.decide(CONTEXT)
        receipt = decider.outcome(answer, clicked=True)

    assert (answer.logged, receipt.dropped) == (False, 1)


def test_without_a_model_in_the_file_the_baseline_decides_and_says_so(tmp_path):
    path = tmp_path / "spec.model"
    path.write_bytes(model_file.pack(read_spec(LOOP)))

    with Decider.from_path(path, mode="fast") as decider:
        answer = decider.decide(CONTEXT)

    assert (decider.model, answer.policy, answer.fallback) == ("baseline", "baseline", True)
    assert decider.counts() == {"fallback_no_model": 1}


def test_a_damaged_or_missing_file_is_refused(model, tmp_path):
    damaged = tmp_path / "damaged.model"
    damaged.write_bytes(model.read_bytes()[:-1])

    with pytest.raises(BadModel, match="and should have"):
        Decider.from_path(damaged, mode="fast")
    with pytest.raises(BadModel, match="cannot be read: No such file"):
        Decider.from_path(tmp_path / "none.model", mode="fast")


def test_a_folder_of_another_version_is_refused_and_stays_as_it_is(model, tmp_path):
    with Decider.from_path(model, log=tmp_path / "log") as decider:
        decider.decide(CONTEXT)
    mark = json.loads((tmp_path / "log" / MARK).read_text()) | {"format": 2, "code": "9.9"}
    (tmp_path / "log" / MARK).write_text(json.dumps(mark))
    before = {path.name: path.read_bytes() for path in (tmp_path / "log").iterdir()}

    with pytest.raises(OtherVersion) as told:
        Decider.from_path(model, log=tmp_path / "log")

    assert told.value.message == (
        f"'{tmp_path / 'log'}' was written in format 2, by Policyloop 9.9; this version reads format 1. Nothing in it was "
        f"changed: deliver it with the version that wrote it, or name another folder."
    )
    assert {path.name: path.read_bytes() for path in (tmp_path / "log").iterdir()} == before


def test_a_folder_that_holds_something_else_is_refused(model, tmp_path):
    with Decider.from_path(model, log=tmp_path / "log"):
        pass

    with pytest.raises(BadSetting, match="expected a folder of its own for a spool"):
        Decider.from_url("http://127.0.0.1:9/v1/loops/front-page/models/latest", spool=tmp_path / "log")


def test_threads_and_processes_may_share_a_folder(model, tmp_path):
    deciders = [Decider.from_path(model, log=tmp_path / "log") for _ in range(2)]
    threads = [threading.Thread(target=lambda d=d: [d.decide(CONTEXT) for _ in range(25)]) for d in deciders for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for decider in deciders:
        decider.close()

    ids = [record.decision_id for record in records_in(tmp_path / "log")]
    assert len(ids) == len(set(ids)) == 100


def test_a_decision_that_cannot_be_kept_is_refused_or_unlogged_as_the_loop_says(tmp_path):
    path = tmp_path / "spec.model"
    answers = {}
    for choice in ("refuse", "serve-baseline"):
        path.write_bytes(model_file.pack(read_spec(LOOP | {"on_log_failure": choice})))
        decider = Decider.from_path(path, log=tmp_path / choice)
        decider.close()  # a log that is closed takes nothing, as one on a full disk
        answers[choice] = decider

    with pytest.raises(LogUnavailable):
        answers["refuse"].decide(CONTEXT)
    answer = answers["serve-baseline"].decide(CONTEXT)
    assert (answer.logged, answer.reason) == (False, "the log cannot be written")
    assert answers["serve-baseline"].outcome(answer, clicked=True).dropped == 1


def test_an_address_that_is_none_and_an_interval_that_is_too_short_are_refused():
    with pytest.raises(BadSetting, match=r"expected one like 'http://127.0.0.1:8900/v1/loops/front-page/models/latest'"):
        Decider.from_url("http://127.0.0.1:8900", mode="fast")
    with pytest.raises(BadSetting, match=r"poll_s is 0.01; expected 0.1 seconds or more"):
        Decider.from_url("http://127.0.0.1:8900/v1/loops/x/models/latest", mode="fast", poll_s=0.01)


def test_a_server_that_is_away_at_the_first_start_is_told():
    with pytest.raises(NoModel, match=r"gave no model: .*refused"):
        Decider.from_url("http://127.0.0.1:9/v1/loops/front-page/models/latest", mode="fast")


def test_an_outcome_with_a_clock_of_ones_own_is_dated_by_it(model, tmp_path):
    clock = HandClock()
    with Decider.from_path(model, log=tmp_path / "log", clock=clock) as decider:
        answer = decider.decide(CONTEXT)
        clock.sleep(5.0)
        decider.outcome(answer, clicked=True)

    decision, outcome = records_in(tmp_path / "log")
    assert outcome.received_at - decision.decided_at == 5_000_000


def test_it_decides_among_candidates_that_the_caller_brings(tmp_path):
    shop = {
        "actions": {"kind": "candidates", "features": {"price": {"type": "number"}}},
        "baseline": "uniform",
    }
    path = tmp_path / "spec.model"
    path.write_bytes(model_file.pack(read_spec(LOOP | shop)))
    offered = [{"id": f"item {i}", "features": {"price": float(i)}} for i in range(60)]

    with Decider.from_path(path, log=tmp_path / "log") as decider:
        answer = decider.decide(CONTEXT, actions=offered, exclude=["item 0"], n=3, pmf=True)

    *sets, record = records_in(tmp_path / "log")
    assert answer.action == answer.ranking[0] == offered[answer.index]["id"]
    assert (len(answer.ranking), len(answer.pmf), answer.pmf[0]) == (3, 60, 0.0)
    assert record.actions == sets[0].digest


def test_over_a_spool_a_repeat_is_kept_before_it_is_told_too(tmp_path):
    live = LiveModel(model_file.unpack(model_file.pack(read_spec(LOOP))), salt=b"s" * 32, clock=HandClock(), append=lambda _: 0)
    request = DecideRequest(context=CONTEXT, decision_id="d1")
    first, again = live.decider.decide(request), live.decider.decide(request)
    keeper = SpoolKeeper(tmp_path, "http://127.0.0.1:9", max_bytes=2**20)

    keeper.keep(request, again)  # the thread with the first has not come as far
    (row,) = _rows_in(tmp_path)
    keeper.keep(request, first)

    assert again.is_repeat
    assert row["decision_id"] == "d1"
    assert _rows_in(tmp_path) == [row, row]


def _rows_in(spool: Path) -> list[dict]:
    return [json.loads(line) for file in sorted(spool.glob("*.jsonl")) for line in file.read_text().splitlines()]
