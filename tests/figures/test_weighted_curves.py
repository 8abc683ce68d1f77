"""The figure of two treatments: weighted curves, crude beside them, patients and effective numbers under the axis."""

import numpy as np
import pytest

import haip_outcomes as haip
from haip_outcomes.errors import EndpointError
from haip_outcomes.figures.balance import plot_balance
from haip_outcomes.figures.weighted_curves import plot_treatments
from haip_outcomes.prognosis.treatments.treatments_compared import compare_treatments
from haip_outcomes.survival.weighting.treatment_weights import effective_size

LABELS = {"adjuvant": "Pump", "comparator": "No pump"}


def compared(endpoint="os", n=260, **truth):
    rng = np.random.default_rng(11)
    cohort = haip.simulate_cohort(n, rng=rng, truth=haip.Truth(**truth) if truth else None, shares={"adjuvant": 1, "comparator": 1})
    passed_over = (cohort["setting"] == "adjuvant") & (cohort["sarcopenia"] == "Yes") & (rng.random(n) < 0.7)
    return compare_treatments(cohort.where(~passed_over, because="not offered a pump"), endpoint, treatment="setting", confounders=["sarcopenia", "age"])


def lines(drawing, gid):
    return [line for line in drawing.figure.axes[0].lines if line.get_gid() == gid]


@pytest.mark.parametrize("width", ["single", "double"])
@pytest.mark.parametrize("endpoint", ["os", "liver"])
def test_weighted_and_crude_curves_with_effective_numbers(checked, width, endpoint):
    found = compared(endpoint)
    drawing = plot_treatments(found, width=width, labels=LABELS)
    checked(drawing)
    assert len(lines(drawing, "crude")) == len(lines(drawing, "firm")) == 2
    words = {text.get_text() for text in drawing.figure.texts}
    assert {"Pump, weighted", "No pump, crude", "At risk", "Effective"} <= words
    numbers = drawing.numbers
    at = numbers[(numbers["group"] == "adjuvant") & (numbers["time"] == 24)].iloc[0]
    there = (found.tte.time >= 24) & (found.groups == "adjuvant").to_numpy()
    assert at["n_risk"] == there.sum()
    assert at["effective_n"] == pytest.approx(effective_size(found.propensity.weights.to_numpy()[there]))
    assert found.method in drawing.caption
    assert "Weighted" in drawing.alt
    firm = lines(drawing, "firm")[0]
    curve = found.curves.tidy()
    mine = curve[curve["group"] == "adjuvant"]
    if endpoint == "os":
        assert set(np.round(firm.get_ydata(), 12)) <= set(np.round([1.0, *mine["estimate"]], 12))


def test_causes_labels_and_axes_that_do_not_fit():
    found = compared("liver")
    assert "death" in plot_treatments(found, cause="Death").name
    with pytest.raises(EndpointError, match='no event "Lung"'):
        plot_treatments(found, cause="Lung")
    with pytest.raises(EndpointError, match='no group "pump"'):
        plot_treatments(found, labels={"pump": "Pump"})
    with pytest.raises(EndpointError, match="breaks must lie"):
        plot_treatments(found, breaks=[0, 900])
    with pytest.raises(EndpointError, match="must end after 0"):
        plot_treatments(found, until=0)


def test_balance_takes_a_comparison_with_its_labels(checked):
    drawing = plot_balance(compared())
    checked(drawing)
    assert "Age at pump placement, years" in drawing.alt or "Sarcopenia" in drawing.alt
