"""How well would these models predict in new patients like these? All of them on the same resamples, in one table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, FitError, HaipError
from haip_outcomes.formatting import interval, listed, number, plural
from haip_outcomes.prognosis.validation.cautions import failures_of, method_of, warnings_of
from haip_outcomes.prognosis.validation.judging import (
    AUC,
    BENEFIT,
    BRIER,
    HARRELL,
    HEAVY,
    INTEGRATED,
    INTEGRATED_IPA,
    IPA,
    LOG_HAZARD,
    RATIO,
    SLOPE,
    UNO,
    Judged,
)
from haip_outcomes.prognosis.validation.modelling import Part, apparent, drawn, fitted, prediction, resampled
from haip_outcomes.prognosis.validation.net_benefit import MODEL, DecisionCurve, decision_curve
from haip_outcomes.prognosis.validation.optimism import BELOW, OPTIMISM, OUTSIDE, WITHIN, Corrected, corrected
from haip_outcomes.prognosis.validation.optimism import RATIO as OF_RATIO
from haip_outcomes.survival.intervals import critical_value
from haip_outcomes.survival.resampling.replication import Progress, streams_of
from haip_outcomes.survival.results import shown_as_html
from haip_outcomes.survival.time_to_event import TimeToEvent, require_times

_COLUMNS = ["outcome", "model", "measure", "time", "threshold", "apparent", "optimism", "out_of_bag", "plus_632", "correction", "estimate", "conf_low", "conf_high", "n",
            "n_event", "replicates", "n_failed"]  # fmt: skip


Correction = Literal["optimism", "out of bag", ".632+"]
_SCALE = {**dict.fromkeys((HARRELL, UNO, AUC, BRIER, INTEGRATED), WITHIN), **dict.fromkeys((IPA, INTEGRATED_IPA), BELOW), RATIO: OF_RATIO}
_ALIKE = 1e-12  # risks of all patients within it: the model says the same of everybody


@dataclass(frozen=True, eq=False, repr=False)
class Validation:
    """Measures of several models, corrected for the optimism of judging a model on the patients it was made from.

    Attributes
    ----------
    frame : what `tidy()` gives. failures : a row a model, measure and cause: `model`, `measure` ("all" where no model could be made), time, cause,
        n_failed, and `said`, the sentence of the first.
    replicates : label -> (B, 3, K), each measure on the resample, on the patients themselves and on those not in the resample; its K columns are `measures`.
    risks : label -> the predicted risks (n, T) of the patients it was made from, for `calibration` and `plot_calibration`.
    tte : times of the patients analysed. models : label -> what it is. left_out : reason -> the rows left out.
    correction : "optimism", "out of bag" or ".632+", what `estimate` is for every model.
    outcome, times, unit, conf_level, warnings, method.
    """

    frame: pd.DataFrame
    failures: pd.DataFrame
    replicates: dict[str, np.ndarray]
    measures: pd.DataFrame
    risks: dict[str, pd.DataFrame]
    tte: TimeToEvent
    models: dict[str, str]
    left_out: dict[str, pd.Index]
    correction: str
    outcome: str
    times: tuple[float, ...]
    unit: str
    conf_level: float
    warnings: tuple[str, ...]
    method: str

    def tidy(self) -> pd.DataFrame:
        """A row a model and measure: time (none for Harrell's C), threshold (of net benefit), apparent, optimism (Harrell's), out_of_bag, plus_632,
        correction (which of them estimate is: "optimism" for apparent less optimism, ".632+", "out of bag"), estimate, conf_low, conf_high, n, n_event,
        replicates asked for, n_failed of them."""
        return self.frame.copy()

    def decision_curve(self, label: str, time: float) -> DecisionCurve:
        """One model's net benefit at one of the times, corrected, as `plot_decision_curve` draws it.

        Raises EndpointError where no thresholds were asked for (`decision=`), or for an unknown model or time.
        """
        mine = self.frame[(self.frame["model"] == label) & (self.frame["measure"] == BENEFIT) & (self.frame["time"] == time)].reset_index(drop=True)
        if not len(mine):
            raise EndpointError(f'There is no net benefit of "{label}" at {time:g} {self.unit}: models are {listed(list(self.models))}, times '
                                f"{listed([f'{t:g}' for t in self.times])}, and validate needs decision=[thresholds].")  # fmt: skip
        whole = decision_curve(self.tte, self.risks[label][time], time, mine["threshold"].to_numpy(), cause=self.outcome, conf_level=self.conf_level)
        frame = whole.frame.copy()
        own = frame["term"] == MODEL
        for name in ("estimate", "conf_low", "conf_high"):
            frame.loc[own, name] = mine[name].to_numpy()
        frame.loc[own, ["std_error", "true_positive", "false_positive"]] = np.nan
        return DecisionCurve(frame, self.outcome, time, self.unit, self.conf_level, f"Net benefit, corrected for optimism. {self.method}")

    def __repr__(self) -> str:
        shown = self.frame[self.frame["measure"].isin([HARRELL, SLOPE, INTEGRATED]) & ~((self.frame["measure"] == SLOPE) & (self.frame["time"] != self.times[-1]))]
        rows = [f"  {row['model']}: {row['measure']} {_told(row)} "
                f"(apparent {number(row['apparent'], 3)})" for row in shown.to_dict("records")]  # fmt: skip
        return "\n".join([self.method, *rows, *(f"  Note: {warning}" for warning in self.warnings)])

    def _repr_html_(self) -> str:
        return shown_as_html("Validation", self.tidy(), " ".join([f"{self.method}.", *self.warnings]))


def _told(row: Mapping[Any, Any]) -> str:
    """An estimate with its limits; (-) where there are none."""
    if np.isfinite(row["estimate"]) and np.isnan(row["conf_low"]):
        return f"{number(row['estimate'], 3)} (-)"
    return interval(row["estimate"], row["conf_low"], row["conf_high"], 3)


def validate(
    tte: TimeToEvent,
    frame: pd.DataFrame,
    models: Mapping[str, Any] | Sequence[tuple[str, Any]],
    *,
    times: Any,
    cause: str | None = None,
    replicates: int = 200,
    decision: Sequence[float] | None = None,
    correction: Correction | None = None,
    rng: int | np.random.Generator,
    n_jobs: int | None = 1,
    progress: Progress = None,
    conf_level: float = 0.95,
) -> Validation:
    """How well would these models predict in new patients like these? Each is made again in resamples, and what it promises too much is taken off.

    A model judged on the patients it was made from looks better than it is. So the whole modelling (levels, knots, penalties, everything the model
    does) is repeated in B resamples; each resample's model is judged on its resample, on the patients themselves and on those who are not in the resample.
    With M the measure,

        optimism = mean over resamples of (M on the resample - M on the patients)     estimate = M apparent - optimism (Harrell)
        out of bag = mean over resamples of (M on the patients not in the resample)
        .632+: estimate = (1 - w) M apparent + w M out of bag, w from 0.632 to 1 the more of the apparent success is gone out of bag

    Harrell's correction is too kind to a model that nearly learns patients by heart (a forest, boosting): a resample holds 63% of the patients it is then judged
    on: of pure noise it gives forests a C of 0.74 (benchmarks/OPTIMISM.md). As soon as one of the models may be of that kind, the estimate of all is the value out of bag
    (`correction=None`): rows stay comparable, and it is if anything a little too low for all, because a resample holds fewer different patients. Observed / expected is averaged on
    the log scale: its estimate is M apparent x exp(-mean of ln(M on the resample / M on the patients)), out of bag exp(mean of ln M). Of slopes and of the calibration
    intercept medians stand for the means (in a small resample they may be anything); IPA out of bag is 1 - Brier score out of bag / Brier score of the null model of all patients.

    Every model gets the same resamples and the same patients: those complete in all columns that any model needs.

    Measures: Harrell's C (where events compete, who had another first stays at risk for good: Wolbers 2009) and Uno's C (events up to the last time; not with
    competing events); at each time AUC, Brier score, IPA, observed / expected, calibration intercept and slope; integrated Brier score and IPA from zero
    to the last time (straight lines over a grid of 20 times and those asked for); net benefit at the thresholds of `decision`; of models with proportional
    hazards the slope of the log hazard, rms's Slope, by which coefficients should be shrunk.

    Parameters
    ----------
    tte : times (n,) from time zero, one row a patient. frame : their columns, aligned by index.
    models : label -> `cox_model(terms)`, `fine_gray_model(terms, cause=)`, `peer_model(name or estimator, terms)`; or a function of (tte, frame), and of `rng` if
        it has chance, that returns an object with `risk(frame, times)` -> (n, T). It gets all columns, missing values too, so that imputation or the
        choice of variables are part of what is repeated; with an attribute `columns` these count for the complete cases.
    times : one or several, in the unit of `tte`, well inside follow-up: a resample that does not reach the last has failed.
    cause : the event of interest, where several compete.
    replicates : B; 200 settle the optimism, limits want more.
    correction : "optimism", "out of bag" or ".632+", for every model; None chooses "out of bag" where any is a forest, boosting, a function, or another estimator that
        is not linear, else "optimism". With ".632+" measures without a value of no information (observed / expected, calibration, slopes, net benefit) are out of bag.
    decision : thresholds of risk for net benefit, as `decision_curve`.
    rng : a seed, or numpy's Generator: the same numbers with any `n_jobs`. n_jobs : processes; -1 for all.
    progress : True draws a bar on a terminal; or a function called with (done, total). conf_level : of the limits.

    Limits: the percentiles of (M on the resample + M on the patients), moved to the corrected value: the location-shifted bootstrap of Noma 2021, freed
    of its bias and widened by how the models of the resamples differ; of C, AUC and Brier scores on the logit scale, of IPA on that of ln(1 - IPA), so that they stay in the range
    of the measure. A resample in which a model can't be made, or a measure is not defined, is counted by cause; with over 5% there is neither an estimate nor limits, for the
    others are a choice of the resamples. For calibration intercept and slope risks within 1e-6 of 0 or 1 count as so far away.
    In simulations 95% limits of C and Brier score held the truth of the very model in 90 to 98%, of the slope in 90 to 92%,
    but of the slope of a model of pure noise hardly ever (benchmarks/OPTIMISM.md): there it is too high. Of ".632+" and "out of bag" they are the percentiles of M
    out of bag, moved likewise, rather too wide. Limits that would not hold their estimate are left out, and `warnings` says so.

    A model that can't be made from the patients themselves is a row of `failures` ("refused") and a warning, and the others go on; its columns count for the complete cases.
    A model whose optimiser did not converge or ended where the data are less likely than with a constant hazard, whose risk falls with time, or that sees less than a
    hundredth of the observed risk, has failed: it is refused, and in a resample counted.

    Returns
    -------
    Validation : `tidy()` has a row a model and measure; `failures`, `warnings`.

    Raises
    ------
    FitError : no model can be made from the patients themselves (all are named), or one asks for what there isn't, as a column.
    EndpointError : a label twice; times beyond follow-up; competing events without
        `cause`, or with a model that knows one kind of event; delayed entry; several rows a patient; no complete patient.

    Harrell, Lee, Mark 1996, doi 10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4; Noma et al. 2021, doi 10.1002/sim.9148. Harrell's C and the
    slope equal `rms::validate(cph(...), method = "boot", B)` on the same resamples (there as Dxy = 2C - 1, and the slope by the mean over resamples); limits are not rms's.

    >>> import haip_outcomes as haip
    >>> from haip_outcomes.prognosis.validation.own_models import cox_model
    >>> ours = haip.simulate_cohort(150, rng=np.random.default_rng(2))
    >>> found = validate(ours.endpoint("os"), ours.frame, {"Cox": cox_model(["sarcopenia", "age"])}, times=[24], replicates=50, rng=1)
    >>> found.tidy().set_index("measure").loc["Harrell's C", ["apparent", "estimate"]].astype(float).round(2).tolist()
    [0.64, 0.64]
    """
    require_times(tte, "validate")
    critical_value(conf_level)
    if correction is not None and correction not in get_args(Correction):
        raise EndpointError(f'validate: correction must be "optimism", "out of bag", ".632+" or None, which chooses; got {correction!r}.')
    if isinstance(replicates, bool) or not isinstance(replicates, (int, np.integer)) or replicates < 2:
        raise EndpointError(f"validate: replicates must be a whole number of resamples, 2 or more (200 settle the optimism); got {replicates!r}.")
    named = _named(models)
    tte, frame, left_out = _complete(tte, frame, named)
    judged = Judged.of(tte, times, cause, _thresholds(decision))
    streams = streams_of(rng)
    seeds = streams.spawn(1)[0].generate_state(len(named) * (replicates + 1)).reshape(len(named), -1) >> 1
    predictors, told, seconds, refused = _made(named, judged, frame, seeds[:, -1])
    seeds = seeds[[label in told for label in named]]
    made = {label: named[label] for label in told}
    by_heart = [label for label, model in made.items() if getattr(model, "by_heart", True)]
    chosen = correction or (OUTSIDE if by_heart else OPTIMISM)
    first = {label: apparent(judged, one) for label, one in told.items()}
    copies = drawn(len(tte), streams, int(replicates))
    parts = resampled(made, predictors, judged, frame, copies, seeds[:, :-1], n_jobs, progress, seconds)
    table = _table(judged, first, {label: judged.without_information(one[1]) for label, one in told.items()}, parts, chosen, conf_level)
    failures = failures_of(judged, first, parts, copies, chosen, refused)
    alike = [label for label, one in told.items() if np.ptp(one[1][:, -1]) <= _ALIKE]
    risks = {label: pd.DataFrame(one[1][:, judged.at], index=tte.index, columns=judged.times) for label, one in told.items()}
    return Validation(
        frame=table, failures=failures, replicates={label: part.values for label, part in parts.items()}, measures=judged.names, risks=risks, tte=tte,
        models={label: _what(model) for label, model in named.items()}, left_out=left_out, correction=chosen, outcome=judged.cause, times=tuple(judged.times.tolist()),
        unit=tte.unit, conf_level=conf_level, warnings=warnings_of(judged, table, failures, int(replicates), chosen, by_heart, alike),
        method=method_of(judged, named, left_out, chosen, int(replicates), conf_level),
    )  # fmt: skip


def _named(models: Any) -> dict[str, Any]:
    """Models by label, each once."""
    try:
        pairs = [(str(label), model) for label, model in (models.items() if isinstance(models, Mapping) else models)]
    except (TypeError, ValueError):
        raise EndpointError('validate: models are label -> model, as {"Cox": cox_model(["age"])}.') from None
    if not pairs:
        raise EndpointError('validate: no models: name at least one, as {"Cox": cox_model(["age"])}.')
    twice = [label for label, k in Counter(label for label, _ in pairs).items() if k > 1]
    if twice:
        raise EndpointError(f"validate: {listed(twice)} labels several models: give each a label of its own.")
    for label, model in pairs:
        if not (hasattr(model, "fit") or callable(model)) or isinstance(model, type):
            raise EndpointError(f'validate: "{label}" is a {type(model).__name__}, which is no model: pass cox_model(terms), fine_gray_model(terms, cause=), '
                                "peer_model(name, terms), or a function of (tte, frame).")  # fmt: skip
        module = type(model).__module__.partition(".")[0]
        if module in ("lifelines", "sksurv", "sklearn"):
            raise EndpointError(f'validate: "{label}" is a model of {module} without its terms: write peer_model({type(model).__name__}(...), terms).')
    return dict(pairs)


def _complete(tte: TimeToEvent, frame: Any, models: Mapping[str, Any]) -> tuple[TimeToEvent, pd.DataFrame, dict[str, pd.Index]]:
    """The patients who have all that any of the models needs, and why the others are not there."""
    if not isinstance(frame, pd.DataFrame):
        raise EndpointError(f"validate takes a data frame, and this is a {type(frame).__name__}. A cohort's is cohort.frame.")
    if not frame.index.is_unique:
        raise EndpointError("validate: the frame's index has duplicates and can't be aligned with the times. Use frame.reset_index(drop=True).")
    lacking = ~tte.index.isin(frame.index)
    if lacking.any():
        some = ", ".join(str(row) for row in tte.index[lacking][:5])
        raise EndpointError(f"validate: the frame has no row for {plural(int(lacking.sum()), 'patient')} (index {some}): it must have the index of the times "
                            "(it may have more rows, never fewer).")  # fmt: skip
    ours = frame if frame.index.equals(tte.index) else frame.loc[tte.index]
    kept, left_out = np.ones(len(ours), dtype=bool), {}
    for name in dict.fromkeys(name for model in models.values() for name in getattr(model, "columns", ()) if name in ours.columns):
        gone = kept & ours[name].isna().to_numpy()
        if gone.any():
            left_out[f"without {name}"] = ours.index[gone]
        kept &= ~gone
    if not kept.any():
        raise EndpointError(f"validate: no patient is complete: {listed([f'{len(rows)} {reason}' for reason, rows in left_out.items()])}. Choose fewer terms.")
    return (tte, ours, left_out) if kept.all() else (tte.take(kept), ours[kept], left_out)


def _thresholds(decision: Any) -> np.ndarray:
    if decision is None:
        return np.zeros(0)
    try:
        cuts = np.atleast_1d(np.asarray(decision, dtype=float))
    except (TypeError, ValueError):
        cuts = np.array([np.nan])
    if cuts.ndim != 1 or not len(cuts) or not ((cuts > 0) & (cuts < 1)).all() or (np.diff(cuts) <= 0).any():
        raise EndpointError(f"validate: decision holds thresholds of risk strictly between 0 and 1, increasing, such as [0.1, 0.2, 0.3]; got {decision!r}.")
    return cuts


def _made(
    models: Mapping[str, Any], judged: Judged, frame: pd.DataFrame, seeds: np.ndarray
) -> tuple[dict[str, Any], dict[str, Any], dict[str, float], dict[str, str]]:
    """Every model of the patients themselves, what it says of them, the seconds it took, and why one can't be made; an error where none can, or the question is wrong."""
    predictors, told, seconds, refused, wrong = {}, {}, {}, {}, []
    for (label, model), seed in zip(models.items(), seeds.tolist(), strict=True):
        begin = perf_counter()
        try:
            predictors[label] = fitted(model, judged.tte, frame, seed)
            told[label] = prediction(predictors[label], frame, judged)
        except FitError as error:
            refused[label] = str(error)
        except HaipError as error:
            wrong.append(f'"{label}": {error}')
        seconds[label] = perf_counter() - begin
    if wrong or not told:
        wrong += [f'"{label}": {why}' for label, why in refused.items()]
        raise FitError(f"validate: {plural(len(wrong), 'model')} can't be made from these patients. " + " ".join(wrong))
    return predictors, told, seconds, refused


