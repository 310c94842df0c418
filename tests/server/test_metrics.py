"""Numbers for monitoring: Prometheus text, and workers that tell each other theirs."""

from pathlib import Path

from policyloop.server.metrics import Counter, Gauge, Histogram, Metrics, as_text


def test_the_text_is_what_prometheus_reads():
    counter = Counter("requests_total", "How\nmany.", ("path",))
    counter.add(('/a"b\\c',), 2)
    counter.add(('/a"b\\c',))
    gauge = Gauge("ready", "Is it?", lambda: {(): 0.5})

    text = _text([counter, gauge])

    assert text == (
        "# HELP requests_total How\\nmany.\n"
        "# TYPE requests_total counter\n"
        'requests_total{path="/a\\"b\\\\c",worker="0"} 3\n'
        "# HELP ready Is it?\n"
        "# TYPE ready gauge\n"
        'ready{worker="0"} 0.5\n'
    )


def test_a_histogram_counts_everything_up_to_each_bound():
    seconds = Histogram("seconds", "How long.", "path")
    for value in (0.0005, 0.002, 0.002, 60.0):
        seconds.observe("/a", value)

    lines = _text([seconds]).splitlines()

    assert 'seconds_bucket{path="/a",le="0.0005",worker="0"} 1' in lines  # a bound is within its bucket
    assert 'seconds_bucket{path="/a",le="0.0025",worker="0"} 3' in lines
    assert 'seconds_bucket{path="/a",le="10",worker="0"} 3' in lines
    assert 'seconds_bucket{path="/a",le="+Inf",worker="0"} 4' in lines
    assert 'seconds_count{path="/a",worker="0"} 4' in lines


def test_any_worker_tells_the_numbers_of_all(tmp_path):
    workers = [Metrics(tmp_path, name, [_counted(n)]) for name, n in (("0", 3), ("1", 4))]
    for worker in workers:
        worker.write(worker.families(), now_us=1_000_000)

    text = as_text([*workers[0].families(), *workers[0].of_others(now_us=2_000_000)]).decode()

    assert text.splitlines()[2:] == ['events_total{worker="0"} 3', 'events_total{worker="1"} 4']
    assert text.count("# TYPE") == 1


def test_a_worker_that_is_gone_is_not_told_of(tmp_path):
    left, silent, mine = (Metrics(tmp_path, name, [_counted(1)]) for name in ("0", "1", "2"))
    left.write(left.families(), now_us=100_000_000)
    left.remove()
    silent.write(silent.families(), now_us=80_000_000)

    assert mine.of_others(now_us=100_000_000) == []


def test_a_file_that_cannot_be_read_is_passed_over(tmp_path):
    (tmp_path / "7.json").write_bytes(b"{half")

    assert Metrics(tmp_path, "0", []).of_others(now_us=0) == []


def _counted(n):
    counter = Counter("events_total", "Events.")
    counter.add(n=n)
    return counter


def _text(parts):
    return as_text(Metrics(Path("unused"), "0", parts).families()).decode()
