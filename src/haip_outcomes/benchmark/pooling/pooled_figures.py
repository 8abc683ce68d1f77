"""Published figures of one estimand pooled, and what a new centre may expect to see; which cells of the literature can be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.case_mix.plain_numbers import LARGEST
from haip_outcomes.benchmark.literature import Figures, published
from haip_outcomes.benchmark.pooling.cells import FIELDS, LEAST, Cell, cells_of, differing
from haip_outcomes.benchmark.pooling.counting import count_quantiles
from haip_outcomes.benchmark.pooling.heterogeneity import RandomEffects, checked_level, random_effects
from haip_outcomes.benchmark.pooling.scales import CLL, LOGIT, Scale, scale_of
from haip_outcomes.benchmark.published_figure import z_of
from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed, number, percent, plural
from haip_outcomes.survival.results import frame_of, shown_as_html

_SHARES = (LOGIT, CLL)


@dataclass(frozen=True, eq=False, repr=False)
class Pooled:
    """Published figures of one cell as one, and the interval in which a new centre's result is expected.

    Numbers are in the figures' unit, per cent as probabilities (`unit`: "probability", "months", "ratio", ...); `std_error` and `tau2`
    are on the scale they were pooled on (`scale`). `effects` is that pooling, `cell` holds the figures, which of them were pooled and
    why not the others.
    """

    cell: Cell
    effects: RandomEffects
    scale: str
    unit: str
    n_new: int | None
    conf_level: float
    method: str

    @property
    def estimate(self) -> float:
        """The pooled value: the middle of true results, back on the figures' own scale."""
        return self._scale.back(self.effects.estimate)

    @property
    def limits(self) -> tuple[float, float]:
        """Its interval (modified Hartung-Knapp)."""
        return self._scale.limits(self.effects.conf_low, self.effects.conf_high)

    @property
    def left_out(self) -> tuple[tuple[str, str], ...]:
        """Figures of the cell that were not pooled: id, why."""
        return self.cell.left_out

    def tidy(self) -> pd.DataFrame:
        """A row a study: its number with limits on its scale, its weight in the pooled value, and where its standard error comes from."""
        studies, z = self.cell.chosen, z_of(self.conf_level)
        sources = self.cell.figures.sources
        ends = [self._scale.limits(one.effect - z * one.std_error, one.effect + z * one.std_error) for _, one in studies]
        return frame_of({
            "group": [sources[figure.source].short for figure, _ in studies],
            "estimate": [self._scale.back(one.effect) for _, one in studies],
            "std_error": [one.std_error for _, one in studies],
            "conf_low": [low for low, _ in ends], "conf_high": [high for _, high in ends],
            "n": _whole([figure.n for figure, _ in studies]), "n_event": _whole([figure.count for figure, _ in studies]),
            "weight": list(self.effects.weights), "effect": [one.effect for _, one in studies],
            "basis": [one.basis for _, one in studies], "lower_bound": [one.lower_bound for _, one in studies],
            "figure": [figure.id for figure, _ in studies], "source": [figure.source for figure, _ in studies], "unit": self.unit,
        })  # fmt: skip

    def glance(self) -> pd.DataFrame:
        """One row: the pooled value, Q (`statistic`, `df`, `p_value`), tau2 and I2, and the prediction intervals of a new centre.

        `prediction_low` and `prediction_high` are of its true result; `new_low` and `new_high` of what `n_new` patients would show.
        """
        low, high = self.limits
        true = self.prediction(std_error=0.0).iloc[0]
        new = self.prediction().iloc[0] if self.n_new is not None else None
        return frame_of({
            "estimate": [self.estimate], "std_error": [self.effects.std_error_mhk], "conf_low": [low], "conf_high": [high],
            "statistic": [self.effects.q], "df": [self.effects.df], "p_value": [self.effects.p_value],
            "n": _whole([self._patients]), "k": [self.effects.k], "i2": [self.effects.i2], "h2": [self.effects.h2],
            "tau2": [self.effects.tau2], "prediction_low": [true["conf_low"]], "prediction_high": [true["conf_high"]],
            "n_new": _whole([self.n_new]), "new_low": [math.nan if new is None else new["conf_low"]],
            "new_high": [math.nan if new is None else new["conf_high"]], "unit": [self.unit], "scale": [self.scale],
        })  # fmt: skip

    def prediction(self, n: int | None = None, *, std_error: float | None = None) -> pd.DataFrame:
        """Where a new centre's result may lie, one row: what `n` patients would show, or its true result.

        mu +/- t_{k-2} sqrt(tau2 + SE^2 + v), with the modified Hartung-Knapp SE; v = 0 for the true result, else that of n patients
        at the pooled value: 1/(n p(1 - p)) for a proportion, (1 - S)/(n S ln^2 S) for a probability at a time if nobody is censored
        before it, 1/(n ln^2 2) for a median of exponential times; or `std_error`^2, the new centre's own standard error on the
        pooling scale (0: the true result). Without either, `n_new` given to `pooled`, or the true result.

        Columns: term (of what), estimate, conf_low, conf_high, df, n.
        """
        if n is not None and std_error is not None:
            raise EndpointError("A new centre has a number of patients (n) or a standard error (std_error): give one of them.")
        size = _size(self.n_new if n is None and std_error is None else n)
        if size is not None:
            if self._scale.variance_of is None:
                raise EndpointError("A number of patients does not tell how sure a ratio will be: give its standard error on the logarithm, "
                                    "prediction(std_error=...).")  # fmt: skip
            std_error = math.sqrt(self._scale.variance_of(self.estimate, size))
        row = self.effects.prediction(std_error).iloc[0]
        low, high = self._scale.limits(float(row["conf_low"]), float(row["conf_high"]))
        term = f"observed result of {size} patients" if size is not None else "observed result" if std_error else "true result"
        return frame_of({"term": [term], "estimate": [self.estimate], "conf_low": [low], "conf_high": [high], "df": [int(row["df"])],
                         "n": _whole([size])})  # fmt: skip

    def count_range(self, n: int | None = None) -> pd.DataFrame:
        """How many of `n` patients of a new centre may have it, one row: conf_low to conf_high of n, and their mean as `estimate`.

        P(X = x) is the mean of Bin(x; n, p) over a new centre's true p, g(p) = mu + sqrt(tau2 + SE^2) t_{k-2}, integrated and not
        simulated; the limits are the smallest x with P(X <= x) of at least (1 - conf_level)/2, and of at least its complement. Of a
        probability at a time it is the count if nobody is censored before.
        """
        if self._scale not in _SHARES:
            raise EndpointError(f"Only of shares of patients can be said how many of n: these are in {self.unit}.")
        size = _size(self.n_new if n is None else n)
        if size is None:
            raise EndpointError("count_range needs the number of patients of the new centre: count_range(n=34).")
        row = self.effects.prediction().iloc[0]
        low, high, mean = count_quantiles(self.effects.estimate, float(row["std_error"]), int(row["df"]), size, self._scale.back,
                                          (1 - self.conf_level) / 2)  # fmt: skip
        return frame_of({"estimate": [mean], "conf_low": [low], "conf_high": [high], "n": [size]})

    def shown(self, value: float, digits: int = 0) -> str:
        """A value in the figures' unit as a person prints it: "23%", "31.2 months", "0.67"."""
        if self.unit == "probability":
            return percent(value, digits=digits)
        return number(value, 2) if self.unit == "ratio" else f"{number(value, max(digits, 1))} {self.unit}"

    @property
    def sentence(self) -> str:
        """What it says to a programme lead, with how far the studies lie apart."""
        new, sure = self.prediction().iloc[0], f"{100 * self.conf_level:g}%"
        who = "The true result of a new centre" if not self.n_new else f"What a new centre of {plural(self.n_new, 'patient')} observes"
        return (f"{plural(self.effects.k, 'source')} of different patients: {self.shown(self.estimate)} ({sure} CI {self._span(*self.limits)}). "
                f"{who} is expected between {self._span(new['conf_low'], new['conf_high'], 'and')} ({sure} prediction interval)"
                f"{self._as_count}. {self._apart}")  # fmt: skip

    @property
    def _as_count(self) -> str:
        if self.n_new is None or self._scale is not LOGIT:
            return ""
        row = self.count_range().iloc[0]
        return f"; as a count, {row['conf_low']:.0f} to {row['conf_high']:.0f} of {self.n_new}"

    def _span(self, low: float, high: float, word: str = "to") -> str:
        first = self.shown(low)
        return f"{first if self.unit == 'probability' else first.removesuffix(f' {self.unit}')} {word} {self.shown(high)}"

    @property
    def _apart(self) -> str:
        i2 = f"I2 {100 * self.effects.i2:.0f}%, tau2 {self.effects.tau2:.3f} on the scale of the {self.scale_words}"
        if self.effects.tau2 == 0:
            return f"They differ no more than chance makes them differ ({i2}), which with {self.effects.k} sources proves little."
        return f"The share of their spread that is more than chance: {i2}."

    @property
    def scale_words(self) -> str:
        """The scale on which was pooled, in words."""
        return self._scale.words

    @property
    def _scale(self) -> Scale:
        scale = scale_of(self.cell.figures[0])
        assert scale is not None  # `pooled` refuses figures without one
        return scale

    @property
    def _patients(self) -> int | None:
        known = [figure.n for figure, _ in self.cell.chosen if figure.n is not None]
        return sum(known) if len(known) == len(self.cell.chosen) else None

    def __repr__(self) -> str:
        return f"Pooled, {self.cell.words}. {self.sentence}"

    def _repr_html_(self) -> str:
        return shown_as_html(repr(self), self.tidy(), self.method)


