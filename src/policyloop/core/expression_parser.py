"""The parser of reward expressions: text in, tree out, or an error that names the column.

Recursive descent, a method per level of precedence: the whole grammar can be read from `choice` down to `atom`.
Texts, trees and nesting are bounded, so that a hostile spec costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from policyloop.core.errors import BadExpression, nearest, unknown
from policyloop.core.operations import FUNCTIONS, HUGE, MAX_EXPONENT, OPERATIONS

MAX_CHARACTERS = 2000
MAX_NODES = 200
MAX_DEPTH = 32
KEYWORDS = frozenset({"if", "else", "and", "or", "not"})

_TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<word>(?:next\.)?[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>\*\*|<=|>=|==|!=|[-+*/()<>,])|(?P<blank>[ \t\r\n]+)",
    re.ASCII,
)
_COMPARISONS = ("<=", ">=", "==", "!=", "<", ">")
_HINTS = {
    "=": "write == to compare",
    "&": "write 'and'",
    "|": "write 'or'",
    "!": "write 'not'",
    "^": "write ** for a power",
    "%": "there is no remainder",
    "[": "use round brackets",
    "'": "there is no text in a reward, only numbers",
    '"': "there is no text in a reward, only numbers",
}


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float
    column: int


@dataclass(frozen=True, slots=True)
class Name:
    """The aggregated value of one outcome; in loops with episodes also a field, `next.` a field, or a part of the action."""

    name: str
    column: int


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or a function, applied."""

    operation: str  # a key of OPERATIONS
    args: tuple[Node, ...]
    column: int


Node = Number | Name | Call


