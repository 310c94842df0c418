"""`policyloop play tetris` in a terminal of its own: keys go in through it, and the log has the games of a person."""

import json
import os
import pty
import select
import subprocess
import sys
import time

import pytest

from policyloop.core.event import Decision
from policyloop.log.folder import segments
from policyloop.log.replay import read_segment

LEFT, RIGHT, DOWN, UP = "\x1b[D", "\x1b[C", "\x1b[B", "\x1b[A"


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, folder, *args):
        self.side, other = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "policyloop", "play", *args],
            cwd=folder,
            stdin=other,
            stdout=other,
            stderr=other,
            close_fds=True,
        )
        os.close(other)
        self.seen = ""

    def wait_for(self, text, within_s=60.0):
        """Read on until the screen has shown `text` since the last wait."""
        deadline = time.monotonic() + within_s
        while text not in self.seen:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.side], [], [], max(left, 0.0))
            assert ready, f"the terminal never showed {text!r}; it showed {self.seen[-300:]!r}"
            try:
                self.seen += os.read(self.side, 65536).decode(errors="replace")
            except OSError:  # the program has ended
                assert text in self.seen, self.seen[-300:]
        before, _, self.seen = self.seen.partition(text)
        return before

    def press(self, key):
        os.write(self.side, key.encode())

    def end(self):
        self.wait_for("earned, ")
        code = self.process.wait(30)
        os.close(self.side)
        return code


@pytest.fixture
def terminal(tmp_path):
    opened = []

    def open_one(*args):
        opened.append(Terminal(tmp_path, *args))
        return opened[-1]

    yield open_one
    for one in opened:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def test_games_of_a_person_are_logged_as_episodes(terminal, policyloop, tmp_path):
    game = terminal("tetris", "--tick", "60", "--set", "rows=6", "--set", "columns=6", "--seed", "1")

    for key in (UP, LEFT, RIGHT, DOWN, " "):
        game.wait_for("q: leave")
        game.press(key)
    game.wait_for("q: leave")
    game.press("q")
    code = game.end()

    events = [
        record.event() for file in segments(tmp_path / "policyloop-data" / "log") for record in read_segment(file).records
    ]
    decisions = [event for event in events if isinstance(event, Decision)]
    assert code == 0
    assert [(d.step, d.action[0], d.action_source) for d in decisions] == [
        (0, 0, "human"),
        (1, 2, "human"),
        (2, 3, "human"),
        (3, 1, "human"),
        (4, 4, "human"),
    ]
    assert len({d.episode_id for d in decisions}) == 1
    assert [e.decision_id for e in events if not isinstance(e, Decision) and e.truncated] == [decisions[-1].decision_id]
    assert policyloop("join", "tetris").code == 0
    line = json.loads(policyloop("line", "tetris", "--json").out)
    (person,) = line["versions"]
    assert (person["number"], person["policy"], person["played"]["n_episodes"]) == (0, "imported:human", 1)
    assert person["played"]["mean_length"] == 5


def test_without_a_terminal_it_says_so(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "policyloop", "play"], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )

    assert ran.returncode == 2
    assert "there is no terminal to play in" in ran.stderr
