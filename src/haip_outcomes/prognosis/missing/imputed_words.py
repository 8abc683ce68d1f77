"""What factors with imputation say about themselves: the gaps with their numbers, the Monte Carlo error, the method's sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from haip_outcomes.formatting import listed, p_value, plural
from haip_outcomes.prognosis.missing.imputed_results import AT_RANDOM
from haip_outcomes.prognosis.missing.missing_patterns import missing_by_column
from haip_outcomes.prognosis.missing.paired_models import PairedModel
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.survival.imputation.imputed_frames import Imputed
from haip_outcomes.survival.imputation.incomplete_columns import METHODS
from haip_outcomes.survival.intervals import level_in_words
from haip_outcomes.survival.time_to_event import TimeToEvent

LARGE_ERROR = 0.1  # of a standard error: a Monte Carlo error beyond it is said


def about_missing(frame: pd.DataFrame, incomplete: Sequence[str], tte: TimeToEvent, imputed: Imputed | None, labels: Mapping[str, str]) -> list[str]:
    """What a reader must know of the gaps, with the numbers."""
    if imputed is None and incomplete:
        return [f"No imputation was made: {listed([labels[name] for name in incomplete])} can't be imputed, and nothing else is missing."]
    if imputed is None:
        return ["Nothing is missing in any column: no imputation was made, and all models are of all patients."]
    said = [_labelled(sentence, labels) for sentence in imputed.warnings]
    share = float(frame.isna().any(axis=1).mean())
    if len(imputed) < 100 * share:
        said.append(f"{len(imputed)} imputations for {100 * share:.0f}% of patients with a gap: take at least one for each percent "
                    f"(imputations={int(np.ceil(100 * share))}).")  # fmt: skip
    told = missing_by_column(frame, incomplete, tte).to_dict("records")
    for name in incomplete:
        known, gone = (next(row for row in told if (row["term"], row["group"]) == (name, group)) for group in ("known", "missing"))
        if known["p_value"] < 0.05:
            said.append(f"{labels[name]}: those who lack it had {gone['rate']:.1f} events for 100 patient-{tte.unit} and those who have it {known['rate']:.1f} "
                        f"(log-rank p {p_value(known['p_value'])}): complete cases are other patients, and may mislead.")  # fmt: skip
    return [*said, AT_RANDOM]


def _labelled(sentence: str, labels: Mapping[str, str]) -> str:
    first, _, rest = sentence.partition(" ")
    return f"{labels.get(first, first)} {rest}"


def large_errors(models: Sequence[PairedModel], labels: Mapping[str, str]) -> list[str]:
    """Pooled estimates that another seed would move by more than a tenth of their standard error, and how many imputations would do."""
    worst: tuple[float, str, int] | None = None
    for model in models:
        if model.pooled is None:
            continue
        b, se = np.diag(model.pooled.between), model.pooled.std_error
        error = np.sqrt(b / model.pooled.m) / se
        j = int(np.argmax(error))
        if error[j] > LARGE_ERROR and (worst is None or error[j] > worst[0]):
            worst = (float(error[j]), model.pooled.columns[j][0], int(np.ceil(b[j] / (LARGE_ERROR * se[j]) ** 2)))
    if worst is None:
        return []
    error, term, wanted = worst
    return [f"With another seed the estimates would move: by {100 * error:.0f}% of a standard error for {labels.get(term, term)} (Monte Carlo error), where 10% is a usual limit: "
            f"take imputations={wanted} or more."]  # fmt: skip


def method_of(
    cohort: Cohort | TimeToEvent, tte: TimeToEvent, imputed: Imputed | None, univariable: Mapping[str, PairedModel], multi: PairedModel | None,
    labels: Mapping[str, str], strata: str | None, conf_level: float, columns: Sequence[str], delta: Mapping[str, float] | None,
    unlearnt: Mapping[str, str],
) -> str:  # fmt: skip
    """The sentence the result writes about itself."""
    fits = [fit for model in [*univariable.values(), *([multi] if multi else [])] for fit in (model.complete, *(model.pooled.fits[:1] if model.pooled else ())) if fit]
    plain = [fit for fit in fits if fit.profile is None]
    words = (plain or fits)[0].method.split(";")[0]
    if 0 < len(plain) < len(fits):
        words += ", with Firth's penalty where it is needed"
    if strata is not None:
        words = words.replace(f"stratified by {strata}", f"stratified by {labels[strata]}")
    parts = [words, f"{plural(len(univariable), 'univariable model')}{' and one multivariable' if multi else ''}, {plural(tte.n, 'patient')}"]
    if isinstance(cohort, Cohort) and len(cohort) > tte.n:
        parts.append(f"{plural(len(cohort) - tte.n, 'patient')} without an outcome left out (outcomes are not imputed)")
    if imputed is None:
        gaps = [labels[name] for name in columns if name in unlearnt]
        parts.append(f"nothing imputed: {listed(gaps)} can't be, and nothing else is missing" if gaps else "nothing missing, nothing imputed")
        return "; ".join(parts)
    lacking = int(imputed.frame[list(columns)].isna().any(axis=1).sum())
    told = listed([f"{labels[one.name]} ({int(one.missing.sum())} missing, {METHODS[one.method]})" for one in imputed.incomplete])
    passive = any(set(fit.design.variables) - set(columns) or fit.design.knots for model in [*univariable.values(), *([multi] if multi else [])] if model.pooled
                  for fit in model.pooled.fits[:1])  # fmt: skip
    helped = [labels[one.name] for one in imputed.columns if not one.method]
    shifted = [f"{labels[name]} by {by:+g}" for name, by in (delta or {}).items() if by]
    parts += [f"{plural(lacking, 'patient')} with a missing value",
              f"multiple imputation by chained equations, {len(imputed)} imputations, {plural(imputed.rounds, 'round')}: {told}"
              + (f", from {'each other and from ' if len(imputed.incomplete) > 1 else ''}{listed(helped)}" if helped else "") + f", with the event indicator and Nelson-Aalen cumulative hazard of {listed(tte.states)}",
              *([f"a sensitivity analysis: imputed values shifted, {listed(shifted)} (standard deviations, or log odds of the second level)"] if shifted else []),
              f"pooled by Rubin's rules with Barnard-Rubin degrees of freedom, {level_in_words(conf_level)} limits",
              *(["interactions and splines made after columns are imputed"] if passive else []),
              *([f"not imputed: {listed([labels[name] for name in columns if name in unlearnt])}"] if unlearnt else []),
              "complete cases: the patients who have all that a model uses"]  # fmt: skip
    return "; ".join(parts)
