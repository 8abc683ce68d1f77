"""A comparison of two treatments in plain sentences, and what is to be read with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from haip_outcomes.formatting import interval, listed, number, p_value, percent, plural
from haip_outcomes.survival.weighting.covariate_balance import worst
from haip_outcomes.survival.weighting.treatment_weights import WHOM

if TYPE_CHECKING:
    from haip_outcomes.prognosis.treatments.treatment_comparison import TreatmentComparison

EVENTS_NEEDED = 10  # in all, for each coefficient of the confounders
RESERVATION = ("What was not written down is not balanced: who is chosen for a treatment such as a pump is often fitter, has responded to chemotherapy, or has "
               "disease confined to the liver, and no weight made of other columns takes that away.")  # fmt: skip


def sentences_of(found: TreatmentComparison, notes: Sequence[str] = ()) -> tuple[str, ...]:
    """Who, alike or not, hazard ratios, risks, an unmeasured cause, and what can't be done; a sentence or two each."""
    return tuple(_sentences(found, notes))


def _sentences(found: TreatmentComparison, notes: Sequence[str]) -> Iterator[str]:
    choice, several = found.choice, len(found.tte.states) > 1
    told = []
    for name in reversed(choice.names):
        own = found.compared[found.compared["group"] == name]
        events = listed([f"{row['n_event']} {row['outcome']}" for row in own.to_dict("records")])
        told.append(f"{plural(int(own['n'].iloc[0]), 'patient')} with {name} ({events}; effective {number(own['effective_n'].iloc[0], 1)})")
    yield f"Compared{_whence(found)}: {listed(told)}. The weighted numbers are of {WHOM[choice.estimand]} ({choice.estimand})."
    yield from (note for note in notes if "after the landmark" in note)
    balance = found.balance()
    (before, what), (after, of) = worst(balance, "unweighted"), worst(balance, "weighted")
    yield (f"Largest standardised difference {number(before)} ({_named(found, what)}) before weighting and {number(after)} ({_named(found, of)}) after; under 0.1 is commonly "
           "called balanced.")  # fmt: skip
    yield positivity_sentence(found)
    ratios = found.tidy(exponentiate=True)
    for outcome in found.tte.states:
        own = ratios[(ratios["outcome"] == outcome) & (ratios["measure"] == "hazard ratio")].set_index("model")
        shown = [f"{model} {interval(*own.loc[model, ['estimate', 'conf_low', 'conf_high']])}" for model in ("weighted", "adjusted", "crude") if model in own.index]
        kind = "Cause-specific hazard ratio" if several else "Hazard ratio"
        if shown:
            yield f"{kind} of {outcome}, {choice.treated} against {choice.control}: {', '.join(shown)}; limits of the weighted one by the robust variance{_resampled(found)}."
        yield from _risk_sentence(found, outcome)
    if several:
        yield ("The cause-specific hazard ratio compares rates among those still without any of the events; the incidence says how many have had the event by a time, which "
               "also depends on how soon the others come first.")  # fmt: skip
    elif (ratios["measure"] == "restricted mean difference").any():
        row = ratios[(ratios["measure"] == "restricted mean difference") & (ratios["model"] == "weighted")].iloc[0]
        yield (f"Mean time free of {found.tte.states[0]} in the first {row['time']:g} {found.tte.unit}, weighted: {number(abs(row['estimate']), 1)} {found.tte.unit} "
               f"{'longer' if row['estimate'] >= 0 else 'shorter'} with {choice.treated} "
               f"(difference {interval(row['estimate'], row['conf_low'], row['conf_high'], 1)}).")  # fmt: skip
    for outcome, value in found.e_values.items():
        about = f" of {outcome}" if several else ""
        limit = ("the interval holds 1 already without such a cause" if value.e_value_limit == 1
                 else f"one of {number(value.e_value_limit)} would move the interval to 1")  # fmt: skip
        yield (f"E-value{about}: something unmeasured that went with the treatment and with the event by a risk ratio of {number(value.e_value)} each, beyond "
               f"the confounders, could explain the weighted hazard ratio away; {limit}.")  # fmt: skip
    yield RESERVATION


def _whence(found: TreatmentComparison) -> str:
    """From when the clock runs, where that is not said by time zero alone."""
    if found.landmark is None:
        return f", {found.tte.unit} since {found.tte.time_zero}" if found.tte.time_zero else ""
    gone = sum(found.left_out.values())
    return (f" from the landmark at {found.landmark:g} {found.tte.unit} on (all times below are counted from there"
            + (f"; {plural(gone, 'patient')} left out" if gone else "") + ")")  # fmt: skip


