"""How many patients until a 95% interval is narrow enough, excludes a value, or lies inside a margin: by formula."""

from __future__ import annotations

import math

import numpy as np

from haip_outcomes.benchmark.precision.curves_asked import FactorOfMedian, LandmarkApart, WidthOfLandmark
from haip_outcomes.benchmark.precision.one_sample_asked import OneSampleEvents
from haip_outcomes.benchmark.precision.proportions_asked import (
    ExactTest,
    NonInferiorProportion,
    ProportionApart,
    WidthOfProportion,
    exact_half_width,
    wilson_half_width,
)
from haip_outcomes.benchmark.precision.recruiting import Recruiting
from haip_outcomes.benchmark.precision.sample_size import (
    LARGEST,
    TOO_MANY,
    SampleSize,
    at_least,
    chance_of_showing,
    normal_quantile,
    one_sided,
    rounded_up,
    rows,
    share,
    smallest,
)
from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed, number
from haip_outcomes.survival.intervals import level_in_words

FURTHEST = 1e6  # a hazard ratio, or one over it
PUBLISHED_FORBIDS = ("the published value is itself not known well enough (variance {v0:.4g} on the scale ln(-ln S), and {most:.4g} is the most "
                     "that leaves room): no number of patients here can show it")  # fmt: skip


def patients_for_proportion(
    p: float, half_width: float | None = None, *, excludes: float | None = None, power: float = 0.5, conf_level: float = 0.95
) -> SampleSize:
    """How many patients until a proportion, such as the share with a complication, is known to plus or minus so much.

    Parameters
    ----------
    p : the proportion that is expected, 0.22 for 22%.
    half_width : half the length that its interval may have, 0.10 for ten percentage points.
    excludes : instead, a known value that the interval shall exclude; `power` is the chance of that (one half: it just does if p is observed).
    conf_level : of the interval, two-sided.

    Formulas
    --------
    z = 1.96 at 95%, q = 1 - p. Leading row, Wilson: the smallest n with z / (1 + z^2/n) sqrt(pq/n + z^2/(4n^2)) <= half_width.
    Wald: n = z^2 pq / half_width^2. Exact: the smallest n at which half the length of the Clopper-Pearson interval, by its beta quantiles at
    k = p n (not rounded), is small enough. To exclude p0: n = ((z sqrt(p0 q0) + z_power sqrt(pq)) / (p - p0))^2, because Wilson's
    limits are those of the score test.

    Raises
    ------
    EndpointError : a probability outside 0 to 1 (per cent written as 22), a half-width of one half or more, both or neither question, a
        `power` where nothing is to be excluded.

    Source: methods notes, section 14; Wilson 1927, doi 10.1080/01621459.1927.10502953 (from memory, not opened). The Wald row equals R's
    `statpsych::size.ci.prop(alpha, p, w = 2 * half_width)`.

    >>> size = patients_for_proportion(0.22, 0.10)
    >>> size.n
    64
    >>> size.tidy()[["term", "n"]].values.tolist()
    [['Wilson', 64], ['Wald', 66], ['exact', 74]]
    >>> size.at([34])["half_width"].round(3).tolist()
    [0.135]
    """
    p, level = share("p", p), share("conf_level", conf_level)
    z = normal_quantile(0.5 + level / 2)
    if (half_width is None) == (excludes is None):
        raise EndpointError("Ask one question: a half_width that the interval may have, or a value that it excludes.")
    words = f"{level_in_words(level)} interval of a proportion, if {p:.4g} is observed"
    if half_width is None:
        assert excludes is not None
        p0, power = share("excludes", excludes), chance_of_showing(power)
        if p0 == p:
            raise EndpointError(f"No number of patients makes the interval of {p:g} exclude {p0:g} itself.")
        exact = ((z * math.sqrt(p0 * (1 - p0)) + normal_quantile(power) * math.sqrt(p * (1 - p))) / (p - p0)) ** 2
        table = rows({"term": "Wilson", "estimate": exact, "n": _count(exact), "p": p, "excludes": p0, "power": power})
        return SampleSize(table, f"Patients until Wilson's {words}, excludes {p0:g}, chance {power:g}.", ProportionApart(p, p0, level), _reason(exact))
    half = share("half_width", half_width)
    _only_with_excludes(power=(power, 0.5))
    if half >= 0.5:
        raise EndpointError(f"half_width is less than one half: every interval of a proportion is narrower than {2 * half:g}.")
    # Wilson's: z^2 (n pq + z^2/4) = h^2 (n + z^2)^2, a quadratic in n + z^2
    b, c = z * z * p * (1 - p), z**4 * (0.25 - p * (1 - p))
    square = half * half
    wilson = (b + math.sqrt(b * b + 4 * square * c)) / (2 * square) - z * z if square > 0 else math.inf
    found = smallest(lambda n: wilson_half_width(p, n, z) <= half * (1 + 1e-12), most=LARGEST)
    wald = z * z * p * (1 - p) / square if square > 0 else math.inf
    exact_n = smallest(lambda n: exact_half_width(p, n, level) <= half, most=LARGEST)
    asked = {"p": p, "half_width": half}
    table = rows({"term": "Wilson", "estimate": wilson, "n": found, **asked}, {"term": "Wald", "estimate": wald, "n": _count(wald), **asked},
                 {"term": "exact", "estimate": np.nan, "n": exact_n, **asked})  # fmt: skip
    return SampleSize(table, f"Patients until the {words}, is at most {half:g} on either side (Wilson leads).", WidthOfProportion(p, level),
                      "" if found else TOO_MANY)  # fmt: skip


