"""The memory of the last minute: it forgets by age and by number, and on request."""

from concurrent.futures import ThreadPoolExecutor

from policyloop.ingest.recent import Recent


def test_a_value_is_kept_for_its_time_and_no_longer():
    recent: Recent[str] = Recent(keep_s=60)
    recent.put("a", "x", now_s=100.0)

    assert recent.get("a", now_s=159.9) == "x"
    assert recent.get("a", now_s=160.0) is None


def test_what_is_too_old_is_let_go():
    recent: Recent[int] = Recent(keep_s=60)
    for i in range(10):
        recent.put(i, i, now_s=float(i))

    recent.put("new", 1, now_s=65.0)

    assert len(recent) == 5  # 6, 7, 8, 9 and the new one


def test_the_oldest_is_given_up_when_there_are_too_many():
    recent: Recent[int] = Recent(max_entries=3)
    for i in range(5):
        recent.put(i, i, now_s=0.0)

    assert [recent.get(i, now_s=0.0) for i in range(5)] == [None, None, 2, 3, 4]


def test_a_value_that_is_put_again_lives_from_then_on():
    recent: Recent[str] = Recent(keep_s=60)
    recent.put("a", "old", now_s=0.0)
    recent.put("a", "new", now_s=50.0)
    recent.put("b", "x", now_s=70.0)

    assert recent.get("a", now_s=100.0) == "new"


def test_a_forgotten_key_is_gone():
    recent: Recent[str] = Recent()
    recent.put("a", "x", now_s=0.0)

    recent.forget("a")
    recent.forget("never there")

    assert recent.get("a", now_s=0.0) is None


def test_threads_may_share_it():
    recent: Recent[int] = Recent(max_entries=100)

    def fill(start: int) -> None:
        for i in range(2_000):
            recent.put((start, i), i, now_s=0.0)
            recent.get((start, i - 5), now_s=0.0)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fill, range(4)))

    assert len(recent) <= 100
