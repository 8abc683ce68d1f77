"""REMARK: what the guideline asks of a study of prognostic factors, and what an analysis can say to it.

McShane et al., Reporting recommendations for tumor marker prognostic studies, J Natl Cancer Inst 2005;97:1180-1184
(doi:10.1093/jnci/dji237). Its 20 items are given here in short words of our own. What only the authors know is left to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from haip_outcomes.formatting import interval, listed, median, number, p_value, plural
from haip_outcomes.survival.curves.kaplan_meier import follow_up
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.time_to_event import TimeToEvent

AUTHOR = "For the author."


@dataclass(frozen=True, eq=False)
class About:
    """What a reader of the results needs to know of the data: for REMARK."""

    tte: TimeToEvent  # with one kind of event
    terms: tuple[str, ...]  # each on its own
    multivariable: tuple[str, ...]  # those named for the multivariable model
    planned: bool  # whether the plan names these factors
    missing: dict[str, int]  # column -> patients without it
    made: tuple[str, ...]  # how derived columns were made
    flow: pd.DataFrame | None  # of a cohort's patients


class Refused(Protocol):
    """A term that a model does not have, or a model that was not fitted (then `term` is empty)."""

    @property
    def term(self) -> str:
        """Of the model."""

    @property
    def model(self) -> str:
        """Its kind."""

    @property
    def reason(self) -> str:
        """A sentence."""


class Analysis(Protocol):
    """What REMARK is answered from: the result of `factors`."""

    @property
    def about(self) -> About:
        """Of the data."""

    @property
    def refused(self) -> tuple[Refused, ...]:
        """What was not fitted, and why."""

    @property
    def labels(self) -> dict[str, str]:
        """Term -> its name in print."""

    @property
    def levels(self) -> pd.DataFrame:
        """Patients and events at each level."""

    @property
    def proportional_hazards(self) -> pd.DataFrame:
        """Its tests."""

    @property
    def linearity(self) -> pd.DataFrame:
        """Its tests."""

    @property
    def interactions(self) -> pd.DataFrame:
        """Their tests."""

    @property
    def multivariable(self) -> HazardFit | None:
        """The model of several terms."""

    @property
    def method(self) -> str:
        """The sentence the result writes about itself."""

    def fits(self) -> Iterator[tuple[str, HazardFit]]:
        """Every model with its kind."""

    def tidy(self, exponentiate: bool = False) -> pd.DataFrame:
        """A row a coefficient and model."""

    def glance(self) -> pd.DataFrame:
        """A row a model."""


# where to find what the analysis itself does not hold; a report says where it stands in it
ELSEWHERE = {
    10: "Patients without a value are left out of the models that need it.",
    13: "The distribution of the factors: for the author (baseline_table).",
    15: "Curves: for the author (plot_survival by each factor).",
    18: "Internal validation (validate) and sensitivity analyses: for the author.",
}


def remark_items(found: Analysis, elsewhere: Mapping[int, str] | None = None) -> pd.DataFrame:
    """item, section, asks, says: the 20 items, each answered from the analysis or left to the author; `elsewhere` replaces `ELSEWHERE`, by item."""
    ends = {**ELSEWHERE, **(elsewhere or {})}
    if not any(found.about.missing.values()):
        ends[10] = ""
    rows = [(item, section, asks, f"{says(found) if callable(says) else says} {ends.get(item, '')}".strip()) for item, section, asks, says in _ITEMS]
    return pd.DataFrame(rows, columns=["item", "section", "asks", "says"])


def _named(found: Analysis, terms: list[str]) -> str:
    return listed([found.labels.get(term, term) for term in terms])


def _asked(found: Analysis) -> list[str]:
    """Every candidate, of either kind of model."""
    return list(dict.fromkeys([*found.about.terms, *found.about.multivariable]))


def _plain(term: str) -> str:
    """A product as a model names it: "a:b" for "a * b"."""
    return ":".join(part.strip() for part in term.replace("*", ":").split(":"))


def _fitted(found: Analysis) -> set[str]:
    """The terms that at least one model holds."""
    return {_plain(term) for _, fit in found.fits() for term in fit.design.terms}


def _because(found: Analysis, term: str, models: str = "") -> str:
    """Why no model (or none of this kind) holds a term; without the stop."""
    names = {term, _plain(term), *_plain(term).split(":")}
    reasons = [one.reason for one in found.refused if one.term in names and one.model.startswith(models)]
    reasons += [one.reason for one in found.refused if not one.term and one.model.startswith(models)]
    return reasons[0].rstrip(".") if reasons else "in none of the models that could be fitted"


def _gone(found: Analysis) -> list[str]:
    """The candidates that no model holds."""
    held = _fitted(found)
    return [term for term in _asked(found) if _plain(term) not in held]


def _markers(found: Analysis) -> str:
    said = f"Factors examined: {_named(found, _asked(found))}, {'as the plan names them' if found.about.planned else 'as named for this analysis'}."
    if len(found.interactions):
        pairs = list(dict.fromkeys(found.interactions["interaction"]))
        said += f" Interactions declared: {listed(pairs)}."
    return f"{said} Objectives, hypotheses, and whether they came before the data: for the author."


def _patients(found: Analysis) -> str:
    about = found.about
    said = f"{plural(about.tte.n, 'patient')} analysed, followed from {about.tte.time_zero or 'time zero'}."
    if about.flow is not None:
        out = about.flow[about.flow["excluded"] > 0]
        said += " " + ("; ".join(f"{row['excluded']} left out: {row['because']}" for row in out.to_dict("records")) + "." if len(out) else "Nobody of the file was left out.")
    return f"{said} Source and eligibility: for the author."


def _follow_up(found: Analysis) -> str:
    tte = found.about.tte
    row = follow_up(tte).median().iloc[0]
    return (f"Followed from {tte.time_zero or 'time zero'} to the event or the last observation; median follow-up "
            f"{median(row['estimate'], row['conf_low'], row['conf_high'])} {tte.unit} (reverse Kaplan-Meier). Period of inclusion: for the author.")  # fmt: skip


def _endpoint(found: Analysis) -> str:
    tte = found.about.tte
    others = f" Competing: {listed(tte.censored_causes)}." if tte.censored_causes else ""
    return f"{tte.label or tte.states[0]}: {tte.states[0]}, counted from {tte.time_zero or 'time zero'}, in {tte.unit}.{others}"


def _candidates(found: Analysis) -> str:
    gone = "; ".join(f"{found.labels.get(term, term)} ({_because(found, term)})" for term in _gone(found))
    said = f"Refused, and in no model: {gone}." if gone else "All of them are in the tables."
    return f"Candidates: {_named(found, _asked(found))}. {said} None was dropped by its p-value here."


def _sample_size(found: Analysis) -> str:
    models = found.glance()
    few = models.sort_values("events_per_coefficient", kind="stable").iloc[0]
    return (f"{plural(int((found.about.tte.state > 0).sum()), 'event')}. Fewest events a coefficient: {number(few['events_per_coefficient'], 1)} "
            f"({few['model']}{', ' + found.labels.get(few['term'], few['term']) if few['term'] else ''}). Rationale of the size: for the author.")  # fmt: skip


def _methods(found: Analysis) -> str:
    checks = [words for words, check in (("hazards for proportionality", found.proportional_hazards), ("numbers for linearity", found.linearity)) if len(check)]
    checked = f"Checked: {listed(checks)}." if checks else "Neither proportional hazards nor linearity could be checked."
    return " ".join(filter(None, [f"{found.method}.", "No variable selection by p-values.", _model_held(found), checked]))


def _model_held(found: Analysis) -> str:
    """Which of the terms that were named the multivariable model holds, and why not the others."""
    named, model = list(found.about.multivariable), found.multivariable
    if model is None:
        return f"No multivariable model: {_why_none(found).rstrip('.')}." if len(named) > 1 else "No multivariable model was asked for."
    held = {_plain(term) for term in model.design.terms}
    gone = [term for term in named if _plain(term) not in held]
    if not gone:
        return f"The multivariable model holds all terms named for it: {_named(found, named)}."
    left = "; ".join(f"{found.labels.get(term, term)} ({_because(found, term, 'multivariable')})" for term in gone)
    return f"Of the terms named for it the multivariable model holds {_named(found, [term for term in named if term not in gone])}; refused: {left}."


def _why_none(found: Analysis) -> str:
    """Why there is no multivariable model: what was refused on the way to it."""
    told = [one for one in found.refused if one.model == "multivariable"]
    return " ".join(f"{found.labels.get(one.term, one.term)}: {one.reason}" if one.term else one.reason for one in told)


def _handling(found: Analysis) -> str:
    levels = found.levels
    held = {part for term in _fitted(found) for part in (term, *term.split(":"))}
    used = [term for term in dict.fromkeys(levels["term"]) if term in held]
    numbers = [term for term in used if levels.loc[levels["term"] == term, "level"].isna().all()]
    groups = [term for term in used if term not in numbers]
    said = [f"As numbers, per unit: {_named(found, numbers)}." if numbers else "", f"In levels of the data: {_named(found, groups)}." if groups else "",
            f"In no model (item 8): {_named(found, _gone(found))}." if _gone(found) else "", *found.about.made]  # fmt: skip
    return " ".join([*filter(None, said), "No cut-off was chosen from the outcome by this analysis; how levels were defined: for the author."])


def _flow(found: Analysis) -> str:
    who = [f"{row['model']}{' ' + found.labels.get(row['term'], row['term']) if row['term'] else ''}: {row['n']} patients, {row['n_event']} events"
           for row in found.glance().to_dict("records")]  # fmt: skip
    return "; ".join(who) + "."


def _missing(found: Analysis) -> str:
    gaps = {term: int(n) for term, n in found.about.missing.items() if n}
    return (f"Missing: {', '.join(f'{found.labels.get(t, t)} {n} of {len(found.about.tte)}' for t, n in gaps.items())}." if gaps else "No value is missing.")


def _between(found: Analysis) -> str:
    return "Relations between the factors: for the author (a table by a factor: baseline_table)."


def _univariable(found: Analysis) -> str:
    return _effects(found, "univariable")


def _multivariable(found: Analysis) -> str:
    return _effects(found, "multivariable") if found.multivariable is not None else _model_held(found)


def _assumptions(found: Analysis) -> str:
    said = []
    for check, words in ((found.proportional_hazards, "Proportional hazards"), (found.linearity, "Straight lines")):
        told = [f"{found.labels.get(r['term'], r['term']) if r['term'] != 'GLOBAL' else 'all together'} ({r['model']}) p {p_value(r['p_value'])}" for r in check.to_dict("records")]
        said.append(f"{words}: {'; '.join(told)}." if told else f"{words}: not tested.")
    if len(found.interactions):
        said.append("Interactions: " + "; ".join(f"{r['interaction']} ({r['model']}) p {p_value(r['p_value'])}" for r in found.interactions.to_dict("records")) + ".")
    return " ".join(said)


def _effects(found: Analysis, model: str) -> str:
    rows = found.tidy(exponentiate=True)
    own = rows[rows["model"] == model]
    level = f"{100 * next(iter(found.fits()))[1].conf_level:g}% interval"
    told = [f"{found.labels.get(r['term'], r['term'])}{'' if r['level'] is None else ', ' + str(r['level'])}: "
            f"{interval(r['estimate'], r['conf_low'], r['conf_high'])}, p {p_value(r['p_value'])}" for r in own.to_dict("records")]  # fmt: skip
    return f"Hazard ratios ({level}): {'; '.join(told)}." if told else "None could be fitted."


Says = str | Callable[[Analysis], str]
_ITEMS: tuple[tuple[int, str, str, Says], ...] = (
    (1, "Introduction", "The marker, the objectives and the hypotheses stated beforehand.", _markers),
    (2, "Patients", "Where the patients come from, stage, other illnesses; who was eligible and who not.", _patients),
    (3, "Patients", "Treatments received, and how they were chosen.", AUTHOR),
    (4, "Specimens", "What material was used, controls, and how it was kept.", AUTHOR),
    (5, "Assays", "How the marker was measured: method, quality control, whether blinded to the outcome.", AUTHOR),
    (6, "Design", "How cases were selected, prospective or not; period of inclusion, end and median of follow-up.", _follow_up),
    (7, "Design", "Every clinical endpoint defined.", _endpoint),
    (8, "Design", "All candidate variables listed.", _candidates),
    (9, "Design", "Why this sample size.", _sample_size),
    (10, "Analysis", "All statistical methods: choice of variables, checks of assumptions, missing values.", _methods),
    (11, "Analysis", "How marker values were handled; how cut-offs were found.", _handling),
    (12, "Results: data", "The flow of patients, numbers and events in each analysis.", _flow),
    (13, "Results: data", "Distributions of the variables and the marker, with the numbers missing.", _missing),
    (14, "Results: analysis", "The marker's relation to standard prognostic variables.", _between),
    (15, "Results: analysis", "Univariable effects on the outcome with intervals, and curves; the same for the other variables.", _univariable),
    (16, "Results: analysis", "Multivariable effects with intervals, for all variables of the model.", _multivariable),
    (17, "Results: analysis", "The marker's effect with intervals beside the standard variables, whether significant or not.", _multivariable),
    (18, "Results: analysis", "Further investigations: assumptions, sensitivity, internal validation.", _assumptions),
    (19, "Discussion", "What the results mean against the hypotheses and other studies; limitations.", AUTHOR),
    (20, "Discussion", "What it means for research and care.", AUTHOR),
)  # fmt: skip
