"""A reward expression: safe arithmetic over the names of outcomes, such as `clicked + 0.1 * min(dwell_s, 60) / 60`.

In loops with episodes it may also name what was known, what was done, and what was known after it, as in
`10 * (abs(next.x - next.goal) < 0.1) - 0.01 * abs(force)`.

Question answered: what number do a decision's outcomes make, and between which bounds can it lie?
Everything is a number; a comparison is 1 or 0. The text is parsed by our own parser and never handed to Python, so
nothing but arithmetic can be said in it. Operators, from weakest to strongest: `a if c else b`, `or`, `and`, `not`,
comparisons, `+ -`, `* /`, unary `-`, `**` (by a plain number). The functions are those of core/operations.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from policyloop.core.errors import BadExpression
from policyloop.core.expression_parser import Call, Name, Node, Number, Parser
from policyloop.core.operations import FUNCTIONS, HUGE, OPERATIONS, Column, Interval, Undefined, saturate

_STRENGTH = {"or": 1, "and": 2, "not": 3, "+": 5, "-": 5, "*": 6, "/": 6, "negate": 7, "**": 8}
_COMPARISON = 4
_ATOM = 9


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression; equal when the canonical texts are equal. Made by `Expression.parse`."""

    text: str  # canonical: parsing it gives this expression again
    tree: Node = field(repr=False, compare=False)

    @staticmethod
    def parse(text: str, names: Iterable[str]) -> Expression:
        """Read an expression that may use `names`.

        Raises:
            BadExpression: with the column and, for unknown names, a suggestion.
        """
        known = tuple(names)
        canonical = _written(Parser(text, known).parse())
        return Expression(canonical, Parser(canonical, known).parse())

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it uses, in order of first use."""
        return tuple(dict.fromkeys(node.name for node in _nodes(self.tree) if isinstance(node, Name)))

    def bounds(self, ranges: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
        """Bounds that every value lies in when each name lies in its range; infinite where nothing bounds it.

        They may be wider than what can be reached when a name is used more than once.

        Args:
            ranges: (low, high) by name, infinities allowed.

        Raises:
            BadExpression: some values in the ranges lead to a division by zero, or to a root or logarithm that
                does not exist.
        """
        known = {name: (max(low, -HUGE), min(high, HUGE)) for name, (low, high) in ranges.items()}
        low, high = self._interval(self.tree, known)
        return -np.inf if low <= -HUGE else low, np.inf if high >= HUGE else high

    def evaluate(self, columns: Mapping[str, Column | float]) -> Column:
        """The value of each row; finite whenever the columns are.

        What `bounds` refuses still has a value here: a division by zero gives 0, a root or logarithm takes the
        nearest argument that has one.

        Args:
            columns: (n,) values by name, at least of the names that the expression uses; or scalars.

        Returns:
            (n,) float64; a 0-d array when all columns are scalars.
        """
        arrays = {name: saturate(np.asarray(column, dtype=np.float64)) for name, column in columns.items()}
        shape = np.broadcast_shapes(*(a.shape for a in arrays.values()))
        with np.errstate(all="ignore"):  # overflow saturates, the rest is defined in operations.py
            result = _column(self.tree, arrays)
        return np.array(np.broadcast_to(result, shape))

    def __str__(self) -> str:
        return self.text

    def _interval(self, node: Node, ranges: Mapping[str, Interval]) -> Interval:
        """Bounds of one node of the tree."""
        if isinstance(node, Number):
            return node.value, node.value
        if isinstance(node, Name):
            return ranges[node.name]
        args = [self._interval(arg, ranges) for arg in node.args]
        try:
            return OPERATIONS[node.operation].on_intervals(*args)
        except Undefined as error:
            raise BadExpression(self.text, node.column, str(error)) from None


def _column(node: Node, columns: Mapping[str, Column]) -> Column:
    """Values of one node of the tree."""
    if isinstance(node, Number):
        return np.asarray(node.value)
    if isinstance(node, Name):
        return columns[node.name]
    return OPERATIONS[node.operation].on_columns(*(_column(arg, columns) for arg in node.args))


def _nodes(node: Node) -> Iterator[Node]:
    """The node and all below it, left to right."""
    yield node
    for arg in node.args if isinstance(node, Call) else ():
        yield from _nodes(arg)


def _written(node: Node, at_least: int = 0) -> str:
    """The canonical text of a node, in brackets where it binds more weakly than `at_least`."""
    if isinstance(node, Number):
        return repr(int(node.value)) if node.value.is_integer() and abs(node.value) < 1e15 else repr(node.value)
    if isinstance(node, Name):
        return node.name
    if node.operation in FUNCTIONS:
        return f"{node.operation}({', '.join(_written(arg) for arg in node.args)})"
    strength = _STRENGTH.get(node.operation, _COMPARISON)
    text = _written_operator(node, strength)
    return text if strength >= at_least else f"({text})"


def _written_operator(node: Call, strength: int) -> str:
    """An operator between or before its arguments; all of them group from the left."""
    if node.operation == "negate":
        return f"-{_written(node.args[0], strength)}"
    if node.operation == "not":
        return f"not {_written(node.args[0], strength)}"
    left_strength = {"**": _ATOM}.get(node.operation, strength + (strength == _COMPARISON))
    left, right = _written(node.args[0], left_strength), _written(node.args[1], strength + 1)
    return f"{left} {node.operation} {right}"
