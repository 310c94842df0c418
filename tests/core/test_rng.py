"""The keyed draw: a function of its arguments alone, uniform, and replayable from the logged pmf."""

import hashlib
import os
import subprocess
import sys
import uuid

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.core.rng import draw, keyed_uniform, salt_id, uuid7

SALT = bytes(range(32))


def test_the_number_is_blake2b_of_the_three_texts_under_the_salt():
    data = b"10:front-page2:id" + b"action"
    expected = (int.from_bytes(hashlib.blake2b(data, digest_size=8, key=SALT).digest(), "little") >> 11) / 2**53

    assert keyed_uniform(SALT, "front-page", "id", "action") == expected


def test_texts_that_run_together_are_kept_apart():
    assert keyed_uniform(SALT, "ab", "c", "split") != keyed_uniform(SALT, "a", "bc", "split")


def test_numbers_are_uniform_and_streams_are_independent():
    n = 20_000
    action = np.array([keyed_uniform(SALT, "x", str(i), "action") for i in range(n)])
    split = np.array([keyed_uniform(SALT, "x", str(i), "split") for i in range(n)])

    counts, _ = np.histogram(action, bins=20, range=(0, 1))

    assert ((counts - n / 20) ** 2 / (n / 20)).sum() < 43.8  # chi-square, 19 degrees of freedom, p = .001
    assert abs(np.corrcoef(action, split)[0, 1]) < 4 / np.sqrt(n)


@pytest.mark.parametrize(("u", "index"), [(0.0, 1), (0.2499, 1), (0.25, 2), (0.999999, 2)])
def test_the_cdf_runs_left_to_right_over_actions_that_may_be_taken(u, index):
    assert draw([0.0, 0.25, 0.75, 0.0], u) == index


def test_the_last_possible_action_takes_what_rounding_left():
    pmf = [0.1] * 10  # sums to 0.9999999999999999

    assert draw([*pmf, 0.0], 0.99999999999999994) == 9


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20).filter(lambda p: sum(p) > 0), st.floats(0, 1, exclude_max=True))
def test_an_action_without_probability_is_never_drawn(weights, u):
    pmf = [w / sum(weights) for w in weights]

    assert pmf[draw(pmf, u)] > 0


def test_a_uuid7_says_when_it_was_made():
    made = uuid.UUID(uuid7(1_790_000_000_123_456))

    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == 1_790_000_000_123


FORK = """
import os
from policyloop.core.rng import uuid7
uuid7(0)
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        os.write(1, (uuid7(0) + "\\n").encode())
        os._exit(0)
    os.waitpid(pid, 0)
os.write(1, (uuid7(0) + "\\n").encode())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_forked_processes_give_no_id_twice():
    ids = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, check=True).stdout.split()

    assert len(ids) == 4
    assert len(set(ids)) == 4


def test_the_public_name_of_a_salt_does_not_tell_the_salt():
    assert len(salt_id(SALT)) == 8
    assert salt_id(SALT) != salt_id(SALT[::-1])
