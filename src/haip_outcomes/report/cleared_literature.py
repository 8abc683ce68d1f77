"""The comparison with the literature for outside: a number of the centre that rests on a small count is not compared."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import pandas as pd

from haip_outcomes.benchmark.centre import CentreNumber
from haip_outcomes.benchmark.comparison import Compared, Comparison
from haip_outcomes.benchmark.estimands import ENDPOINTS
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.benchmark.verdicts import NOT_COMPARABLE, SAME_PATIENTS, Judged
from haip_outcomes.programme.safety_and_delivery import EARLY
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.cleared_factors import cleared_terms
from haip_outcomes.report.cleared_programme import members
from haip_outcomes.tables.disclosure import FEW, Policy

SMALL = "this centre's number rests on a count of one to four, or would reveal one: hidden in a report for outside"


@dataclass(frozen=True, eq=False, repr=False)
class ClearedComparison(Comparison):
    """A comparison whose numbers of this centre are rounded, and say so."""

    def tidy(self) -> pd.DataFrame:
        """A row a figure and convention, as in a Comparison, and the column `rounded`."""
        return super().tidy().assign(rounded=True)


def cleared_comparison(comparison: Comparison, cohort: Cohort, policy: Policy) -> Comparison:
    """Every figure whose number of this centre may be shown, rounded; the others are listed with the reason."""
    if not policy.hides:
        return comparison
    compared = tuple(_cleared(one, cohort, policy) for one in comparison.compared)
    kept = {one.name: getattr(comparison, one.name) for one in fields(comparison)}
    return ClearedComparison(**{**kept, "compared": compared})


def _cleared(one: Compared, cohort: Cohort, policy: Policy) -> Compared:
    if one.answers is None:
        return replace(one, reason=_reason(one.reason, policy), kind=policy.words(one.kind) if one.kind else "")
    part = _part(cohort, one.figure)
    if not all(_shown(ours, part, one.figure, policy) for ours in one.answers.numbers):
        same = one.verdict == SAME_PATIENTS
        return replace(one, verdict=SAME_PATIENTS if same else NOT_COMPARABLE, reason=SMALL, kind=SMALL, answers=None, judged=())
    numbers = tuple(rounded(ours, policy) for ours in one.answers.numbers)
    answers = replace(one.answers, numbers=numbers, notes=(), unanswered=tuple(policy.words(words) for words in one.answers.unanswered))
    return replace(one, answers=answers, judged=tuple(_rounded_difference(found, one.figure.unit, policy) for found in one.judged),
                   reason=one.reason if one.verdict == SAME_PATIENTS else _reason(one.reason, policy))  # fmt: skip


def _reason(reason: str, policy: Policy) -> str:
    """Reasons that count this centre's events are not repeated; those about intervals and power are."""
    counts = any(word in reason for word in (" seen where ", " patient", " at risk", " event"))
    return policy.words(reason).rstrip(".") if counts else reason


def _part(cohort: Cohort, figure: PublishedFigure) -> Cohort:
    if figure.setting == "both":
        pumps = cohort.frame["setting"].astype(str).isin(["adjuvant", "unresectable"])
        return cohort if pumps.all() else cohort.where(pumps, because="comparator patients")
    return cohort.setting("comparator" if figure.setting == "resected_no_haip" else figure.setting)


def _shown(ours: CentreNumber, part: Cohort, figure: PublishedFigure, policy: Policy) -> bool:
    everybody = part.frame.index
    if ours.times is not None:
        return times_shown(ours, everybody, figure.horizon, policy)
    if ours.unit == "ratio":
        return _ratio_shown(part, figure, policy) and ours.n == len(part)
    asked, known, yes = _counted(part, figure)
    if not policy.shows(known, asked) or ours.n != len(known):
        return False
    if yes is None:
        return policy.enough(len(known))
    return policy.family(known, [yes, known.difference(yes)])[0] and ours.n_event in (len(yes), len(known) - len(yes))


def times_shown(ours: CentreNumber, everybody: pd.Index, horizon: float | None, policy: Policy) -> bool:
    """Whether a median, or a probability at a horizon, rests on counts that may be shown."""
    assert ours.times is not None
    tte = ours.times
    happened = tte.state > 0 if ours.cause is None else tte.state == tte.code(ours.cause)
    if not policy.shows(tte.index, everybody):
        return False
    if ours.unit == "probability":
        return policy.shows(tte.index[happened & (tte.time <= (horizon or math.inf))], tte.index)
    return int(happened.sum()) >= FEW and policy.shows(tte.index[happened], tte.index)


def _ratio_shown(part: Cohort, figure: PublishedFigure, policy: Policy) -> bool:
    analysis = part.plan.analysis
    terms = dict.fromkeys([figure.factor, *(analysis.multivariable or analysis.factors)])
    endpoint = ENDPOINTS.get(figure.outcome or figure.endpoint, "liver")
    return endpoint in part.plan.endpoints and not cleared_terms(part, endpoint, tuple(terms), policy)[1]


def _counted(part: Cohort, figure: PublishedFigure) -> tuple[pd.Index, pd.Index, pd.Index | None]:
    index = part.frame.index
    if figure.endpoint == "prevalence":
        values = part[figure.factor]
        return index, index[values.notna()], index[(values == values.cat.categories[1]).to_numpy()]
    name: str = figure.endpoint
    if name == "first_cycle_not_delivered" and name not in part.plan.programme:
        name = "first_cycle_delivered"
    if name == "postop_mortality" and name not in part.plan.programme:
        name = EARLY
    return members(part, name)


def rounded(ours: CentreNumber, policy: Policy) -> CentreNumber:
    """A number of this centre to the precision of a report for outside, without its notes."""
    low, high = (_kept(value, ours.unit, policy) for value in ours.shown)
    return replace(ours, side=replace(ours.side, estimate=_kept(ours.side.estimate, ours.unit, policy)), shown=(low, high), notes=())


def _rounded_difference(found: Judged, unit: str, policy: Policy) -> Judged:
    unit = "ratio" if found.contrast == "ratio" else "probability" if unit == "%" else unit
    return replace(found, difference=_kept(found.difference, unit, policy), low=_kept(found.low, unit, policy), high=_kept(found.high, unit, policy))


def _kept(value: float, unit: str, policy: Policy) -> float:
    if math.isnan(value) or math.isinf(value):
        return value
    return policy.share(value) if unit in ("probability", "ratio") else policy.time(value, unit)
