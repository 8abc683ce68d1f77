"""The words for what a published figure is about: one table, for sentences, tables and figures alike."""

from __future__ import annotations

import math

from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.formatting import number

ENDPOINT_WORDS = {
    "postop_complication": "postoperative complications",
    "postop_mortality": "postoperative mortality",
    "pump_complication": "pump complications",
    "biliary_sclerosis": "biliary stricture",
    "first_cycle_delivered": "first cycle given",
    "first_cycle_not_delivered": "first cycle not given",
}


def endpoint_words(figure: PublishedFigure) -> str:
    """What was measured, in lower case: "overall survival", "postoperative complications"."""
    name = figure.outcome or figure.endpoint
    return ENDPOINT_WORDS.get(name, name.replace("_", " "))


def under(convention: str) -> str:
    """A convention after what it goes with: "with deaths censored", "counted from liver resection"."""
    if not convention:
        return "as the centre counts"
    return convention if convention.startswith("counted") else f"with {convention}"


def days_text(value: float, missing: str = "-") -> str:
    """Days as they are: whole ones whole, a median that lies between two days with its half ("28.5")."""
    return number(value, 0 if not math.isfinite(value) or abs(value - round(value)) < 0.05 else 1, missing)


def days_words(value: float, low: float, high: float, missing: str = "-") -> str:
    """A number of days with its limits: "28.5 (23, 34)"."""
    return f"{days_text(value, missing)} ({days_text(low, missing)}, {days_text(high, missing)})"


def days_apart(value: float, low: float, high: float) -> str:
    """A difference of days with its limits, which are computed: to half a day where it is not whole, "7.5 (1.2, 13.9)"."""
    digits = 0 if days_text(value) == number(value, 0) else 1
    return f"{number(value, digits)} ({number(low, digits)}, {number(high, digits)})"
