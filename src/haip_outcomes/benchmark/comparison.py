"""Like for like: the centre's number beside every published figure, and a word where a word is allowed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from haip_outcomes.benchmark import verdicts
from haip_outcomes.benchmark.centre import CentreNumber, NotComparableError
from haip_outcomes.benchmark.estimands import answers
from haip_outcomes.benchmark.given_figures import figures_given
from haip_outcomes.benchmark.literature import Figures, published
from haip_outcomes.benchmark.matching import Answers
from haip_outcomes.benchmark.overlap import POSSIBLY, shared_patients
from haip_outcomes.benchmark.plan_figures import check_names, figures_named, figures_of
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.benchmark.significance import TESTS, difference_test
from haip_outcomes.benchmark.uncertainty import by_size_alone, contrasted, published_side
from haip_outcomes.benchmark.verdicts import NOT_COMPARABLE, NOT_JUDGED, SAME_PATIENTS, Judged, agreed, judge
from haip_outcomes.benchmark.wording import days_words, endpoint_words, under
from haip_outcomes.formatting import NOT_REACHED, interval, listed, median, percent, plural
from haip_outcomes.registry.cohort import Cohort, require_cohort
from haip_outcomes.survival.results import shown_as_html

UNNAMED = "not among the figures named in the plan"
COLUMNS = [
    "outcome", "group", "time", "estimate", "conf_low", "conf_high", "n", "n_event", "figure", "source", "setting", "endpoint",
    "statistic", "published", "published_low", "published_high", "printed", "convention", "contrast", "difference", "difference_low",
    "difference_high", "unit", "centre_basis", "published_n", "published_basis", "setting_match", "time_zero_match", "event_match", "competing_match",
    "named", "convention_verdict", "verdict", "reason",
]  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """One figure against the centre: the numbers under each convention, one verdict, one reason."""

    figure: PublishedFigure
    short: str
    named: bool
    verdict: str
    reason: str
    kind: str = ""
    answers: Answers | None = None
    judged: tuple[Judged, ...] = ()

    @property
    def sentence(self) -> str:
        """What stands here, what stands there, and the verdict, in words."""
        figure = self.figure
        horizon = (
            f" at {figure.horizon:g} months" if figure.horizon and figure.statistic != "proportion" else ""
        )
        group = (
            self.answers.group
            if self.answers
            else {"resected_no_haip": "comparator", "both": "both settings"}.get(
                figure.setting, figure.setting
            )
        )
        title = f"{_endpoint_words(figure)}{horizon}, {group}"
        theirs = f"{figure.printed}{f', {figure.n} patients' if figure.n else ''} in {self.short}"
        verdict = f"{self.verdict}: {self.reason}" if self.reason else self.verdict
        if self.answers is None:
            return f"{title}: {theirs}. {_upper(verdict)}."
        here = "; ".join(f"{number_words(ours)}{f' {under(ours.convention)}' if ours.convention else ''}" for ours in self.answers.numbers)
        sizes = sorted({ours.n for ours in self.answers.numbers})
        patients = f"{sizes[0]} to {sizes[-1]} patients" if len(sizes) > 1 else plural(sizes[0], "patient")
        return " ".join([f"{title}: {here} here ({patients}); {theirs}. {_upper(verdict)}.", *self.remarks])

    @property
    def remarks(self) -> tuple[str, ...]:
        """What has to be read with the verdict: what is not stated, how the uncertainty was taken, what was left out."""
        if self.answers is None:
            return ()
        fields, found = self.answers.fields, []
        if fields.unstated:
            same = (
                " The verdict is the same under each."
                if len(self.judged) > 1 and self.verdict not in (NOT_JUDGED, SAME_PATIENTS)
                else ""
            )
            found.append(f"The source does not state {listed(fields.unstated)}.{same}")
        if fields.plan_unstated:
            found.append(f"The centre's plan does not state {listed(fields.plan_unstated)}.")
        theirs = published_side(self.figure)
        if self.verdict not in (NOT_JUDGED, SAME_PATIENTS):
            if theirs.lower_bound or "p-value" in theirs.basis or self.figure.n_risk is not None:
                found.append(f"The published side's uncertainty is taken from {theirs.basis}.")
            found += _alone(self)
        for note in dict.fromkeys(
            [
                *(note for ours in self.answers.numbers for note in ours.notes),
                *self.answers.notes,
                *self.answers.unanswered,
            ]
        ):
            found.append(f"{_upper(note.rstrip('.'))}.")
        return tuple(found)


def _alone(one: Compared) -> list[str]:
    """Beside the numbers at risk, which are conservative, what the source's n alone would give: a lower bound of the width."""
    figure, theirs = one.figure, published_side(one.figure)
    if figure.n_risk is None or figure.n is None or theirs.printed or one.answers is None or theirs.limits is None:
        return []
    other = by_size_alone(figure, theirs.estimate)
    found = [contrasted(ours.side, other, ours.contrast, 0.95) for ours in one.answers.numbers]
    words = "; ".join(interval(100 * point, 100 * low, 100 * high, 0) for point, low, high in found)
    return [f"By its {plural(figure.n, 'patient')} alone, as if nobody had been censored, the difference would be {words} percentage points."]


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """A centre beside the literature.

    `tidy()` has a row a figure and convention; `summary` says how many figures were looked at and the verdict on each
    that the plan named; `sentences` has a sentence for every figure; `beside` names those that belong to a result.
    """

    compared: tuple[Compared, ...]
    looked_at: int
    method: str
    absent: tuple[str, ...] = ()  # named in the plan, and not among the figures that were looked at
    caution: str = ""  # what the plan says must be read with every verdict

    def tidy(self) -> pd.DataFrame:
        """A row a figure and convention, in the order of the figures.

        The centre's estimate with its 95% limits and the published number are on one scale, named by `unit`: probabilities,
        months, days or ratios; the published limits are the printed ones where limits are printed. `difference` is centre minus
        published, or centre over published where `contrast` is "ratio". `centre_basis` says how the centre's limits were made, and with
        which ones its difference is made where those shown are others; `published_basis` what the source's uncertainty is taken from.
        `convention_verdict` is the word under one convention, `verdict` the figure's. A figure that can't be compared has one
        row without the centre's number, and the reason.
        """
        rows = [row for one in self.compared for row in _rows(one)]
        frame = pd.DataFrame(rows, columns=COLUMNS)
        for name in ("n", "n_event", "published_n"):
            frame[name] = frame[name].astype("Int64")
        return frame

    def tests(self) -> pd.DataFrame:
        """A row a figure and convention that a test can be made of: which test, its z (where it has one) and the two-sided p-value.

        Columns: figure, convention, test, statistic, p_value, std_error, published_std_error (both on the scale of the test).
        Probabilities at a time: z on ln(-ln p), in which a higher z is a lower probability (Klein 2007, doi 10.1002/sim.2864); ratios: z
        of the difference of the logarithms (Altman and Bland 2003, doi 10.1136/bmj.326.7382.219); proportions: Fisher's exact
        test, mid-p, doubled; a median judged at the published one: z there, against one half. Verdicts are made from
        intervals and never from these, and there is no correction for the number of figures.
        """
        rows = [{"figure": one.figure.id, "convention": ours.convention, **difference_test(ours, published_side(one.figure), one.figure, found.at_median is not None)}
                for one in self.compared if one.answers for ours, found in zip(one.answers.numbers, one.judged, strict=True)]  # fmt: skip
        frame = pd.DataFrame(rows, columns=["figure", "convention", *TESTS])
        return frame[frame["test"] != ""].reset_index(drop=True)

    @property
    def judged(self) -> tuple[Compared, ...]:
        """The figures that the plan names, in the plan's order."""
        return tuple(one for one in self.compared if one.named)

    @property
    def sentences(self) -> tuple[str, ...]:
        """A sentence a figure, in the order of the figures."""
        return tuple(one.sentence for one in self.compared)

    @property
    def summary(self) -> tuple[str, ...]:
        """How many figures were looked at and how many can be compared; a sentence for each figure named in the plan; and the plan's caution."""
        can = sum(one.answers is not None for one in self.compared)
        named = len(self.judged)
        if named:
            judging = f"{named} {'is' if named == 1 else 'are'} named in the plan and may be judged; the rest are listed without a verdict"
        elif self.absent:
            judging = f"none of the plan's named figures is among those looked at ({listed(self.absent)}), so none is judged"
        else:
            judging = "the plan names none ([benchmark] judge), so none is judged"
        if named and self.absent:
            judging += f" ({listed(self.absent)}, named too, {'is' if len(self.absent) == 1 else 'are'} not among those looked at)"
        if not self.looked_at:
            return ("No figure is given, so none is looked at and none is judged.",)
        head = f"{plural(self.looked_at, 'published figure')} looked at: {can} can be set beside this centre's results, {self.looked_at - can} can't; {judging}."
        caution = (self.caution,) if self.caution and any(one.answers for one in self.judged) else ()
        return (head, *(one.sentence for one in self.judged), *caution)

    def beside(self, setting: str, endpoints: Iterable[str]) -> list[str]:
        """Ids of the figures that can stand beside a result: of a setting (comparator for no pump) and of these endpoints."""
        wanted, asked = set(endpoints), "resected_no_haip" if setting == "comparator" else setting
        return [one.figure.id for one in self.compared
                if one.answers and one.figure.setting == asked and {one.figure.endpoint, one.figure.outcome} & wanted]  # fmt: skip

    def __repr__(self) -> str:
        return "\n".join(self.summary)

    def _repr_html_(self) -> str:
        shown = self.tidy()[
            ["figure", "group", "time", "estimate", "published", "convention", "verdict", "reason"]
        ]
        return shown_as_html("Against the literature", shown, self.method)


