"""The unit that a strange number is likely in: of most of a column first, then one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from haip_outcomes.registry.checking.rule import UNIT, Rule, Severity
from haip_outcomes.registry.items import items

MOST, FEW = 0.5, 5  # a larger share of a column (and so many cells) in another unit puts the believable rest of it in doubt
BMI_OF_A_COLUMN = (13, 45)  # kg/m²: no group of patients has a median outside
Limits = tuple[float, float]
Test = Callable[[pd.Series], pd.Series]


@dataclass(frozen=True)
class OtherUnit:
    """A unit in which an item is often given by mistake, and what to multiply by to come back."""

    unit: str
    factor: float
    example: str


OTHER_UNITS: dict[str, tuple[OtherUnit, ...]] = {
    "l3_muscle_area_cm2": (OtherUnit("mm²", 1 / 100, "14520 mm² is 145.2 cm²"),),
    "largest_cm": (OtherUnit("mm", 1 / 10, "32 mm is 3.2 cm"),),
    "height_cm": (OtherUnit("m", 100, "1.75 m is 175 cm"), OtherUnit("mm", 1 / 10, "1750 mm is 175 cm"), OtherUnit("inches", 2.54, "69 inches is 175 cm")),
    "weight_kg": (OtherUnit("g", 1 / 1000, "80000 g is 80 kg"), OtherUnit("pounds", 0.45359237, "190 pounds is 86 kg")),
    "disease_free_interval_months": (OtherUnit("days", 12 / 365.25, "400 days is 13.1 months"),),
    "cycle_dose_mg": (OtherUnit("g", 1000, "0.2 g is 200 mg"), OtherUnit("µg", 1 / 1000, "200000 µg is 200 mg")),
}
_WHY_UNIT = "The number is believable in another common unit, and not in the declared one."
_WHY_MOST = "Where most of a column is in another unit, the rest of it is in doubt too, however believable."
_ALL_OF_IT = "convert all of it, also what is believable as it stands"
_ASKS = "a standard item with a `range` holds no number that only another unit would bring into it"


def swapped_rule() -> Rule:
    """Height and weight in each other's column: asked before any unit, for a weight of 70 kg is a height of 70 inches."""
    height, weight = (items()[name].believable or (0, np.inf) for name in ("height_cm", "weight_kg"))

    def holds(f: pd.DataFrame) -> pd.Series:
        return f["height_cm"].between(*height) | ~(f["height_cm"].between(*weight) & f["weight_kg"].between(*height))

    return Rule(UNIT, "height_cm", ("height_cm", "weight_kg"), holds, "a height in cm", "height and weight look swapped ({height_cm}, {weight_kg}): "
                "put each in its column", by_item=True, first=True, why="Each is believable only as the other; indices made of them would be nonsense.")  # fmt: skip


def weight_column_rules() -> Iterator[Rule]:
    """A column of weights or heights in another unit whose numbers are believable one by one: their body mass index tells."""
    pounds = next(other for other in OTHER_UNITS["weight_kg"] if other.unit == "pounds")
    low, high = BMI_OF_A_COLUMN

    def in_pounds(median: float) -> bool:
        return median > high and low <= median * pounds.factor <= high

    def in_any(median: float) -> bool:
        return not low <= median <= high

    for wrong, advice in (
        (in_pounds, f"most of this column looks like pounds ({pounds.example}): {_ALL_OF_IT}"),
        (in_any, "most of this column, or of {height_cm}, looks like another unit: find out which, and convert all of it"),
    ):
        yield Rule(UNIT, "weight_kg", ("weight_kg", "height_cm"), _median_is_not(wrong), f"weights with a median body mass index of {low} to {high} kg/m²", advice,
                   by_item=True, first=True, found=_with_index, why="A patient may be so; the median of a group is not.")  # fmt: skip


def _indices(f: pd.DataFrame) -> pd.Series:
    """The body mass indices of those whose height and weight are both possible as they stand."""
    height, weight = (items()[name].possible or (0, np.inf) for name in ("height_cm", "weight_kg"))
    possible = f["height_cm"].between(*height) & f["weight_kg"].between(*weight)
    return f["weight_kg"][possible] / (f["height_cm"][possible] / 100) ** 2


def _median_is_not(wrong: Callable[[float], bool]) -> Callable[[pd.DataFrame], pd.Series]:
    def holds(f: pd.DataFrame) -> pd.Series:
        indices = _indices(f)
        told = len(indices) >= FEW and wrong(float(indices.median()))
        return f["weight_kg"].isna() | (not told)

    return holds


def _with_index(f: pd.DataFrame) -> pd.Series:
    index = f["weight_kg"] / (f["height_cm"] / 100) ** 2
    return pd.Series([f"{weight:.10g}{f' (BMI {of:.1f})' if of == of else ''}" for weight, of in zip(f["weight_kg"], index, strict=True)], index=f.index)


def column_unit_rules(item: str, name: str, unit: str, believable: Limits, table: str, by_item: bool = True) -> Iterator[Rule]:
    """Most of a column is hard to believe as it stands and believable in another unit. A 0 is 0 in every unit, and counts for nothing."""
    for other in OTHER_UNITS.get(item, ()):
        looks = _looks_like(other, lambda x: ~x.between(*believable), believable)
        yield Rule(UNIT, name, (name,), _not_most(name, looks), f"a number in {unit}", f"most of this column looks like {other.unit} ({other.example}): {_ALL_OF_IT}",
                   "error", table, by_item, asks="" if by_item else _ASKS, why=_WHY_MOST)  # fmt: skip


def cell_unit_rules(item: str, name: str, unit: str, possible: Limits, believable: Limits, severity: Severity, table: str,
                    by_item: bool = True) -> Iterator[Rule]:  # fmt: skip
    """Single numbers that are believable in another unit only: impossible as they stand an error, hard to believe a warning."""
    for other in OTHER_UNITS.get(item, ()):
        low, high = believable[0] / other.factor, believable[1] / other.factor  # what is believable in the other unit
        strange = _outside(possible) if severity == "error" else _between(possible, believable)
        if severity == "error" and not (low < possible[0] or high > possible[1]):
            continue
        if severity == "warning" and not ((low < believable[0] and high >= possible[0]) or (high > believable[1] and low <= possible[1])):
            continue
        looks = _looks_like(other, strange, believable)
        yield Rule(UNIT, name, (name,), _never(name, looks), f"a number in {unit}", f"this looks like {other.unit} ({other.example}): convert it, or correct it",
                   severity, table, by_item, asks="" if by_item else _ASKS, why=_WHY_UNIT)  # fmt: skip


def _looks_like(other: OtherUnit, strange: Test, believable: Limits) -> Test:
    return lambda x: x.notna() & strange(x) & (x * other.factor).between(*believable)


def _never(name: str, looks: Test) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda f: ~looks(f[name])


def _not_most(name: str, looks: Test) -> Callable[[pd.DataFrame], pd.Series]:
    """Right, unless most of the column looks so."""
    def holds(f: pd.DataFrame) -> pd.Series:
        found, known = looks(f[name]), f[name].notna() & (f[name] != 0)
        return ~found | (found.sum() <= max(MOST * known.sum(), FEW - 1))

    return holds


def _outside(limits: Limits) -> Test:
    return lambda x: ~x.between(*limits)


def _between(possible: Limits, believable: Limits) -> Test:
    return lambda x: x.between(*possible) & ~x.between(*believable)
