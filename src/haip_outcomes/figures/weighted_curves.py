"""Two treatments over time: the weighted curves, the crude ones beside them, and how many patients and how much weight they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.figures.panels import Key, Numbers, Panel
from haip_outcomes.figures.scales import time_breaks
from haip_outcomes.figures.steps import draw_steps, group_style, in_words, part_of, steps, top_of
from haip_outcomes.figures.style import Drawing, drawing_style
from haip_outcomes.formatting import number
from haip_outcomes.survival.counts import RiskSets, at_risk_table
from haip_outcomes.survival.curves.aalen_johansen import CumulativeIncidence
from haip_outcomes.survival.weighting.treatment_weights import effective_at_risk
from haip_outcomes.tables.table import slug

if TYPE_CHECKING:
    from haip_outcomes.prognosis.treatments.treatment_comparison import TreatmentComparison

_CRUDE: tuple[Any, ...] = ((0, (1, 1.4)), (0, (4, 1.2, 1, 1.2)))  # line styles of the curves before weighting
_FINE = 0.8  # their width in points
_FEW = "Thin line and hatched band: beyond the last time with an effective number at risk of at least 5 and 10% of the group; crude curves end there"


def plot_treatments(
    comparison: TreatmentComparison,
    *,
    cause: str | None = None,
    width: str = "single",
    until: float | None = None,
    breaks: Sequence[float] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Drawing:
    """Both treatments over time as if they had been given to like patients, with the crude curves as fine broken lines.

    Kaplan-Meier curves with their robust band; with competing events the cumulative incidence of one of them. Under the axis stand the patients
    at risk and their effective number, (sum w)^2 / sum w^2: as many of equal weight would tell as much.

    Parameters
    ----------
    comparison : what `compare_treatments` returned.
    cause : with competing events, which one; the first unless said.
    width : "single" (84 mm) or "double" (174 mm).
    until, breaks : where the time axis ends, and its ticks; by default at the last time, and round ones.
    labels : what to print for the two treatments, {"adjuvant": "Pump"}.

    Errors: EndpointError for a cause or group that is not there, or `until` or `breaks` that don't fit.

    >>> import numpy as np
    >>> import haip_outcomes as haip
    >>> from haip_outcomes.prognosis.treatments.treatments_compared import compare_treatments
    >>> cohort = haip.simulate_cohort(200, rng=np.random.default_rng(3), shares={"adjuvant": 1, "comparator": 1})
    >>> found = compare_treatments(cohort, treatment="setting", confounders=["sarcopenia", "age"])
    >>> plot_treatments(found, labels={"adjuvant": "Pump", "comparator": "No pump"}).size[0]
    84.0
    """
    curves, crude, tte = comparison.curves, comparison.crude_curves, comparison.tte
    competing = isinstance(curves, CumulativeIncidence)
    if cause is not None and cause not in tte.states:
        raise EndpointError(f'There is no event "{cause}". {did_you_mean(cause, tte.states)}')
    event = cause or tte.states[0]
    outcome, start = (event, 0.0) if competing else (None, 1.0)
    printed = dict(labels or {})
    order = list(reversed(comparison.choice.names))  # the treated first
    for name in printed:
        if name not in order:
            raise EndpointError(f'labels: there is no group "{name}". {did_you_mean(name, order)}')
    by_group = {one.group: one for one in curves.sets}
    sets, names = [by_group[name] for name in order], [printed.get(name, name) for name in order]
    end, ticks = _axis(sets, until, breaks, curves.unit, width)
    styles = [group_style(i) for i in range(2)]
    plain = [{"color": style["color"], "linestyle": line, "linewidth": _FINE} for style, line in zip(styles, _CRUDE, strict=True)]
    numbers = _numbers(sets, order, ticks)
    blocks = tuple(Numbers(tuple((words, tuple(f"{value:.0f}" for value in numbers.loc[numbers["group"] == group, column]))
                                 for words, column in (("At risk", "n_risk"), ("Effective", "effective_n"))), name, style)
                   for group, name, style in zip(order, names, styles, strict=True))  # fmt: skip
    frame, before = curves.tidy(), crude.tidy()
    label = curves.label or "Survival"
    what = f"{label}: {event}" if competing and event.casefold() not in label.casefold() else label
    y_words = f"{what}, cumulative incidence" if competing else label
    panel = Panel(
        x_label=_time_label(comparison), y_label=f"{y_words} (%)", until=end, breaks=ticks, widths=width, numbers=blocks,
        key=(tuple(Key(f"{name}, weighted", style) for name, style in zip(names, styles, strict=True)),
             tuple(Key(f"{name}, crude", style) for name, style in zip(names, plain, strict=True))),
        notes=(_ratio_words(comparison, event),), y_top=top_of(frame[frame["time"] <= end], event) if competing else 1.0,
    )  # fmt: skip
    thin = False
    with drawing_style():
        figure, axes = panel.draw()
        for group, one, style, fine in zip(order, sets, styles, plain, strict=True):
            few = _few_from(one)
            thin |= few < min(end, float(one.time[-1]))
            drawn = steps(part_of(before, group, outcome), start, min(end, few))
            axes.step(drawn["time"], drawn["estimate"], where="post", clip_on=False, gid="crude", **fine)
            draw_steps(axes, steps(part_of(frame, group, outcome), start, end), style, few=few, band=True)
    caption = ". ".join(filter(None, [
        f"{y_words}, {_time_label(comparison)[:1].lower()}{_time_label(comparison)[1:]}, weighted with {100 * curves.conf_level:g}% confidence band, and crude (fine broken lines)",
        comparison.method, curves.method, "Effective: the number at risk of equal weight that would tell as much, (sum w)²/sum w²",
        _FEW if thin else ""]))  # fmt: skip
    alt = " ".join([f"{'Cumulative incidence' if competing else 'Kaplan-Meier'} curves, weighted: {what}, from 0 to {end:.4g} {curves.unit}.",
                    *[f"{in_words(part_of(frame, one.group, outcome), (name,), one.n, one.n_events(tte.code(event)), curves.unit, start, ticks)}."
                      for one, name in zip(sets, names, strict=True)], _ratio_words(comparison, event)])  # fmt: skip
    return Drawing(figure, slug("treatments", label, event if competing else ""), f"{caption}.", alt, numbers)


def _numbers(sets: Sequence[RiskSets], order: Sequence[str], ticks: Sequence[float]) -> pd.DataFrame:
    """Patients at risk and their effective number at the ticks: group, time, n_risk, effective_n."""
    tables = [at_risk_table(one.rows, list(ticks))[["time", "n_risk"]].assign(group=group, effective_n=effective_at_risk(one, np.asarray(ticks, dtype=float)))
              for one, group in zip(sets, order, strict=True)]  # fmt: skip
    return pd.concat(tables, ignore_index=True)[["group", "time", "n_risk", "effective_n"]]


def _few_from(one: RiskSets) -> float:
    """The last exit time at which the effective number at risk is at least 5, and 10% of the group; 0 when there was none."""
    enough = one.time[effective_at_risk(one, one.time) >= max(5.0, 0.1 * one.n)]
    return float(enough[-1]) if len(enough) else 0.0


def _axis(sets: Sequence[RiskSets], until: float | None, breaks: Sequence[float] | None, unit: str, width: str) -> tuple[float, tuple[float, ...]]:
    end = max(float(one.time[-1]) for one in sets) if until is None else float(until)
    if not end > 0:
        raise EndpointError(f"The time axis must end after 0; until={end:g}.")
    if breaks is None:
        return end, time_breaks(end, unit, width, str(max(one.n for one in sets)))
    ticks = tuple(sorted(float(tick) for tick in breaks))
    if not ticks or ticks[0] < 0 or ticks[-1] > end:
        raise EndpointError(f"breaks must lie between 0 and {end:g} {unit}; got {list(breaks)}.")
    return end, ticks


def _time_label(comparison: TreatmentComparison) -> str:
    tte = comparison.tte
    return f"{tte.unit.capitalize()} since {tte.time_zero}" if tte.time_zero else f"Time, {tte.unit}"


def _ratio_words(comparison: TreatmentComparison, event: str) -> str:
    """The weighted hazard ratio with its limits, in words."""
    rows = comparison.tidy(exponentiate=True)
    own = rows[(rows["outcome"] == event) & (rows["measure"] == "hazard ratio") & (rows["model"] == "weighted")]
    if not len(own):
        return ""
    row = own.iloc[0]
    kind = "cause-specific hazard ratio" if len(comparison.tte.states) > 1 else "hazard ratio"
    return f"Weighted {kind} {number(row['estimate'])} ({100 * comparison.conf_level:g}% CI {number(row['conf_low'])} to {number(row['conf_high'])})."