def patients_for_landmark(
    survival: float, time: float, half_width: float | None = None, *, excludes: float | None = None, accrual: float = 0.0,
    follow_up: float = math.inf, variance_published: float = 0.0, power: float = 0.5, conf_level: float = 0.95,
) -> SampleSize:  # fmt: skip
    """How many patients until survival at a time (or freedom from an event) is known to plus or minus so much.

    Parameters
    ----------
    survival, time : the probability that is expected at a time; `time`, `accrual` and `follow_up` are in one unit, such as months.
    half_width : half the length that the interval may have, as a probability.
    excludes : instead, a published value that the interval of the difference shall exclude; `variance_published` is the variance of
        ln(-ln S0) on the published side (0: known), `power` the chance (one half: it just does if `survival` is observed).
    accrual, follow_up : patients enter evenly over `accrual`, and the last is followed for `follow_up`; as they stand, nobody is censored.
        `accrual` alone says nothing, so it is refused: without `follow_up` everybody is followed to the time asked about.

    Formulas
    --------
    Constant hazard lambda = -ln S / t; K(u) the share not yet censored at u: 1 up to f, then (f + a - u) / a. n times the variance of S(t) is
    v1 = S^2 times the integral of lambda e^(lambda u) / K(u) from 0 to t, which is S(1 - S) when f >= t. Half-width: n = z^2 v1 / half_width^2.
    To exclude S0: delta = ln(-ln S0) - ln(-ln S), n = vth / ((delta / (z + z_power))^2 - V0), vth = v1 / (S ln S)^2. Columns `variance_one`
    (v1, or vth) and `delta`.

    Raises
    ------
    EndpointError : a probability outside 0 to 1, a time that nobody would be followed to, both or neither question, `accrual` without `follow_up`,
        or what would not be used (`variance_published` and `power` belong to `excludes`).

    Source: methods notes, section 14 (derived there, checked by simulation). No R function; R's `integrate` gives the same v1.

    >>> size = patients_for_landmark(0.64, 36, 0.10, accrual=60, follow_up=24)
    >>> size.n
    93
    >>> size.at([34, 60])["half_width"].round(3).tolist()
    [0.165, 0.124]
    """
    s, t, level = share("survival", survival), at_least("time", time, 0.0, above=True), share("conf_level", conf_level)
    recruiting = _recruiting(accrual, follow_up)
    if (half_width is None) == (excludes is None):
        raise EndpointError("Ask one question: a half_width that the interval may have, or a value that it excludes.")
    if half_width is not None:
        _only_with_excludes(variance_published=(variance_published, 0.0), power=(power, 0.5))
        question = WidthOfLandmark(s, t, recruiting, level)
        half, z = share("half_width", half_width), normal_quantile(0.5 + level / 2)
        exact = z * z * question.variance_one / (half * half) if half * half > 0 else math.inf
        table = rows({"term": "Greenwood", "time": t, "estimate": exact, "n": _count(exact), "survival": s, "half_width": half,
                      "variance_one": question.variance_one, "variance_one_uncensored": s * (1 - s)})  # fmt: skip
        words = f"Patients until the {level_in_words(level)} interval of S({t:g}) = {s:g} is at most {half:g} on either side"
        return SampleSize(table, f"{words}; {_recruited(recruiting)}.", question, _reason(exact))
    assert excludes is not None
    v0, power = at_least("variance_published", variance_published, 0.0), chance_of_showing(power)
    other = LandmarkApart(s, share("excludes", excludes), t, recruiting, (1 - level) / 2, v0)
    if other.delta == 0:
        raise EndpointError(f"No number of patients makes the interval of {s:g} exclude {s:g} itself.")
    words = f"Patients until the {level_in_words(level)} interval of the difference of S({t:g}) = {s:g} from {excludes:g} excludes 0, chance {power:g}"
    return _apart(other, power, f"{words}; {_recruited(recruiting)}.", {"excludes": excludes})


