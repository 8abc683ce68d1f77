"""The chapters that compare: liver progression, pooled or one by one, whole curves, and what would change the conclusion."""

import copy
import tomllib
from dataclasses import replace

import pytest

import haip_outcomes as haip
from haip_outcomes.benchmark.curves.centre_against_curves import against_curves
from haip_outcomes.benchmark.literature import make_figures
from haip_outcomes.benchmark.pooling.pooled_figures import pooled
from haip_outcomes.errors import HaipError
from haip_outcomes.figures.style import Drawing
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.report.cautioned import POINTER
from haip_outcomes.report.cleared_literature import cleared_comparison
from haip_outcomes.report.content import Chapter, Paragraph, Refusal
from haip_outcomes.report.first_screen import lines
from haip_outcomes.report.literature import compared, literature
from haip_outcomes.report.liver_against import liver_against
from haip_outcomes.report.outside import shareable, texts
from haip_outcomes.report.turning import what_would_change
from haip_outcomes.tables.disclosure import HIDDEN
from haip_outcomes.tables.table import Table

DEMO = "cohorts/demo_centre/demo.csv"
SERIES = {"alpha": (60, 20), "beta": (80, 41), "gamma": (45, 19), "delta": (120, 66), "epsilon": (33, 12)}


def own_figures(count=5, rate=None):
    """Invented series on conversion to resection, one question, different patients."""
    chosen = dict(list(SERIES.items())[:count])
    content = {"sources": {key: {"short": key.capitalize(), "citation": key} for key in chosen}, "figure": []}
    for key, (n, k) in chosen.items():
        k = k if rate is None else round(rate * n)
        content["figure"].append({
            "id": f"{key}-conv", "source": key, "setting": "unresectable", "modality": "HAIP + systemic", "endpoint": "conversion_to_resection",
            "statistic": "proportion", "value": round(100 * k / n, 1), "unit": "%", "n": n, "events": k, "time_zero": "not applicable",
            "event": "not stated", "competing": "not applicable", "better": "higher", "read": "primary", "where": "invented",
        })  # fmt: skip
    return haip.published().with_own(make_figures(content, "own"))


def centre(judge=(), margin=None, **cohort):
    with open("cohorts/demo_centre/plan.toml", "rb") as file:
        content = tomllib.load(file)
    content["cohort"] |= cohort
    content["benchmark"] = {"judge": list(judge), "margin": margin or {}}
    return haip.read_cohort(DEMO, make_plan(content))


def chapter_of(cohort, figures=None, before=()):
    comparison, refused = compared(cohort, figures)
    return comparison, literature(comparison, refused, before, cohort=cohort, figures=figures)


def said(chapter):
    return " ".join(block.text for block in chapter.blocks if isinstance(block, Paragraph))


def tables(chapter):
    return {block.name: block for block in chapter.blocks if isinstance(block, Table)}


@pytest.fixture(scope="module")
def demo():
    return haip.demo_cohort()


@pytest.fixture(scope="module")
def comparison(demo):
    return compared(demo)[0]


@pytest.fixture(scope="module")
def whole(demo, comparison):
    """The chapter on the literature of the demonstration cohort, with the figures that ship."""
    return literature(comparison, None, (), cohort=demo)


# --- time to liver progression ----------------------------------------------------------------------------------


def test_liver_chapter_by_setting(demo, comparison):
    chapter = liver_against(demo, comparison)
    assert [block.text for block in chapter.blocks if type(block).__name__ == "Heading"] == ["Adjuvant pump (26 patients)", "Unresectable disease (34 patients)"]
    assert {block.name for block in chapter.blocks if isinstance(block, Drawing)} == {"liver_literature_adjuvant", "liver_literature_unresectable"}
    ways = tables(chapter)["ways_of_counting_unresectable"]
    assert [row[0] for row in ways.rows][:3] == ["Deaths censored", "Deaths as events", "Deaths as a competing risk"]
    assert ways.rows[0][1:3] == ("25", "9.2 (5.4, 15.9)")
    assert "3 published estimates from 3 series" in said(chapter)
    assert "3 do not say what became of patients who died first" in said(chapter)
    assert "median runs from 9.0 to 11.6 months" in said(chapter)
    assert "too few to pool (at least 4)" in said(chapter)
    assert {"duke-hpfs", "srouji2020-haisys-liver5", "recurhaip-hdfs-hr"} <= set(chapter.figures_shown)


def test_liver_chapter_s_numbers_are_in_the_results(demo, comparison):
    chapter = liver_against(demo, comparison)
    rows = [row for frame in chapter.records for row in frame.to_dict("records")]
    ours = [row for row in rows if row["setting"] == "unresectable" and row.get("quantity") == "median" and row["group"] == "deaths censored"]
    curve = haip.survival_curve(demo.setting("unresectable").endpoint("liver").only("Liver"))
    assert ours[0]["estimate"] == pytest.approx(curve.median()["estimate"].iloc[0], rel=1e-12)
    assert any(row["quantity"] == "published" and row["group"] == "Duke 2018-2023" and row["estimate"] == 15.7 for row in rows)


