"""The two client packages for JavaScript, unmodified, against a server that runs. They come from npm, by a lock with hashes."""

import json
import subprocess

import pytest

REFUSED = {"wrong": "400", "multiSlot": "400", "localLog": "403"}


@pytest.fixture(scope="module")
def node(node_folder):
    """Run a script of the folder, and read what it prints."""

    def run(script, *arguments):
        done = subprocess.run(["node", script, *arguments], cwd=node_folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize("where", ["address alone", "address with a slash", "base of a loop"])
def test_the_stable_client_ranks_rewards_and_activates(node, endpoint, where):
    base = [f"{endpoint.of('shelf')}/personalizer/v1.0"] if where == "base of a loop" else []

    told = node("v1.js", endpoint.url + ("/" if "slash" in where else ""), *base)

    assert (told["status"], told["reward"], told["activate"]) == (201, 204, 204)
    assert told["contentType"] == "application/json; charset=utf-8"
    assert told["eventId"] == "e/1 x?&%"
    assert told["rewardActionId"] in ("news", "film")
    assert told["ranking"][1] == ["sport", 0]
    assert sorted(name for name, _ in told["ranking"]) == ["film", "news", "sport"]
    assert told["error"] == [400, "InvalidRankRequest", "Features should not contain array with non-number items."]


def test_the_preview_client_is_answered_as_it_expects_in_all_its_calls(node, endpoint):
    node("v1.js", endpoint.url)
    endpoint.join("shelf")  # so that there are events to evaluate

    told = node("preview.js", endpoint.of("shelf"))

    answers = {name: value for name, value in told.items() if isinstance(value, list) and isinstance(value[1], bool)}
    assert len(answers) == 19
    # The client holds what DELETE answers there against what GET would; so it did with the service.
    assert answers.pop("deleteEvaluation") == ["204", True]
    assert {name: status for name, (status, is_unexpected) in answers.items() if is_unexpected} == REFUSED
    assert (told["ids"], told["eventId"], told["learningMode"]) == (["film", "news"], "e/2", "Online")
    assert told["location"].startswith(endpoint.of("shelf") + "/personalizer/v1.1-preview.3/evaluations/")
    assert (told["error"], told["multiSlotError"]) == ("InvalidRankRequest", "InvalidMultiSlotApiAccess")
