"""Risk scores against the worked values of the methods notes, by hand at every boundary, and with what can't be."""

import itertools
import json
from datetime import date
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haip_outcomes.errors import CohortError, EndpointError
from haip_outcomes.registry.deriving.complication_index import comprehensive_complication_index, grade_of
from haip_outcomes.registry.deriving.risk_scores import (
    age_at,
    disease_free_interval,
    fong_clinical_risk_score,
    tumour_burden_score,
    tumour_burden_zone,
)

# node, interval, number, CEA, size; Fong, tumour burden score, zone: methods.md section 16, m16_fong_tbs
WORKED = [
    (1, 0, 3, 35, 4.2, 3, 5.1613951602255765, "Zone 2"),
    (0, 18, 1, 210, 6.0, 2, 6.082762530298219, "Zone 2"),
    (1, 12, 1, 200, 5.0, 1, 5.0990195135927845, "Zone 2"),
    (0, 24, 1, 3, 2.1, 0, 2.3259406699226015, "Zone 1"),
]
PARTS = ("node_positive", "disease_free_interval_months", "n_metastases", "cea_ug_l", "largest_cm")
LOW, HIGH = (0, 12, 1, 200, 5.0), (1, 11.99, 2, 200.1, 5.01)


def test_the_worked_values():
    node, interval, number, cea, size, fong, tbs, zone = map(list, zip(*WORKED, strict=True))
    assert fong_clinical_risk_score(node, interval, number, cea, size).values.tolist() == fong
    score = tumour_burden_score(number, size)
    assert score.values.tolist() == pytest.approx(tbs, rel=1e-15)
    assert tumour_burden_zone(score.values).values.tolist() == zone


@pytest.mark.parametrize("above", list(itertools.product([0, 1], repeat=5)))
def test_fong_counts_the_parts_above_their_limits_and_no_limit_itself(above):
    parts = [[high if over else low] for over, low, high in zip(above, LOW, HIGH, strict=True)]
    assert fong_clinical_risk_score(*parts).values.tolist() == [sum(above)]


@pytest.mark.parametrize("absent", range(5))
@pytest.mark.parametrize("others", [LOW, HIGH])
def test_four_parts_give_no_score(absent, others):
    parts = [[np.nan if i == absent else part] for i, part in enumerate(others)]
    found = fong_clinical_risk_score(*parts)
    assert found.values.isna().all()
    assert [(note.column, note.rows) for note in found.notes] == [(PARTS[absent], (0,))]


def test_nothing_known_is_no_warning():
    assert not fong_clinical_risk_score(*[[np.nan]] * 5).notes


def test_an_interval_that_is_missing_is_0_only_where_the_patient_is_said_to_be_synchronous():
    interval = [np.nan, np.nan, np.nan, 3, 30]
    found = fong_clinical_risk_score([0] * 5, interval, [1] * 5, [3] * 5, [2] * 5, synchronous=["Yes", "No", None, "Yes", "No"])
    assert found.values.tolist() == pytest.approx([1, np.nan, np.nan, 1, 0], nan_ok=True)
    assert [(note.column, note.rows) for note in found.notes] == [("disease_free_interval_months", (1, 2))]
    with pytest.raises(CohortError, match="less than 12 months in a synchronous patient"):
        fong_clinical_risk_score([0], [12], [1], [3], [2], synchronous=[1])


def test_yes_and_no_in_every_form():
    for yes, no in (("Yes", "No"), (1, 0), (True, False), (1.0, 0.0), ("1", "0"), (" yes ", "NO"), ("positive", "negative")):
        assert fong_clinical_risk_score([yes, no], [24, 24], [1, 1], [3, 3], [2, 2]).values.tolist() == [1, 0], yes
    category = pd.Series(pd.Categorical(["Yes", None, "No"], categories=["No", "Yes"]))
    assert fong_clinical_risk_score(category, 24, 1, 3, 2).values.tolist() == pytest.approx([1, np.nan, 0], nan_ok=True)