def test_a_plan_without_a_liver_endpoint_has_no_liver_chapter(demo, comparison):
    cohort = copy.copy(demo)
    object.__setattr__(cohort, "plan", demo.plan.model_copy(update={"endpoints": {"os": demo.plan.endpoints["os"]}}))
    assert liver_against(cohort, comparison) is None
    assert liver_against(demo, None) is None


def test_for_outside_small_counts_are_hidden_in_every_way_of_counting(demo):
    kept, policy, _ = shareable(demo)
    for _ in range(2):
        cleared = cleared_comparison(compared(kept)[0], kept, policy)
        chapter = liver_against(kept, cleared, policy)
        policy.ledger.decide()
    ways = tables(chapter)["ways_of_counting_adjuvant"]
    assert any(HIDDEN in cell for row in ways.rows for cell in row)
    assert not any("only" in text and "patients still followed" in text for text in texts(chapter))
    assert all(cell == HIDDEN for row in ways.rows if "compet" not in row[0] for cell in row[3:]), "no share that, beside the incidence, tells how few died first"
    assert any(cell != HIDDEN for row in ways.rows if "compet" in row[0] for cell in row[3:])
    assert "runs from" not in said(chapter)
    drawing = next(block for block in chapter.blocks if isinstance(block, Drawing))
    assert "deaths censored 25 (10, NR)" in drawing.alt
    medians = [cell for row in ways.rows for cell in row[2:3] if cell != HIDDEN]
    assert medians
    assert not any("." in cell for cell in medians), "months are whole"


# --- pooled, or too few -----------------------------------------------------------------------------------------


def test_with_the_figures_that_ship_nothing_is_pooled_and_that_is_said(comparison, whole):
    chapter = whole
    assert "too few to pool" in said(chapter)
    assert "2 sources of different patients" in said(chapter)
    assert "conversion to resection, unresectable: 1 source, too few to pool" in said(chapter)
    assert not [block for block in chapter.blocks if isinstance(block, Drawing) and block.name.startswith("pooled")]
    assert [line.word for line in chapter.verdicts[:2]] == ["clearly worse than expected", "worse than expected"]
    assert comparison.summary[0] == chapter.blocks[0].text


def test_what_is_expected_of_a_new_centre_leads_where_four_sources_can_be_pooled():
    figures = own_figures()
    cohort = centre(["alpha-conv"])
    _, chapter = chapter_of(cohort, figures)
    chosen = tuple(figures[f"{name}-conv"] for name in ("pak2018", *SERIES))
    expected = pooled(replace(figures, figures=chosen), n_new=34).prediction().iloc[0]
    table = tables(chapter)["pooled_alpha-conv"]
    line = next(row for row in table.rows if "a new centre of 34 patients observes" in row[0])
    assert line[2] == f"{100 * expected['conf_low']:.0f}% to {100 * expected['conf_high']:.0f}%"
    assert chapter.verdicts[0].word == "as expected of a new centre"
    assert "1 as expected of a new centre" in chapter.answer
    assert next(block.name for block in chapter.blocks if isinstance(block, Drawing)) == "pooled_alpha-conv"
    assert "I2" in said(chapter), "how far the studies lie apart is shown"


def test_worse_than_the_pooled_sources_is_said_first():
    _, chapter = chapter_of(centre(["alpha-conv"]), own_figures(rate=0.7))
    assert chapter.verdicts[0].word == "worse than expected of a new centre"
    assert chapter.answer.startswith("Worse than expected: conversion to resection, unresectable (than the pooled sources lead one to expect)")


def test_a_pooled_cell_of_which_the_plan_names_no_figure_gets_no_word():
    _, chapter = chapter_of(centre(["kemeny2009adj-os4"]), own_figures())
    assert any(name.startswith("pooled") for name in tables(chapter))
    assert not any("new centre" in line.word for line in chapter.verdicts)


def test_the_centre_s_own_patients_are_in_no_pool():
    _, chapter = chapter_of(centre(["alpha-conv"], overlap=["alpha", "beta", "gamma", "chakedis2018"]), own_figures())
    assert "too few to pool" in said(chapter)
    assert not any(name.startswith("pooled") for name in tables(chapter))


# --- curves -----------------------------------------------------------------------------------------------------


def test_whole_curves_with_observed_and_expected(demo, whole):
    table = tables(whole)["against_curves"]
    groot = next(row for row in table.rows if "Groot Koerkamp 2017" in row[0])
    one = next(one for one in against_curves(demo) if one.source == "gk2017" and one.readings and one.kind == "landmarks")
    row = one.tidy().iloc[0]
    assert groot[1] == str(row["n_event"])
    assert groot[2].startswith(f"{row['n_expected']:.1f} (")
    assert groot[3].startswith(f"{row['estimate']:.2f} (")
    assert groot[4], "the plan names one of its figures"
    unnamed = [row for row in table.rows if "Kemeny 2016" in row[0]]
    assert unnamed
    assert not any(row[4] for row in unnamed), "no test of curves that the plan does not name"
    rows = [row for frame in whole.records for row in frame.to_dict("records")]
    assert {"observed over expected", "expected events"} <= {row.get("quantity") for row in rows}