def patients_for_median(
    ratio: float, *, median: float | None = None, accrual: float = 0.0, follow_up: float = math.inf, variance_published: float = 0.0,
    power: float = 0.5, conf_level: float = 0.95,
) -> SampleSize:  # fmt: skip
    """How many patients until a median is known to within a factor: its upper limit at most 1.5 times the median, say.

    The same number makes the interval exclude a known median that differs by this factor.

    Parameters
    ----------
    ratio : upper limit over median, or the ratio of two medians that shall be told apart; below 1 it is turned round.
    median, accrual, follow_up : the median that is expected, and how patients are recruited, in one unit; as they stand, nobody is censored and the
        median does not matter. `accrual` and `follow_up` need the median, `median` and `accrual` need `follow_up`.
    variance_published : the variance of the other median's logarithm (0: known). power : the chance (one half: just).

    Formulas
    --------
    Kaplan-Meier: n = v / ((ln r / (z + z_power))^2 - V0) with v = v1(1/2) / (ln 2 / 2)^2, which is 1 / ln^2 2 without censoring (see
    `patients_for_landmark`). Exponential model, in events: d = 1 / ((ln r / (z + z_power))^2 - V0).

    Raises
    ------
    EndpointError : a ratio of 1 or not above 0, a median that nobody would be followed to, `accrual` or `follow_up` without a median to follow them to,
        a median without `follow_up`.

    Source: methods notes, section 14 (derived there). In simulated small samples the upper factor of the curve's log-log limits is smaller than the
    formula's and the lower one larger: at n = 49, 1.41 and 1.57 instead of 1.5. No R function.

    >>> size = patients_for_median(1.5)
    >>> size.n, int(size.tidy()["n_event"].iloc[1])
    (49, 24)
    >>> size.at([34, 60])["ratio"].round(2).tolist()
    [1.62, 1.44]
    """
    r = at_least("ratio", ratio, 0.0, above=True)
    if r == 1:
        raise EndpointError("ratio is the upper limit over the median, such as 1.5; no number of patients makes it 1.")
    r = max(r, 1 / r)
    level, power = share("conf_level", conf_level), chance_of_showing(power)
    recruiting = _recruiting(accrual, follow_up)
    if median is None and math.isfinite(recruiting.follow_up):
        raise EndpointError("accrual and follow_up say who is still followed at the median, so they need it: give median=, in the same unit (36 for 36 months).")
    if median is not None and math.isinf(recruiting.follow_up):
        at_least("median", median, 0.0, above=True)
        raise EndpointError(f"median={median:g} changes nothing when everybody is followed for as long as it takes: say follow_up= as well, how long the last patient "
                            "is followed, or leave median out.")  # fmt: skip
    question = FactorOfMedian(r, at_least("median", 1.0 if median is None else median, 0.0, above=True), recruiting, level,
                              at_least("variance_published", variance_published, 0.0), power)  # fmt: skip
    asked = {"ratio": r, "variance_one": question.variance_one, "variance_published": question.variance_published, "power": power}
    patients, events = (value / question.room if question.room > 0 else math.inf for value in (question.variance_one, 1.0))
    table = rows({"term": "Kaplan-Meier", "estimate": patients, "n": _count(patients), "n_event": math.nan, **asked},
                 {"term": "exponential model", "estimate": events, "n_event": _count(events), **asked, "variance_one": 1.0})  # fmt: skip
    words = f"Patients until the {level_in_words(level)} interval of a median reaches at most {r:g} times the median"
    reason = _reason(patients) if question.room > 0 else "the other median is itself not known well enough: no number of patients here can show it"
    return SampleSize(table, f"{words}; {_recruited(question.recruiting)}.", question, reason)


