"""How the two sides' estimands match, and what the centre answers: the results that the questions of `estimands` share."""

from __future__ import annotations

from dataclasses import dataclass

from haip_outcomes.benchmark.centre import CentreNumber
from haip_outcomes.benchmark.conventions import NOT_ASKED, SAME

ENDPOINTS = {"overall_survival": "os", "recurrence_free_survival": "rfs", "progression_free_survival": "pfs"}
LIVER = ("time_to_liver_progression", "hepatic_recurrence")
NO_ENTRY = "the plan does not ask for it in [programme]"
NO_ENDPOINT = "the plan has no such endpoint"
OTHER_EVENT = "the source counts something else than the centre"


@dataclass(frozen=True)
class Fields:
    """How the estimands of the two sides compare, field by field, and what is not stated, in words."""

    setting: str = SAME
    time_zero: str = NOT_ASKED
    event: str = NOT_ASKED
    competing: str = NOT_ASKED
    unstated: tuple[str, ...] = ()
    plan_unstated: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answers:
    """The centre's numbers for one figure: one, or one a convention that the figure could mean."""

    fields: Fields
    numbers: tuple[CentreNumber, ...]
    group: str
    notes: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()  # conventions that the figure could mean and this centre can't answer
