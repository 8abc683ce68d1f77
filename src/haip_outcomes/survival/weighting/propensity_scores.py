"""Propensity scores and the weights made of them: two treatments compared as if they had been given to like patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.special import ndtr

from haip_outcomes.errors import EndpointError, FitError, did_you_mean
from haip_outcomes.formatting import listed, number, percent, plural
from haip_outcomes.survival.covariates.coding import gaps, observed, rows_told
from haip_outcomes.survival.covariates.design_matrix import Design, design
from haip_outcomes.survival.covariates.splines import Spline
from haip_outcomes.survival.intervals import critical_value
from haip_outcomes.survival.results import frame_of, shown_as_html
from haip_outcomes.survival.time_to_event import level_text
from haip_outcomes.survival.weighting.covariate_balance import Spread, balance_frame, imbalanced, worst
from haip_outcomes.survival.weighting.treatment_model import treatment_model
from haip_outcomes.survival.weighting.treatment_weights import (
    EXTREME,
    WHOM,
    Estimand,
    checked_estimand,
    checked_truncation,
    effective_size,
    treatment_weights,
    truncated,
)

NEARLY = 0.05  # of a score to 0 or 1: one of the treatments was hardly possible
HEAVY = 0.1  # of a group's weight: no patient should carry more
FEW = 10  # patients of the smaller group for each coefficient


@dataclass(frozen=True, eq=False, repr=False)
class Propensity:
    """Scores and weights of every patient. `tidy()` is the model of who was treated, `balance()` and `positivity()` say whether to trust it.

    Attributes
    ----------
    scores, weights : Series with the frame's index: the probability of the treatment, and what each patient counts. Patients left out have none.
    groups : Series of text, who had what; `treated`, `comparison` : the two names.
    estimand, stabilised, truncate : as asked; `n_truncated` : weights that were cut.
    coefficients, covariance : of the logistic model, the intercept first; `design` : its covariates.
    left_out : reason -> rows of the frame.
    method : the sentence the result writes about itself.
    """

    scores: pd.Series
    weights: pd.Series
    groups: pd.Series
    treatment: str
    treated: str
    comparison: str
    estimand: Estimand
    stabilised: bool
    truncate: tuple[float, float] | None
    n_truncated: int
    coefficients: np.ndarray
    covariance: np.ndarray
    design: Design
    left_out: dict[str, pd.Index]
    method: str
    frame: pd.DataFrame = field(repr=False)

    def balance(self, columns: Sequence[str] | None = None, *, spread: Spread = "unweighted") -> pd.DataFrame:
        """How far the groups differ in each characteristic, before and after weighting: a row a characteristic, level and sample.

        With weighted means m and variances v of the treated (1) and the comparison (0) the standardised difference is

            d = (m1 - m0) / sqrt((v1 + v0) / 2)

        with v = p (1 - p) for a 0/1 column or a level, else v = sum w (x - m)^2 sum w / ((sum w)^2 - sum w^2). Under 0.1 is commonly
        called balanced; no p-value, which would tell the size of the cohort.

        Parameters
        ----------
        columns : of the frame; by default those of the model. Give others too: what is not in the model is not balanced by it. Missing
            values are left out of their own row, and `n` says how many were not.
        spread : "unweighted" divides both by the spread before weighting, so that only means change; "weighted" each by its own.

        Returns
        -------
        Columns: term, level (None for a number; each level, the first too), estimate (d), n, sample ("unweighted", "weighted"), mean_treated,
        mean_comparison, variance_ratio (v1 / v0 of a number; near 1 when alike).

        Austin 2009, doi 10.1002/sim.3697; with weights Austin and Stuart 2015, doi 10.1002/sim.6607. spread="unweighted" is the choice of R's
        `cobalt::bal.tab(s.d.denom = "pooled")`.
        """
        names = list(dict.fromkeys(name for parts in self.design.variables.values() for name in parts)) if columns is None else columns
        names = [names] if isinstance(names, str) else list(names)
        if not names:
            raise EndpointError("No columns: name at least one whose balance is asked for.")
        return balance_frame(self.frame, names, self._yes, self.weights.to_numpy(), spread)

    def positivity(self) -> pd.DataFrame:
        """Could every patient have had either treatment? A row a group, the comparison first.

        Columns: group, n, effective_n ((sum w)^2 / sum w^2), sum_of_weights, score_low, score_median, score_high, n_outside (scores
        that nobody in the other group reaches: below its lowest or above its highest), n_nearly_certain (scores under 0.05 or over 0.95), largest_weight,
        largest_share (of the group's weight, carried by one patient), n_extreme (weights over 5 times the group's mean).
        """
        score, w = self.scores.to_numpy(), self.weights.to_numpy()
        rows = []
        for name, mine in ((self.comparison, self._yes == 0), (self.treated, self._yes == 1)):
            e, own, other = score[mine], w[mine], score[~mine]
            rows.append({
                "group": name, "n": int(mine.sum()), "effective_n": effective_size(own), "sum_of_weights": own.sum(),
                "score_low": e.min(), "score_median": float(np.median(e)), "score_high": e.max(),
                "n_outside": int(((e < other.min()) | (e > other.max())).sum()), "n_nearly_certain": int(((e < NEARLY) | (e > 1 - NEARLY)).sum()),
                "largest_weight": own.max(), "largest_share": own.max() / own.sum(), "n_extreme": int((own > EXTREME * own.mean()).sum()),
            })  # fmt: skip
        return frame_of({name: [row[name] for row in rows] for name in rows[0]})

    def tidy(self, exponentiate: bool = False, *, conf_level: float = 0.95) -> pd.DataFrame:
        """The model of who was treated, a row a coefficient: the log odds ratio of treatment, or the odds ratio with `exponentiate`.

        Not a result about the treatment's effect. Columns: term ("(intercept)" first), level, estimate, std_error (of the logarithm), conf_low,
        conf_high, statistic (z), p_value. Equals R's `summary(glm(treated ~ terms, binomial))`.
        """
        z = critical_value(conf_level)
        error = np.sqrt(self.covariance.diagonal())
        shape = np.exp if exponentiate else np.asarray
        columns = (("(intercept)", None), *self.design.columns)
        statistic = self.coefficients / error
        return frame_of({
            "term": [term for term, _ in columns], "level": pd.Series([level for _, level in columns], dtype=object), "estimate": shape(self.coefficients),
            "std_error": error, "conf_low": shape(self.coefficients - z * error), "conf_high": shape(self.coefficients + z * error),
            "statistic": statistic, "p_value": 2 * ndtr(-np.abs(statistic)),
        })  # fmt: skip

    def glance(self) -> pd.DataFrame:
        """One row: estimand, n, n_treated, n_comparison, their effective sizes, the largest absolute standardised difference before and after."""
        told, alike = self.positivity(), self.balance()
        return frame_of({
            "n": [len(self.weights)], "estimand": [self.estimand], "n_treated": [int(told["n"].iloc[1])], "n_comparison": [int(told["n"].iloc[0])],
            "effective_treated": [told["effective_n"].iloc[1]], "effective_comparison": [told["effective_n"].iloc[0]],
            "largest_before": [worst(alike, "unweighted")[0]], "largest_after": [worst(alike, "weighted")[0]],
        })  # fmt: skip

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """Sentences to be read with the numbers: patients without a counterpart, heavy weights, what still differs; empty when there is nothing to say."""
        return tuple(_warnings(self))

    @property
    def _yes(self) -> np.ndarray:
        return (self.groups == self.treated).to_numpy().astype(float)

    def __repr__(self) -> str:
        alike = self.balance()
        before, after = worst(alike, "unweighted"), worst(alike, "weighted")
        return "\n".join([self.method, f"  largest standardised difference {number(before[0])} ({before[1]}) before, {number(after[0])} ({after[1]}) after weighting",
                          *(f"  Note: {warning}" for warning in self.warnings)])  # fmt: skip

    def _repr_html_(self) -> str:
        return shown_as_html("Propensity score", self.balance(), ". ".join([self.method, *self.warnings]))


def propensity(
    frame: pd.DataFrame,
    treatment: str,
    terms: str | Spline | Sequence[str | Spline],
    *,
    estimand: Estimand = "ATE",
    treated: object = None,
    stabilised: bool = False,
    truncate: float | Sequence[float] | None = None,
    reference: Mapping[str, object] | None = None,
    missing: Literal["raise", "complete-case"] = "raise",
) -> Propensity:
    """Weights that make patients with and without a treatment alike in what was known when it was chosen.

    The score e is the probability of the treatment given the covariates, from a logistic model of `terms`; the weights are

    | estimand | of whom the effect is | treated | comparison |
    |---|---|---|---|
    | "ATE" | everybody | 1/e | 1/(1-e) |
    | "ATE", stabilised | everybody | p/e | (1-p)/(1-e), p the share treated |
    | "ATT" | patients such as those treated | 1 | e/(1-e) |
    | "overlap" | those for whom either was likely | 1-e | e |

    With few patients or scores near 0 or 1 prefer "overlap": its weights lie between 0 and 1 and balance the means of all covariates of the model exactly.
    What follows takes them as they are: `survival_curve(tte, by=p.groups, weights=p.weights)`, `cox(tte, design(frame, [treatment]),
    weights=p.weights, robust=True)`. Their robust standard errors take the weights as known. For ATE that makes
    intervals too wide on the whole, for ATT and overlap they can be off either way: `bootstrap` over the whole procedure (below) counts that
    the weights were estimated. Only what is in the model is balanced; see `e_value` for what is not.

    Parameters
    ----------
    frame : one row a patient, with the index of the times.
    treatment : its column, of two levels. terms : what was known before the treatment was chosen, as in `design`: names, "a:b", spline("a").
    estimand : see above. stabilised : for ATE, weights about 1; curves of the groups and a Cox model of the treatment alone hardly change.
    treated : the level that counts as treated; by default 1, True, or the second level.
    truncate : None, or a quantile of the weights above which they are cut (0.99), or two (0.01, 0.99); less extreme, and no longer unbiased.
        With "ATT" quantiles and cuts are of the comparison only. How many were cut is said.
    reference, missing : as in `design`; "complete-case" leaves patients out, who then have no weight: take `tte.take(tte.index.isin(p.weights.index))`.

    Returns
    -------
    Propensity : see there. No patient is dropped for a score; warnings say where the groups do not overlap or a few patients carry much weight.

    Raises
    ------
    EndpointError : a treatment that is missing, or not of two levels, or among the terms; an unknown estimand, level or truncation.
    SeparationError : a covariate, or several together, that tell without fail who was treated.
    FitError : what `design` refuses (missing values, constant or redundant columns); as many coefficients as patients in a group.

    Rosenbaum and Rubin 1983, doi 10.1093/biomet/70.1.41; truncation: Cole and Hernan 2008, doi 10.1093/aje/kwn164; overlap: Li, Morgan and
    Zaslavsky 2018, doi 10.1080/01621459.2016.1260466; variance: Austin 2016, doi 10.1002/sim.7084, Shu et al. 2021, doi 10.1111/biom.13332.

    Equals R's `fitted(glm(treated ~ terms, family = binomial))` and the weights made of it.

    Examples
    --------
    >>> import pandas as pd
    >>> old, pump = [0] * 6 + [1] * 6, [1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0]
    >>> twelve = pd.DataFrame({"old": old, "pump": pump, "months": range(1, 13), "died": [1, 0] * 6})
    >>> p = propensity(twelve, "pump", ["old"])
    >>> p.weights.round(2).tolist()
    [3.0, 3.0, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 3.0, 3.0]
    >>> p.balance()["estimate"].abs().round(2).tolist()
    [0.71, 0.0]

    The whole procedure again in every resample:

    >>> from haip_outcomes.survival.curves.kaplan_meier import survival_curve
    >>> from haip_outcomes.survival.resampling.bootstrapping import bootstrap
    >>> from haip_outcomes.survival.time_to_event import TimeToEvent
    >>> tte = TimeToEvent.from_frame(twelve, time="months", state="died", states=["Death"])
    >>> def at_nine_months(tte, frame):
    ...     again = propensity(frame, "pump", ["old"], estimand="overlap")
    ...     return survival_curve(tte, again.groups, weights=again.weights).at(9)
    >>> at_nine_months(tte, twelve)["estimate"].round(3).tolist()
    [0.729, 0.281]
    >>> len(bootstrap(at_nine_months, tte, twelve, replicates=20, method="percentile", rng=1).tidy())
    2
    """
    checked_estimand(estimand, stabilised)
    cut_at = checked_truncation(truncate)
    made = design(frame, terms, reference=reference, missing=missing)
    among = {name for parts in made.variables.values() for name in parts}
    if treatment in among:
        raise EndpointError(f'"{treatment}" is the treatment and can\'t be among the terms that explain it: leave it out of them.')
    groups, names = _groups(frame, treatment, treated)
    left_out = dict(made.left_out)
    kept = frame.index.get_indexer(made.index)
    groups = groups.iloc[kept]
    yes = (groups == names[1]).to_numpy().astype(float)
    for name, count in zip(names, (int((1 - yes).sum()), int(yes.sum())), strict=True):
        if not count:
            raise EndpointError(f'Nobody analysed has {treatment} "{name}": there is nobody to compare with.')
        if count < made.matrix.shape[1] + 1:
            raise FitError(f'{plural(count, "patient")} with {treatment} "{name}" for {plural(made.matrix.shape[1] + 1, "coefficient")}: '
                           "too few to model who was treated. Take fewer terms.")  # fmt: skip
    model = treatment_model(made, yes, (f"{treatment} {names[0]}", f"{treatment} {names[1]}"))
    weights, n_cut = truncated(treatment_weights(model.scores, model.rest, yes, estimand, stabilised), yes, estimand, cut_at)
    index = made.index
    sizes = [effective_size(weights[yes == k]) for k in (0, 1)]
    words = [
        f"Propensity score of {treatment} ({names[1]} against {names[0]}) by logistic regression on {listed(list(made.terms))}",
        f"{'stabilised ' if stabilised else ''}weights for {WHOM[estimand]} ({estimand})",
        "" if cut_at is None else f"{plural(n_cut, 'weight')} cut at the {_quantiles(cut_at)}",
    ]
    who = (f"{plural(int(yes.sum()), 'patient')} with {treatment} {names[1]} (effective {number(sizes[1], 1)}), {int((1 - yes).sum())} with {treatment} "
           f"{names[0]} (effective {number(sizes[0], 1)})")  # fmt: skip
    gone = "".join(f", {len(rows)} {reason}" for reason, rows in left_out.items())
    return Propensity(
        scores=pd.Series(model.scores, index=index, name="propensity score"), weights=pd.Series(weights, index=index, name=f"{estimand} weights"),
        groups=groups, treatment=treatment, treated=names[1], comparison=names[0], estimand=estimand, stabilised=stabilised, truncate=cut_at,
        n_truncated=n_cut, coefficients=model.coefficients, covariance=model.covariance, design=made, left_out=left_out,
        method=f"{', '.join(word for word in words if word)}; {who}{gone}", frame=frame.iloc[kept],
    )  # fmt: skip


def _quantiles(cut_at: tuple[float, float]) -> str:
    used = [f"{100 * q:g}%" for q in cut_at if 0 < q < 1]
    return f"{listed(used)} quantile{'s' if len(used) > 1 else ''}"


def _groups(frame: pd.DataFrame, treatment: str, treated: object) -> tuple[pd.Series, tuple[str, str]]:
    """Who had what, as text, and the names of the comparison and of the treatment."""
    if treatment not in frame.columns:
        raise EndpointError(f'There is no column "{treatment}". {did_you_mean(str(treatment), [str(name) for name in frame.columns])}')
    if isinstance(frame[treatment], pd.DataFrame):
        raise EndpointError(f'There are several columns "{treatment}". Rename them.')
    values = observed(frame[treatment], treatment)
    absent = gaps(values)
    if absent.any():
        raise EndpointError(f'"{treatment}", the treatment, is missing in {rows_told(frame.index, absent)}: leave these patients out first, with a '
                            "reason. A treatment is not to be filled in.")  # fmt: skip
    if isinstance(values, pd.Categorical):
        present = [level for k, level in enumerate(values.categories) if (values.codes == k).any()]
        texts = np.array([level_text(level) for level in values.categories], dtype=object)[values.codes]
    else:
        present = np.unique(values).tolist()
        texts = np.array([level_text(value) for value in values], dtype=object) if len(present) <= 2 else np.empty(0)
    levels = [level_text(level) for level in present]
    if len(levels) != 2:
        some = f"{listed(levels[:5])}{', ...' if len(levels) > 5 else ''}" if levels else "nothing"
        raise EndpointError(f'A treatment has two levels, and "{treatment}" has {len(levels)} ({some}): keep the patients of two of them, or join levels.')
    if treated is not None:
        wanted = level_text(treated)
        if levels == ["0", "1"] or levels == ["False", "True"]:  # yes and no, however it is written
            wanted = {"False": levels[0], "0": levels[0], "True": levels[1], "1": levels[1]}.get(wanted, wanted)
        if wanted not in levels:
            raise EndpointError(f'"{treatment}" has no level "{wanted}" to be the treated. {did_you_mean(wanted, levels)}')
        levels = [level for level in levels if level != wanted] + [wanted]
    return pd.Series(texts, index=frame.index, name=treatment), (levels[0], levels[1])


def _warnings(found: Propensity) -> list[str]:
    notes: list[str] = []
    told: list[dict[str, Any]] = found.positivity().to_dict("records")  # type: ignore[assignment]
    p = found.design.matrix.shape[1]
    least = min(told, key=lambda row: row["n"])
    if least["n"] < FEW * p:
        notes.append(f"{plural(least['n'], 'patient')} with {found.treatment} {least['group']} for {plural(p, 'coefficient')} of the score: with under {FEW} for "
                     "each, the score follows chance; take fewer terms.")  # fmt: skip
    who = {about: listed([f"{row[about]} of {row['n']} with {found.treatment} {row['group']}" for row in told if row[about]])
           for about in ("n_outside", "n_nearly_certain") if any(row[about] for row in told)}  # fmt: skip
    if "n_outside" in who:
        notes.append(f"Scores that nobody in the other group reaches: {who['n_outside']}; for them the comparison rests on the model alone.")
    if "n_nearly_certain" in who:
        notes.append(f"Scores under {NEARLY:g} or over {1 - NEARLY:g}: {who['n_nearly_certain']}; one of the treatments was hardly possible for them.")
    for row in told:
        if row["n_extreme"] or (row["largest_share"] > HEAVY and row["n"] > 1 / HEAVY and row["largest_share"] > 2 / row["n"]):
            many = f"{plural(row['n_extreme'], 'weight')} over {EXTREME:g} times the mean; " if row["n_extreme"] else ""
            notes.append(f"{found.treatment} {row['group']}: {many}one patient carries {percent(row['largest_share'])} of the weight.")
        if row["effective_n"] < row["n"] / 2:
            notes.append(f"{found.treatment} {row['group']}: {row['n']} patients weigh as much as {number(row['effective_n'], 1)} of equal weight.")
    differ = imbalanced(found.balance())
    if differ:
        notes.append(f"After weighting still apart by more than 0.1 of a standard deviation: {differ}. Let the score bend (spline, interaction), or adjust "
                     "the model of the outcome for them too.")  # fmt: skip
    w = found.weights.to_numpy()
    if (w == np.floor(w)).all() and (w > 1).any():
        notes.append("All weights are whole numbers, which survival_curve takes for copies of patients: its standard errors would be too small. "
                     "Say survival_curve(..., robust=True).")  # fmt: skip
    return notes
