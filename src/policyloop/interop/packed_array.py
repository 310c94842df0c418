"""A packed array, as RLlib writes it into JSON: base64 of an LZ4 frame of a pickle; read without ever unpickling.

Question answered: which numbers are in there, if it is an array and nothing else? A pickle is a program, and running one of
somebody else's is running somebody else's code. So the few steps that an array takes are done here by hand, on stand-ins that
are ours: nothing that a file names is ever imported or called, and every other step refuses the file.
Source: pickletools of the standard library, which tells the steps of a pickle and runs none.
"""

from __future__ import annotations

import base64
import binascii
import pickletools
import re
from dataclasses import dataclass
from typing import Any, cast

import lz4.frame
import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import PolicyloopError

PREFIX = "BCJNGGhA"  # base64 of the head of an LZ4 frame as RLlib writes it
_MAGIC = b"\x04\x22\x4d\x18"
MAX_BYTES = 2**28  # of an array; a frame may unfold to a thousand times its size
_MAX_STEPS = 10_000  # an array takes about fifty
_KINDS = re.compile(r"[<>|=]?([fiu][1248]|b1|\?)")
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_NUMBERS = {"BININT", "BININT1", "BININT2", "LONG1"}
_TEXTS = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
_BYTES = {"SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"}
_VALUES = _NUMBERS | _TEXTS | _BYTES
_NAMES = {
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
    "_codecs encode": "encode",
    **{f"numpy.{core}.multiarray _reconstruct": "_reconstruct" for core in ("core", "_core")},
    **{f"numpy.{core}.numeric _frombuffer": "_frombuffer" for core in ("core", "_core")},
}


class NoArray(PolicyloopError, ValueError):
    """A packed value is something else than an array of plain numbers."""

    code = "no_array"


@dataclass(slots=True)
class _Name:
    """Stands for what a pickle wants to import."""

    name: str


@dataclass(slots=True)
class _Kind:
    """Stands for a dtype."""

    code: str


@dataclass(slots=True)
class _Array:
    """Stands for an array; empty until its numbers come."""

    numbers: NDArray[Any] | None = None


_MARK = _Name("a mark")


def is_packed(value: object) -> bool:
    """Whether a column of RLlib's JSON is a packed array."""
    return isinstance(value, str) and value.startswith(PREFIX[:6])


def unpacked(text: str) -> NDArray[Any]:
    """The array in a packed value.

    Raises:
        NoArray: it holds anything else, is damaged, or is too large.
    """
    try:
        frame = base64.b64decode(text, validate=True)
        if not frame.startswith(_MAGIC):
            raise NoArray("the packed value is no LZ4 frame; expected an array as RLlib packs it. Export it with plain lists.")
        inside = lz4.frame.LZ4FrameDecompressor().decompress(frame, max_length=MAX_BYTES + 1)
    except (binascii.Error, RuntimeError, EOFError) as error:
        raise NoArray(f"the packed value cannot be read ({error}); expected an array as RLlib packs it.") from None
    if len(inside) > MAX_BYTES:
        raise NoArray(f"the packed value unfolds to more than {MAX_BYTES:,} bytes; export fewer steps at a time.")
    return array_in(inside)


def array_in(pickled: bytes) -> NDArray[Any]:
    """The array that a pickle makes, if it makes one and does nothing else.

    Raises:
        NoArray: it does anything else.
    """
    machine = _Machine()
    try:
        for step, (operator, argument, _) in enumerate(pickletools.genops(pickled)):
            if step > _MAX_STEPS:
                raise _refused("takes more steps than an array does")
            machine.do(operator.name, argument)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, StopIteration) as error:
        if isinstance(error, NoArray):
            raise
        raise _refused(f"is damaged ({type(error).__name__})") from None
    made = machine.stack[-1] if machine.stack else None
    if not isinstance(made, _Array) or made.numbers is None:
        raise _refused("makes no array")
    return made.numbers


