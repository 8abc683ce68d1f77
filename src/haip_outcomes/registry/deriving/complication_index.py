"""The comprehensive complication index: all complications of a patient in one number, from their Clavien-Dindo grades."""

from __future__ import annotations

import re
from typing import Any, overload

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import plural
from haip_outcomes.registry.deriving.derivation import Parts
from haip_outcomes.registry.items import items

WHAT = "comprehensive complication index"
MOST = 40_000  # half its square root is 100, the index of a death
WEIGHTS = {"I": 300, "II": 1750, "IIIa": 2750, "IIIb": 4550, "IVa": 7200, "IVb": 8550, "V": MOST}
SOURCE = "Slankamenac 2013, doi:10.1097/SLA.0b013e318296c732; the weights are second-hand, not read in the article itself"
WEIGHED = ", ".join(f"{grade} {weight}" for grade, weight in WEIGHTS.items() if grade != "V")
_ROMAN = {"1": "I", "2": "II", "3": "III", "4": "IV", "5": "V"}
_WRITTEN = re.compile(r"(?P<word>(?:clavien[ -]*dindo|clavien|cd)?[ :-]*(?:grade|graad|grad|grado|grau)?)[ :-]*(?P<number>iv|v|i{1,3}|[1-5]) ?(?P<letter>[ab]?)")
_ADVICE = "write the grade; of III and IV also the letter, which decides the weight; a cell that is not known stays empty"
_BARE = "is that a grade or the registry's code (5 is IVa there)? Write the grade as I, IIIa, V; if these are the codes 1 to 7, say coded=True"
Patients = list[Any] | tuple[Any, ...] | np.ndarray | pd.Series | pd.Index


@overload
def comprehensive_complication_index(grades: pd.DataFrame, *, patients: Patients | None = None, coded: bool = False) -> pd.Series: ...
@overload
def comprehensive_complication_index(grades: Patients, *, coded: bool = False) -> float: ...
@overload
def comprehensive_complication_index(grades: Patients, patient: Patients, *, patients: Patients | None = None, coded: bool = False) -> pd.Series: ...


def comprehensive_complication_index(grades: Any, patient: Any = None, *, patients: Any = None, coded: bool = False) -> float | pd.Series:
    """Comprehensive complication index: the burden of all complications of a patient, from 0 (none) to 100 (death).

    Half the square root of the summed weights of the Clavien-Dindo grades: I 300, II 1750, IIIa 2750, IIIb 4550, IVa 7200, IVb 8550. With
    a grade V it is 100, and never more (the cap is convention). Every complication counts, one that happened twice counts twice; give those
    of one period, such as 90 days from the operation, and say which in your paper.

    Parameters
    ----------
    grades : the grades of one patient, a list, array or Series, [] for none: the result is one number. Or those of many patients, a row a
        complication, as a frame with the columns patient and grade (or clavien_dindo), or with `patient`: the result is a Series.
        Grades are written I, II, IIIa ... V; "IIIA", "3a" and "grade 5" are read too. A number alone (5) is not: it is grade V in one
        file and the standard registry's code of IVa in the next.
    patient : whose complication each row is.
    patients : all patients, in the order of the result; who has no complication has 0. Without it only patients with rows are there.
    coded : True where the grades are the codes of the standard registry, 1 to 7 (1 I, 2 II, 3 IIIa, 4 IIIb, 5 IVa, 6 IVb, 7 V).

    Returns
    -------
    A number, or a Series with a row a patient. Missing (NaN) where a grade of the patient is missing and could change the index: it can't
    where the known ones give 100 already.

    Raises
    ------
    CohortError : grades that there are not, III and IV without a or b among them; each is named with its row (`.problems`).
    EndpointError : a row without a patient, or of none of `patients`; two lengths; a patient twice in `patients`; a single text.

    Reference: Slankamenac K et al. Ann Surg 2013;258(1):1-7, doi:10.1097/SLA.0b013e318296c732 (abstract read: weights from patients' and
    physicians' median values, 0 to 100). SECOND-HAND: the weights were read in a public test file, not in the article. No R function.

    >>> comprehensive_complication_index(["I", "II"]), comprehensive_complication_index([]), comprehensive_complication_index(["IVa", None])
    (22.638462845343543, 0.0, nan)
    >>> rows = pd.DataFrame({"patient": [7, 7, 9], "grade": ["II", "IIIb", "V"]})
    >>> comprehensive_complication_index(rows, patients=[7, 8, 9]).round(1).to_dict()
    {7: 39.7, 8: 0.0, 9: 100.0}
    """
    if isinstance(grades, pd.DataFrame):
        if patient is not None:
            raise EndpointError("A frame has a column patient of its own: leave the argument patient out.")
        grades, patient = _columns(grades)
    if isinstance(grades, str) or np.ndim(grades) != 1:
        raise EndpointError('Give the grades of one patient as a list, ["II"], and [] for no complication.')
    weights = _weights(grades, coded)
    if patient is None:
        if patients is not None:
            raise EndpointError("Whose complications are these? Give patient, one for each grade.")
        total, unknown = np.nansum(weights, keepdims=True), np.isnan(weights).any(keepdims=True)
        return float(index_of(total, unknown)[0])
    at, names = _placed(grades, patient, patients)
    total = np.bincount(at, weights=np.nan_to_num(weights), minlength=len(names))
    unknown = np.bincount(at[np.isnan(weights)], minlength=len(names)) > 0
    return pd.Series(index_of(total, unknown), index=names, name=WHAT)


