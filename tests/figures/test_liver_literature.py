"""Every published estimate of time to liver progression on one sheet with the centre's."""

import pytest

import haip_outcomes as haip
from haip_outcomes.benchmark.liver_counting import liver_progression
from haip_outcomes.errors import HaipError
from haip_outcomes.figures.liver_literature import plot_liver_literature


@pytest.fixture(scope="module")
def found():
    cohort = haip.demo_cohort()
    return {setting: liver_progression(cohort, setting) for setting in cohort.settings}


def words(drawing):
    return [text.get_text() for text in drawing.figure.texts]


@pytest.mark.parametrize("width", ["double", "single"])
@pytest.mark.parametrize("setting", ["adjuvant", "unresectable"])
def test_it_is_fit_to_print(found, setting, width, checked):
    checked(plot_liver_literature(found[setting], width=width))


def test_a_panel_an_estimand_and_a_mark_a_number(found):
    drawing = plot_liver_literature(found["adjuvant"])
    axes = drawing.figure.axes
    assert [ax.get_xlim()[1] == 100 for ax in axes] == [False, True, True]
    marks = [sum(line.get_gid() == "mark" for line in ax.lines) for ax in axes]
    expected = [sum(one.number is not None for one in panel.ours) + len(panel.published) for panel in found["adjuvant"].panels]
    assert marks == expected == [7, 6, 1]


def test_what_is_another_question_stands_apart_with_its_reason(found):
    told = words(plot_liver_literature(found["adjuvant"]))
    apart = told.index("Published, not compared with this centre")
    assert "recurrent liver metastases" in " ".join(told[apart : apart + 4])
    assert "Kemeny 1999: from randomisation" in told
    assert any("beyond this centre's follow-up" in word for word in told)
    assert "Nobody still followed at 60 months; at least 5 are needed" in told


def test_published_numbers_are_as_printed(found):
    told = words(plot_liver_literature(found["adjuvant"]))
    assert {"24.7 (2.5, 46.9)", "46 (29, 81)", "90%", "28.6%"} <= set(told)
    assert "15.7" in words(plot_liver_literature(found["unresectable"]))


def test_caption_and_alternative_text_say_it_all(found):
    drawing = plot_liver_literature(found["unresectable"])
    assert "not the probability of the event" in drawing.caption
    for said in ("deaths censored 9.2 (5.4, 15.9)", "Duke 2018-2023 15.7 months", "deaths as a competing risk"):
        assert said in drawing.alt


def test_nothing_published_is_said():
    found = liver_progression(haip.demo_cohort(), "unresectable", figures=haip.published(endpoint="overall_survival"))
    with pytest.raises(HaipError, match="no published estimate"):
        plot_liver_literature(found)
