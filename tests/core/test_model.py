"""Models and policies by name."""

from policyloop.core.model import digest, short


def test_a_digest_is_shown_by_its_start_and_any_other_name_whole():
    model = digest(b"some model")

    assert short(model) == model[:12]
    assert short(None) == "baseline"
    assert [short(name) for name in ("baseline", "imported:a-policy-with-a-long-name")] == [
        "baseline",
        "imported:a-policy-with-a-long-name",
    ]
