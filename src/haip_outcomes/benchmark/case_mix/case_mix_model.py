"""A reference model: its coefficients, baseline and coding, and what it expects of the patients of another cohort."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.special import expit

from haip_outcomes.benchmark.case_mix.baseline_steps import FEWEST, BaselineSteps
from haip_outcomes.benchmark.case_mix.expected_events import Expected
from haip_outcomes.benchmark.case_mix.model_cohorts import (
    asked_of,
    cut_at,
    group_codes,
    read_covariates,
    same_zero,
)
from haip_outcomes.benchmark.case_mix.model_file import (
    ModelContent,
    baseline_of,
    checked_path,
    coders_of,
    read_model,
    variables_of,
    write_model,
)
from haip_outcomes.benchmark.case_mix.without_terms import no_terms
from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed, number, plural
from haip_outcomes.registry.cohort import Cohort, require_cohort
from haip_outcomes.survival.covariates.coding import Curve, Levels
from haip_outcomes.survival.covariates.design_matrix import Design
from haip_outcomes.survival.intervals import critical_value
from haip_outcomes.survival.ranking import SAME_TIME
from haip_outcomes.survival.results import frame_of, in_order, shown_as_html

SAME_EXPECTED = 1e-6  # relative: the model's own patients are expected to have as many events as when it was made
TIED = 0.01  # a share of the events by which a model may miss those of its own patients without saying so


@dataclass(frozen=True, eq=False, repr=False)
class ReferenceModel:
    """What was found in one cohort, ready to say what to expect in another. Made by `reference_model`, kept by `save` and `load`.

    It holds no patient: coefficients, their covariance, the coding of the terms, the baseline as steps, and how far the case mix reached.

    Attributes
    ----------
    name, source : what to call it and where it is published, in your words; cohort : the plan's name of the patients it was made from.
    outcome, label : the endpoint or [programme] entry; kind : "hazard" (a Cox model over time) or "probability" (logistic).
    event, cause : what is counted; the cause where others were censored. definition : of a [programme] entry.
    unit, time_zero, horizon : of the times; beyond the horizon nothing is expected and nothing counted.
    settings : whose patients they are. n, n_event : patients and events; n_expected : what the model expects
        of these same patients, which is more than n_event where many times are tied (Efron's baseline); own_shared : all three as they are
        for the form that leaves the centre. penalty : "firth" or None.
    coefficients, covariance : one each design column (logistic: the intercept first); means : of the columns.
    coding : a Design without rows: terms, levels, references, knots.
    ranges : column -> the values that at least five patients lie at or below, and at or above.
    """

    name: str
    source: str
    cohort: str
    outcome: str
    label: str
    kind: Literal["hazard", "probability"]
    event: str
    cause: str | None
    definition: str
    unit: str
    time_zero: str
    horizon: float
    settings: tuple[str, ...]
    n: int
    n_event: int
    n_expected: float
    penalty: str | None
    coefficients: np.ndarray
    covariance: np.ndarray
    means: np.ndarray
    coding: Design
    ranges: dict[str, tuple[float, float]]
    method: str
    baseline: BaselineSteps | None = field(default=None)
    own_shared: tuple[int, int, float] | None = field(default=None)

    def expected(self, cohort: Cohort, by: Any = None, *, outcome: str | None = None, missing: Literal["raise", "complete-case"] = "raise",
                 same_time_zero: bool = False, conf_level: float = 0.95) -> Expected:  # fmt: skip
        """How many events these patients would be expected to have, were they treated where the model comes from; O/E by group.

        Patient i is expected to have H(exit_i | x_i) - H(entry_i | x_i) events up to the model's horizon, or for yes or no the
        probability p(x_i). O/E = 1: as many as expected for such patients. A group's number holds only against the model: with
        different case mixes two groups' O/E are not comparable with each other (indirect standardisation).

        Parameters
        ----------
        cohort : the patients, of the settings the model was made from, with all its columns.
        by : a column of the cohort, or a Series or array with a value a patient: the centre, for example.
        outcome : the name of the endpoint or [programme] entry in this plan, if it is not the model's.
        missing : "raise" refuses patients without a covariate; "complete-case" leaves them out, counted with the reason.
        same_time_zero : say True when this plan's words for time zero mean the model's; they are compared as text otherwise.
        conf_level : of the limits.

        Formulas
        --------
        Var(E) as in `baseline_steps.py`, or g'Vg with g = sum p (1 - p) x for yes or no. Limits: `Expected.tidy`. p with the model's
        uncertainty: Z = (O - E)/sqrt((O + E)/2 + Var(E)) for times (Wu 2014's form; methods notes, section 7), (O - E)/sqrt(sum p (1 - p)
        + Var(E)) for yes or no.

        Raises
        ------
        EndpointError : columns that are not there, levels the model does not know, missing values, another unit, time zero or setting;
            all that is wrong with the covariates at once.

        Equals the sum of R's `predict(coxph, newdata, type = "expected")`, or of `predict(glm, newdata, type = "response")`.
        """
        require_cohort(cohort, "expected")
        critical_value(conf_level)
        foreign = [name for name in cohort.settings if name not in self.settings]
        if foreign:
            raise EndpointError(f"The reference model is of {listed(self.settings)} patients, and this cohort has {listed(foreign)} ones: "
                                f'choose .setting("{self.settings[0]}") first.')  # fmt: skip
        asked = asked_of(cohort, outcome or self.outcome, self.cause, self.kind)
        notes = list(asked.notes)
        if asked.event != self.event:
            notes.append(f'The model counts "{self.event}", and this cohort "{asked.event}": the numbers hold only if both mean the same.')
        tte = asked.tte
        if tte is not None:
            if tte.unit != self.unit:
                raise EndpointError(f"The reference model counts in {self.unit}, and these times are in {tte.unit}: give both in one unit.")
            if not same_time_zero and not same_zero(tte.time_zero, self.time_zero):
                raise EndpointError(f'The reference model counts from "{self.time_zero}", and this cohort from "{tte.time_zero}". If both are the '
                                    "same day, say same_time_zero=True; if not, make an endpoint that starts where the model does.")  # fmt: skip
            beyond = tte.time > self.horizon * (1 + SAME_TIME)
            if beyond.any():
                notes.append(f"{plural(int(beyond.sum()), 'patient')} followed beyond {self.horizon:g} {self.unit}, where the model ends: cut there, "
                             f"{int((tte.state[beyond] > 0).sum())} later events not counted.")  # fmt: skip
            everybody = len(tte)
            tte = cut_at(tte, self.horizon) if (tte.start < self.horizon).any() else None
            if tte is None:
                raise EndpointError(f"The reference model ends at {self.horizon:g} {self.unit}, before anybody here has entered: it expects nothing of them.")
            if len(tte) < everybody:
                notes.append(f"{plural(everybody - len(tte), 'patient')} who entered only after the model's end left out.")
        index = asked.index if tte is None else tte.index
        frame, left_out = read_covariates(cohort.frame.loc[index], self.coding, missing)
        notes += [f"{plural(n, 'patient')} left out {reason}." for reason, n in left_out.items()]
        if self.definition and asked.definition != self.definition:
            notes.append(f'The model\'s definition is "{self.definition}", this cohort\'s "{asked.definition or "not given"}".')
        codes, names = group_codes(cohort, by, frame.index)
        x = self.coding.encode(frame)
        if tte is not None:
            tte = tte.take(tte.index.isin(frame.index))
            observed = (tte.state > 0).astype(int)
            each, chance, variances = self._over_time(x, tte.start, tte.time, codes, len(names))
        else:
            observed = asked.outcome.reindex(frame.index).to_numpy(dtype=int)
            each, chance, variances = self._yes_or_no(x, codes, len(names))
        if not np.isfinite([each.sum(), *variances]).all():
            raise EndpointError("The reference model expects an endless number of events of these patients: their covariates lie beyond anything it knows. Are they in the "
                                f"units of the model's patients ({self._reach})?")  # fmt: skip
        if not each.sum() > 0:
            raise EndpointError("The reference model expects no event of these patients over their follow-up: there is nothing to hold theirs against.")
        same = (cohort.plan.cohort.name == self.cohort and len(frame) == self.n and int(observed.sum()) == self.n_event
                and abs(each.sum() - self.n_expected) <= SAME_EXPECTED * self.n_expected)  # fmt: skip
        notes += self._outside(frame)
        if not same:
            if cohort.plan.cohort.name == self.cohort:
                notes.append("The model was made from a cohort of this name: if these patients were among it, the limits with the model's own "
                             "uncertainty are too wide, and O/E is drawn towards 1.")  # fmt: skip
        else:
            notes.append("These are the patients the model was made from: all together they have as many events as expected by construction (ties "
                         "and joined steps apart), and the limits take the model as known.")  # fmt: skip
        group = pd.Series(np.array([*names, ""], dtype=object)[codes] if by is not None else None, index=frame.index, dtype=object)
        rows = pd.DataFrame({"observed": observed, "expected": each, "group": group}, index=frame.index)
        keys = ("", *(names if by is not None else ()))
        return Expected(rows, tuple(names) if by is not None else (), dict(zip(keys, variances, strict=False)), dict(zip(keys, chance, strict=False)),
                        tte is not None, same, conf_level, tuple(notes), self._told(len(frame), by, same))  # fmt: skip

    def save(self, path: str | Path, *, share: bool = False) -> Path:
        """Keep the model as a JSON file; `ReferenceModel.load` reads it again, digit for digit.

        The file holds no patient. But the steps of a baseline stand at times at which somebody had the event: with `share=True` they
        are joined until each holds five events, at whole units of time with straight lines between (the horizon then is the last of
        them). Use it for whatever leaves the centre; expected events change a little.
        """
        where = checked_path(path, "save")
        model = self.shared() if share else self
        return write_model(_content_of(model), where)

    @classmethod
    def load(cls, path: str | Path) -> ReferenceModel:
        """Read a saved model. Raises PlanError with every problem of the file at once."""
        return _model_of(read_model(checked_path(path, "load")))

    def shared(self) -> ReferenceModel:
        """The same model with a baseline in which no patient's own time stands; see `save`."""
        if self.baseline is None or self.baseline.form == "lines":
            return self
        if self.baseline.events is None:
            raise EndpointError("A model read from a file no longer knows its events: make the shared file where the model was made.")
        joined = self.baseline.at_whole_times()
        if not len(joined.time):
            raise EndpointError(f"The model has fewer than {FEWEST} events in its steps: it can't be shared.")
        n, n_event, n_expected = self.own_shared or (self.n, self.n_event, self.n_expected)
        return replace(self, baseline=joined, horizon=float(joined.time[-1]), n=n, n_event=n_event, n_expected=n_expected)

    @property
    def tied(self) -> str:
        """What is to be said where tied times make the model expect more than was seen of its own patients; else nothing."""
        if abs(self.n_expected - self.n_event) <= TIED * self.n_event:
            return ""
        if self.baseline is not None and self.baseline.form == "lines":
            return f"by its joined steps the model expects {number(self.n_expected, 1)} events of its own patients, for {self.n_event} seen"
        return f"many times are tied: the model expects {number(self.n_expected, 1)} events of its own patients, for {self.n_event} seen; give dates or days"

    @property
    def words(self) -> str:
        """The model in a sentence without a count under five: what a file holds in the place of `method`."""
        kind = {"hazard": "Cox, Efron ties,", "probability": "Logistic model"}[self.kind]
        firth = " with Firth's penalty," if self.penalty else ""
        made = f"{kind}{firth} of {listed(self.coding.terms)}"
        if not self.coding.terms:
            made = f"{'Nelson-Aalen' if self.kind == 'hazard' else 'Share'} without case mix (everybody has the same risk)"
        parts = [f"{made}; {self.n} patients of {self.cohort}, {self.n_event} events ({self.event})"]
        if self.baseline is not None:
            parts.append(f"{self.unit} since {self.time_zero or 'time zero'} up to {round(self.horizon, 1):g}")
            parts += [self.tied] if self.tied else []
            parts += [f"{self.event} alone, the other events censored"] if self.cause else []
            parts += [f"steps of {FEWEST} or more events"] if self.baseline.form == "lines" else []
        return "; ".join(parts)

    def tidy(self, exponentiate: bool = False) -> pd.DataFrame:
        """A row a coefficient: term, level, estimate (log hazard or odds ratio, unless exponentiated), std_error, conf_low, conf_high."""
        se = np.sqrt(np.diag(self.covariance))
        shape = np.exp if exponentiate else np.array
        pairs = [*([("(intercept)", None)] if self.kind == "probability" else []), *self.coding.columns]
        z = critical_value(0.95)
        return frame_of({"term": [term for term, _ in pairs], "level": [level for _, level in pairs], "estimate": shape(self.coefficients),
                         "std_error": se, "conf_low": shape(self.coefficients - z * se), "conf_high": shape(self.coefficients + z * se)})  # fmt: skip

    def glance(self) -> pd.DataFrame:
        """One row: outcome, n, n_event, kind, penalty, unit, time_zero, horizon, name, source."""
        return in_order(pd.DataFrame([{name: getattr(self, name) for name in
                        ("outcome", "n", "n_event", "kind", "penalty", "unit", "time_zero", "horizon", "name", "source")}]))  # fmt: skip

    def __repr__(self) -> str:
        return f"ReferenceModel {self.name or self.label}: {self.method}"

    def _repr_html_(self) -> str:
        return shown_as_html("Reference model", self.tidy(exponentiate=True), self.method)

    def expected_each(self, x: np.ndarray, entry: np.ndarray, exit: np.ndarray) -> np.ndarray:
        """Expected events of each patient (n,) with covariates (n, p) as the design codes them, over (entry, exit]."""
        return self._over_time(x, entry, exit, np.zeros(len(x), dtype=np.int64), 1)[0]

    def _over_time(self, x: np.ndarray, entry: np.ndarray, exit: np.ndarray, codes: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Expected events a patient; E and Var(E) of all and of each group."""
        assert self.baseline is not None
        centred = x - self.means
        with np.errstate(over="ignore"):  # an infinite risk is refused by `expected`
            risk = np.exp(centred @ self.coefficients)
        begin = np.maximum(entry, 0.0) if self.baseline.form == "lines" else entry
        with np.errstate(over="ignore", invalid="ignore"):
            each, own = self.baseline.expected(centred, risk, begin, exit, self.covariance, codes, k)
            everybody = self.baseline.expected(centred, risk, begin, exit, self.covariance, np.zeros_like(codes), 1)[1]
        return each, np.concatenate([[each.sum()], np.bincount(codes, weights=each, minlength=k)]), np.concatenate([everybody, own])

    def _yes_or_no(self, x: np.ndarray, codes: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Probability a patient; sum p (1 - p) and Var(E) of all and of each group."""
        z = np.column_stack([np.ones(len(x)), x])
        p = expit(z @ self.coefficients)
        w = p * (1 - p)
        slopes = [(z[own] * w[own][:, None]).sum(axis=0) for own in (np.ones(len(x), dtype=bool), *(codes == g for g in range(k)))]
        chance = np.concatenate([[w.sum()], np.bincount(codes, weights=w, minlength=k)])
        return p, chance, np.array([g @ self.covariance @ g for g in slopes])

    def _outside(self, frame: pd.DataFrame) -> list[str]:
        """Who lies beyond the values that at least five of the model's patients reached."""
        said = []
        for name, (low, high) in self.ranges.items():
            values = frame[name].to_numpy(dtype=float)
            out = int(((values < low) | (values > high)).sum())
            if out:
                said.append(f"{plural(out, 'patient')} outside {name} {low:g} to {high:g}, the range of the model's patients (less the four at either end).")
        return said

    @property
    def _reach(self) -> str:
        """The ranges in words."""
        return "; ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in self.ranges.items()) or "not kept"

    def _told(self, n: int, by: Any, same: bool) -> str:
        what = "cumulative hazard over each patient's follow-up" if self.kind == "hazard" else "probability of each patient"
        within = f" up to {round(self.horizon, 1):g} {self.unit}" if self.kind == "hazard" else ""
        groups = " by group" if by is not None else ""
        own = "" if same else ", and limits with the model's own uncertainty"
        return (f"{self.label}: observed over expected{groups}, {plural(n, 'patient')}; expected: {what}{within} by the reference model "
                f"{self.name or 'of ' + self.cohort} ({self.method}); exact Poisson limits{own}")  # fmt: skip


_PLAIN = ("name", "source", "cohort", "outcome", "label", "kind", "event", "cause", "definition", "unit", "time_zero", "settings", "n", "n_event",
          "n_expected", "penalty", "method")  # fmt: skip


def _content_of(model: ReferenceModel) -> ModelContent:
    """The model as its file holds it."""
    steps = model.baseline
    return ModelContent.model_validate({
        **{name: getattr(model, name) for name in _PLAIN}, "method": model.words, "horizon": model.horizon if np.isfinite(model.horizon) else None,
        "variables": variables_of(model.coding.coding, model.ranges, model.coding.columns, model.means.tolist()), "terms": {term: list(parts) for term, parts in model.coding.variables.items()},
        "columns": [list(pair) for pair in model.coding.columns], "coefficients": model.coefficients.tolist(),
        "covariance": model.covariance.tolist(), "means": model.means.tolist(),
        "baseline": None if steps is None else {"form": steps.form, "time": steps.time.tolist(), "hazard": steps.hazard.tolist(),
                                                "variance": steps.variance.tolist(), "drift": steps.drift.tolist()},
    })  # fmt: skip


def _model_of(content: ModelContent) -> ReferenceModel:
    """The model that a file holds."""
    coders = coders_of(content)
    columns = tuple((str(term), level) for term, level in content.columns)
    terms = {term: tuple(parts) for term, parts in content.terms.items()}
    curved = {coder.name for coder in coders if isinstance(coder, Curve)}
    nonlinear = {term: tuple(j for j, (other, level) in enumerate(columns) if other == term and "nonlinear" in str(level))
                 for term, parts in terms.items() if curved & set(parts)}  # fmt: skip
    coding: Design = no_terms(pd.RangeIndex(0)) if not terms else Design(matrix=np.empty((0, len(columns))), columns=columns, index=pd.RangeIndex(0), left_out={},
                    references={coder.name: coder.reference for coder in coders if isinstance(coder, Levels)}, empty=(),
                    variables=terms, nonlinear=nonlinear, coding=coders)  # fmt: skip
    ranges = {one.name: one.range for one in content.variables if one.range is not None}
    return ReferenceModel(**{name: getattr(content, name) for name in _PLAIN}, horizon=np.inf if content.horizon is None else content.horizon,
                          coefficients=np.array(content.coefficients), covariance=np.array(content.covariance).reshape([len(content.coefficients)] * 2),
                          means=np.array(content.means),
                          coding=coding, ranges=ranges, baseline=baseline_of(content))  # fmt: skip
