"""Salts: one for the deployment, the same for every process, and known by its public name."""

from policyloop.core.clock import SystemClock
from policyloop.core.rng import salt_id
from policyloop.registry.salts import current_salt, salt_named


def test_a_deployment_has_one_salt(records, registry):
    first = current_salt(records, SystemClock())

    assert len(first) == 32
    assert current_salt(records, SystemClock()) == first
    assert registry.salt == first


def test_a_salt_is_found_by_the_name_that_events_carry(records):
    salt = current_salt(records, SystemClock())

    assert salt_named(records, salt_id(salt)) == salt
    assert salt_named(records, "00000000") is None
