"""How well an apprentice does: hand-worked counts over decisions that it watched, and over no others."""

import pytest

from empty_records import with_records
from join_loops import a_spec
from policyloop.join.hours import join_loop
from policyloop.lake.tables import Lake
from policyloop.lake.write import ship
from policyloop.run.questions.imitation import Imitation, imitation_by_hour
from policyloop.storage.records import open_records, url_of
from some_events import HOUR, LOOP, MINUTE, T0, a_decision, an_outcome, sealed


@pytest.fixture
def lake(tmp_path):
    lake, records = Lake(tmp_path / "lake"), open_records(url_of(with_records(tmp_path)))
    agreed, other = '{"policy":"m","pmf":[0.9,0.1]}', '{"policy":"m","pmf":[0.1,0.9]}'
    events = [
        a_decision("agreed", shadow=agreed, action=[0]),
        a_decision("other", at=T0 + 1, shadow=other, action=[0]),
        a_decision("acted", at=T0 + 2, action=[0]),
        a_decision("challenged", at=T0 + 3, shadow=agreed.replace("}", ',"champion_us":1.0,"challenge":"7"}'), action=[0]),
        a_decision("later", at=T0 + HOUR, shadow=agreed, action=[0]),
        a_decision("waiting", at=T0 + 30 * HOUR, shadow=agreed, action=[0]),
        *(an_outcome(name, at=T0 + MINUTE) for name in ("agreed", "other", "acted", "challenged")),
    ]
    ship(lake, records, [sealed(events, segment=1)])
    join_loop(lake, records, a_spec(expression="clicked"), watermark=T0 + 10 * HOUR)
    yield lake
    records.close()


def test_watched_decisions_count_once_they_are_settled(lake):
    first, second = imitation_by_hour(lake, LOOP, since=0)

    assert first == Imitation(n_events=2, n_imitated=1, rewards=2.0, imitated_rewards=1.0, last_at=T0 + 1)
    assert (second.n_events, second.n_imitated, second.rewards) == (1, 1, 0.0)


def test_decisions_before_the_time_do_not_count(lake):
    (later,) = imitation_by_hour(lake, LOOP, since=T0 + HOUR)

    assert later.last_at == T0 + HOUR


def test_without_tables_there_is_nothing(tmp_path):
    assert imitation_by_hour(Lake(tmp_path / "none"), LOOP, since=0) == []
