"""Risk scores of colorectal liver metastases, and the intervals and ages they are made from. A missing part gives a missing score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.registry.deriving.derivation import TOLERANCE, Allowed, Derivation, Parts

ZONES = ("Zone 1", "Zone 2", "Zone 3")
OLDEST = 120  # years
LONGEST = 600  # months
YEAR = 12  # months
_ADVICE = {
    "n_metastases": "count the metastases, or leave the cell empty",
    "largest_cm": "correct it; a size such as 45 is in mm: write 4.5",
    "cea_ug_l": "correct it; below the limit of detection, write that limit",
    "disease_free_interval_months": "correct it: 0 when synchronous; is it in days?",
    "birth_year": "correct the year of birth, four digits",
}


def fong_clinical_risk_score(
    node_positive: Any, disease_free_interval_months: Any, n_metastases: Any, cea_ug_l: Any, largest_cm: Any, *, synchronous: Any = None
) -> Derivation:
    """Clinical risk score of Fong: how likely the disease comes back after resection of liver metastases, 0 to 5 points.

    One point each: node-positive primary tumour; disease-free interval < 12 months; more than one metastasis; CEA > 200 ng/ml (which is
    µg/L); largest metastasis > 5 cm. The inequalities are strict: 12 months, 200 and 5.0 give no point. A score needs all five parts:
    where one is missing the score is missing, for it can't be known from four.

    Parameters
    ----------
    node_positive : Yes or No (or 1 and 0), of the primary tumour.
    disease_free_interval_months : from the primary tumour to the liver metastases, in months; 0 when synchronous.
    n_metastases, largest_cm : how many liver metastases, and the diameter of the largest in cm, on imaging before the operation.
    cea_ug_l : carcinoembryonic antigen before the operation, in µg/L (= ng/ml).
    synchronous : Yes or No, optional; where it is Yes an interval that is missing is 0.

    Raises
    ------
    CohortError : a part that can't be: a negative CEA, 2.5 metastases, a size of 45 cm, a synchronous patient with an interval of 12
        months or more. `.problems` has all of them.

    Reference: Fong Y et al. Ann Surg 1999;230(3):309-318, doi:10.1097/00000658-199909000-00004 (abstract read; all five cut-offs are in it).

    >>> fong_clinical_risk_score([1, 1, 1], [0, 12, 3], [3, 1, 2], [35, 200, None], [4.2, 5.0, 6]).values.tolist()
    [3.0, 1.0, nan]
    """
    parts = Parts("clinical risk score", node_positive=node_positive, disease_free_interval_months=disease_free_interval_months,
                  n_metastases=n_metastases, cea_ug_l=cea_ug_l, largest_cm=largest_cm, synchronous=synchronous)  # fmt: skip
    node = parts.yes("node_positive")
    interval = _item(parts, "disease_free_interval_months")
    number, cea, size = _item(parts, "n_metastases"), _item(parts, "cea_ug_l"), _item(parts, "largest_cm")
    if synchronous is not None:
        together = parts.yes("synchronous") == 1
        parts.wrong("disease_free_interval_months", together & (interval >= YEAR), "less than 12 months in a synchronous patient",
                    "correct the interval, or the cell that says synchronous")  # fmt: skip
        interval = np.where(together & np.isnan(interval), 0.0, interval)
        parts.not_needed("disease_free_interval_months", together)
        parts.not_needed("synchronous", np.ones(len(interval), dtype=bool))
    parts.refuse()
    points = [node == 1, interval < YEAR - TOLERANCE, number > 1, cea > 200 + TOLERANCE, size > 5 + TOLERANCE]
    known = ~np.isnan([node, interval, number, cea, size]).any(axis=0)
    score = np.where(known, np.sum(points, axis=0, dtype=float), np.nan)
    return parts.derivation(parts.series(score), (
        "Clinical risk score (Fong 1999, doi:10.1097/00000658-199909000-00004): one point each for a node-positive primary tumour, "
        "a disease-free interval < 12 months, more than one metastasis, CEA > 200 µg/L, and a largest metastasis > 5 cm; "
        "missing where one of the five is missing"))  # fmt: skip


def tumour_burden_score(n_metastases: Any, largest_cm: Any) -> Derivation:
    """Tumour burden score: size and number of the liver metastases in one number.

    sqrt(d² + n²), d the diameter of the largest metastasis in cm and n their number. Missing where one of the two is missing. Say in your
    paper whether both come from imaging or from pathology; `tumour_burden_zone` makes the three zones.

    Parameters
    ----------
    n_metastases, largest_cm : how many, and the largest diameter in cm.

    Raises
    ------
    CohortError : 2.5 metastases, a size of 45 cm; `.problems` has all of them.

    Reference: Sasaki K et al. Ann Surg 2018;267(1):132-141, doi:10.1097/SLA.0000000000002064. SECOND-HAND: the formula and the zones
    were read in a public implementation (the calculator PLATO), not in the article.

    >>> tumour_burden_score([3], [4.2]).values.round(3).tolist()
    [5.161]
    """
    parts = Parts("tumour burden score", n_metastases=n_metastases, largest_cm=largest_cm)
    number, size = _item(parts, "n_metastases"), _item(parts, "largest_cm")
    parts.refuse()
    return parts.derivation(parts.series(np.sqrt(size**2 + number**2)), (
        "Tumour burden score (Sasaki 2018, doi:10.1097/SLA.0000000000002064): square root of the largest diameter in cm, squared, plus the "
        "number of metastases, squared; the formula is second-hand, not read in the article itself"))  # fmt: skip


def tumour_burden_zone(score: Any) -> Derivation:
    """The zone of a tumour burden score: 1 below 3, 2 from 3 to below 9, 3 from 9 on.

    Raises
    ------
    CohortError : a score below 0; `.problems` has all of them.

    Reference: as `tumour_burden_score`; the limits are second-hand too.

    >>> tumour_burden_zone([2.9, 3.0, 9.0]).values.tolist()
    ['Zone 1', 'Zone 2', 'Zone 3']
    """
    parts = Parts("tumour burden zone", score=score)
    values = parts.number("score", Allowed(0, 501, "", "correct the score: square root of the size in cm, squared, plus the number, squared"))
    parts.refuse()
    zone = np.select([np.isnan(values), values < 3 - TOLERANCE, values < 9 - TOLERANCE], [-1, 0, 1], 2)
    return parts.derivation(parts.series(pd.Categorical.from_codes(zone, categories=pd.Index(ZONES))), (
        "Zones of the tumour burden score (Sasaki 2018, doi:10.1097/SLA.0000000000002064): below 3, 3 to below 9, 9 and more; "
        "the limits are second-hand, not read in the article itself"))  # fmt: skip


def disease_free_interval(primary_resection_date: Any, diagnosis_date: Any, *, synchronous: Any = None) -> Derivation:
    """Disease-free interval: from the resection of the primary tumour to the diagnosis of the liver metastases, in months.

    0 when the metastases are synchronous: where the patient is said to be, and where the diagnosis is not after the resection. Otherwise
    calendar months: the whole months that have passed, and the days since as a share of the month that runs. So a year to the day is
    exactly 12 (365 days over 30.4375 would be 11.99, and a point of the clinical risk score). Missing where a date is missing, unless the
    patient is said to be synchronous.

    Parameters
    ----------
    primary_resection_date, diagnosis_date : dates.
    synchronous : Yes or No (or 1 and 0), optional.

    Raises
    ------
    CohortError : a patient who is said not to be synchronous, with a diagnosis on or before the resection; an interval above 50 years.

    Reference: the definition of Fong 1999, doi:10.1097/00000658-199909000-00004; the calendar months are this package's choice.

    >>> disease_free_interval(["2018-03-15", "2018-03-15", "2018-03-15"], ["2019-03-15", "2018-05-30", "2018-03-01"]).values.round(3).tolist()
    [12.0, 2.484, 0.0]
    """
    parts = Parts("disease-free interval", primary_resection_date=primary_resection_date, diagnosis_date=diagnosis_date, synchronous=synchronous)
    resected, found = parts.date("primary_resection_date"), parts.date("diagnosis_date")
    before = found <= resected  # False where a date is missing
    together = before
    if synchronous is not None:
        said = parts.yes("synchronous")
        parts.wrong("diagnosis_date", before & (said == 0), "a date after the primary resection, in a patient who is not synchronous",
                    "correct one of the two dates, or the cell that says synchronous")  # fmt: skip
        together = before | (said == 1)
        parts.not_needed("synchronous", np.ones(len(said), dtype=bool))
    months = np.where(together, 0.0, _calendar_months(resected, found))
    parts.wrong("diagnosis_date", months > LONGEST, "at most 50 years after the primary resection", "correct one of the two dates")
    parts.refuse()
    said_so = "" if synchronous is None else ", or where the patient is recorded as synchronous"
    return parts.derivation(parts.series(months), (
        "Disease-free interval: from the resection of the primary tumour to the diagnosis of liver metastases, in calendar months; "
        f"0 where the diagnosis is not after the resection{said_so}"))  # fmt: skip


def age_at(birth_year: Any, date: Any) -> Derivation:
    """Age at a date, when only the year of birth is kept: exact to 1 year.

    The year of the date less the year of birth: the age that the patient reaches in that year. Whoever has the birthday still to come is one
    year younger. Missing where the year or the date is missing.

    Parameters
    ----------
    birth_year : four digits. (A full date of birth identifies a patient and is not asked for.)
    date : the date at which the age counts.

    Raises
    ------
    CohortError : a year that is none, or an age below 0 or above 120; `.problems` has all of them.

    >>> age_at([1950], ["2014-01-31"]).values.tolist()
    [64.0]
    """
    parts = Parts("age", birth_year=birth_year, date=date)
    born, day = _item(parts, "birth_year"), parts.date("date")
    year = np.where(np.isnat(day), np.nan, day.astype("datetime64[Y]").astype(float) + 1970)
    age = year - born
    parts.wrong("birth_year", (age < 0) | (age > OLDEST), f"0 to {OLDEST} years before the date", "correct the year of birth, or the date")
    parts.refuse()
    return parts.derivation(parts.series(age), "Age: year of the date less year of birth, exact to ± 1 year because the birthday is not kept")


def _item(parts: Parts, name: str) -> np.ndarray:
    return parts.number(name, Allowed.of(name, _ADVICE[name]))


def _calendar_months(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Whole calendar months from start to end, and the rest as a share of the month that runs; NaN where a date is missing."""
    known = ~np.isnat(start) & ~np.isnat(end)
    start, end = np.where(known, start, np.datetime64("2000-01-01")), np.where(known, end, np.datetime64("2000-01-01"))
    whole = (end.astype("datetime64[M]") - start.astype("datetime64[M]")).astype(int)
    whole -= _months_after(start, whole) > end
    last, following = _months_after(start, whole), _months_after(start, whole + 1)
    return np.where(known, whole + (end - last).astype(float) / (following - last).astype(float), np.nan)


def _months_after(start: np.ndarray, months: np.ndarray) -> np.ndarray:
    """The same day so many months later; the last day of that month where it has no such day."""
    first = start.astype("datetime64[M]") + months
    day = (start - start.astype("datetime64[M]").astype("datetime64[D]")).astype(int)
    days = ((first + 1).astype("datetime64[D]") - first.astype("datetime64[D]")).astype(int)
    return first.astype("datetime64[D]") + np.minimum(day, days - 1)
