"""Prognostic factors of a cohort: each on its own, and several together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

import pandas as pd

from haip_outcomes.errors import EndpointError, FitError, HaipError
from haip_outcomes.formatting import listed, plural
from haip_outcomes.prognosis.baseline.factor_fits import Question
from haip_outcomes.prognosis.baseline.factor_fits import Refusal as Refusal
from haip_outcomes.prognosis.baseline.factor_results import (
    BOTH,
    Factors,
    missing_counts,
    penalty_in_words,
    with_labels,
)
from haip_outcomes.prognosis.baseline.few_events import (
    EVENTS_NEEDED as EVENTS_NEEDED,  # where the other rooms know it
)
from haip_outcomes.prognosis.baseline.few_events import sparse_level
from haip_outcomes.prognosis.baseline.interactions import caution, declared, in_subgroups
from haip_outcomes.prognosis.baseline.known_at import beside_note, not_known, unstated
from haip_outcomes.prognosis.baseline.linearity import bent
from haip_outcomes.prognosis.baseline.outcome_as_factor import nearly_tells, tells_the_outcome
from haip_outcomes.prognosis.baseline.remark import About
from haip_outcomes.prognosis.baseline.term_names import columns_of, labels_of, level_counts, named, parts_of
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.hazards.diagnostics import proportional_hazards
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.hazards.likelihood_ratios import COLUMNS, whole_term_tests
from haip_outcomes.survival.intervals import critical_value
from haip_outcomes.survival.time_to_event import TimeToEvent

if TYPE_CHECKING:
    from haip_outcomes.registry.cohort import Cohort

PERFECT = "{} always tells who has the event next: its hazard ratio is finite only by Firth's penalty, and as large as the follow-up lets it be."
NEARLY = "{} predicts the event (almost) perfectly: {}."
LOOK = " Such a column is mostly the outcome in another form, or known only after it: look at it, and leave it out if so."
PENALTIES = ("where needed", "firth", None)


def factors(
    cohort: Cohort | TimeToEvent,
    endpoint: str | pd.DataFrame,
    terms: Sequence[str],
    *,
    multivariable: Sequence[str] | None = None,
    strata: str | None = None,
    cause: str | None = None,
    interactions: Sequence[str] = (),
    penalty: Literal["where needed", "firth"] | None = "where needed",
    labels: Mapping[str, str] | None = None,
    conf_level: float = 0.95,
) -> Factors:
    """Which patient and tumour factors go with a higher rate of the event, on their own and together.

    A Cox model (Efron ties) for each term, and one of `multivariable`, or of all terms, on the patients who have all
    of them. The hazard ratio of a factor is exp(estimate). With `cause` these are cause-specific, and Fine and Gray's models of the
    same terms stand beside them. Each Cox model comes with the test of proportional hazards, whole factors with their likelihood-ratio
    test, numbers with the test of a straight line against a restricted cubic spline.

    A column that is only known after time zero is refused as a factor (immortal time), as is one that is the event or the follow-up time in
    another form (vital status); one that nearly is gets a warning. A term that can't be fitted (constant, a date) is
    refused with its reason and the others go on; the multivariable model goes on without it. It needs 5 events a coefficient, and under
    10 it warns. Nothing is selected by its p-value, and no number is cut in two: name the terms that you would have named before
    seeing the data.

    Parameters
    ----------
    cohort : a Cohort; or a TimeToEvent, and then `endpoint` is a data frame with its index.
    endpoint : the name of an endpoint of the plan; or the data frame with the columns.
    terms : columns, "a:b" or "a*b"; the first category of a column is its reference.
    multivariable : the terms of the multivariable model; all `terms` if not given, none with an empty list.
    strata : a column with a baseline hazard for each value, as "setting".
    cause : for an endpoint with competing events, which of them.
    interactions : "factor*subgroup", declared before looking: does the factor's hazard ratio differ between the subgroups?
    penalty : "where needed": Firth's penalty for a model with a level of fewer than 5 events, or whose likelihood has no maximum (why 5:
        `few_events.py`); "firth": for every Cox model; None: never, and such terms are refused. There is none for Fine and Gray's model:
        it warns where a level has few events, and a level without events is refused.
    labels : column -> its name in print, for a data frame; a cohort's plan has them.
    conf_level : of the intervals.

    Returns
    -------
    Factors : see there.

    Raises
    ------
    EndpointError : a column or endpoint that does not exist; competing events without `cause`; strata known only later.
    FitError : no events, or nothing at all could be fitted; the message holds every reason.

    References: Cox, J R Stat Soc B 1972;34:187-220 (doi:10.1111/j.2517-6161.1972.tb00899.x); events per variable:
    Peduzzi et al., J Clin Epidemiol 1995;48:1503-1510 (doi:10.1016/0895-4356(95)00048-8); both hazards: Latouche et al., J Clin
    Epidemiol 2013;66:648-653 (doi:10.1016/j.jclinepi.2012.09.017); reporting: McShane et al., J Natl Cancer Inst 2005;97:1180-1184
    (doi:10.1093/jnci/dji237).

    Equals R's `coxph(y ~ term + strata(s))` for each term, `coxph(y ~ a + b + strata(s))`, `cox.zph` of each, `drop1(fit, test =
    "Chisq")`, `anova(coxph(y ~ x), coxph(y ~ rms::rcs(x, 4)))`, `cmprsk::crr`.

    Examples
    --------
    >>> from haip_outcomes import demo_cohort
    >>> found = factors(demo_cohort().setting("unresectable"), "os", ["age", "sarcopenia"])
    >>> found.tidy(exponentiate=True)[["model", "term"]].to_numpy().tolist()[:2]
    [['univariable', 'age'], ['univariable', 'sarcopenia']]
    >>> import pandas as pd
    >>> from haip_outcomes import TimeToEvent
    >>> six = pd.DataFrame({"months": [1, 3, 4, 6, 6, 9], "death": [1, 1, 1, 1, 0, 1], "age": [70, 61, 66, 58, 49, 52]})
    >>> tte = TimeToEvent.from_frame(six, time="months", state="death", states=["Death"])
    >>> factors(tte, six, ["age"]).tidy(exponentiate=True)["estimate"].round(3).tolist()
    [1.369]
    """
    critical_value(conf_level)
    if penalty not in PENALTIES:
        raise EndpointError(f'penalty must be "where needed", "firth" or None; got {penalty!r}.')
    if isinstance(cohort, TimeToEvent):
        if not isinstance(endpoint, pd.DataFrame):
            raise EndpointError("With a TimeToEvent the second argument is the data frame with the columns: factors(tte, frame, terms).")
        whole, frame, held = cohort, _aligned(cohort, endpoint), dict(labels or {})
        label, methods, flow, plan = (lambda name: str(held.get(name, name))), {}, None, None
    else:
        if isinstance(endpoint, pd.DataFrame) or not hasattr(cohort, "endpoint"):
            raise EndpointError(f"factors takes a Cohort and an endpoint's name, or a TimeToEvent and a data frame; this is a {type(cohort).__name__}.")
        whole = cohort.endpoint(endpoint)
        frame, label, methods, plan = cohort.frame.loc[whole.index], cohort.plan.label, cohort.methods, cohort
        flow = cohort.flow() if hasattr(cohort, "flow") else None
    tte = whole if cause is None else whole.only(cause)
    event = tte.single("factors without a cause")
    terms, together, pairs = named(terms), named(terms if multivariable is None else multivariable), declared(interactions)
    asked = [*terms, *together, *(f"{pair.factor}:{pair.by}" for pair in pairs)]
    if not terms:
        raise EndpointError("No terms: name at least one column.")
    columns = columns_of([*asked, *([strata] if strata else [])], frame)
    names = labels_of([*asked, *([strata] if strata else [])], frame, label)
    if not event.any():
        raise FitError(
            f'Nobody had the event "{tte.states[0]}" among {plural(tte.n, "patient")}: there is nothing to model.'
        )
    by = None if strata is None else frame[strata].rename(names[strata])
    question = Question(tte, whole if len(whole.states) > 1 else None, frame, by, penalty, conf_level)
    later, note = _later(plan, endpoint, columns, strata)
    later |= _outcome([(whole, frame), *_other_outcomes(plan, endpoint)], columns, strata)
    nearly = {name: told for name in columns if name not in later and name != strata and (told := nearly_tells(whole, frame[name]))}
    kept = _known(terms, "univariable", later, question)
    joint_terms = _known(together, "multivariable", later, question) if len(together) > 1 else together
    pairs = [pair for pair in pairs if not _refused(pair.name, [pair.factor, pair.by], "interaction", later, question)]

    single = question.alone(kept)
    joint = question.joint(joint_terms) if len(together) > 1 else None
    if len(together) > 1 and len(joint_terms) < 2:
        left = f"only {names.get(joint_terms[0], joint_terms[0])}" if joint_terms else "no term"
        question.refused.append(Refusal("", "multivariable", f"No multivariable model: {left} is left of {listed([names.get(term, term) for term in together])}."))
    others: dict[str, HazardFit] = {}
    other_joint = None
    if question.competing is not None:
        others = question.alone_subdistribution(kept)
        other_joint = question.joint_subdistribution(joint_terms) if len(together) > 1 else None
    if not single and joint is None:
        raise FitError("No model could be fitted. " + " ".join(f"{names.get(r.term, r.term)}: {r.reason}" for r in _each_once(question.refused)))
    checked = _proportional(question, single, joint)
    linearity, curves = bent(question, single, joint, kept)
    tests, subgroups = in_subgroups(question, pairs, joint, joint_terms)
    warnings = [note] if note else []
    warnings += [f"{names[term]}: {warning}" for term, fit in single.items() for warning in fit.warnings]
    warnings += [f"Multivariable model: {warning}" for warning in (joint.warnings if joint is not None else ())]
    warnings += [NEARLY.format(names[name], told) + LOOK for name, told in nearly.items()]
    warnings += [PERFECT.format(names.get(term, term)) + LOOK for term in dict.fromkeys(question.perfect) if term not in nearly]
    warnings += [f"{names[term]}, subdistribution: {told}" for term, fit in others.items() if (told := _few(question, fit, names))]
    warnings += [f"Multivariable subdistribution model: {told}" for told in ([_few(question, other_joint, names)] if other_joint is not None else []) if told]
    warnings += [BOTH] if others else []
    warnings += [caution(pairs)] if len(tests) else []
    penalised = tuple(question.penalised)
    sentence = [_method(tte, single, joint, names, strata), _subdistribution(others, other_joint), penalty_in_words(penalised, names, reasons=False),
                *(methods[term] for term in terms if term in methods)]  # fmt: skip
    return Factors(
        univariable=single, multivariable=joint, refused=tuple(question.refused), not_tested=tuple(question.not_tested), levels=level_counts(frame, [*terms, *together], event),
        proportional_hazards=checked, labels=names, warnings=tuple(warnings), method="; ".join(filter(None, sentence)), unit=tte.unit,
        about=About(tte, tuple(terms), tuple(together), _planned(plan, [*terms, *together]), missing_counts(frame, columns), tuple(methods[c] for c in columns if c in methods), flow),
        subdistribution=others, subdistribution_multivariable=other_joint, penalised=penalised,
        term_tests=_whole(single, joint, others, other_joint), linearity=linearity, curves=curves, interactions=tests, subgroups=subgroups,
    )  # fmt: skip


def _planned(cohort: Cohort | None, terms: Sequence[str]) -> bool:
    analysis = getattr(getattr(cohort, "plan", None), "analysis", None)
    return analysis is not None and set(terms) <= {*analysis.factors, *(analysis.multivariable or ())}


def _aligned(tte: TimeToEvent, frame: pd.DataFrame) -> pd.DataFrame:
    places = frame.index.get_indexer(tte.index) if frame.index.is_unique else None
    if places is None or (places < 0).any():
        raise EndpointError("The data frame must have each row of the times once, by its index (it may have more rows): make both from one frame.")
    return frame.iloc[places]


def _later(cohort: Cohort | None, endpoint: object, columns: Sequence[str], strata: str | None) -> tuple[dict[str, str], str]:
    """Columns that are only known after time zero, each with its sentence; and the note on those nothing is said about."""
    if cohort is None or not hasattr(cohort, "recipe"):
        return {}, ""
    found = {name: reason for name in columns if (reason := not_known(cohort, str(endpoint), name))}
    if strata in found:
        raise EndpointError(f"{found[strata]} It can't be the strata either.")
    kept = [name for name in columns if name not in found]
    return found, " ".join(filter(None, [_silent(unstated(cohort, kept)), beside_note(cohort, kept, str(endpoint))]))


def _silent(columns: Sequence[str]) -> str:
    """The note about columns of which the plan does not say when they are known: one for all of them."""
    if not columns:
        return ""
    are, where = ("is", f"[columns.{columns[0]}]") if len(columns) == 1 else ("are", "[columns] of each")
    return f'The plan does not say when {listed(list(columns))} {are} known: taken as known at time zero. If so, write known = "baseline" under {where}; if not, name its date there and the column in [analysis] later (immortal time).'


def _other_outcomes(cohort: Cohort | None, endpoint: object) -> list[tuple[TimeToEvent, pd.DataFrame]]:
    """The other endpoints of a plan: who died is no factor of liver events either."""
    found: list[tuple[TimeToEvent, pd.DataFrame]] = []
    if cohort is None or not hasattr(cohort, "plan"):
        return found
    for name in getattr(cohort.plan, "endpoints", ()):
        if name != endpoint:
            with suppress(HaipError):  # an endpoint that these patients do not have
                other = cohort.endpoint(name)
                found.append((other, cohort.frame.loc[other.index]))
    return found


def _outcome(outcomes: Sequence[tuple[TimeToEvent, pd.DataFrame]], columns: Sequence[str], strata: str | None) -> dict[str, str]:
    """Columns that are an outcome in another form, each with its sentence."""
    found: dict[str, str] = {}
    for tte, frame in outcomes:
        found |= {name: reason for name in columns if name not in found and (reason := tells_the_outcome(tte, frame[name]))}
    if strata in found:
        raise EndpointError(f"{found[strata]} It can't be the strata either.")
    return found


def _known(terms: Sequence[str], model: str, later: Mapping[str, str], question: Question) -> list[str]:
    """The terms that are known at time zero and are not the outcome; the others are refused."""
    return [term for term in terms if not _refused(term, parts_of(term, question.frame), model, later, question)]


def _refused(term: str, parts: Sequence[str], model: str, later: Mapping[str, str], question: Question) -> bool:
    reasons = [later[part] for part in parts if part in later]
    if reasons:
        question.refused.append(Refusal(term, model, " ".join(reasons)))
    return bool(reasons)


def _each_once(refused: Sequence[Refusal]) -> list[Refusal]:
    """Without what a model of another kind says again."""
    return list({(one.term, one.reason): one for one in refused if "subdistribution" not in one.model}.values())


def _few(question: Question, fit: HazardFit, labels: Mapping[str, str]) -> str:
    """What must be read with a Fine-Gray fit: few events a coefficient, or at a level."""
    sparse = with_labels(sparse_level(question.tte, fit.design), labels)
    told = [*fit.warnings, f"{sparse}, and there is no Firth penalty for Fine and Gray's model: read its interval with caution." if sparse else ""]
    return " ".join(filter(None, told))


def _whole(single: Mapping[str, HazardFit], joint: HazardFit | None, others: Mapping[str, HazardFit], other_joint: HazardFit | None) -> pd.DataFrame:
    """Tests of whole factors; alone a term's is that of its model, so that of a, b and a:b for "a*b"."""
    frames = []
    for model, fits, several in (("univariable", single, joint), ("univariable subdistribution", others, other_joint)):
        for term, fit in fits.items():
            row = whole_term_tests(fit) if len(fit.design.terms) == 1 else fit.tests().iloc[[1 if fit.robust else 0]].assign(term=term)
            frames.append(row.assign(model=model, term=term))
        if several is not None:
            frames.append(whole_term_tests(several).assign(model=model.replace("univariable", "multivariable")))
    return pd.concat(frames, ignore_index=True)[["model", *COLUMNS]]


def _proportional(question: Question, single: dict[str, HazardFit], joint: HazardFit | None) -> pd.DataFrame:
    """The tests of proportional hazards; of a penalised model those of the same model without penalty, where it has a maximum."""
    frames: list[pd.DataFrame] = []
    models = [("univariable", term, fit) for term, fit in single.items()] + ([("multivariable", "", joint)] if joint is not None else [])
    for model, term, fit in models:
        try:
            plain = fit if fit.profile is None else cox(question.tte, fit.design, strata=question.by)
        except FitError:
            question.not_tested.append(Refusal(term, f"proportional hazards, {model}", "without a penalty the likelihood has no maximum, at which the test is made."))
            continue
        frame = proportional_hazards(plain).tidy()
        frames.append((frame[:-1] if model == "univariable" and len(frame) == 2 else frame).assign(model=model))
    columns = ["model", "term", "statistic", "df", "p_value"]
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)


def _method(
    tte: TimeToEvent,
    single: dict[str, HazardFit],
    joint: HazardFit | None,
    labels: dict[str, str],
    strata: str | None,
) -> str:
    words = ["Cox, Efron ties"]
    if tte.censored_causes:
        words.append(f"cause-specific hazard of {tte.states[0]}, {listed(tte.censored_causes)} censored")
    if strata is not None:
        words.append(f"stratified by {labels[strata]}")
    parts = [", ".join(words)]
    if single:
        known = sorted({fit.n for fit in single.values()})
        who = f"{known[0]}" if len(known) == 1 else f"{known[0]} to {known[-1]}"
        models = (
            f"univariable model of {labels[next(iter(single))]}"
            if len(single) == 1
            else f"{len(single)} univariable models"
        )
        parts.append(f"{models}, {who} of {plural(tte.n, 'patient')}{' each' if len(single) > 1 else ''}")
    if joint is not None:
        gone = "".join(f", {len(rows)} without {labels.get(reason.removeprefix('without '), reason.removeprefix('without '))}"
                       for reason, rows in joint.left_out.items())  # fmt: skip
        parts.append(f"multivariable model of {listed([labels.get(term, term) for term in joint.design.terms])}: {joint.n} of "
                     f"{plural(tte.n, 'patient')}{gone}, {plural(joint.n_event, 'event')}")  # fmt: skip
    parts.append(f"{plural(int((tte.state > 0).sum()), 'event')} ({tte.states[0]}) in all")
    return "; ".join(parts)


def _subdistribution(others: Mapping[str, HazardFit], joint: HazardFit | None) -> str:
    fit = next(iter(others.values()), joint)
    return "" if fit is None else f"beside them the same terms in {fit.method.split(';')[0]}"
