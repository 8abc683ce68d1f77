"""The words for what a published figure is about: one table, for sentences, tables and figures alike."""

from __future__ import annotations

from haip_outcomes.benchmark.published_figure import PublishedFigure

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
