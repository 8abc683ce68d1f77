"""Declared interactions: does a factor's hazard ratio differ between subgroups, and what is it in each?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, FitError
from haip_outcomes.formatting import plural
from haip_outcomes.prognosis.baseline.factor_fits import Penalised, Question, Refusal
from haip_outcomes.prognosis.baseline.term_names import is_number
from haip_outcomes.survival.covariates.design_matrix import covariate
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.hazards.likelihood_ratios import whole_term_tests
from haip_outcomes.survival.time_to_event import level_text

QUARTILES = {0.25: "lower quartile", 0.5: "median", 0.75: "upper quartile"}  # of a numeric subgroup, where the hazard ratio is told
ALL = "All patients"
TESTS = ["model", "interaction", "statistic", "df", "p_value", "n", "n_event", "penalty"]
ROWS = ["model", "interaction", "term", "level", "reference", "group", "estimate", "std_error", "conf_low", "conf_high", "p_value", "n", "n_event"]
CAUTION = ("Read the p of the interaction, not those of the subgroups: a subgroup may miss significance because it is small, and "
           "that one subgroup reaches it and another does not is no evidence that they differ.")  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """A declared interaction: the hazard ratio of `factor` in the subgroups of `by`."""

    factor: str
    by: str

    @property
    def name(self) -> str:
        """As it was declared, "factor*by"."""
        return f"{self.factor}*{self.by}"


def declared(interactions: Sequence[str]) -> list[Pair]:
    """Pairs from "factor*subgroup"."""
    found = []
    for text in [interactions] if isinstance(interactions, str) else interactions:
        parts = [part.strip() for part in str(text).split("*")]
        if len(parts) != 2 or not all(parts) or parts[0] == parts[1]:
            raise EndpointError(f'"{text}" is not an interaction: write "factor*subgroup", two columns with a star between them.')
        found.append(Pair(*parts))
    return list(dict.fromkeys(found))


def in_subgroups(question: Question, pairs: Sequence[Pair], joint: HazardFit | None, together: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The likelihood-ratio test of each interaction, and hazard ratios (log scale) of the factor in each subgroup.

    Of the factor and the subgroup alone ("univariable"), and with the other terms of the multivariable model where the events carry it.
    """
    tests: list[dict[str, object]] = []
    rows: list[dict[str, object]] = []
    for pair in pairs:
        models: list[tuple[str, list[str]]] = [("univariable", [])]
        if joint is not None:
            models.append(("multivariable", [term for term in together if term not in (pair.factor, pair.by) and term in joint.design.terms]))
        for model, others in models:
            if model == "multivariable" and not others:
                continue
            try:
                _one(question, pair, model, others, tests, rows)
            except (FitError, EndpointError) as error:
                question.refused.append(Refusal(pair.name, f"interaction, {model}", str(error)))
    return pd.DataFrame(tests, columns=TESTS), pd.DataFrame(rows, columns=ROWS)


def _one(question: Question, pair: Pair, model: str, others: list[str], tests: list[dict[str, object]], rows: list[dict[str, object]]) -> None:
    if question.by is not None and question.by.equals(question.frame[pair.by]):
        raise EndpointError(f'"{pair.by}" is the strata already: its own effect is in the baseline hazards. Leave strata out for this interaction.')
    product = f"{pair.factor}:{pair.by}"
    terms = [pair.factor, pair.by, *others, product]
    made = question.design(terms)
    if model == "multivariable":
        question.refuse_few(made)
    fit, reason = question.cox(made)
    if reason:
        question.penalised.append(Penalised(pair.name, f"interaction, {model}", reason))
    test = whole_term_tests(fit).set_index("term").loc[product]
    tests.append({"model": model, "interaction": pair.name, "statistic": test["statistic"], "df": test["df"], "p_value": test["p_value"],
                  "n": fit.n, "n_event": fit.n_event, "penalty": "firth" if reason else ""})  # fmt: skip
    analysed = question.among(fit.design.index)
    main = analysed.cox_as(fit, analysed.design([pair.factor, pair.by, *others]))
    rows.extend(_effects(main, pair, model, ALL, fit.n, fit.n_event))
    for words, there, inside in _subgroups(analysed, pair, fit, terms):
        event = there.tte.state > 0
        n, n_event = (np.nan, np.nan) if inside is None else (int(inside.sum()), int((inside & event).sum()))
        rows.extend(_effects(there, pair, model, words, n, n_event))


def _subgroups(question: Question, pair: Pair, fit: HazardFit, terms: Sequence[str]) -> Iterator[tuple[str, HazardFit, np.ndarray | None]]:
    """Each subgroup: its words, the same model with this subgroup as the one in which the factor's coefficients hold, who is in it.

    Level by level the subgroup's reference is moved, a number is shifted: the likelihood stays, and the factor's own coefficient with its
    limits (of a penalised fit those of the profile) becomes that in the subgroup.
    """
    values = covariate(question.frame[pair.by], pair.by)
    if is_number(question.frame[pair.by], pair.by):
        two = values.nunique() == 2
        places = [(level_text(value), float(value)) for value in sorted(values.unique())] if two else [
            (f"at {values.quantile(share):g} ({words})", float(values.quantile(share))) for share, words in QUARTILES.items()]  # fmt: skip
        for words, value in places:
            moved = question.among(fit.design.index, **{pair.by: values - value})
            yield words, moved.cox_as(fit, moved.design(terms)), (values == value).to_numpy() if two else None
        return
    for level in values.cat.categories:
        inside = (values == level).to_numpy()
        if inside.any():
            yield level_text(level), question.cox_as(fit, question.design(terms, {pair.by: level_text(level)})), inside


def _effects(fit: HazardFit, pair: Pair, model: str, group: str, n: float, n_event: float) -> list[dict[str, object]]:
    tidy = fit.tidy()
    own = tidy[tidy["term"] == pair.factor]
    kept = ["term", "level", "estimate", "std_error", "conf_low", "conf_high", "p_value"]
    reference = fit.design.references.get(pair.factor)
    return [{"model": model, "interaction": pair.name, "reference": reference, "group": group, **{name: row[name] for name in kept}, "n": n, "n_event": n_event}
            for row in own.to_dict("records")]  # fmt: skip


def caution(pairs: Sequence[Pair]) -> str:
    """What has to be read with the subgroups."""
    return f"{plural(len(pairs), 'interaction')} declared; say whether before the data were seen. {CAUTION}"
