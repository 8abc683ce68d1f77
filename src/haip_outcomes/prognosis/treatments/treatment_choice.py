"""Which two treatments are compared, of whom, and by which confounders: what is asked, and what the plan says where nothing is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import listed, plural
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.survival.covariates.splines import Spline
from haip_outcomes.survival.time_to_event import level_text
from haip_outcomes.survival.weighting.treatment_weights import Estimand, checked_estimand

Term = str | Spline


@dataclass(frozen=True)
class TreatmentChoice:
    """Two levels of a column, the confounders of the choice between them, and of whom the effect is asked."""

    treatment: str
    label: str
    treated: str
    control: str
    confounders: tuple[Term, ...]
    columns: tuple[str, ...]  # that the confounders are made of
    estimand: Estimand

    @property
    def names(self) -> tuple[str, str]:
        """The control and the treated."""
        return self.control, self.treated


def treatment_choice(
    cohort: Cohort, treatment: str | None, treated: str | None, control: str | None, confounders: Sequence[Term] | None, estimand: Estimand | None
) -> TreatmentChoice:
    """What is compared; what is None comes from the plan's [treatment]. Refuses columns and levels that are not there."""
    plan = cohort.plan.treatment
    if treatment is None and plan is None:
        raise EndpointError('Which treatments? The plan has no [treatment]. Write one (column, treated, control, confounders), or name them: '
                            'compare_treatments(cohort, treatment="setting", treated="adjuvant", control="comparator", confounders=["age", "sex"]).')  # fmt: skip
    column = _column(cohort, plan.column if treatment is None and plan is not None else str(treatment))
    of_plan = plan if plan is not None and _column(cohort, plan.column) == column else None  # levels and confounders are those of its own column
    label = cohort.plan.label(column)
    wanted = [str(level) if level is not None else getattr(of_plan, key, None) for key, level in (("treated", treated), ("control", control))]
    treated, control = _pair(cohort, column, label, wanted[0], wanted[1])
    terms = confounders if confounders is not None else of_plan.confounders if of_plan is not None else None
    if terms is None:
        raise EndpointError(f"By what was the choice made? Name the confounders of {label}: what was known when the treatment was chosen and "
                            "goes with the outcome, as confounders=[...] or in the plan's [treatment].")  # fmt: skip
    terms = list(dict.fromkeys([terms] if isinstance(terms, (str, Spline)) else terms))
    if not terms:
        raise EndpointError("Without confounders this is the crude comparison: name what led to the choice, or use survival_curve and logrank.")
    asked = estimand or (of_plan.estimand if of_plan is not None else "ATE")
    checked_estimand(asked, False)
    columns = tuple(dict.fromkeys(part for term in terms for part in _parts(cohort, term)))
    wrong = [f'"{name}" is not a column of the plan. {did_you_mean(name, [str(known) for known in cohort.frame.columns])}'
             for name in columns if name not in cohort.frame.columns]  # fmt: skip
    if column in {_alias(cohort, name) for name in columns}:
        wrong.append(f'"{column}" is the treatment, and can\'t be a confounder of itself: take it out of the confounders.')
    if wrong:
        raise EndpointError(" ".join(wrong))
    return TreatmentChoice(column, label, treated, control, tuple(terms), columns, asked)


def arms(cohort: Cohort, choice: TreatmentChoice, third: pd.Index, resting: str | None) -> tuple[pd.Series, list[tuple[str, pd.Index]]]:
    """Who had which of the two, as a categorical Series (control first) of those compared; and whom else there was, by reason.

    third : patients of another level who still had the level `resting` when counting begins.
    """
    texts = texts_of(cohort.frame[choice.treatment])
    texts[texts.index.isin(third)] = resting
    inside = texts.isin(choice.names)
    left_out = [(f"{choice.label}: {level}", cohort.frame.index[(texts == level).to_numpy(dtype=bool, na_value=False)])
                for level in sorted(set(texts[~inside].dropna()))]  # fmt: skip
    if texts.isna().any():
        left_out.append((f"{choice.label} not known", cohort.frame.index[texts.isna()]))
    chosen = texts[inside]
    return pd.Series(pd.Categorical(chosen, categories=list(choice.names)), index=chosen.index, name=choice.treatment), left_out


def _column(cohort: Cohort, name: str) -> str:
    column = _alias(cohort, name)
    if column not in cohort.frame.columns:
        raise EndpointError(f'There is no column "{name}" to be the treatment. {did_you_mean(name, [str(known) for known in cohort.frame.columns])}')
    return column


def _alias(cohort: Cohort, name: str) -> str:
    """The setting is called "setting", whatever its column in the file."""
    return "setting" if name == cohort.plan.cohort.setting_column else name


def _parts(cohort: Cohort, term: Term) -> list[str]:
    if isinstance(term, Spline):
        return [term.column]
    return [term] if term in cohort.frame.columns else [part.strip() for part in term.replace("*", ":").split(":")]


def texts_of(values: pd.Series) -> pd.Series:
    """Levels as they are written; None where there is none."""
    return pd.Series([None if pd.isna(value) else level_text(value) for value in values.astype(object)], index=values.index, dtype=object)


def _pair(cohort: Cohort, column: str, label: str, treated: str | None, control: str | None) -> tuple[str, str]:
    """The two levels, the treated first: as asked; where there are just two and nothing is asked, the first is the control."""
    values = cohort.frame[column]
    texts = texts_of(values)
    present = texts.dropna()
    if isinstance(values.dtype, pd.CategoricalDtype):
        known = [level_text(level) for level in values.cat.categories]
        levels = [level for level in known if (present == level).any()]
    else:
        known = levels = sorted(set(present))
        if len(levels) > 10:
            raise EndpointError(f'"{column}" has {len(levels)} different values: a treatment is a category. Give it levels in the plan, or take another column.')
    wrong = []
    for key, level in (("treated", treated), ("control", control)):
        if level is not None and level not in levels:
            wrong.append(f'Nobody has {label} "{level}" ({key}).' if level in known else f'{label} has no level "{level}" ({key}). {did_you_mean(level, known)}')
    if treated is not None and treated == control:
        wrong.append(f'treated and control are both "{treated}": name two different levels of {label}.')
    if wrong:
        raise EndpointError(" ".join(wrong))
    if len(levels) < 2:
        who = f'All {plural(len(present), "patient")} have {label} "{levels[0]}"' if levels else f"{label} is not known of anybody"
        raise EndpointError(f"{who}: there is nobody to compare with. Read a file that holds patients of both treatments.")
    if treated is not None and control is not None:
        return treated, control
    if len(levels) > 2:
        raise EndpointError(f"{label} has {len(levels)} levels ({listed(levels)}): name both, treated= and control=.")
    if treated is None and control is None:
        control = "comparator" if column == "setting" and "comparator" in levels else levels[0]
    other = next(level for level in levels if level not in (treated, control))
    return (treated, other) if control is None and treated is not None else (other, str(control))


def counted(index: pd.Index, groups: pd.Series) -> str:
    """How many of these patients had which: "3 adjuvant and 1 comparator"."""
    own = groups.reindex(index)
    return listed([f"{int(np.sum(own == name))} {name}" for name in reversed(list(groups.cat.categories)) if (own == name).any()])