class Parser:
    """Recursive descent over the tokens of one text; one method per level of precedence."""

    def __init__(self, text: str, names: tuple[str, ...]) -> None:
        self.text = text
        self.known = names
        self.has_fields = any("." in name for name in names)
        self.at = 0
        self.wrong: list[BadExpression] = []  # an unknown name does not end the reading, so that all are told
        self.depth = 0
        self.n_nodes = 0
        if len(text) > MAX_CHARACTERS:
            raise self.error(MAX_CHARACTERS, f"the expression has {len(text)} characters; expected at most {MAX_CHARACTERS}")
        self.tokens = self.tokenize()

    def tokenize(self) -> list[tuple[str, str, int]]:
        """(kind, text, column) for each token, and `end` last."""
        tokens: list[tuple[str, str, int]] = []
        at = 0
        while at < len(self.text):
            found = _TOKEN.match(self.text, at)
            if found is None:
                sign = self.text[at]
                raise self.error(
                    at + 1, f"'{sign}' has no meaning here; {_HINTS.get(sign, 'expected a number, a name or + - * / ( )')}"
                )
            kind = str(found.lastgroup)
            if kind == "word" and tokens and tokens[-1][0] == "number" and tokens[-1][2] - 1 + len(tokens[-1][1]) == at:
                raise self.error(at + 1, f"'{found.group()}' right after a number; expected an operator such as * between them")
            if kind != "blank":
                tokens.append((kind, found.group(), at + 1))
            at = found.end()
        return [*tokens, ("end", "the end", len(self.text) + 1)]

    def parse(self) -> Node:
        """The whole text as one expression.

        Raises:
            BadExpression: the first thing wrong with it; `also` has the further ones.
        """
        try:
            node = self.whole()
        except BadExpression as error:
            self.wrong.append(error)
        if not self.wrong:
            return node
        first, *more = self.wrong
        first.also = tuple(more)
        raise first

    def whole(self) -> Node:
        """An expression and nothing after it."""
        node = self.choice()
        kind, token, column = self.tokens[self.at]
        if kind != "end":
            raise self.error(column, f"'{token}' does not belong here; expected an operator such as + or the end")
        return node

    def choice(self) -> Node:
        """`a if c else b`, kept as where(c, a, b)."""
        self.enter()
        yes = self.either()
        column = self.column
        if not self.take("if"):
            self.depth -= 1
            return yes
        condition = self.either()
        if not self.take("else"):
            raise self.error(self.column, "expected 'else': a choice reads `a if condition else b`")
        no = self.choice()
        self.depth -= 1
        return self.call("where", (condition, yes, no), column)

    def either(self) -> Node:
        """Parts joined by `or`."""
        return self.joined(self.both, "or")

    def both(self) -> Node:
        """Parts joined by `and`."""
        return self.joined(self.negation, "and")

    def negation(self) -> Node:
        """`not` before a comparison."""
        column = self.column
        if not self.take("not"):
            return self.comparison()
        self.enter()
        node = self.call("not", (self.negation(),), column)
        self.depth -= 1
        return node

    def comparison(self) -> Node:
        """At most one comparison: Python's chains read differently elsewhere."""
        left = self.sum()
        column = self.column
        sign = self.take(*_COMPARISONS)
        if not sign:
            return left
        node = self.call(sign, (left, self.sum()), column)
        if self.tokens[self.at][1] in _COMPARISONS:
            raise self.error(self.column, "comparisons do not chain; write `a < b and b < c`")
        return node

    def sum(self) -> Node:
        """Terms joined by + and -."""
        return self.joined(self.product, "+", "-")

    def product(self) -> Node:
        """Factors joined by * and /."""
        return self.joined(self.unary, "*", "/")

    def joined(self, part: Callable[[], Node], *signs: str) -> Node:
        """Parts with any of `signs` between them, grouped from the left."""
        node = part()
        while True:
            column = self.column
            sign = self.take(*signs)
            if not sign:
                return node
            node = self.call(sign, (node, part()), column)

    def unary(self) -> Node:
        """A sign before a factor."""
        column = self.column
        sign = self.take("-", "+")
        if not sign:
            return self.power()
        self.enter()
        node = self.unary()
        self.depth -= 1
        return self.call("negate", (node,), column) if sign == "-" else node

    def power(self) -> Node:
        """`x ** 2`; the exponent is a plain number, so that the result stays bounded."""
        base = self.atom()
        column = self.column
        if not self.take("**"):
            return base
        minus = self.take("-")
        kind, token, at = self.tokens[self.at]
        if kind != "number" or float(token) > MAX_EXPONENT or self.tokens[self.at + 1][1] == "**":
            raise self.error(at, f"an exponent must be a plain number from -{MAX_EXPONENT} to {MAX_EXPONENT}")
        self.at += 1
        exponent = self.count(Number(-float(token) if minus else float(token), at))
        return self.call("**", (base, exponent), column)

    def atom(self) -> Node:
        """A number, a name, a function or an expression in brackets."""
        kind, word, column = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            if not float(word) <= HUGE:
                raise self.error(column, f"the number {word} is too large; expected at most {HUGE:g}")
            return self.count(Number(float(word), column))
        if kind == "word" and word not in KEYWORDS:
            return self.function(word, column) if self.tokens[self.at][1] == "(" else self.name(word, column)
        if word == "(" and kind == "sign":
            node = self.choice()
            self.expect(")")
            return node
        raise self.error(column, f"found {'the end' if kind == 'end' else repr(word)}; expected a number, a name or '('")

    def name(self, token: str, column: int) -> Node:
        """A name that means something here."""
        if token not in self.known:
            if token in FUNCTIONS:
                raise self.error(column, f"'{token}' is a function; expected '(' after it")
            noun = "field, outcome or part of the action" if self.has_fields else "outcome"
            self.wrong.append(self.error(column, unknown(noun, token, self.known)))
        return self.count(Name(token, column))

    def function(self, token: str, column: int) -> Node:
        """A known function with the right number of arguments."""
        if token not in FUNCTIONS:
            match = nearest(token, FUNCTIONS)
            hint = f"did you mean '{match}'?" if match else f"known: {', '.join(sorted(FUNCTIONS))}."
            self.wrong.append(self.error(column, f"no function is named '{token}'; {hint}"))
        self.at += 1
        args = [] if self.tokens[self.at][1] == ")" else [self.choice()]
        while self.take(","):
            args.append(self.choice())
        self.expect(")")
        return self.call(token, tuple(args), column) if token in FUNCTIONS else self.count(Number(0.0, column))

    def call(self, operation: str, args: tuple[Node, ...], column: int) -> Node:
        """A node, after the number of its arguments is checked."""
        meaning = OPERATIONS[operation]
        if not meaning.min_args <= len(args) <= meaning.max_args:
            many = (
                str(meaning.min_args) if meaning.min_args == meaning.max_args else f"{meaning.min_args} to {meaning.max_args}"
            )
            raise self.error(column, f"{operation}() got {len(args)} arguments; expected {many}")
        return self.count(Call(operation, args, column))

    def count(self, node: Node) -> Node:
        """The node itself, counted against the limit."""
        self.n_nodes += 1
        if self.n_nodes > MAX_NODES:
            raise self.error(node.column, f"the expression has more than {MAX_NODES} numbers, names and operations")
        return node

    def enter(self) -> None:
        """One level deeper, up to the limit."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(self.column, f"the expression is nested more than {MAX_DEPTH} deep")

    @property
    def column(self) -> int:
        """Where the next token starts, from 1."""
        return self.tokens[self.at][2]

    def take(self, *wanted: str) -> str:
        """The next token if it is one of those wanted, else ''."""
        token = self.tokens[self.at][1]
        if token not in wanted or self.tokens[self.at][0] == "end":
            return ""
        self.at += 1
        return token

    def expect(self, sign: str) -> None:
        """The next token must be `sign`."""
        kind, token, column = self.tokens[self.at]
        if not self.take(sign):
            raise self.error(column, f"found {'the end' if kind == 'end' else repr(token)}; expected '{sign}'")

    def error(self, column: int, reason: str) -> BadExpression:
        """The error at a column of this text."""
        return BadExpression(self.text, column, reason)