def pooled(figures: Figures, *, n_new: int | None = None, conf_level: float = 0.95) -> Pooled:
    """Published figures of one estimand as one, and the interval in which a new centre's own result is to be expected.

    Random effects (REML, modified Hartung-Knapp; `random_effects`) on the logarithm (medians, ratios), the logit (proportions) or
    ln(-ln p) (probabilities at a time and incidences, whose limits change places on the way back).

    Parameters
    ----------
    figures : of one cell: the same setting, endpoint, statistic, horizon, event, handling of competing events, time zero, modality,
        subgroup, ... (`poolable`); narrow them with `where`. At least 4 sources of different overlap groups, with an estimate and its
        uncertainty. Of figures that may share patients the one with the most patients is taken, the others are listed in
        `left_out`. Where an overlap was not assigned, it is not known: two sources without a group count as different patients.
    n_new : number of patients of the new centre, for what it would observe.
    conf_level : of all intervals.

    Raises
    ------
    EndpointError : figures of several cells, with the fields in which they differ; fewer than 4 sources ("2 sources, too few to
        pool"); numbers on no scale to pool on.

    Methods notes, section 10; Higgins 2009, doi 10.1111/j.1467-985X.2008.00552.x (its degrees of freedom second-hand); Rover 2015, doi
    10.1186/s12874-015-0091-1. Equals R's `metafor::rma(method = "REML", test = "adhoc")`; the prediction interval is on k - 2
    degrees of freedom, metafor's on k - 1.

    >>> try:
    ...     pooled(published(setting="unresectable", endpoint="pump_complication", horizon=None, subgroup="", event="not stated"))
    ... except EndpointError as error:
    ...     print(str(error).partition(". ")[0])
    2 sources, too few to pool: unresectable, pump complications, proportion, HAIP
    """
    figures = _checked(figures)
    size = _size(n_new)
    checked_level(conf_level)
    if not len(figures):
        raise EndpointError("0 sources, too few to pool: there are no figures.")
    cells = cells_of(figures)
    if len(cells) > 1:
        raise EndpointError(f"These figures are of {len(cells)} different estimands and are never pooled: they differ in {differing(cells)}. "
                            "Narrow them with where(); poolable() lists the cells.")  # fmt: skip
    (cell,) = cells
    scale = scale_of(figures[0])
    if scale is None:
        raise EndpointError(f"These figures can't be pooled: {cell.reason} ({cell.words}).")
    if not cell.can_be_pooled:
        left = [f"{name} ({why})" for name, why in cell.left_out]
        raise EndpointError(f"{cell.reason}: {cell.words}. At least {LEAST} sources of different patients are needed, each with an estimate "
                            f"and its uncertainty; name the figures one by one.{' Left out: ' + '; '.join(left) + '.' if left else ''}")  # fmt: skip
    if size is not None and scale.variance_of is None:
        raise EndpointError("A number of patients does not tell how sure a ratio will be: leave n_new out and ask prediction(std_error=...).")
    effects = random_effects([one.effect for _, one in cell.chosen], [one.std_error for _, one in cell.chosen], conf_level=conf_level)
    return Pooled(cell, effects, scale.name, figures[0].common_unit, size, conf_level, _method(cell, effects, scale))