def patients_for_non_inferiority(
    expected: float, reference: float, margin: float, *, time: float | None = None, accrual: float = 0.0, follow_up: float = math.inf,
    alpha: float = 0.05, power: float = 0.80, variance_published: float = 0.0, better: str | None = None,
) -> SampleSize:  # fmt: skip
    """How many patients until a centre can show that it is not worse than a published value by more than a margin.

    With `time`, the value is survival at that time (higher is better); without it, a proportion of bad events such as complications.

    Parameters
    ----------
    expected : the centre's true probability, as one hopes. reference : the published one. margin : how much worse is still acceptable,
        as a probability: 0.15 for 15 percentage points.
    time, accrual, follow_up : as in `patients_for_landmark`. A proportion has no time, and refuses the other two.
    alpha : one-sided. power : the chance of showing it. variance_published : of ln(-ln S0), for survival (0: known); the test of a proportion
        takes the limit as known, and refuses it.
    better : "lower" or "higher", for a proportion of which more is better (first cycle given): "higher".

    Formulas
    --------
    Survival: delta = ln(-ln(S0 - margin)) - ln(-ln S1), n = vth / ((delta / (z_alpha + z_power))^2 - V0); where V0 leaves no room, no
    number of patients. Proportion, exact: the smallest n for which some x has P(X <= x | reference + margin) <= alpha and P(X <= x |
    expected) >= power; a second row gives the n from which no larger one has less power, which is saw-toothed in n. Columns
    `max_events` (x), `alpha_actual`, `power_actual`.

    Raises
    ------
    EndpointError : the margin leaves nothing (reference - margin <= 0, or >= 1), `expected` is at or beyond the limit, or what would not be used.

    Source: methods notes, section 14; for proportions the exact single-stage design of A'Hern 2001, doi 10.1002/sim.721 (table read in a
    transcription). R: `clinfun::ph2single` searches the same designs.

    >>> patients_for_non_inferiority(0.64, 0.64, 0.15, time=36, accrual=60, follow_up=24).n
    83
    >>> patients_for_non_inferiority(0.64, 0.64, 0.15, time=36, accrual=60, follow_up=24, variance_published=0.015).n
    144
    >>> exact = patients_for_non_inferiority(0.22, 0.22, 0.15).tidy()
    >>> [int(exact[name].iloc[0]) for name in ("n", "max_events")]
    [58, 15]
    """
    p1, p0, d = share("expected", expected), share("reference", reference), share("margin", margin)
    alpha, power = one_sided(alpha), chance_of_showing(power)
    if better not in (None, "higher", "lower") or (time is not None and better == "lower"):
        raise EndpointError('better is "higher" (survival, always) or "lower" (a proportion of bad events).')
    if time is None:
        given = _given(accrual=(accrual, 0.0), follow_up=(follow_up, math.inf), variance_published=(variance_published, 0.0))
        if given:
            raise EndpointError(f"Without time= this is a proportion, tested exactly against a limit that is taken as known: {listed(given)} would not be used. "
                                "Say time= for survival at a time, or leave it out.")  # fmt: skip
    higher = time is not None or better == "higher"
    limit = p0 - d if higher else p0 + d
    if not 0 < limit < 1:
        raise EndpointError(f"{p0:g} {'minus' if higher else 'plus'} the margin {d:g} is {limit:g}: no probability, so every centre would pass. Take a smaller margin.")
    if (p1 - limit) * (1 if higher else -1) <= 1e-12:
        raise EndpointError(f"With {p1:g} expected and {limit:g} the worst that is acceptable, the centre is not inside the margin: no number of patients can show it.")
    if time is not None:
        v0, recruiting = at_least("variance_published", variance_published, 0.0), _recruiting(accrual, follow_up)
        question = LandmarkApart(p1, limit, at_least("time", time, 0.0, above=True), recruiting, alpha, v0)
        words = f"Patients to show that S({time:g}), truly {p1:g}, is above {p0:g} - {d:g} (one-sided {alpha:g}, power {power:g})"
        return _apart(question, power, f"{words}; {_recruited(recruiting)}.", {"reference": p0, "margin": d, "alpha": alpha})
    exact = NonInferiorProportion(1 - p1, 1 - limit, alpha) if higher else NonInferiorProportion(p1, limit, alpha)
    first, safe = exact.smallest(power)
    asked = {"expected": p1, "reference": p0, "margin": d, "alpha": alpha, "power": power}
    table = rows(_exact_row("exact binomial", first, asked), _exact_row("exact binomial, and at every larger size", safe, asked))
    events = "patients without it" if higher else "events"
    words = f"Patients to show that a proportion, truly {p1:g}, is {'above' if higher else 'below'} {limit:g} by the exact binomial test"
    method = f"{words} (one-sided {alpha:g}, power {power:g}); max_events is the most {events} that still show it."
    return SampleSize(table, method, exact, "" if first else "none up to 100,000 has that power")


