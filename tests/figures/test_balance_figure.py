"""The balance plot: marks where the differences are, words that fit, and what can't be drawn."""

import numpy as np
import pandas as pd
import pytest

from haip_outcomes.errors import HaipError
from haip_outcomes.figures.balance import plot_balance
from haip_outcomes.survival.weighting.propensity_scores import propensity


def made(n=150):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"age": rng.normal(60, 10, n), "stage": rng.choice(["I", "II", "III"], n), "extrahepatic_disease_before_treatment": rng.integers(0, 2, n)})
    frame["pump"] = (rng.random(n) < 1 / (1 + np.exp(-(frame["age"] - 60) / 12))).astype(int)
    return frame, propensity(frame, "pump", ["age", "stage", "extrahepatic_disease_before_treatment"])


def marks(drawing, gid):
    return [float(line.get_xdata()[0]) for line in drawing.figure.axes[0].lines if line.get_gid() == gid]


@pytest.mark.parametrize("width", ["single", "double"])
def test_marks_stand_at_the_differences(checked, width):
    _, p = made()
    drawing = plot_balance(p, width=width, labels={"stage": "Stage at diagnosis"})
    checked(drawing)
    balance = p.balance()
    for sample in ("unweighted", "weighted"):
        assert marks(drawing, sample) == pytest.approx(balance.loc[balance["sample"] == sample, "estimate"].abs().tolist())
    assert marks(drawing, "limit") == [0.1]
    assert drawing.caption.startswith(p.method)
    assert drawing.alt.startswith("Balance plot of 3 characteristics. Largest absolute standardised difference 0.")
    words = {text.get_text() for text in drawing.figure.texts}
    assert {"Stage at diagnosis", "III", "Before", "After"} <= words


def test_a_difference_without_a_size_is_an_arrowhead(checked):
    frame, _ = made()
    frame["told"] = frame["pump"] * 2.0
    drawing = plot_balance(propensity(frame, "pump", ["age"]).balance(["age", "told"]))
    checked(drawing)
    assert len(marks(drawing, "unweighted beyond")) == len(marks(drawing, "weighted beyond")) == 1
    assert "∞" in {text.get_text() for text in drawing.figure.texts}


def test_what_can_not_be_drawn():
    _, p = made()
    with pytest.raises(HaipError, match="no column term"):
        plot_balance(pd.DataFrame({"x": [1]}))
    with pytest.raises(HaipError, match="nothing to draw"):
        plot_balance(p.balance().iloc[:0])
    with pytest.raises(HaipError, match="a page holds"):
        plot_balance(pd.concat([p.balance().assign(term=f"t{i}") for i in range(40)]))
    with pytest.raises(HaipError, match="wide"):
        plot_balance(p, width="triple")