def poolable(figures: Figures | None = None) -> pd.DataFrame:
    """The cells of the literature: which figures ask the same question of different patients, and whether they can be pooled today.

    A cell shares setting, endpoint (and outcome), statistic, horizon, unit, event, handling of competing events, time zero, modality
    and subgroup, word for word; a ratio its factor and adjustment too. "Not stated" is a word like the others (`not_stated` lists those
    fields: what the sources do not say may differ). Modality is "HAIP" alike, with or without systemic chemotherapy, for
    what is of the operation or the pump (complications, reinterventions, first cycle); for outcomes of treatment the three HAIP words
    are different cells.

    Parameters
    ----------
    figures : what `published()` or `load_figures()` gave; by default all published figures.

    Returns
    -------
    A row a cell: the words, n_figures, n_sources, n_groups (different patients, at most one figure each), k (of those, with an estimate
    and an uncertainty), can_be_pooled (k >= 4), reason, not_stated, pooled_figures (their ids), all_figures.

    >>> cells = poolable()
    >>> f"{cells['can_be_pooled'].sum()} of {len(cells)} cells, {cells['n_figures'].sum()} figures"
    '0 of 180 cells, 218 figures'
    """
    rows: list[dict[str, Any]] = []
    for cell in cells_of(published() if figures is None else _checked(figures)):
        rows.append({
            **dict(zip(FIELDS, cell.key, strict=True)), "n_figures": len(cell.figures), "n_sources": len({f.source for f in cell.figures}),
            "n_groups": cell.n_groups, "k": len(cell.chosen), "can_be_pooled": cell.can_be_pooled, "reason": cell.reason,
            "not_stated": ", ".join(cell.not_stated), "pooled_figures": "; ".join(f.id for f, _ in cell.chosen),
            "all_figures": "; ".join(f.id for f in cell.figures),
        })  # fmt: skip
    columns = [*FIELDS, "n_figures", "n_sources", "n_groups", "k", "can_be_pooled", "reason", "not_stated", "pooled_figures", "all_figures"]
    return pd.DataFrame(rows, columns=columns)