def events_for_one_sample_logrank(hazard_ratio: float, *, alpha: float = 0.025, power: float = 0.80) -> SampleSize:
    """How many events must be expected here, under a known reference curve, to show that this centre's hazard is another.

    Expected events are the sum over patients of the reference's cumulative hazard at the end of their follow-up; a patient who is followed
    for the reference's median adds 0.69.

    Parameters
    ----------
    hazard_ratio : the centre's hazard over the reference's, 0.6 for better. alpha : one-sided. power : the chance of showing it.

    Formulas
    --------
    Leading row, Poisson: E = (z_alpha + z_power sqrt(rho))^2 / (1 - rho)^2. Square root: E = ((z_alpha + z_power) / (2 (1 - sqrt(rho))))^2.
    Exact Poisson test: the E from which its power P(O <= c | rho E), c the largest with P(O <= c | E) <= alpha, is never less again (it is
    saw-toothed in E; for rho > 1 the other tail). The reference counts as known: where it is estimated, see `one_sample_logrank`.

    Raises
    ------
    EndpointError : a hazard ratio of 1 or not above 0.

    Source: methods notes, section 14; tests of Breslow 1975, doi 10.2307/1402659 (from memory) and Wu 2014, doi 10.4172/2155-6180.1000210 (not
    opened). Wu 2015, doi 10.1002/pst.1654, has a formula in patients for given accrual.

    >>> size = events_for_one_sample_logrank(0.6)
    >>> size.tidy()["estimate"].round(1).tolist()
    [42.6, 38.6, 44.0]
    """
    ratio, alpha, power = at_least("hazard_ratio", hazard_ratio, 0.0, above=True), one_sided(alpha), chance_of_showing(power)
    if not 1 / FURTHEST <= ratio <= FURTHEST:
        raise EndpointError(f"hazard_ratio must lie between {1 / FURTHEST:g} and {FURTHEST:,.0f}; got {hazard_ratio!r}.")
    if ratio == 1:
        raise EndpointError("A hazard ratio of 1 is no difference: no number of events shows it. Say which one shall be shown, such as 0.6.")
    question = OneSampleEvents(ratio, alpha, Recruiting(60.0, 24.0))
    forms = {"Poisson": question.by_poisson(power), "square root": question.by_square_root(power), "exact Poisson test": question.by_exact_test(power)}
    table = rows(*({"term": term, "estimate": e, "n_event": e if e <= LARGEST else math.nan, "hazard_ratio": ratio, "alpha": alpha, "power": power}
                   for term, e in forms.items()))  # fmt: skip
    words = f"Events expected under a known reference, to show a hazard ratio of {ratio:g} by the one-sample log-rank test"
    return SampleSize(table, f"{words} (one-sided {alpha:g}, power {power:g}).", question,
                      "" if forms["Poisson"] <= LARGEST else TOO_MANY.replace("patients", "expected events"))  # fmt: skip


