"""The project in a folder: a loop file that says something else than what is applied is noted before a training."""

LOOP = """
loop: front-page
context: {hour: {type: integer, min: 0, max: 23}}
actions: {labels: [calm, bold]}
outcomes: {clicked: {type: boolean, take: max}}
"""


def test_a_loop_file_that_was_edited_and_not_applied_is_noted(project, tmp_path):
    told = "note: front-page.yaml says something else than what is applied; `policyloop apply front-page.yaml` makes it hold.\n"

    same = project("train", "front-page")
    (tmp_path / "front-page.yaml").write_text(LOOP + "explore: {floor: 0.05}\n")
    edited = project("train", "front-page")
    (tmp_path / "front-page.yaml").write_text("loop: front-page\ncontext: 3\n")
    broken = project("train", "front-page")

    assert told not in same.err
    assert edited.err.startswith(told)
    assert "note:" not in broken.err
