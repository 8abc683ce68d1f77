"""Body composition against the worked values of the methods notes, by hand at every boundary, and with what can't be."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haip_outcomes.errors import CohortError, EndpointError, PlanError
from haip_outcomes.registry.deriving.body_composition import (
    body_mass_index,
    sarcopenia,
    skeletal_muscle_index,
)
from haip_outcomes.registry.deriving.cutoffs import cutoffs_of, named_cutoffs, wrong_cutoffs

# area cm2, height cm, sex, body mass index; index, Prado, Martin, van Vledder: methods.md section 16, m16_smi
WORKED = [
    (145, 175, "m", 24, 47.3469387755102, True, False, False),
    (145, 175, "m", 27, 47.3469387755102, True, True, False),
    (150, 175, "m", 26, 48.97959183673469, True, True, False),
    (105, 162, "f", 23, 40.009144947416544, False, True, True),
    (110, 162, "f", 31, 41.91434232586495, False, False, False),
]
OWN = {"male": 50, "female": 39, "unit": "cm2/m2", "source": "200 local kidney donors"}


def test_the_worked_values():
    area, height, sex, bmi, index, *answers = map(list, zip(*WORKED, strict=True))
    smi = skeletal_muscle_index(area, height).values
    assert smi.tolist() == pytest.approx(index, rel=1e-15)
    for name, expected in zip(("prado2008", "martin2013", "vanvledder2012"), answers, strict=True):
        found = sarcopenia(smi, pd.Series(sex), cutoffs=name, bmi=pd.Series(bmi)).values
        assert (found == "Yes").tolist() == expected, name


@pytest.mark.parametrize(("weight", "height", "bmi"), [(81, 180, 25), (76.5625, 175, 25), (64, 160, 25), (49, 140, 25), (90, 150, 40)])
def test_body_mass_index_by_hand(weight, height, bmi):
    assert body_mass_index([weight], [height]).values.tolist() == [bmi]


@pytest.mark.parametrize(
    ("cutoffs", "sex", "bmi", "smi", "expected"),
    [
        ("prado2008", "male", None, 52.4, "No"), ("prado2008", "male", None, 52.39, "Yes"),
        ("prado2008", "female", None, 38.5, "No"), ("prado2008", "female", None, 38.49, "Yes"),
        ("martin2013", "male", 24.9, 43.0, "No"), ("martin2013", "male", 24.9, 42.9, "Yes"), ("martin2013", "male", 24.9, 52.9, "No"),
        ("martin2013", "male", 25.0, 43.0, "Yes"), ("martin2013", "male", 25.0, 52.9, "Yes"), ("martin2013", "male", 25.0, 53.0, "No"),
        ("martin2013", "female", 24.9, 41.0, "No"), ("martin2013", "female", 31.0, 40.9, "Yes"),
        ("vanvledder2012", "male", None, 43.75, "No"), ("vanvledder2012", "male", None, 43.74, "Yes"),
        ("vanvledder2012", "female", None, 41.10, "No"), ("vanvledder2012", "female", None, 41.09, "Yes"),
        (OWN, "male", None, 50.0, "No"), (OWN, "female", None, 38.9, "Yes"),
    ],
)  # fmt: skip
def test_every_cut_off_is_strict(cutoffs, sex, bmi, smi, expected):
    assert sarcopenia([smi], [sex], cutoffs=cutoffs, bmi=None if bmi is None else [bmi]).values.tolist() == [expected]


@pytest.mark.parametrize(("height", "cutoff"), [(height, cutoff) for height in range(140, 211) for cutoff in (52.4, 38.5, 43.75, 41.1, 43, 53)])
def test_an_area_that_is_exactly_the_cut_off_is_no_sarcopenia_at_any_height(height, cutoff):
    own = {**OWN, "male": cutoff}
    smi = skeletal_muscle_index([cutoff * (height / 100) ** 2], [height])  # whatever the last binary digit says
    assert sarcopenia(smi.values, ["male"], cutoffs=own).values.tolist() == ["No"]


@pytest.mark.parametrize("height", range(141, 211))
def test_a_body_mass_index_of_exactly_25_is_not_below_25(height):
    bmi = body_mass_index([25 * (height / 100) ** 2], [height])
    assert sarcopenia([50], ["male"], cutoffs="martin2013", bmi=bmi.values).values.tolist() == ["Yes"]


def test_a_missing_part_gives_a_missing_value_and_a_warning_that_names_it():
    found = sarcopenia([47, np.nan, 47, 47, 40, np.nan], ["m", "m", None, "m", "f", None], cutoffs="martin2013", bmi=[24, 24, 24, np.nan, np.nan, np.nan])
    assert found.values.tolist() == pytest.approx(["No", np.nan, np.nan, np.nan, "Yes", np.nan], nan_ok=True)  # a woman needs no body mass index
    assert [(note.column, note.rows, note.severity) for note in found.notes] == [("smi", (1,), "warning"), ("sex", (2,), "warning"), ("bmi", (3,), "warning")]
    assert body_mass_index([80, np.nan], [np.nan, 180]).values.isna().all()
    assert skeletal_muscle_index(pd.Series([145, pd.NA], dtype="Int64"), 175).values.isna().tolist() == [False, True]


def test_no_is_the_reference_and_the_index_is_kept():
    patients = pd.Index([12, 7, 9])
    found = sarcopenia(pd.Series([40.0, 60, 50], index=patients), pd.Series(["f", "m", "m"], index=patients[::-1]), cutoffs="prado2008")
    assert found.values.index.equals(patients)
    assert found.values.cat.categories.tolist() == ["No", "Yes"]
    assert found.values.tolist() == ["Yes", "No", "No"]  # aligned by index: patient 12 is the man at the end of the second list


def test_the_cut_offs_are_always_told():
    assert "52.4 (men) or 38.5 (women), in cm²/m²: Prado 2008 (doi:10.1016/S1470-2045(08)70153-0)" in sarcopenia([50], ["m"], cutoffs="prado2008").method
    martin = sarcopenia([50], ["m"], cutoffs="martin2013", bmi=[30]).method
    assert "43 (men, body mass index below 25), 53 (men, body mass index from 25) or 41 (women)" in martin
    assert "second-hand" in martin
    assert "UNVERIFIED" in sarcopenia([50], ["m"], cutoffs="vanvledder2012").method
    own = sarcopenia([50], ["m"], cutoffs=OWN).method
    assert "the centre's own cut-offs (200 local kidney donors)" in own
    assert "second-hand" not in own
    assert "known for 1 of 1 patient." in repr(sarcopenia([50], ["m"], cutoffs=OWN))


def test_every_published_cut_off_says_what_was_read():
    for cutoffs in named_cutoffs().values():
        assert cutoffs.reading in ("primary", "second-hand", "unverified")
        assert cutoffs.doi.startswith("10.")
        assert len(cutoffs.read) > 40
    assert named_cutoffs()["vanvledder2012"].reading == "unverified"


@pytest.mark.parametrize(
    ("made", "column", "advice"),
    [
        (lambda: body_mass_index([80], [1.75]), "height_cm", "metres"),
        (lambda: body_mass_index([-80], [175]), "weight_kg", "pounds"),
        (lambda: body_mass_index([80], [0]), "height_cm", "correct"),
        (lambda: body_mass_index([np.inf], [175]), "weight_kg", "correct"),
        (lambda: skeletal_muscle_index([14500], [175]), "l3_muscle_area_cm2", "mm²"),
        (lambda: sarcopenia([4735], ["m"], cutoffs="prado2008"), "smi", "squared"),
        (lambda: sarcopenia([47], ["x"], cutoffs="prado2008"), "sex", "correct"),
        (lambda: sarcopenia([47], [1], cutoffs="prado2008"), "sex", "correct"),
        (lambda: sarcopenia([47], ["m"], cutoffs="martin2013", bmi=[0.0024]), "bmi", "squared"),
    ],
)
def test_what_can_not_be_is_refused(made, column, advice):
    with pytest.raises(CohortError) as caught:
        made()
    (problem,) = caught.value.problems
    assert (problem.column, problem.rows, problem.severity) == (column, (0,), "error")
    assert advice in problem.advice


def test_everything_that_is_wrong_is_told_at_once():
    with pytest.raises(CohortError) as caught:
        body_mass_index(pd.Series([80, 5000, 0], index=[4, 9, 12]), pd.Series([1.75, 175, 180], index=[4, 9, 12]))
    assert [(p.column, p.rows, p.found, p.cells) for p in caught.value.problems] == [
        ("weight_kg", (9, 12), "5000 and 0", ("5000", "0")), ("height_cm", (4,), "1.75", ("1.75",))]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("prado", 'Did you mean "prado2008"'),
        ({**OWN, "unit": "mm2/m2"}, "the index is in cm2/m2"),
        ({**OWN, "female": None}, "female: write a number"),
        ({**OWN, "male": -3}, "male: write a number"),
        ({**OWN, "male": True}, "male: write a number"),
        ({**OWN, "source": " "}, "source must say"),
        ({**OWN, "reference": "x"}, '"reference" is no part of cut-offs'),
        ({**OWN, "male": [{"below": 43, "bmi_below": 25}]}, "the last one must be for everybody"),
        ({**OWN, "male": [{"below": 43}, {"below": 53}]}, "ascending"),
        ({**OWN, "male": [{"below": 43, "bmi_below": 30}, {"below": 50, "bmi_below": 25}, {"below": 53}]}, "ascending"),
        ({**OWN, "male": [{"below": 43, "bmi": 25}, {"below": 53}]}, '"bmi" is no part of a band'),
        ({**OWN, "male": []}, "write a number"),
    ],
)
def test_wrong_cut_offs_are_told(given, message):
    assert any(message in line for line in wrong_cutoffs(given)), wrong_cutoffs(given)
    with pytest.raises(PlanError, match="cutoffs: "):
        sarcopenia([50], ["m"], cutoffs=given)
    with pytest.raises(PlanError):
        cutoffs_of(given)


def test_all_that_own_cut_offs_lack_is_told_at_once():
    assert [line.split()[0] for line in wrong_cutoffs({})] == ["male", "female", "unit", "source"]


def test_own_cut_offs_by_body_mass_index():
    own = {**OWN, "female": [{"below": 35, "bmi_below": 25}, {"below": 40, "bmi_below": 30}, {"below": 45}]}
    found = sarcopenia([38] * 4, ["f", "f", "f", "m"], cutoffs=own, bmi=[24.9, 25, 30, np.nan])
    assert found.values.tolist() == ["No", "Yes", "Yes", "Yes"]
    assert "35 (women, body mass index below 25), 40 (women, body mass index from 25 and below 30) or 45 (women, body mass index from 30)" in found.method


def test_questions_that_can_not_be_asked():
    with pytest.raises(EndpointError, match="depend on the body mass index"):
        sarcopenia([50], ["m"], cutoffs="martin2013")
    with pytest.raises(EndpointError, match="2 values for 3 patients"):
        body_mass_index([80, 81, 82], [170, 180])
    with pytest.raises(EndpointError, match="same index"):
        body_mass_index(pd.Series([80], index=[1]), pd.Series([170], index=[2]))
    with pytest.raises(EndpointError, match="duplicates"):
        body_mass_index(pd.Series([80, 81], index=[1, 1]), 170)
    with pytest.raises(EndpointError, match="must be numbers"):
        body_mass_index(["eighty"], [170])


@given(st.lists(st.tuples(st.floats(10, 90), st.sampled_from(["male", "female"]), st.floats(15, 45)), min_size=1, max_size=30), st.randoms())
def test_the_order_of_the_patients_changes_nothing(patients, chance):
    frame = pd.DataFrame(patients, columns=["smi", "sex", "bmi"])
    mixed = frame.sample(frac=1, random_state=chance.randrange(2**31))
    for name in named_cutoffs():
        expected = sarcopenia(frame["smi"], frame["sex"], cutoffs=name, bmi=frame["bmi"]).values
        found = sarcopenia(mixed["smi"], mixed["sex"], cutoffs=name, bmi=mixed["bmi"]).values
        pd.testing.assert_series_equal(found.sort_index(), expected)
