"""Redaction: what is not to be kept is neither logged nor decided on."""

from front_page import CONTEXT, FIELDS, SALT, front_page
from policyloop.core.loop import Field
from policyloop.core.wire import DecideRequest
from policyloop.ingest.checks import checks_of
from policyloop.ingest.decisions import ask
from policyloop.ingest.redact import keyed_hash

SECRETS = (
    Field(name="email", type="category", store="hash"),
    Field(name="words", type="array", items="category", store="hash", default=[]),
    Field(name="age", type="integer", store="never", optional=True),
)


def kept(*fields, subject=None, request_subject=None, **context):
    spec = front_page(*fields, subject=subject)
    return ask(DecideRequest(context={**CONTEXT, **context}, subject=request_subject), checks_of(spec, salt=SALT))


def test_hashed_strings_are_sixteen_hex_characters_and_the_same_each_time():
    first, again = (kept(*FIELDS, *SECRETS, email="a@example.org", words=["x", "x"]).context.values for _ in range(2))

    assert first == again
    assert len(first["email"]) == 16
    assert int(first["email"], 16) >= 0
    assert first["words"][0] == first["words"][1] != "x"


def test_the_same_text_in_two_fields_has_two_hashes():
    values = kept(*FIELDS, *SECRETS, email="x", words=["x"]).context.values

    assert values["email"] != values["words"][0]


def test_a_field_that_is_never_stored_is_checked_and_then_gone():
    context = kept(*FIELDS, *SECRETS, email="e", age=41).context

    assert "age" not in context.values
    assert "age" not in context.json
    assert "41" not in context.json


def test_the_hash_depends_on_the_deployments_salt():
    assert keyed_hash(b"one", "subject", "ann") != keyed_hash(b"two", "subject", "ann")


def test_the_field_that_names_the_subject_is_kept_as_a_keyed_hash_alone():
    asked = kept(*FIELDS, subject="campaign", campaign="ann")

    assert asked.subject == keyed_hash(SALT, "subject", "ann")
    assert "campaign" not in asked.context.json
    assert "ann" not in asked.context.json


def test_a_subject_in_the_request_comes_before_the_field():
    asked = kept(*FIELDS, subject="campaign", campaign="ann", request_subject="bob")

    assert asked.subject == keyed_hash(SALT, "subject", "bob")


def test_without_a_subject_there_is_none():
    assert kept(*FIELDS).subject is None
    assert kept(*FIELDS, subject="campaign").subject is None


def test_without_secrets_the_context_is_kept_as_it_is():
    assert checks_of(front_page(), salt=SALT).redaction is None