def test_curves_are_left_out_of_a_report_for_outside(demo):
    kept, policy, _ = shareable(demo)
    cleared = cleared_comparison(compared(kept)[0], kept, policy)
    chapter = literature(cleared, None, (), policy, cohort=kept)
    assert "left out of a report for outside" in said(chapter)
    assert "against_curves" not in tables(chapter)


# --- what would change it ---------------------------------------------------------------------------------------


def test_what_would_change_each_verdict(demo, comparison):
    chapter = what_would_change(demo, comparison)
    table = tables(chapter)["what_would_change"]
    assert [row[2] for row in table.rows] == [one.verdict for one in comparison.judged]
    by = {row[1]: row[3] for row in table.rows}
    assert "With 4 more of 34 (11 instead of 7) it would be within expected variation." in by["Pak 2018"]
    assert "35 patients alone" in by["Kemeny 2009"]
    assert "more patients" in said(chapter)
    assert "about 14 times of 100" in said(chapter)  # 1 - 0.975^6
    assert "“On a par” is never said of" in said(chapter)
    assert "1 needs more patients" in said(chapter)


def test_what_would_change_has_nothing_to_say_without_named_figures():
    cohort = centre()
    assert what_would_change(cohort, compared(cohort)[0]) is None
    assert what_would_change(cohort, None) is None


def test_for_outside_no_patient_of_this_centre_is_counted(demo):
    kept, policy, _ = shareable(demo)
    cleared = cleared_comparison(compared(kept)[0], kept, policy)
    chapter = what_would_change(kept, cleared, policy)
    assert "instead of 7" not in said(chapter) + " ".join(row[3] for row in tables(chapter)["what_would_change"].rows)
    assert "at the present accrual" not in said(chapter)


# --- the first screen, and the caution --------------------------------------------------------------------------


def test_every_great_question_has_a_line(demo, comparison):
    found = lines(comparison)
    questions = [line.question for line in found]
    assert len(found) <= 9
    assert any("liver progression" in question for question in questions)
    assert any("First cycle" in question for question in questions)
    liver = next(line for line in found if "liver progression" in line.question)
    assert (liver.here, liver.published, liver.word) == ("9.2 (5.4, 15.9) months (deaths censored)", "9.8 to 15.7 months (2 sources)", "not judged")
    assert all("(" in line.here for line in found), "each with its interval"


def test_the_caution_goes_with_every_verdict(demo, comparison, whole):
    words, chapter = demo.plan.cohort.caution, whole
    for name in ("against_the_literature", "against_curves"):
        assert words in tables(chapter)[name].footnotes
    drawing = next(block for block in chapter.blocks if isinstance(block, Drawing))
    assert drawing.caption.endswith(words)
    assert words in said(chapter)
    assert chapter.answer.endswith("Read it with the note above.")
    liver = liver_against(demo, comparison)
    assert all(words in table.footnotes for table in tables(liver).values())
    kept, policy, _ = shareable(demo)
    outside = literature(cleared_comparison(compared(kept)[0], kept, policy), None, (), policy, cohort=kept)
    assert POINTER in tables(outside)["against_the_literature"].footnotes


def test_the_public_cohort_says_why_its_survival_looks_too_good(workbook):
    """Where a no-pump figure is judged, the reason why the verdict can't be believed stands beside the word, wherever it is printed."""
    with open("cohorts/tcia_crlm/plan.toml", "rb") as file:
        content = tomllib.load(file)
    content["benchmark"] = {"judge": ["haukeland-os5"]}
    report = haip.build_report(haip.read_cohort(workbook, make_plan(content)))
    by = {chapter.key: chapter for chapter in report.chapters}
    assert "better than expected" in by["literature"].answer
    assert "Read it with the note above" in by["literature"].answer
    for chapter in report.chapters:
        for name, table in tables(chapter).items():
            if any("better than expected" in cell for row in table.rows for cell in row):
                assert "immortal time" in " ".join(table.footnotes), name
        for block in chapter.blocks:
            if isinstance(block, Drawing) and "better than expected" in block.alt:
                assert "immortal time" in block.caption
    shown = report.results[report.results["shown"].fillna("").str.contains("better than expected")]
    assert len(shown)
    assert shown.loc[shown["quantity"] == "centre", "shown"].str.contains("caution").all()


def test_a_refused_comparison_is_a_line():
    chapter = literature(None, HaipError("no reason"), ())
    assert [type(block) for block in chapter.blocks] == [Refusal]
    assert isinstance(chapter, Chapter)