def _table(
    judged: Judged, first: Mapping[str, np.ndarray], nothing: Mapping[str, np.ndarray], parts: Mapping[str, Part], correction: str, conf_level: float
) -> pd.DataFrame:
    rows = []
    events = int((judged.tte.state == judged.tte.code(judged.cause)).sum())
    for label, values in parts.items():
        outside = judged.pooled(values.values[:, 2])
        for k, what in enumerate(judged.names.to_dict("records")):
            mine = np.column_stack([values.values[:, :2, k], outside[:, k]])
            defined = np.isfinite(first[label][k]) or not np.isnan(mine[:, 1]).all()
            if not defined and (what["measure"] == LOG_HAZARD or judged.competing):
                continue  # not of this model, or not where events compete
            found: Corrected = corrected(
                float(first[label][k]), mine, conf_level, correction=correction, no_information=float(nothing[label][k]),
                lower=what["measure"] in (BRIER, INTEGRATED), scale=_SCALE.get(what["measure"], ""), robust=what["measure"] in HEAVY)  # fmt: skip
            about = {str(name): value for name, value in what.items()}
            rows.append({**vars(found), **about, "outcome": judged.cause, "model": label, "n": len(judged.tte), "n_event": events, "replicates": len(mine)})
    frame = pd.DataFrame(rows)[_COLUMNS]
    return frame if len(judged.thresholds) else frame.drop(columns="threshold")


def _what(model: Any) -> str:
    return str(model) if type(model).__str__ is not object.__str__ else getattr(model, "__name__", type(model).__name__)