def _checked(figures: Any) -> Figures:
    if not isinstance(figures, Figures):
        raise EndpointError("Pooling takes published figures: published(...), load_figures(...), or either narrowed with where(...).")
    return figures


def _size(n: int | None) -> int | None:
    if n is None:
        return None
    if isinstance(n, bool) or not isinstance(n, (int, float, np.number)) or not n >= 1 or (n <= LARGEST and n != int(n)):
        raise EndpointError(f"The number of patients of a new centre is a whole number of at least 1, not {n!r}.")
    if n > LARGEST:
        raise EndpointError(f"The number of patients of a new centre is at most {LARGEST:,}, and the one given is larger.")
    return int(n)


def _whole(values: list[int | None]) -> pd.Series:
    return pd.Series(values, dtype="Int64")


def _method(cell: Cell, effects: RandomEffects, scale: Scale) -> str:
    bounds = sum(one.lower_bound for _, one in cell.chosen)
    parts = [
        f"{effects.method}, on the {scale.words}; prediction interval of a new centre on {effects.k - 2} df",
        "one figure a group of series that may share patients, the largest; "
        f"{plural(len(cell.left_out), 'figure')} of the cell left out" if cell.left_out else "",
        f"{plural(bounds, 'standard error')} from numbers of patients alone, as if nobody had been censored" if bounds else "",
        f"the sources do not state {listed([name.replace('_', ' ') for name in cell.not_stated])}: they may differ in it" if cell.not_stated else "",
    ]  # fmt: skip
    return "; ".join(part for part in parts if part)
