"""A film: episodes of the cart-pole beside one another, drawn as an animated GIF.

Question answered: what does it look like, before and after? Drawn large and made smaller, so that edges are smooth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from policyloop.simulate.history import History

WIDTH, HEIGHT = 420, 260  # of one episode, in pixels
FRAMES_PER_S = 25
EVERY = 5  # steps from a frame to the next: 0.1 s, so the film runs at two and a half times the speed
MAX_FRAMES = 200
_LARGE = 2
_SEEN_M = 1.6  # to either side of the middle
_POLE_M = 1.0
_PAPER, _INK, _FAINT = "#fbfaf7", "#22303c", "#c9cfd4"
_CART, _POLE, _GOAL, _NEAR = "#3b6ea5", "#c8553d", "#e9c46a", "#5b9a68"

Colour = str


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One episode of the film."""

    title: str
    states: NDArray[Any]  # (t, 5)
    reward: NDArray[np.float64]  # (t,)
    is_lost: bool  # it terminated


def shot_of(history: History, title: str, *, episode: int = 0) -> Shot:
    """One episode of a history, ready to be filmed."""
    rows = np.flatnonzero(history.episode == episode)
    states = np.concatenate([history.state[rows], history.last_state[episode : episode + 1]])
    return Shot(title, states, history.reward[rows], bool(history.terminated[rows[-1]]))


def write_film(path: Path, shots: Sequence[Shot], *, every: int = EVERY, max_frames: int = MAX_FRAMES) -> None:
    """Draw the episodes beside one another; the shorter ones stand still at their ends.

    Args:
        path: where the GIF goes.
        shots: at least one.
        every: steps from a frame to the next.
        max_frames: what comes after is left out.
    """
    n_steps = max(len(shot.states) for shot in shots)
    steps = list(range(0, n_steps, every))[:max_frames]
    pictures = [_frame(shots, step) for step in steps]
    palette = pictures[len(pictures) // 2].quantize(64)
    frames = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=round(1000 / FRAMES_PER_S), loop=0, optimize=False, disposal=1
    )


def _frame(shots: Sequence[Shot], step: int) -> Image.Image:
    """All episodes at one step."""
    large = Image.new("RGB", (WIDTH * len(shots) * _LARGE, HEIGHT * _LARGE), _PAPER)
    draw = ImageDraw.Draw(large)
    for i, shot in enumerate(shots):
        _draw(draw, shot, min(step, len(shot.states) - 1), left=i * WIDTH * _LARGE)
        if i:
            draw.line([(i * WIDTH * _LARGE, 0), (i * WIDTH * _LARGE, HEIGHT * _LARGE)], fill=_FAINT, width=_LARGE)
    return large.reduce(_LARGE)


def _draw(draw: ImageDraw.ImageDraw, shot: Shot, step: int, *, left: int) -> None:
    """One episode at one step."""
    x, _, angle, _, goal = (float(value) for value in shot.states[step])
    is_over = step == len(shot.states) - 1
    metre = WIDTH * _LARGE / (2 * _SEEN_M)
    ground = round(HEIGHT * _LARGE * 0.78)

    def across(place: float) -> float:
        return left + WIDTH * _LARGE / 2 + place * metre

    is_near = abs(x - goal) < 0.1
    _draw_track(draw, across, ground, goal=goal, colour=_NEAR if is_near else _GOAL, left=left)
    cart = max(0.2 - _SEEN_M, min(_SEEN_M - 0.2, x))  # beyond the edge it stays in the picture
    wide, high = 0.18 * metre, 0.1 * metre
    draw.rounded_rectangle(
        [across(cart) - wide, ground - 2 * high, across(cart) + wide, ground], radius=0.04 * metre, fill=_CART
    )
    top = ground - 2 * high
    tip = (across(cart) + _POLE_M * metre * math.sin(angle) * 0.8, top - _POLE_M * metre * math.cos(angle) * 0.8)
    draw.line([(across(cart), top), tip], fill=_POLE, width=round(0.055 * metre))
    for place, radius in (((across(cart), top), 0.045), (tip, 0.0275)):
        _dot(draw, place, radius * metre, _INK if radius > 0.03 else _POLE)
    _draw_words(draw, shot, step, left=left, is_lost=is_over and shot.is_lost)


def _draw_track(draw: ImageDraw.ImageDraw, across: Any, ground: int, *, goal: float, colour: Colour, left: int) -> None:
    """The rail, and the zone around the goal."""
    zone = [across(goal - 0.1), ground + 4 * _LARGE, across(goal + 0.1), ground + 12 * _LARGE]
    draw.rounded_rectangle(zone, radius=3 * _LARGE, fill=colour)
    draw.line([(left + 12 * _LARGE, ground), (left + (WIDTH - 12) * _LARGE, ground)], fill=_INK, width=2 * _LARGE)
    for mark in (-1.0, -0.5, 0.0, 0.5, 1.0):
        draw.line([(across(mark), ground), (across(mark), ground + 4 * _LARGE)], fill=_INK, width=_LARGE)


def _draw_words(draw: ImageDraw.ImageDraw, shot: Shot, step: int, *, left: int, is_lost: bool) -> None:
    """Title, time and return so far."""
    margin = 14 * _LARGE
    draw.text((left + margin, 10 * _LARGE), shot.title, fill=_INK, font=ImageFont.load_default(17 * _LARGE))
    told = f"{step * 0.02:4.1f} s    return {shot.reward[:step].sum():,.0f}"
    small = ImageFont.load_default(13 * _LARGE)
    draw.text((left + margin, (HEIGHT - 26) * _LARGE), told, fill=_INK, font=small)
    if is_lost:
        draw.text((left + margin, 34 * _LARGE), "lost", fill=_POLE, font=small)


def _dot(draw: ImageDraw.ImageDraw, place: tuple[float, float], radius: float, colour: Colour) -> None:
    x, y = place
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)
