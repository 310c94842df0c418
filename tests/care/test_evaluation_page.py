"""The page of an evaluation: what is shown where nothing is known, and that names stay text."""

import math

from policyloop.care.evaluation_page import overlap_told, page_of
from policyloop.core.estimate import Estimate
from policyloop.evaluate.belief import Answer, Belief
from policyloop.evaluate.overlap import Overlap
from policyloop.evaluate.reading import Line, Reading
from policyloop.evaluate.slices import Sliced, SliceEstimate
from policyloop.run.questions.estimates import Estimates

OVERLAP = Overlap(n=12, ess=9.0, largest_share=0.2, tail_share=0.2, largest=3.0, mean_weight=1.1)


def estimates(*, model="uniform", value=0.5, low=0.4, high=0.6, slices=None):
    line = Line(estimate=Estimate("dr", value, 0.05, 12, 9.0), low=low, high=high, lopsidedness=0.0)
    reading = Reading(
        lines=(line,),
        interval="normal",
        level=0.95,
        overlap=OVERLAP,
        belief=Belief(Answer.REFUSE, ("Too little.",)),
        disagreements=(),
        slices=slices,
    )
    return Estimates(model=model, reading=reading, logged=Estimate("logged", 0.45, 0.1, 12, 12.0))


def test_the_answer_comes_in_words_and_every_estimator_has_its_interval_drawn():
    page = page_of("shop", [estimates()]).decode()

    assert "<h2>uniform</h2>" in page
    assert "May this be believed? REFUSE. Too little." in page
    assert "<title>dr: 0.5, from 0.4 to 0.6</title>" in page
    assert page.count("<svg") == 1


def test_what_is_not_known_is_said_and_drawn_within_the_picture():
    page = page_of("shop", [estimates(value=math.nan, low=-math.inf, high=math.inf)]).decode()

    assert "unknown" in page
    assert "no bound to no bound" in page
    assert 'x1="6" x2="254"' in page
    assert "nan" not in page


def test_names_that_users_chose_stay_text():
    sliced = Sliced(
        field="<b>",
        level=0.95,
        slices=(SliceEstimate(name="<script>", n=40, value=-0.1, low=-0.2, high=-0.05),),
        worst="<script>",
    )

    page = page_of("<i>shop", [estimates(model="constant:<u>", slices=sliced)]).decode()

    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert not any(name in page for name in ("<i>shop", "constant:<u>", "<b>"))


def test_the_overlap_says_what_the_log_could_never_have_taken_or_that_it_is_not_known():
    assert overlap_told(OVERLAP).endswith("is not known: it has no whole pmf.")
    known = Overlap(n=12, ess=9.0, largest_share=0.2, unsupported=0.25)
    assert overlap_told(known).endswith("The log could never have taken 25.00% of what the policy would do.")