def index_of(total: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """The index of summed weights; missing where one is unknown, unless the known ones give 100 already."""
    return np.where(unknown & (total < MOST), np.nan, np.sqrt(np.minimum(total, MOST)) / 2)


def grade_of(text: str) -> str | None:
    """The grade that a label means, in the one way of writing it; None where it is none, or could be a code.

    >>> [grade_of(text) for text in ("IIIA", "3b", "Clavien-Dindo grade 5", "III", "5", "none")]
    ['IIIa', 'IIIb', 'V', None, None, None]
    """
    found = _WRITTEN.fullmatch(" ".join(text.split()).casefold())
    if found is None or (found["number"].isdigit() and not found["letter"] and not found["word"].strip(" :-")):
        return None
    grade = _ROMAN.get(found["number"], found["number"].upper()) + found["letter"]
    return grade if grade in WEIGHTS else None


def weights_of(column: pd.Series) -> np.ndarray:
    """The weight of each cell of a category; NaN where the cell is empty or its level is no grade."""
    of_level = [WEIGHTS.get(grade_of(str(level)) or "", np.nan) for level in column.cat.categories]
    return np.array([*of_level, np.nan])[column.cat.codes.to_numpy()]  # code -1, an empty cell, is the last


def _weights(grades: Any, coded: bool) -> np.ndarray:
    """The weight of each grade, NaN where it is missing. Raises CohortError with all that are no grades."""
    given = grades.reset_index(drop=True) if isinstance(grades, pd.Series) and not grades.index.is_unique else grades
    parts = Parts(WHAT, grade=pd.Series(given, dtype=object))
    cells = parts.frame["grade"].map(_text).to_numpy(dtype=object)
    if coded:
        codes = items()["clavien_dindo"].levels
        read = {text: codes.get(text) for text in set(cells)}
        expected, advice = f"a code of the standard registry: {', '.join(f'{code} {grade}' for code, grade in codes.items())}", "correct it, or leave coded out"
    else:
        read = {text: grade_of(text) for text in set(cells)}
        expected, advice = f"a Clavien-Dindo grade: {', '.join(WEIGHTS)}", _ADVICE
    wrong = np.array([bool(text) and read[text] is None for text in cells], dtype=bool)
    bare = np.array([not coded and text.isdigit() for text in cells], dtype=bool)
    parts.wrong("grade", wrong & bare, expected, _BARE)
    parts.wrong("grade", wrong & ~bare, expected, advice)
    parts.refuse()
    return np.array([WEIGHTS[str(read[text])] if text else np.nan for text in cells], dtype=float)


def _text(cell: Any) -> str:
    """A cell as text, empty where it is missing; 3.0, as a column of codes with a gap has it, is 3."""
    if pd.isna(cell):
        return ""
    return f"{cell:g}" if isinstance(cell, (float, np.floating)) else str(cell).strip()


def _columns(frame: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The grades and the patients of a frame."""
    found = [name for name in ("grade", "clavien_dindo") if name in frame.columns]
    if len(found) != 1 or "patient" not in frame.columns:
        raise EndpointError("The frame needs a column patient and one column grade (or clavien_dindo), a row a complication.")
    return frame[found[0]], frame["patient"]


def _placed(grades: Any, patient: Any, patients: Any) -> tuple[np.ndarray, pd.Index]:
    """For each row the position of its patient, and the patients. No patient is named in what is wrong."""
    if len(patient) != len(grades):
        raise EndpointError(f"There are {plural(len(grades), 'grade')} and {plural(len(patient), 'patient')}: give one patient for each grade.")
    if isinstance(patient, pd.Series) and isinstance(grades, pd.Series) and not patient.index.equals(grades.index):
        raise EndpointError("grades and patient have different indexes: take both from one frame.")
    whose = pd.Index(patient)
    if whose.hasnans:
        raise EndpointError(f"{plural(int(whose.isna().sum()), 'complication')} without a patient: say whose they are, or leave them out.")
    names = pd.Index(whose.unique() if patients is None else patients, name="patient")
    if not names.is_unique:
        raise EndpointError("A patient stands twice in patients: give each once.")
    at = names.get_indexer(whose)
    if (at < 0).any():
        raise EndpointError(f"{plural(int((at < 0).sum()), 'complication')} of patients who are not among patients: add these patients, or leave the rows out.")
    return at, names