def compare(cohort: Cohort, figures: Figures | Iterable[PublishedFigure] | None = None) -> Comparison:
    """Is this centre all right beside the literature, and how sure can we be?

    For each published figure the centre's own number is computed by the same estimand, time zero and method. Where the two
    differ in what they measure the comparison is refused with the reason; where the source does not say, the centre's number is
    computed under every convention the figure could mean, and there is a verdict only when all of them agree.

    Parameters
    ----------
    cohort : the centre's patients, all settings at once or one of them.
    figures : the figures to look at; else all that are published, with those of the plan's own file ([benchmark] figures). Only those
        that the plan names in `[benchmark] judge` (six at most) are judged; figures of sources in `[cohort] overlap` never are.

    How sure the source is
    ----------------------
    In this order: its printed interval; else the p-value of a ratio; else k of n; else, for a probability at a time, the number at risk
    that it prints there (Peto: conservative), or its n alone as binomial, which is a lower bound of its uncertainty. Without any of
    these both numbers are shown and nothing is judged. No published number is taken as known.

    Formulas
    --------
    Differences by MOVER (Zou and Donner 2008, doi 10.1002/sim.3095), of two proportions by Newcombe's method 10; hazard ratios as
    Altman and Bland 2003, doi 10.1136/bmj.326.7382.219. Medians: their ratio, from both curve-based intervals. Where the source's
    interval is its median plus or minus 1.96 standard errors: their difference, the source's limits by its standard error and the
    centre's from its curve; the centre's standard-error limits, which cover less than they say, are only shown (`centre_basis` says which limits
    a row shows and which its difference is made with; the same for proportions: exact ones are shown, Wilson's compared). Where the source does not
    say how its interval was made, and it is symmetric: both, if the centre's curve allows a standard error. A median not reached, or a ratio with
    an open end: the event-free probability at the published median, against one half of the source's n.

    Verdicts
    --------
    The 95% interval excludes no difference: "better" or "worse than expected" ("differs" where neither direction is better), "clearly" when
    that of 99.8% does too. Else "on a par" when all of it lies inside the plan's margin, else "within expected variation" ("agrees"), with the
    smallest difference that had 80% power: (1.96 + 0.84) standard errors.

    Few events: under five expected here, if the published figure held, it is "too few to judge", and nobody is told better, on a par or within
    expected variation. But "worse" (or "differs") is said all the same when the interval excludes no difference *and* so many events have
    an exact mid-p probability below 0.025 ("clearly": the 99.8% interval, and below 0.001): early deaths leave little time in which to
    expect any. Poisson for events over time, binomial for the rarer side of a proportion.

    Raises
    ------
    EndpointError : what is given is no list of figures.
    PlanError : the plan's judge, margin or overlap names no figure, endpoint or source, published or in its own file; that file is absent or
        wrong; more than six are to be judged.

    >>> from haip_outcomes import demo_cohort
    >>> found = compare(demo_cohort(), published(source="chakedis2018", endpoint="overall_survival"))
    >>> sorted(set(found.tidy()["verdict"]))
    ['same patients']
    """
    require_cohort(cohort, "compare")
    asked = figures_of(cohort.plan) if figures is None else figures
    chosen = figures_given(asked)
    known = asked if isinstance(asked, Figures) else published()
    everything = figures_named(cohort.plan, replace(known, figures=chosen))
    check_names(cohort.plan, everything, chosen, known)
    named = cohort.plan.benchmark.judge
    compared = []
    for figure in chosen:
        short = known.sources[figure.source].short if figure.source in known.sources else figure.source
        shared = shared_patients(cohort.plan.cohort.overlap, figure, known, everything)
        compared.append(_compared(cohort, figure, short, figure.id in named, shared))
    compared.sort(key=lambda one: named.index(one.figure.id) if one.named else len(named))
    method = ("The centre's number by the figure's own estimand, time zero and method; both sides' uncertainty counts; differences by MOVER and "
              "Newcombe's method 10, verdicts from 95% and 99.8% intervals; no correction for the number of figures looked at.")  # fmt: skip
    there = {figure.id for figure in chosen} | {curve.id for curve in (*known.curves, *everything.curves)}  # a curve's test is that of against_curves
    absent = tuple(name for name in named if name not in there)
    return Comparison(tuple(compared), len(compared), method, absent, " ".join(cohort.plan.cohort.caution.split()))


