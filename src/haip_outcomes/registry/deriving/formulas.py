"""The formulas of `[derived.NAME]`: what each is made from, which columns of a plan that is, and how it is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from haip_outcomes.errors import did_you_mean
from haip_outcomes.formatting import listed
from haip_outcomes.registry.deriving.body_composition import (
    body_mass_index,
    sarcopenia,
    skeletal_muscle_index,
)
from haip_outcomes.registry.deriving.cutoffs import cutoffs_of, wrong_cutoffs
from haip_outcomes.registry.deriving.derivation import Derivation
from haip_outcomes.registry.deriving.risk_scores import (
    age_at,
    disease_free_interval,
    fong_clinical_risk_score,
    tumour_burden_score,
    tumour_burden_zone,
)
from haip_outcomes.registry.items import items
from haip_outcomes.registry.planning.content import PlanContent
from haip_outcomes.registry.planning.parts import ColumnPlan, DerivedPlan

_MADE_BY = {"smi": "l3_smi", "bmi": "bmi", "disease_free_interval_months": "disease_free_interval", "tumour_burden_score": "tumour_burden_score"}
_UNITS = {"smi": "cm2/m2", "bmi": "kg/m2", "date": "", "tumour_burden_score": ""}  # of inputs that are no standard items
_KINDS = {"smi": "number", "bmi": "number", "date": "date", "tumour_burden_score": "number"}
_SAME_UNIT = {"ng/ml": "ug/l", "mcg/l": "ug/l", "month": "months", "mo": "months"}


@dataclass(frozen=True)
class Recipe:
    """A formula: its inputs, those it can do without, and the function that takes them by name."""

    make: Callable[..., Derivation]
    inputs: tuple[str, ...]
    optional: tuple[str, ...] = ()


RECIPES: dict[str, Recipe] = {
    "bmi": Recipe(lambda weight_kg, height_cm: body_mass_index(weight_kg, height_cm), ("weight_kg", "height_cm")),
    "l3_smi": Recipe(lambda l3_muscle_area_cm2, height_cm: skeletal_muscle_index(l3_muscle_area_cm2, height_cm), ("l3_muscle_area_cm2", "height_cm")),
    "sarcopenia": Recipe(sarcopenia, ("smi", "sex"), ("bmi",)),
    "fong_crs": Recipe(fong_clinical_risk_score,
                       ("node_positive", "disease_free_interval_months", "n_metastases", "cea_ug_l", "largest_cm"), ("synchronous",)),
    "tumour_burden_score": Recipe(tumour_burden_score, ("n_metastases", "largest_cm")),
    "tumour_burden_zone": Recipe(lambda tumour_burden_score: tumour_burden_zone(tumour_burden_score), ("tumour_burden_score",)),
    "disease_free_interval": Recipe(disease_free_interval, ("primary_resection_date", "diagnosis_date"), ("synchronous",)),
    "age_at": Recipe(age_at, ("birth_year", "date")),
}  # fmt: skip


def made(derived: DerivedPlan, columns: Mapping[str, str], frame: pd.DataFrame, plan: PlanContent) -> Derivation:
    """A formula applied to the columns of a frame; `columns` are those of `inputs_of`. Raises CohortError for parts that can't be."""
    given = {name: _standard(frame[column], name, plan.columns.get(column, ColumnPlan())) for name, column in columns.items()}
    extra = {"cutoffs": derived.cutoffs} if derived.formula == "sarcopenia" else {}
    return RECIPES[str(derived.formula)].make(**given, **extra)


def inputs_of(derived: DerivedPlan, plan: PlanContent) -> dict[str, str]:
    """The column of each input: that of `inputs`, else the column that is the standard item, else the derived column that is made by it.

    An optional input is left out where no column is it; so is one that is needed, and `wrong_formulas` says so.
    """
    recipe = RECIPES[str(derived.formula)]
    found = {name: candidates(name, derived, plan) for name in (*recipe.inputs, *_wanted(derived))}
    return {name: columns[0] for name, columns in found.items() if columns}


def candidates(name: str, derived: DerivedPlan, plan: PlanContent) -> list[str]:
    """The columns that could be this input; one is right, several are a question to the centre."""
    if name in derived.inputs:
        return [derived.inputs[name]]
    items_of = [column for column, declared in plan.columns.items() if declared.item == name]
    made_of = [column for column, other in plan.derived.items() if other.formula == _MADE_BY.get(name) and other is not derived]
    return items_of or made_of


