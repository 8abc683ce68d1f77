"""What goes into factors with imputation: the times and columns, and which columns and terms can't be used, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, FitError, did_you_mean
from haip_outcomes.formatting import listed
from haip_outcomes.prognosis.missing.paired_models import NotFitted, Term, parts_of, term_name
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.survival.covariates.coding import observed
from haip_outcomes.survival.covariates.splines import Spline, place_knots
from haip_outcomes.survival.imputation.incomplete_columns import columns_of
from haip_outcomes.survival.time_to_event import TimeToEvent, level_text


def question_of(
    cohort: Cohort | TimeToEvent, endpoint: str | pd.DataFrame, labels: Mapping[str, str] | None
) -> tuple[TimeToEvent, pd.DataFrame, dict[str, str], str]:
    """Times, the patients' columns in the same rows, and what the columns are called."""
    if isinstance(cohort, Cohort):
        if not isinstance(endpoint, str):
            raise EndpointError(f"Which endpoint? Name one of the plan: {listed(list(cohort.plan.endpoints), 'or')}. A cohort brings its own frame.")
        tte = cohort.endpoint(endpoint)
        own = cohort.frame.loc[tte.index]
        return tte, own, {str(column): cohort.plan.label(str(column)) for column in own.columns} | dict(labels or {}), endpoint
    if not isinstance(cohort, TimeToEvent):
        raise EndpointError(f"imputed_factors takes a Cohort and an endpoint of its plan, or a TimeToEvent and a data frame; this is a {type(cohort).__name__}.")
    if not isinstance(endpoint, pd.DataFrame):
        raise EndpointError("Beside a TimeToEvent the covariates come as a data frame in the place of the endpoint: imputed_factors(tte, frame, [\"age\"], rng=1).")
    own = endpoint.iloc[cohort.align(pd.Series(np.arange(len(endpoint)), index=endpoint.index), "frame")]
    return cohort, own, {str(column): str(column) for column in own.columns} | dict(labels or {}), ""


def require_seed(rng: object) -> None:
    """Refuse what is neither a seed nor a Generator."""
    if isinstance(rng, bool) or not isinstance(rng, (int, np.integer, np.random.Generator)):
        raise EndpointError(f"rng must be a seed (a whole number, as rng=1) or numpy's Generator, so that the result can be had again; got {rng!r}.")


def require_columns(names: Sequence[str], frame: pd.DataFrame) -> None:
    """Refuse names that are no columns, all at once."""
    lost = [name for name in dict.fromkeys(names) if name not in frame.columns]
    if lost:
        raise EndpointError(" ".join(f'There is no column "{name}". {did_you_mean(name, map(str, frame.columns))}' for name in lost))


def once(terms: Sequence[Term] | Term) -> list[Term]:
    """The terms, once each; a single one may stand alone."""
    return [terms] if isinstance(terms, (str, Spline)) else list(dict.fromkeys(terms))


def unfit_columns(frame: pd.DataFrame, columns: Iterable[str], strata: str | None) -> dict[str, str]:
    """The columns that can neither be imputed nor imputed from, each with the reason; one stratum for everybody does no harm.

    Where nothing is missing in any of them nothing is imputed, and only what no model can take is unfit.
    """
    found = {}
    columns = list(dict.fromkeys(columns))
    whole = not frame[columns].isna().any(axis=None)
    for name in columns:
        try:
            if whole:
                observed(frame[name], name)
            else:
                columns_of(frame[[name]], [name], None)
        except (EndpointError, FitError) as fault:
            if name != strata or frame[name].isna().any():
                found[name] = str(fault)
    if strata in found:
        raise EndpointError(f"strata: {found[str(strata)]}")
    return found


def constants(frame: pd.DataFrame, columns: Sequence[str]) -> set[str]:
    """The columns with one value only."""
    return {name for name in columns if frame[name].nunique(dropna=True) < 2}


def usable(terms: Sequence[Term], frame: pd.DataFrame, reasons: Mapping[str, str], model: str, refused: list[NotFitted]) -> list[Term]:
    """The terms without those made of a refused column, which are added to `refused`."""
    kept = []
    for term in terms:
        why = [reasons[part] for part in parts_of(term, frame) if part in reasons]
        if why:
            refused.append(NotFitted(term_name(term), model, "", " ".join(why)))
        else:
            kept.append(term)
    return kept


def with_knots(terms: Sequence[Term], frame: pd.DataFrame, model: str, refused: list[NotFitted]) -> list[Term]:
    """Splines with their knots placed once, among the known values: those placed anew in each copy would give other coefficients."""
    kept: list[Term] = []
    for term in terms:
        if not isinstance(term, Spline):
            kept.append(term)
            continue
        values = observed(frame[term.column], term.column)
        if isinstance(values, pd.Categorical):
            refused.append(NotFitted(term.column, model, "", f'"{term.column}" holds text or levels, and a spline needs numbers: name it as a plain term.'))
            continue
        try:
            kept.append(Spline(term.column, place_knots(term, values[~np.isnan(values)])))
        except FitError as fault:
            refused.append(NotFitted(term.column, model, "", str(fault)))
    return kept


def levels_of(frame: pd.DataFrame, columns: Sequence[str], tte: TimeToEvent) -> pd.DataFrame:
    """Patients and events at each level of each column among those whose value is known; numbers have one row."""
    event = tte.state > 0
    rows: list[tuple[str, str | None, int, int, int, bool]] = []
    for name in columns:
        held = observed(frame[name], name)
        gone = int(frame[name].isna().sum())
        if not isinstance(held, pd.Categorical):
            known = ~np.isnan(held)
            rows.append((name, None, int(known.sum()), int(event[known].sum()), gone, False))
            continue
        present = [k for k in range(len(held.categories)) if (held.codes == k).any()]
        rows += [(name, level_text(held.categories[k]), int((held.codes == k).sum()), int(event[held.codes == k].sum()), gone, k == present[0]) for k in present]
    return pd.DataFrame(rows, columns=["term", "level", "n", "n_event", "n_missing", "reference"]).astype({"level": object})