class _Machine:
    """The steps that an array takes, on a stack of stand-ins."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.kept: dict[int, Any] = {}

    def do(self, operator: str, argument: Any) -> None:
        """One step."""
        stack = self.stack
        if operator in _VALUES:
            stack.append(argument)
        elif operator in _CONSTANTS:
            stack.append(_CONSTANTS[operator])
        elif operator in _TUPLES:
            n = _TUPLES[operator]
            taken = tuple(stack[len(stack) - n :])
            del stack[len(stack) - n :]
            stack.append(taken)
        elif operator in ("GLOBAL", "STACK_GLOBAL"):
            self._name(argument)
        elif operator in ("MEMOIZE", "BINPUT", "LONG_BINPUT"):
            self.kept[len(self.kept) if operator == "MEMOIZE" else argument] = stack[-1]
        elif operator in ("BINGET", "LONG_BINGET"):
            stack.append(self.kept[argument])
        elif operator == "MARK":
            stack.append(_MARK)
        elif operator == "TUPLE":
            start = next(i for i in range(len(stack) - 1, -1, -1) if stack[i] is _MARK)
            taken = tuple(stack[start + 1 :])
            del stack[start:]
            stack.append(taken)
        elif operator == "REDUCE":
            arguments, made_by = stack.pop(), stack.pop()
            stack.append(_called(made_by, arguments))
        elif operator == "BUILD":
            state = stack.pop()
            _fill(stack[-1], state)
        elif operator not in ("PROTO", "FRAME", "STOP"):
            raise _refused(f"takes the step {operator}, which no array takes")

    def _name(self, argument: str | None) -> None:
        if argument is None:
            name, module = self.stack.pop(), self.stack.pop()
            wanted = f"{module} {name}"
        else:
            wanted = argument
        if wanted not in _NAMES:
            raise _refused(f"names {wanted.replace(' ', '.')}")
        self.stack.append(_Name(_NAMES[wanted]))


def _called(made_by: Any, arguments: tuple[Any, ...]) -> Any:
    """What a call of one of the known names makes; nothing is called."""
    name = made_by.name
    if name == "encode" and arguments[1] == "latin1":
        return str(arguments[0]).encode("latin1")
    if name == "dtype" and _KINDS.fullmatch(arguments[0]):
        return _Kind(arguments[0])
    if name == "_reconstruct" and arguments[0].name == "ndarray":
        return _Array()
    if name == "_frombuffer":
        data, kind, shape, order = arguments
        return _Array(_shaped(data, kind, shape, is_fortran=order == "F"))
    raise _refused(f"calls {name} as no array does")


def _fill(made: Any, state: tuple[Any, ...]) -> None:
    """Hand a stand-in its state: a dtype its byte order, an array its numbers."""
    if isinstance(made, _Kind):
        if any(state[2:5]) or state[1] not in ("<", ">", "|", "="):
            raise _refused("has a dtype of more than plain numbers")
        made.code = ("" if state[1] == "|" else state[1]) + made.code.lstrip("<>|=")
    elif isinstance(made, _Array) and made.numbers is None:
        _, shape, kind, is_fortran, data = state
        made.numbers = _shaped(data, kind, shape, is_fortran=bool(is_fortran))
    else:
        raise _refused("changes what is no array")


def _shaped(data: Any, kind: Any, shape: Any, *, is_fortran: bool) -> NDArray[Any]:
    """The numbers, which are as many as there are bytes for."""
    if not isinstance(data, bytes | bytearray) or not isinstance(kind, _Kind):
        raise _refused("has numbers that are no bytes")
    flat = np.frombuffer(bytes(data), dtype=np.dtype(kind.code))
    return cast("NDArray[Any]", flat.reshape(shape, order="F" if is_fortran else "C").astype(flat.dtype.newbyteorder("=")))


def _refused(what: str) -> NoArray:
    return NoArray(
        f"the packed value {what}; expected an array of plain numbers and nothing else, so it was not run. Export it with "
        f"plain lists, or do not trust who made it."
    )