def wrong_formulas(plan: PlanContent) -> Iterator[tuple[str, str]]:
    """Every fault of the formulas of a plan, with its place: inputs that no column is, of a wrong kind or unit, and cut-offs."""
    for name, derived in plan.derived.items():
        place = f"[derived.{name}]"
        if derived.formula is None:
            if derived.inputs:
                yield f"{place} inputs", "they belong to a formula: leave them out"
            continue
        recipe = RECIPES[derived.formula]
        known = (*recipe.inputs, *recipe.optional)
        for given in derived.inputs:
            if given not in known:
                yield f"{place} inputs", f'"{given}" is no input of {derived.formula}. {did_you_mean(given, known)}'
        if derived.cutoffs is not None:
            yield from ((f"{place} cutoffs", line) for line in wrong_cutoffs(derived.cutoffs))
        for needed in (*recipe.inputs, *_wanted(derived)):
            yield from _wrong_input(f"{place} inputs", needed, needed in recipe.inputs or needed == "bmi", derived, plan)


def _wanted(derived: DerivedPlan) -> tuple[str, ...]:
    """The optional inputs that this column asks for: a body mass index only where its cut-offs depend on one."""
    optional = RECIPES[str(derived.formula)].optional
    if derived.formula != "sarcopenia":
        return optional
    if derived.cutoffs is None or wrong_cutoffs(derived.cutoffs):
        return ()
    chosen = cutoffs_of(derived.cutoffs)
    return optional if chosen.needs_bmi(True) or chosen.needs_bmi(False) else ()


def _wrong_input(place: str, name: str, needed: bool, derived: DerivedPlan, plan: PlanContent) -> Iterator[tuple[str, str]]:
    columns = candidates(name, derived, plan)
    if not columns and needed:
        way = f'give a column item = "{name}"' if name in items() and name != "date" else ""
        formula = f'make one with [derived.{name}] formula = "{_MADE_BY[name]}"' if name in _MADE_BY else ""
        ways = [*filter(None, (way, formula)), f'write inputs = {{ {name} = "..." }}']
        yield place, f"which column is {name}? {listed([ways[0][0].upper() + ways[0][1:], *ways[1:]], 'or')}"
    elif len(columns) > 1:
        yield place, f'{listed(columns)} could all be {name}: write inputs = {{ {name} = "..." }}'
    elif columns and columns[0] in plan.kinds:
        declared, kind = plan.columns.get(columns[0], ColumnPlan()), _KINDS.get(name) or items()[name].kind
        held = plan.kinds[columns[0]]
        flag = kind == "category" and set(items()[name].levels) == {"0", "1"} and held in ("flag", "number")
        if held != kind and not flag:
            yield place, f'"{columns[0]}" must hold a {kind}, and it holds a {held}'
        elif kind == "category" and not flag:
            yield from _wrong_levels(place, name, columns[0], declared)
        unit = _unit(_UNITS[name] if name in _UNITS else items()[name].unit)
        if declared.unit and unit and _unit(declared.unit) != unit:
            yield place, f'"{columns[0]}" is in {declared.unit}, and {name} must be in {unit}: nothing is converted'


def _wrong_levels(place: str, name: str, column: str, declared: ColumnPlan) -> Iterator[tuple[str, str]]:
    if not _meanings(name, declared):
        meanings = items()[name].levels
        codes = listed([f"{code} is {meaning}" for code, meaning in meanings.items()])
        yield place, (f'which levels of "{column}" are {listed(list(meanings.values()))}? Call them that, or write item = "{name}" '
                      f"in [columns.{column}] and use its codes ({codes})")  # fmt: skip


def _meanings(name: str, declared: ColumnPlan) -> dict[str, str]:
    """{a level's label: the standard meaning}: by name where the standard ones are there, by code where the column is the item.

    Empty when it can't be told. A level beside the standard ones (a sex that is neither, Nx) has no meaning: it counts as not known.
    """
    standard = items()[name].levels
    by_name = {meaning.casefold(): meaning for meaning in standard.values()}
    named = {label: by_name[label.strip().casefold()] for label in declared.levels.values() if label.strip().casefold() in by_name}
    if set(named.values()) == set(standard.values()):
        return named
    coded = {label: standard[code] for code, label in declared.levels.items() if code in standard}
    return coded if declared.item == name and set(coded.values()) == set(standard.values()) else {}


def _standard(values: pd.Series, name: str, declared: ColumnPlan) -> pd.Series:
    """A column as the formula reads it: a category in the item's own words (Yes, Male), whatever the centre calls its levels."""
    if name not in items() or items()[name].kind != "category" or not declared.levels:
        return values
    return values.astype(object).map(_meanings(name, declared))


def _unit(text: str) -> str:
    plain = text.casefold().replace("²", "2").replace("µ", "u").replace("μ", "u").replace("^", "").replace(" ", "")
    return _SAME_UNIT.get(plain, plain)

