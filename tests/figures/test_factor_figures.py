"""The shape of a number and the forest of subgroups: what stands where, and what a printer needs."""

import numpy as np
import pytest

import haip_outcomes as haip
from haip_outcomes.errors import EndpointError, HaipError
from haip_outcomes.figures.forest import plot_forest
from haip_outcomes.figures.shapes import plot_shape
from haip_outcomes.figures.subgroup_forest import plot_subgroups
from haip_outcomes.tables.disclosure import Sharing


@pytest.fixture(scope="module")
def found():
    return haip.factors(haip.demo_cohort(), "os", ["age", "sarcopenia"], strata="setting", interactions=["sarcopenia*synchronous", "age*sarcopenia"])


def of(drawing, gid):
    return [line for axes in drawing.figure.axes for line in axes.get_lines() if line.get_gid() == gid]


@pytest.mark.parametrize("width", ["single", "double"])
@pytest.mark.parametrize("model", ["univariable", "multivariable"])
def test_the_curve_is_that_of_the_model(checked, found, width, model):
    drawing = plot_shape(found, "age", model=model, width=width)
    checked(drawing)
    (curve,) = of(drawing, "curve")
    told = found.shape("age", model=model)
    assert np.allclose(curve.get_ydata(), np.exp(told["estimate"]))
    (line,) = of(drawing, "straight")
    slope = np.diff(np.log(line.get_ydata()))[0] / (line.get_xdata()[-1] - line.get_xdata()[0]) * (len(line.get_xdata()) - 1) if len(line.get_xdata()) == 2 else np.polyfit(
        line.get_xdata(), np.log(line.get_ydata()), 1)[0]  # fmt: skip
    own = found.tidy().query("model == @model and term == 'age'")["estimate"].iloc[0]
    assert slope == pytest.approx(own, rel=1e-9)
    assert "does not prove a straight line" in drawing.caption


def test_a_shape_for_outside_has_no_patients_at_its_ends(checked, found):
    drawing = plot_shape(found, "age", policy=Sharing.of(haip.demo_cohort().frame.index))
    checked(drawing)
    assert len(drawing.figure.axes) == 1
    values = haip.demo_cohort()["age"].dropna()
    x = of(drawing, "curve")[0].get_xdata()
    assert (values < x[0]).sum() >= 4
    assert (values > x[-1]).sum() >= 4
    assert "60 patients" not in drawing.caption


def test_no_curve_is_said(found):
    with pytest.raises(EndpointError, match='There is no curve of "sarcopenia"'):
        plot_shape(found, "sarcopenia")


@pytest.mark.parametrize("width", ["single", "double"])
@pytest.mark.parametrize("model", ["univariable", "multivariable"])
def test_subgroups(checked, found, width, model):
    pairs = ["sarcopenia*synchronous"] if model == "univariable" else None
    drawing = plot_subgroups(found, pairs, model=model, width=width)
    checked(drawing)
    rows = found.subgroups.query("model == @model")
    rows = rows[rows["interaction"].isin(pairs)] if pairs else rows
    marks = [line.get_xdata()[0] for line in of(drawing, "mark")]
    assert sorted(np.round(marks, 9)) == sorted(np.round(np.exp(rows["estimate"].astype(float)), 9))
    words = [text.get_text() for text in drawing.figure.texts]
    assert any("p for interaction" in word for word in words)
    assert "All patients" in words
    assert "no evidence that they differ" in drawing.caption


def test_subgroups_that_are_not_there(found):
    with pytest.raises(HaipError, match="no subgroups of"):
        plot_subgroups(found, ["sarcopenia*sex"])
    with pytest.raises(HaipError, match="report for outside"):
        plot_subgroups(found, policy=Sharing.of(haip.demo_cohort().frame.index))


@pytest.mark.parametrize("width", ["single", "double"])
def test_both_hazards_have_a_mark_each(checked, width):
    liver = haip.factors(haip.demo_cohort(), "liver", ["sarcopenia", "age"], cause="Liver")
    drawing = plot_forest(liver, width=width)
    checked(drawing)
    words = [text.get_text() for text in drawing.figure.texts]
    assert "multivariable models." in drawing.caption
    assert {"Cause-specific", "Subdistribution"} <= set(words)
    (other,) = [line.get_xdata()[0] for line in of(drawing, "mark") if line.get_marker() == "D"][:1]
    assert other == np.exp(liver.subdistribution_multivariable.coefficients[0])
    alone = plot_forest(liver, models=["univariable", "univariable subdistribution"])
    assert len(of(alone, "mark")) == 4
    assert len(of(plot_forest(liver, models=["multivariable"]), "mark")) == 2
    with pytest.raises(HaipError, match="one or two of the models"):
        plot_forest(liver, models=["penalised"])