def positivity_sentence(found: TreatmentComparison) -> str:
    """Whether each patient could have had either treatment, in words."""
    told = found.positivity().to_dict("records")
    scores = listed([f"{number(row['score_low'])} to {number(row['score_high'])} with {row['group']}" for row in reversed(told)])
    outside = sum(int(row["n_outside"]) for row in told)
    n = sum(int(row["n"]) for row in told)
    rest = (f"{outside} of {n} have a score that nobody in the other group reaches" if outside else "each group reaches as low and as high as the other")
    return f"The score, the chance of {found.choice.treated}, runs from {scores}; {rest}."


def _resampled(found: TreatmentComparison) -> str:
    return "" if found.resampled is None else ", beside those of the bootstrap in the table"


def _risk_sentence(found: TreatmentComparison, outcome: str) -> Iterator[str]:
    rows = found.risk[(found.risk["outcome"] == outcome) & (found.risk["model"] == "weighted")]
    effects = found.effects
    for time in dict.fromkeys(rows["time"].tolist()[-1:]):
        at = rows[rows["time"] == time].set_index("group")
        gap = effects[(effects["outcome"] == outcome) & (effects["measure"] == "risk difference") & (effects["model"] == "weighted") & (effects["time"] == time)].iloc[0]
        both = [percent(at.loc[name, "estimate"]) for name in reversed(found.choice.names)]
        limits = ", ".join(number(100 * gap[key], 0) for key in ("conf_low", "conf_high"))
        yield (f"Weighted, {both[0]} of {found.choice.treated} and {both[1]} of {found.choice.control} have had {outcome} by {time:g} {found.tte.unit}{_after(found)}: "
               f"a difference of {number(100 * gap['estimate'], 0)} percentage points ({limits}).")  # fmt: skip


def _after(found: TreatmentComparison) -> str:
    return " after the landmark" if found.landmark is not None else ""


def _named(found: TreatmentComparison, what: str) -> str:
    """A column, or a column with its level, by its name in print."""
    for name, label in sorted(found.labels.items(), key=lambda item: -len(item[0])):
        if what == name or what.startswith(f"{name} "):
            return f"{label}{what[len(name):]}"
    return what


def warnings_of(found: TreatmentComparison) -> Iterator[str]:
    """Sentences to be read with the numbers: few events, the score's own, models refused, hazards not proportional, resamples."""
    several = len(found.tte.states) > 1
    p = found.propensity.design.matrix.shape[1]
    for outcome in found.tte.states:
        events = int((found.tte.state == found.tte.code(outcome)).sum())
        if events < EVENTS_NEEDED * p:
            yield (f"{plural(events, 'event')} ({outcome}) for {plural(p, 'coefficient')} of the confounders ({events / p:.1f} each; {EVENTS_NEEDED} are advised): the model with "
                   "covariates is unsure of itself, and so is any comparison of so few events.")  # fmt: skip
        for name in found.choice.names:
            own = found.compared[(found.compared["group"] == name) & (found.compared["outcome"] == outcome)].iloc[0]
            if own["n_event"] == 0:
                yield f"Nobody with {name} had {outcome}: a hazard ratio runs off to infinity, and only the curves and the risks tell."
    whole = "All weights are whole numbers"  # told to the user of survival_curve; the curves here are robust whatever the weights
    for warning in found.propensity.warnings:
        for name in found.choice.names:  # the column by its label
            warning = warning.replace(f"{found.choice.treatment} {name}", f'{found.choice.label} "{name}"')
        if not warning.startswith(whole):
            yield warning
    for refusal in found.refused:
        yield f"Not fitted, {refusal.model}{f', {refusal.outcome}' if several else ''}: {refusal.reason}"
    for row in found.proportional_hazards.to_dict("records"):
        if row["model"] != "crude" and np.isfinite(row["p_value"]) and row["p_value"] < 0.05:
            about = f" of {row['outcome']}" if several else ""
            yield (f"The {row['model']} hazard ratio{about} of the treatment changes over time (p {p_value(row['p_value'])}): one number is then an average over the "
                   "follow-up of these patients; look at the curves and at the risks.")  # fmt: skip
    if found.resampled is not None:
        yield from found.resampled.warnings
