"""Tetris, on a board of any size: five pieces, five actions, and after each of them the piece falls one row.

Question answered: does a line of versions get better at a game that it sees as pictures?
A state is the last two frames, so that a policy sees what moves: 0 empty, 1 fixed, 2 the piece; one more column holds the
number of the next piece (first row) and whether the game is over (second row). A cleared row earns 1, the end of the game -1.
It brings along: `random`.
Letters: n games, r rows, c columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadSetting
from policyloop.core.loop import ActionSpec
from policyloop.simulate.actor import Actor, Uniform
from policyloop.simulate.environment import Columns, Moved, Problem

UP, DOWN, LEFT, RIGHT, NONE = range(5)
LABELS = ("up", "down", "left", "right", "none")
PIECES = "ILOTZ"
EMPTY, FIXED, PIECE = 0, 1, 2
MARGIN = 3  # cells of wall around the board: no piece reaches beyond them, so nothing asks whether it is on the board
LEAST, MOST = 4, 64  # rows, columns
KEYS = {"up": UP, "down": DOWN, "left": LEFT, "right": RIGHT}  # of a person who plays by hand; no key in time is NONE

# (piece, cell, row and column) as each piece comes in, from its pivot; it turns clockwise about that
_CELLS = np.array(
    [
        [(0, -1), (0, 0), (0, 1), (0, 2)],
        [(0, -1), (0, 0), (0, 1), (-1, 1)],
        [(0, 0), (0, 1), (-1, 0), (-1, 1)],
        [(0, -1), (0, 0), (0, 1), (-1, 0)],
        [(-1, -1), (-1, 0), (0, 0), (0, 1)],
    ]
)
_SQUARE = PIECES.index("O")  # does not turn


def create(*, rows: int = 20, columns: int = 15, max_steps: int = 20_000) -> Tetris:
    """The environment.

    Args:
        rows, columns: of the board.
        max_steps: a game is truncated there.
    """
    for name, size in (("rows", rows), ("columns", columns)):
        if not LEAST <= size <= MOST:
            raise BadSetting(f"{name} is {size}; expected {LEAST} to {MOST}.")
    if not 1 <= max_steps <= 10_000_000:
        raise BadSetting(f"max_steps is {max_steps}; expected 1 to 10,000,000.")
    return Tetris(rows, columns, max_steps)


class Tetris:
    """See the module."""

    def __init__(self, rows: int, columns: int, max_steps: int) -> None:
        self.rows, self.columns_of_board = rows, columns
        actions = ActionSpec(kind="discrete", labels=LABELS)
        self.problem = Problem(
            name="tetris",
            context={"board": {"type": "tensor", "shape": [2, rows, columns + 1], "dtype": "uint8"}},
            actions=actions,
            outcomes={
                "lines": {"type": "number", "min": 0, "max": 4, "take": "last"},
                "placed": {"type": "boolean", "take": "last"},
                "died": {"type": "boolean", "take": "last"},
            },
            expression="lines * (1 - died) - died",
            reward_range=(-1.0, 4.0),
            max_steps=max_steps,
            discount=0.99,
            learner={"name": "dqn"},
            explore={"name": "greedy", "floor": 0.05},
        )
        self.actors: Mapping[str, Actor] = {"random": Uniform(actions)}

    def start(self, n: int, *, rng: np.random.Generator) -> Games:
        """See `Environment`."""
        return Games(n, rows=self.rows, columns=self.columns_of_board, max_steps=self.problem.max_steps, rng=rng)

    def columns(self, state: NDArray[Any]) -> Columns:
        """See `Environment`."""
        return {"board": state}


class Games:
    """n games under way."""

    def __init__(self, n: int, *, rows: int, columns: int, max_steps: int, rng: np.random.Generator) -> None:
        self._rng = rng
        self._rows, self._columns, self._max_steps = rows, columns, max_steps
        self._width = columns + 2 * MARGIN
        self._cells = _turned() @ np.array([self._width, 1])  # (piece, turn, 4) steps from the pivot on the walled board
        self._entry = np.array([self._place(-int(cells[:, 0].min())) for cells in _CELLS])  # (piece,) where each comes in
        self._moves = np.array([0, self._width, -1, 1, 0])
        self._frame_of = self._places_in_a_frame()
        self._empty = np.full((rows + 2 * MARGIN, self._width), FIXED, dtype=np.uint8)
        self._empty[MARGIN:-MARGIN, MARGIN:-MARGIN] = EMPTY
        self._board = np.repeat(self._empty[np.newaxis], n, axis=0)
        self._piece = np.zeros(n, dtype=np.int64)
        self._next = rng.integers(len(PIECES), size=n)
        self._turn = np.zeros(n, dtype=np.int64)
        self._at = np.zeros(n, dtype=np.int64)
        self._is_dead = np.zeros(n, dtype=np.bool_)
        self._step = np.zeros(n, dtype=np.int64)
        self._bring_in(np.arange(n))
        frame = self._frame()
        self._state = np.stack([frame, frame], axis=1)

    @property
    def state(self) -> NDArray[np.uint8]:
        """See `Episodes`."""
        return self._state

    def step(self, action: NDArray[Any]) -> Moved:
        """See `Episodes`."""
        n = len(self._step)
        turn = np.where((action == UP) & (self._piece != _SQUARE), (self._turn + 1) % 4, self._turn)
        at = self._at + self._moves[action]
        is_free = ~self._hits(turn, at)
        self._turn, self._at = np.where(is_free, turn, self._turn), np.where(is_free, at, self._at)
        below = self._at + self._width
        is_down = self._hits(self._turn, below)
        self._at = np.where(is_down, self._at, below)
        lines = np.zeros(n)
        landed = np.flatnonzero(is_down)
        if len(landed):
            lines[landed] = self._land(landed)
            self._bring_in(landed)
        self._step = self._step + 1
        self._state = np.stack([self._state[:, 1], self._frame()], axis=1)
        died = self._is_dead.copy()
        return Moved(
            reward=np.where(died, -1.0, lines),
            terminated=died,
            truncated=~died & (self._step >= self._max_steps),
            outcomes={"lines": lines, "placed": is_down, "died": died},
        )

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """See `Episodes`."""
        for name in ("_board", "_piece", "_next", "_turn", "_at", "_is_dead", "_step", "_state"):
            setattr(self, name, getattr(self, name)[rows])

    def restart(self, rows: NDArray[np.bool_]) -> None:
        """See `Episodes`."""
        which = np.flatnonzero(rows)
        self._board[which] = self._empty
        self._step[which] = 0
        self._next[which] = self._rng.integers(len(PIECES), size=len(which))
        self._bring_in(which)
        frame = self._frame()[which]
        self._state = self._state.copy()
        self._state[which] = np.stack([frame, frame], axis=1)

    def _hits(self, turn: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n,) whether the piece would lie on something fixed, or in a wall."""
        n = len(at)
        cells = self._cells[self._piece, turn] + at[:, np.newaxis]
        is_hit: NDArray[np.bool_] = self._board.reshape(n, -1)[np.arange(n)[:, np.newaxis], cells].any(axis=1)
        return is_hit

    def _land(self, which: NDArray[np.int64]) -> NDArray[np.int64]:
        """Fix the pieces of these games, clear full rows, and tell how many."""
        cells = self._cells[self._piece[which], self._turn[which]] + self._at[which, np.newaxis]
        self._board.reshape(len(self._board), -1)[which[:, np.newaxis], cells] = FIXED
        inside = self._board[which, MARGIN:-MARGIN, MARGIN:-MARGIN]
        is_full = (inside == FIXED).all(axis=2)
        n_full = is_full.sum(axis=1)
        some = np.flatnonzero(n_full)
        if len(some):
            order = np.argsort(~is_full[some], axis=1, kind="stable")  # full rows go to the top, and are emptied
            kept = np.take_along_axis(inside[some], order[:, :, np.newaxis], axis=1)
            kept[np.arange(self._rows) < n_full[some, np.newaxis]] = EMPTY
            self._board[which[some], MARGIN:-MARGIN, MARGIN:-MARGIN] = kept
        return n_full  # type: ignore[no-any-return]

    def _bring_in(self, which: NDArray[np.int64]) -> None:
        """The next piece of these games; the game is over where there is no room for it."""
        self._piece[which] = self._next[which]
        self._next[which] = self._rng.integers(len(PIECES), size=len(which))
        self._turn[which] = 0
        self._at[which] = self._entry[self._piece[which]]
        self._is_dead[which] = self._hits(self._turn, self._at)[which]

    def _frame(self) -> NDArray[np.uint8]:
        """(n, r, c + 1) what is seen now."""
        n = len(self._step)
        frame = np.empty((n, self._rows, self._columns + 1), dtype=np.uint8)
        frame[:, :, :-1] = self._board[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
        cells = self._cells[self._piece, self._turn] + self._at[:, np.newaxis]
        frame.reshape(n, -1)[np.arange(n)[:, np.newaxis], self._frame_of[cells]] = PIECE
        frame[:, :, -1] = 0
        frame[:, 0, -1], frame[:, 1, -1] = self._next, self._is_dead
        return frame

    def _place(self, row: int) -> int:
        """The middle of a row, on the walled board."""
        return (row + MARGIN) * self._width + (self._columns - 1) // 2 + MARGIN

    def _places_in_a_frame(self) -> NDArray[np.int64]:
        """For each cell of the walled board its place in a frame."""
        row, column = np.divmod(np.arange((self._rows + 2 * MARGIN) * self._width), self._width)
        return (row - MARGIN) * (self._columns + 1) + column - MARGIN


def _turned() -> NDArray[np.int64]:
    """(piece, turn, cell, row and column) of every piece in its four directions."""
    turns = [_CELLS]
    for _ in range(3):
        turns.append(np.stack([turns[-1][..., 1], -turns[-1][..., 0]], axis=-1))
    return np.stack(turns, axis=1)


def picture(state: NDArray[Any]) -> list[str]:
    """The lines of one state (2, r, c + 1) in a terminal: two characters for a cell, and the next piece beside it."""
    frame = state[1]
    cells = {EMPTY: " .", FIXED: "[]", PIECE: "()"}
    lines = ["|" + "".join(cells[int(cell)] for cell in row[:-1]) + " |" for row in frame]
    lines.append("+" + "--" * (frame.shape[1] - 1) + "-+")
    for row, text in enumerate(["  next", *_picture_of_piece(int(frame[0, -1]))]):
        lines[row] += text
    return lines


def _picture_of_piece(piece: int) -> list[str]:
    """Two lines."""
    taken = {(int(row), int(column)) for row, column in _CELLS[piece]}
    top = min(row for row, _ in taken)
    return ["  " + "".join("()" if (top + i, column) in taken else "  " for column in range(-1, 3)) for i in range(2)]