def _compared(cohort: Cohort, figure: PublishedFigure, short: str, named: bool, shared: str) -> Compared:
    try:
        found = answers(cohort, figure)
    except NotComparableError as error:
        reason = str(error).rstrip(".")
        if shared and not shared.startswith(POSSIBLY):
            return Compared(figure, short, named, SAME_PATIENTS, f"{shared}; and {reason}", error.kind)
        return Compared(figure, short, named, NOT_COMPARABLE, reason, error.kind)
    theirs = published_side(figure)
    margin = cohort.plan.benchmark.margin.get(figure.id, cohort.plan.benchmark.margin.get(figure.endpoint))
    margin = None if margin is None else margin * figure.scale
    judged = tuple(judge(ours, theirs, figure.n, figure.better, margin) for ours in found.numbers)
    if shared:
        verdict, reason = SAME_PATIENTS, f"{shared}; shown, never judged"
    elif not named:
        verdict, reason = NOT_JUDGED, UNNAMED
    else:
        verdict, reason = _verdict(found, judged)
    return Compared(figure, short, named, verdict, reason, "", found, judged)


def _verdict(found: Answers, judged: tuple[Judged, ...]) -> tuple[str, str]:
    """One verdict for a figure: that of its only convention, or that on which all agree."""
    together = agreed([one.verdict for one in judged])
    words = [ours.convention for ours in found.numbers]
    if together is None:
        parts = [f"{one.verdict} {under(word)}" for word, one in zip(words, judged, strict=True)]
        return NOT_JUDGED, f"the answer depends on what the source does not state: {'; '.join(parts)}"
    if found.unanswered and together not in (NOT_JUDGED, verdicts.TOO_FEW):
        return (
            NOT_JUDGED,
            f"the figure could also mean what this centre can't answer ({'; '.join(found.unanswered)})",
        )
    reasons = list(dict.fromkeys(one.reason for one in judged))
    if len(reasons) == 1:
        return together, reasons[0]
    return together, "; ".join(f"{under(word)}, {one.reason}" for word, one in zip(words, judged, strict=True))