@pytest.mark.parametrize(
    ("column", "value", "advice"),
    [
        ("node_positive", 2, "correct"), ("disease_free_interval_months", -1, "0 when synchronous"), ("disease_free_interval_months", 900, "days"),
        ("n_metastases", 2.5, "count"), ("n_metastases", -1, "count"), ("cea_ug_l", -3, "limit of detection"), ("cea_ug_l", np.inf, "correct"),
        ("largest_cm", 45, "mm"), ("largest_cm", -1, "correct"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_refused(column, value, advice):
    parts = {name: [low, low] for name, low in zip(PARTS, LOW, strict=True)} | {column: [LOW[PARTS.index(column)], value]}
    with pytest.raises(CohortError) as caught:
        fong_clinical_risk_score(**parts)
    (problem,) = caught.value.problems
    assert (problem.column, problem.rows) == (column, (1,))
    assert advice in problem.advice


def test_all_that_can_not_be_is_told_at_once():
    with pytest.raises(CohortError) as caught:
        fong_clinical_risk_score([1, 2], [0, -1], [2.5, 3], [-3, 5], [45, 2])
    assert {problem.column for problem in caught.value.problems} == set(PARTS)
    with pytest.raises(EndpointError, match="must be numbers"):
        tumour_burden_score(["three"], [4])


@pytest.mark.parametrize(("score", "zone"), [(2.99, 1), (3, 2), (8.99, 2), (9, 3), (3 - 1e-12, 2), (9 - 1e-12, 3)])
def test_the_limits_of_the_zones(score, zone):
    assert tumour_burden_zone([score]).values.tolist() == [f"Zone {zone}"]
    assert tumour_burden_zone([score]).values.cat.categories.tolist() == ["Zone 1", "Zone 2", "Zone 3"]


def test_a_missing_size_or_number_gives_no_burden_and_no_zone():
    score = tumour_burden_score([3, np.nan, 2], [4, 3, np.nan])
    assert score.values.tolist() == pytest.approx([5, np.nan, np.nan], nan_ok=True)
    assert tumour_burden_zone(score.values).values.isna().tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("resected", "found", "months"),
    [
        ("2018-03-15", "2019-03-15", 12), ("2019-03-15", "2020-03-15", 12),  # 365 and 366 days
        ("2018-03-15", "2019-03-14", 11 + 27 / 28), ("2018-03-15", "2019-03-16", 12 + 1 / 31), ("2018-03-15", "2018-04-15", 1),
        ("2018-01-31", "2018-02-28", 1), ("2018-01-31", "2018-03-01", 1 + 1 / 31), ("2016-02-29", "2017-02-28", 12),
        ("2018-03-15", "2018-03-16", 1 / 31), ("2018-03-15", "2018-03-15", 0), ("2018-03-15", "2018-01-01", 0),
    ],
)  # fmt: skip
def test_the_interval_by_hand(resected, found, months):
    assert disease_free_interval([resected], [found]).values.tolist() == pytest.approx([months], abs=1e-12)


def test_a_year_to_the_day_gives_no_point_and_a_day_less_gives_one():
    interval = disease_free_interval(["2018-03-15", "2018-03-15"], ["2019-03-15", "2019-03-14"]).values
    assert fong_clinical_risk_score(0, interval, 1, 3, 2).values.tolist() == [0, 1]


def test_synchronous_is_0_whatever_the_dates():
    dates = pd.to_datetime(pd.Series(["2018-06-01", None, "2018-06-01", None]))
    found = disease_free_interval("2018-03-01", dates, synchronous=["Yes", "Yes", "No", "No"])
    assert found.values.tolist() == pytest.approx([0, 0, 3, np.nan], nan_ok=True)
    with pytest.raises(CohortError, match="not synchronous") as caught:
        disease_free_interval(["2018-03-01"], ["2018-03-01"], synchronous=["No"])
    assert caught.value.problems[0].found == "2018-03-01"
    with pytest.raises(CohortError, match="50 years"):
        disease_free_interval(["1950-03-01"], ["2018-03-01"])


@given(st.dates(date(1990, 1, 1), date(2024, 12, 31)), st.integers(0, 6000))
def test_the_interval_is_close_to_days_and_never_shrinks(start, days):
    begun = np.datetime64(start)
    ends = [begun + days, begun + days + 1]
    now, later = disease_free_interval([begun, begun], ends).values
    assert now == pytest.approx(days / (365.25 / 12), abs=0.1)
    assert later > now


def test_ages():
    assert age_at([1950, 1950, np.nan, 1960], ["2014-01-31", "2014-12-31", "2014-01-01", None]).values.tolist() == pytest.approx([64, 64, np.nan, np.nan], nan_ok=True)
    assert "± 1 year" in age_at([1950], ["2014-01-31"]).method
    for year in (50, 1950.5, 2016, 1890):
        with pytest.raises(CohortError, match="year of birth"):
            age_at([year], ["2014-01-31"])


def test_the_sources_are_told_and_what_was_not_read():
    assert "10.1097/00000658-199909000-00004" in fong_clinical_risk_score(*[[1]] * 5).method
    for found in (tumour_burden_score([3], [4.2]), tumour_burden_zone([5])):
        assert "10.1097/SLA.0000000000002064" in found.method
        assert "second-hand" in found.method


@given(st.lists(st.tuples(*[st.none() | st.sampled_from(pair) for pair in zip(LOW, HIGH, strict=True)]), min_size=1, max_size=20), st.randoms())
def test_fong_in_plain_python_and_in_any_order(patients, chance):
    frame = pd.DataFrame(patients, columns=list(PARTS), dtype=float)
    mixed = frame.sample(frac=1, random_state=chance.randrange(2**31))
    expected = [None if None in row else (row[0] == 1) + (row[1] < 12) + (row[2] > 1) + (row[3] > 200) + (row[4] > 5) for row in patients]
    found = fong_clinical_risk_score(**{name: mixed[name] for name in PARTS}).values.sort_index()
    assert [None if np.isnan(one) else one for one in found] == expected


# ---- the comprehensive complication index ------------------------------------------------------------------

GRADES = {"I": 300, "II": 1750, "IIIa": 2750, "IIIb": 4550, "IVa": 7200, "IVb": 8550, "V": 40_000}
EXAMPLES = Path(__file__).parents[1] / "reference" / "methods_examples.json"


def test_the_complication_index_of_the_methods_notes():
    example = next(one for one in json.loads(EXAMPLES.read_text(encoding="utf-8"))["examples"] if one["id"] == "m16_cci")
    given, expected = example["input"]["patients"], example["output"]["cci"]
    assert [comprehensive_complication_index(grades) for grades in given] == pytest.approx(expected, rel=1e-14)
    rows = pd.DataFrame([(i, grade) for i, grades in enumerate(given) for grade in grades], columns=["patient", "grade"]).sample(frac=1, random_state=1)
    found = comprehensive_complication_index(rows, patients=range(len(given)))
    assert found.tolist() == pytest.approx(expected, rel=1e-14)
    assert comprehensive_complication_index(rows["grade"], rows["patient"]).sort_index().tolist() == pytest.approx(expected[1:], rel=1e-14)
    assert [round(comprehensive_complication_index([grade]), 1) for grade in GRADES] == [8.7, 20.9, 26.2, 33.7, 42.4, 46.2, 100]  # as printed


@given(st.lists(st.sampled_from(list(GRADES)), max_size=9))
def test_the_index_is_half_the_root_of_the_summed_weights_and_never_above_100(grades):
    index = comprehensive_complication_index(grades)
    total = min(sum(map(GRADES.get, grades)), 40_000)
    assert float(Fraction(index) ** 2 * 4) == pytest.approx(total, rel=1e-14)
    assert index <= 100
    assert ("V" not in grades) or index == 100
    assert comprehensive_complication_index(grades[::-1]) == index
    more = comprehensive_complication_index([*grades, "I"])
    assert more > index or index == 100


def test_by_hand_in_squares():
    assert comprehensive_complication_index(["IIIa", "IVa", "I", "I", "I", "II", "II", "II", "II", "II"]) == comprehensive_complication_index(["II"] * 10 + ["I"] * 7) == 70
    assert comprehensive_complication_index(["IVb"] * 4) == pytest.approx(34200**0.5 / 2, rel=1e-15)
    assert comprehensive_complication_index(["IVb"] * 5) == 100  # 42750 would be 103.4


def test_a_missing_grade_leaves_the_index_missing_unless_it_can_not_change_it():
    for nothing in (None, np.nan, pd.NA, "", " "):
        assert np.isnan(comprehensive_complication_index(["II", nothing]))
        assert np.isnan(comprehensive_complication_index([nothing]))
        assert comprehensive_complication_index(["V", nothing]) == 100
    rows = pd.DataFrame({"patient": ["a", "b", "a", "c"], "clavien_dindo": pd.Categorical(["I", "II", None, "V"])})
    assert comprehensive_complication_index(rows, patients=["c", "d", "a", "b"]).tolist() == pytest.approx([100, 0, np.nan, 1750**0.5 / 2], nan_ok=True)
    assert comprehensive_complication_index(rows).index.tolist() == ["a", "b", "c"]  # who has no row is not there
    assert comprehensive_complication_index(rows[:0], patients=[1, 2]).tolist() == [0, 0]
    assert comprehensive_complication_index([]) == comprehensive_complication_index(pd.Series([], dtype=object)) == 0


def test_grades_in_every_way_of_writing_them():
    for text, grade in (("IIIA", "IIIa"), ("iii b", "IIIb"), ("3a", "IIIa"), ("4B", "IVb"), ("Grade I", "I"), ("graad 5", "V"), ("Clavien-Dindo II", "II"), ("CD 4a", "IVa")):
        assert grade_of(text) == grade
    for text in ("III", "IV", "3", "5", "1", "Ia", "Vb", "0", "none", "VI", "", "I-II", "IIIc"):
        assert grade_of(text) is None


def test_codes_of_the_registry_are_taken_only_where_they_are_said_to_be_codes():
    assert comprehensive_complication_index([1, "2", 3.0], coded=True) == comprehensive_complication_index(["I", "II", "IIIa"])
    for code, grade in enumerate(GRADES, start=1):
        assert comprehensive_complication_index([code], coded=True) == comprehensive_complication_index([grade])
    assert np.isnan(comprehensive_complication_index([5, np.nan], coded=True))
    with pytest.raises(CohortError, match="5 is IVa there"):
        comprehensive_complication_index([5])
    for wrong in (0, 8, 2.5, "V"):
        with pytest.raises(CohortError, match="a code of the standard registry: 1 I, 2 II, 3 IIIa"):
            comprehensive_complication_index([wrong], coded=True)


def test_grades_that_there_are_not_are_named_all_at_once():
    with pytest.raises(CohortError) as caught:
        comprehensive_complication_index(["I", "III", "moderate", 4, None])
    assert {(problem.found, problem.rows) for problem in caught.value.problems} == {("4", (3,)), ("III and moderate", (1, 2))}
    rows = pd.DataFrame({"patient": [101, 102], "grade": ["II", "IIIc"]}, index=[5, 5])
    with pytest.raises(CohortError) as caught:
        comprehensive_complication_index(rows)
    assert caught.value.problems[0].rows == (1,)  # an index with duplicates names nothing: positions


@pytest.mark.parametrize(
    ("given_", "keys", "message"),
    [
        (("II",), {}, r'as a list, \["II"\]'), ((None,), {}, "as a list"), ((5,), {}, "as a list"),
        ((["I"], ["secret", "b"]), {}, "1 grade and 2 patients"), ((["I"], [None]), {}, "1 complication without a patient"),
        ((["I", "II"], ["secret", "b"]), {"patients": ["b"]}, "1 complication of patients who are not among patients"),
        ((["I"], ["b"]), {"patients": ["b", "b"]}, "twice in patients"), ((["I"],), {"patients": [1]}, "Whose complications"),
        ((pd.DataFrame({"patient": [1], "graad": ["I"]}),), {}, "a column patient and one column grade"),
        ((pd.DataFrame({"patient": [1], "grade": ["I"], "clavien_dindo": ["I"]}),), {}, "one column grade"),
        ((pd.DataFrame({"patient": [1], "grade": ["I"]}), [1]), {}, "leave the argument patient out"),
        ((pd.Series(["I"]), pd.Series(["b"], index=[4])), {}, "different indexes"),
    ],
)  # fmt: skip
def test_questions_that_can_not_be_asked_of_grades(given_, keys, message):
    with pytest.raises(EndpointError, match=message) as caught:
        comprehensive_complication_index(*given_, **keys)
    assert "secret" not in str(caught.value)
