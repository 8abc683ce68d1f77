"""Body composition: body mass index, the skeletal muscle index at L3, and sarcopenia by cut-offs that are always named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from haip_outcomes.errors import EndpointError
from haip_outcomes.registry.deriving.cutoffs import Cutoffs, cutoffs_of
from haip_outcomes.registry.deriving.derivation import TOLERANCE, Allowed, Derivation, Parts, no_yes

INDEX = Allowed(5, 200, "cm²/m²", "correct the index: muscle area in cm² over height in metres squared")
BMI = Allowed(8, 150, "kg/m²", "correct it: weight in kg over height in metres squared")
_HEIGHT = "correct the height; a height such as 1.75 is in metres: write 175"


def body_mass_index(weight_kg: Any, height_cm: Any) -> Derivation:
    """Body mass index: weight for height.

    weight / height², in kg/m². Missing where the weight or the height is missing.

    Parameters
    ----------
    weight_kg, height_cm : one value a patient, in kg and cm.

    Raises
    ------
    CohortError : a weight or a height that no adult has (a height of 1.75 is in metres); `.problems` has all of them.

    Reference: WHO Technical Report Series 894, 2000 (no DOI; the definition, not read again).

    >>> body_mass_index([81, None], [180, 165]).values.tolist()
    [25.0, nan]
    """
    parts = Parts("body mass index", weight_kg=weight_kg, height_cm=height_cm)
    weight = parts.number("weight_kg", Allowed.of("weight_kg", "correct the weight; is it in pounds or grams?"))
    height = parts.number("height_cm", Allowed.of("height_cm", _HEIGHT))
    parts.refuse()
    return parts.derivation(parts.series(weight * 1e4 / height**2), "Body mass index: weight in kg over height in metres squared")


def skeletal_muscle_index(muscle_area_cm2: Any, height_cm: Any) -> Derivation:
    """Skeletal muscle index: the muscle on one CT slice at the third lumbar vertebra, for height.

    area / height², in cm²/m². Missing where the area or the height is missing.

    Parameters
    ----------
    muscle_area_cm2 : the area of all skeletal muscle at L3, in cm²; not that of the psoas alone, which has cut-offs of its own.
    height_cm : the height, in cm.

    Raises
    ------
    CohortError : an area or a height that can't be (an area of 14500 is in mm²); `.problems` has all of them.

    Reference: Prado 2008, doi:10.1016/S1470-2045(08)70153-0 (its abstract was read).

    >>> skeletal_muscle_index([145], [175]).values.round(2).tolist()
    [47.35]
    """
    parts = Parts("skeletal muscle index", l3_muscle_area_cm2=muscle_area_cm2, height_cm=height_cm)
    area = parts.number("l3_muscle_area_cm2", Allowed.of("l3_muscle_area_cm2", "correct the area; an area such as 14500 is in mm²: write 145"))
    height = parts.number("height_cm", Allowed.of("height_cm", _HEIGHT))
    parts.refuse()
    return parts.derivation(parts.series(area * 1e4 / height**2), "Skeletal muscle index: muscle area at L3 in cm² over height in metres squared")


def sarcopenia(smi: Any, sex: Any, *, cutoffs: str | Mapping[str, Any] | Cutoffs, bmi: Any = None) -> Derivation:
    """Sarcopenia: too little muscle for the height, by cut-offs that you name and that are printed with the result.

    Yes where the index is below the cut-off of the patient's sex (and body mass index, where the cut-offs ask for it), No where it is
    at the cut-off or above. Missing where the index or the sex is missing, or a body mass index that the cut-offs ask for.

    Parameters
    ----------
    smi : skeletal muscle index at L3, in cm²/m².
    sex : male or female in words (also m, f); a number is refused, because registries code it both ways.
    cutoffs : "prado2008" (men 52.4, women 38.5), "martin2013" (men 43, or 53 from a body mass index of 25; women 41), "vanvledder2012"
        (men 43.75, women 41.10), or your own: {"male": 50, "female": 39, "unit": "cm2/m2", "source": "200 local kidney donors"}.
    bmi : body mass index in kg/m²; needed for men by martin2013.

    Raises
    ------
    PlanError : there are no such cut-offs, or your own are incomplete.
    EndpointError : the cut-offs ask for a body mass index that is not given.
    CohortError : an index, a body mass index or a sex that can't be; `.problems` has all of them.

    References: Prado 2008, doi:10.1016/S1470-2045(08)70153-0; Martin 2013, doi:10.1200/JCO.2012.45.2722 (both second-hand: the
    articles were not read); van Vledder 2012, doi:10.1002/bjs.7823 (UNVERIFIED numbers). `cutoffs.toml` says what was read.

    >>> sarcopenia([47.3, 52.4, 38.4], ["male", "male", "female"], cutoffs="prado2008").values.tolist()
    ['Yes', 'No', 'Yes']
    >>> sarcopenia([47.3, 47.3], ["male", "male"], cutoffs="martin2013", bmi=[24.9, 25.0]).values.tolist()
    ['No', 'Yes']
    """
    chosen = cutoffs_of(cutoffs)
    parts = Parts("sarcopenia", smi=smi, sex=sex, bmi=bmi)
    index, male = parts.number("smi", INDEX), parts.male("sex")
    weight = np.full(len(index), np.nan)
    if any(chosen.needs_bmi(who) for who in (True, False)):
        if bmi is None:
            raise EndpointError(f"The cut-offs {chosen.short} depend on the body mass index: give bmi.")
        weight = parts.number("bmi", BMI)
        parts.not_needed("bmi", ((male == 1) & (not chosen.needs_bmi(True))) | ((male == 0) & (not chosen.needs_bmi(False))))
    parts.refuse()
    below = chosen.below(male, weight)
    known = ~np.isnan(index) & ~np.isnan(below)
    values = parts.series(no_yes(index < below - TOLERANCE, known))
    return parts.derivation(values, f"Sarcopenia: {chosen.method}")