def number_words(ours: CentreNumber) -> str:
    """The centre's number with its 95% limits, in its unit: "64% (42, 80)", "9.2 months (3.1, 15.3)"."""
    value, (low, high) = ours.side.estimate, ours.shown
    if ours.unit == "probability":
        return percent(value, low, high)
    if ours.unit == "ratio":
        return interval(value, low, high)
    text = days_words(value, low, high, NOT_REACHED) if ours.unit == "days" else median(value, low, high)
    return f"median {text} {ours.unit}"


def _rows(one: Compared) -> list[dict[str, object]]:
    figure = one.figure
    theirs = published_side(figure)
    nothing = (math.nan, math.nan)
    low, high = theirs.printed or (theirs.limits(0.95) if theirs.limits else nothing)
    row: dict[str, object] = {
        "outcome": figure.endpoint, "group": one.answers.group if one.answers else figure.setting, "time": figure.horizon,
        "figure": figure.id, "source": figure.source, "setting": figure.setting, "endpoint": figure.endpoint, "statistic": figure.statistic,
        "published": theirs.estimate, "published_low": low, "published_high": high, "printed": figure.printed, "unit": figure.common_unit,
        "centre_basis": "", "published_n": figure.n, "published_basis": theirs.basis, "named": one.named,
        "convention": "", "convention_verdict": "", "contrast": "", "verdict": one.verdict, "reason": one.reason,
        "setting_match": "", "time_zero_match": "", "event_match": "", "competing_match": "",
    }  # fmt: skip
    if one.answers is None:
        return [row]
    fields = one.answers.fields
    row |= {
        "setting_match": fields.setting,
        "time_zero_match": fields.time_zero,
        "event_match": fields.event,
        "competing_match": fields.competing,
    }
    shown = one.named and one.verdict != SAME_PATIENTS
    return [
        row | {"convention": ours.convention, "estimate": ours.side.estimate, "conf_low": ours.shown[0], "conf_high": ours.shown[1],
               "n": ours.n, "n_event": ours.n_event, "centre_basis": ours.basis, "contrast": judged.contrast, "difference": judged.difference,
               "difference_low": judged.low, "difference_high": judged.high, "convention_verdict": judged.verdict if shown else ""}
        for ours, judged in zip(one.answers.numbers, one.judged, strict=True)
    ]  # fmt: skip


def _endpoint_words(figure: PublishedFigure) -> str:
    words = endpoint_words(figure)
    if figure.statistic == "hazard_ratio":
        words = f"{words}, hazard ratio of {'the pump' if figure.factor == 'haip' else figure.factor}"
    elif figure.endpoint == "prevalence":
        words = f"prevalence of {figure.factor}"
    return _upper(words)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