def _apart(question: LandmarkApart, power: float, method: str, asked: dict[str, float]) -> SampleSize:
    exact, v0 = question.patients(power), question.variance_published
    table = rows({"term": "log(-log S)", "time": question.time, "estimate": exact, "n": _count(exact), "survival": question.survival, **asked, "power": power,
                  "delta": question.delta, "variance_one": question.variance_one, "variance_published": v0})  # fmt: skip
    most = (question.delta / (normal_quantile(1 - question.alpha) + normal_quantile(power))) ** 2
    return SampleSize(table, method, question, PUBLISHED_FORBIDS.format(v0=v0, most=most) if v0 >= most else _reason(exact))


def _count(exact: float) -> int | None:
    return rounded_up(exact) if exact <= LARGEST else None


def _reason(exact: float) -> str:
    return "" if exact <= LARGEST else TOO_MANY


def _given(**values: tuple[float, float]) -> list[str]:
    """The names of the arguments that are not as they stand."""
    return [name for name, (value, stands) in values.items() if value != stands]


def _only_with_excludes(**values: tuple[float, float]) -> None:
    """Refuse what the width of an interval does not depend on."""
    given = _given(**values)
    if given:
        raise EndpointError(f"The width of an interval does not depend on {listed(given, 'or')}: leave it out, or ask for a value that the interval excludes "
                            "(excludes=).")  # fmt: skip


def _recruiting(accrual: float, follow_up: float) -> Recruiting:
    """How patients enter and are followed; `accrual` alone would be ignored, so it is refused."""
    recruiting = Recruiting.checked(accrual, follow_up)
    if recruiting.accrual > 0 and math.isinf(recruiting.follow_up):
        raise EndpointError(f"accrual={recruiting.accrual:g} changes nothing when everybody is followed for as long as it takes: say follow_up= as well, how long the "
                            "last patient is followed (0: the file is closed on the day of the last entry), or leave accrual out.")  # fmt: skip
    return recruiting


def _exact_row(term: str, test: ExactTest | None, asked: dict[str, float]) -> dict[str, object]:
    if test is None:
        return {"term": term, "estimate": math.nan, "n": None, **asked, "max_events": math.nan, "alpha_actual": math.nan, "power_actual": math.nan}
    return {"term": term, "estimate": float(test.n), "n": test.n, **asked, "max_events": float(test.allowed), "alpha_actual": test.level, "power_actual": test.power}


def _recruited(recruiting: Recruiting) -> str:
    if math.isinf(recruiting.follow_up):
        return "nobody censored"
    return f"entry evenly over {number(recruiting.accrual, 0)}, the last patient followed for {number(recruiting.follow_up, 0)}"
