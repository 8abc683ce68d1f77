"""Columns of a data frame to a matrix of covariates that remembers variable, level and reference.

Numbers and 0/1 columns stay numbers; text, category and boolean columns become one 0/1 column for each level but
the reference. Terms are named by the exact name of their column; there is no formula language to learn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, FitError, did_you_mean
from haip_outcomes.formatting import listed, plural
from haip_outcomes.survival.time_to_event import level_text


@dataclass(frozen=True, eq=False, repr=False)
class Design:
    """A matrix of covariates: `matrix[i, j]` is `columns[j]` of patient `index[i]`.

    Attributes
    ----------
    matrix : array (n, p) of float.
    columns : p pairs (term, level); the level is None where the column holds numbers.
    index : the n rows of the frame that are in the matrix.
    left_out : reason -> the rows of the frame left out for it; each row has one reason, the first that applies.
    references : variable -> the level that the others are compared with.
    empty : (variable, level) for levels that no patient in the matrix has; they have no column.
    variables : term -> the columns of the frame that it is made of (two or more for an interaction).
    """

    matrix: np.ndarray
    columns: tuple[tuple[str, str | None], ...]
    index: pd.Index
    left_out: dict[str, pd.Index]
    references: dict[str, str]
    empty: tuple[tuple[str, str], ...]
    variables: dict[str, tuple[str, ...]]

    @property
    def terms(self) -> tuple[str, ...]:
        """The terms, once each, in order."""
        return tuple(dict.fromkeys(term for term, _ in self.columns))

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each column: "age", "sex=female"."""
        return tuple(term if level is None else f"{term}={level}" for term, level in self.columns)

    def take(self, positions: np.ndarray) -> Design:
        """The rows at these positions, in this order; the columns stay."""
        return replace(self, matrix=self.matrix[positions], index=self.index[positions])

    def __repr__(self) -> str:
        rows, p = self.matrix.shape
        out = "".join(f"; {len(index)} {reason}" for reason, index in self.left_out.items())
        empty = "".join(f'; nobody with {variable} "{level}"' for variable, level in self.empty)
        return f"Design: {plural(rows, 'row')}, {plural(p, 'column')} ({', '.join(self.names)}){out}{empty}"


def design(
    frame: pd.DataFrame,
    terms: str | Sequence[str],
    *,
    reference: Mapping[str, object] | None = None,
    missing: Literal["raise", "complete-case"] = "raise",
) -> Design:
    """Choose the covariates of a regression by the names of their columns.

    A number x gives one column, x itself. A variable with the levels r (the reference), a, b gives two: 1 for
    patients with a and 1 for patients with b, else 0. "x:z" is the product of every column of x with every column
    of z (what has to be added for both together), and "x*z" is short for "x", "z", "x:z".

    Parameters
    ----------
    frame : one row a patient (or an interval); its index is what `cox` aligns to a TimeToEvent.
    terms : names of columns, "a:b" or "a*b". A name that is a column is taken as it stands, with any : or * in it.
    reference : variable -> its reference level; else the first category, or the first level in sorted order.
    missing : "raise" refuses missing values; "complete-case" leaves such rows out and says why in `left_out`
        ("without age"; a row that lacks several is counted under the first in the order of the terms).

    Returns
    -------
    Design : see there. A level that no patient has gives no column and is listed in `empty`; if the reference was
        not chosen and nobody has it, the first level somebody has takes its place.

    Raises
    ------
    EndpointError : a column that does not exist, or holds what can't be a covariate (dates, text mixed with numbers,
        infinite values); a term twice; an interaction without its parts; an unknown reference level.
    FitError : missing values (with missing="raise"); a constant column; columns that carry the same information.

    Equals R's `model.matrix(~ terms)` with treatment contrasts, without the intercept.

    Examples
    --------
    >>> import pandas as pd
    >>> patients = pd.DataFrame({"age": [60, 71, 55, 64], "sex": ["male", "female", "female", "male"]})
    >>> design(patients, ["age", "sex"], reference={"sex": "male"})
    Design: 4 rows, 2 columns (age, sex=female)
    >>> design(patients, ["age", "sex"], reference={"sex": "male"}).matrix[1].tolist()
    [71.0, 1.0]
    """
    if missing not in ("raise", "complete-case"):
        raise EndpointError(f'missing must be "raise" or "complete-case"; got {missing!r}.')
    if not frame.index.is_unique:
        raise EndpointError("The frame's index has duplicates; the covariates could not be aligned with the times. "
                            "Use frame.reset_index(drop=True).")  # fmt: skip
    expanded = _expand([terms] if isinstance(terms, str) else list(terms), frame)
    variables = list(dict.fromkeys(name for parts in expanded.values() for name in parts))
    wanted = dict(reference or {})
    for name in wanted:
        if name not in variables:
            raise EndpointError(
                f'reference names "{name}", which is not among the terms. {did_you_mean(name, variables)}'
            )
    values = {name: covariate(frame[name], name) for name in variables}
    absent = {name: column.isna().to_numpy() for name, column in values.items()}
    if missing == "raise":
        _refuse_missing(absent, frame.index)
    left_out: dict[str, pd.Index] = {}
    kept = np.ones(len(frame), dtype=bool)
    for name in variables:
        gone = kept & absent[name]
        if gone.any():
            left_out[f"without {name}"] = frame.index[gone]
        kept &= ~gone
    if not kept.any():
        raise FitError(f"No patient has all of {listed(variables)}.")
    references: dict[str, str] = {}
    empty: list[tuple[str, str]] = []
    coded: dict[str, list[tuple[str | None, np.ndarray]]] = {}
    for name in variables:
        column = values[name][kept]
        if isinstance(column.dtype, pd.CategoricalDtype):
            coded[name], references[name], unused = _levels(column, name, wanted.get(name))
            empty += [(name, level) for level in unused]
        elif name in wanted:
            raise EndpointError(
                f'"{name}" holds numbers and has no reference level; make it text or a category first.'
            )
        else:
            numbers = column.to_numpy(dtype=float)
            if (numbers == numbers[0]).all():
                raise FitError(f'"{name}" is {numbers[0]:g} for all {plural(len(numbers), "patient")}: a constant explains '
                               "nothing. Leave it out.", term=name)  # fmt: skip
            coded[name] = [(None, numbers)]
    columns: list[tuple[str, str | None]] = []
    arrays: list[np.ndarray] = []
    for term, parts in expanded.items():
        for level, array in _product([coded[name] for name in parts]):
            if len(parts) > 1 and (array == array[0]).all():
                raise FitError(f'"{term}" can\'t be estimated{f" at {level}" if level else ""}: its product is '
                               f"{array[0]:g} for everybody. Leave this interaction out or join levels.", term=term)  # fmt: skip
            columns.append((term, level))
            arrays.append(array)
    made = Design(matrix=np.column_stack(arrays), columns=tuple(columns), index=frame.index[kept], left_out=left_out,
                  references=references, empty=tuple(empty), variables=expanded)  # fmt: skip
    refuse_collinear(made)
    return made


def refuse_collinear(made: Design, tolerance: float = 1e-9) -> None:
    """Raise if a column of a design can be computed from a constant and the columns before it, naming all of them.

    Columns are centred and scaled to length 1; what is left of one after projection on those before it is
    compared with `tolerance`.
    """
    x = made.matrix - made.matrix.mean(axis=0)
    length = np.sqrt(np.sum(x * x, axis=0))
    for j, (term, level) in enumerate(made.columns):
        if length[j] <= tolerance * np.sqrt(len(x)) * max(1e-300, float(np.abs(made.matrix[:, j]).max())):
            who = (
                f'nobody has {term} "{level}", or everybody'
                if level
                else f'"{term}" is the same for everybody'
            )
            raise FitError(f"Among the {plural(len(x), 'row')} analysed {who}: nothing can be estimated. "
                           "Leave it out, or join it with another level.", term=term)  # fmt: skip
    x = x / length
    independent: list[int] = []
    for j in range(x.shape[1]):
        if independent:
            weights = np.linalg.lstsq(x[:, independent], x[:, j], rcond=None)[0]
            if np.linalg.norm(x[:, j] - x[:, independent] @ weights) < tolerance * np.sqrt(x.shape[1]):
                others = [made.names[k] for k, w in zip(independent, weights, strict=True) if abs(w) > 1e-6]
                raise FitError(f'"{made.names[j]}" carries the same information as {listed(others)}: it can be computed '
                               "from them, so their effects can't be told apart. Leave one of them out.",
                               term=made.columns[j][0])  # fmt: skip
        independent.append(j)


def _expand(terms: list[str], frame: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Terms to variables: "a*b" becomes a, b and a:b."""
    known = [str(name) for name in frame.columns]
    found: dict[str, tuple[str, ...]] = {}

    def checked(name: str) -> str:
        if name not in frame.columns:
            raise EndpointError(f'There is no column "{name}". {did_you_mean(name, known)}')
        if isinstance(frame[name], pd.DataFrame):
            raise EndpointError(f'There are several columns "{name}". Rename them.')
        return name

    def add(name: str, parts: tuple[str, ...], twice: bool) -> None:
        if name in found and twice:
            raise EndpointError(f'"{name}" is among the terms twice.')
        if len(set(parts)) < len(parts):
            raise EndpointError(f'"{name}" multiplies a column with itself.')
        found.setdefault(name, parts)

    if not terms:
        raise EndpointError("No terms: name at least one column.")
    for term in terms:
        if term in frame.columns or not isinstance(term, str) or not ("*" in term or ":" in term):
            add(str(term), (checked(term),), True)
        elif "*" in term:
            parts = tuple(checked(part.strip()) for part in term.split("*"))
            for size in range(1, len(parts) + 1):
                for chosen in combinations(parts, size):
                    add(":".join(chosen), chosen, size == len(parts))
        else:
            parts = tuple(checked(part.strip()) for part in term.split(":"))
            add(":".join(parts), parts, True)
    for name, parts in found.items():
        lacking = [part for part in parts if len(parts) > 1 and part not in found]
        if lacking:
            raise EndpointError(f'"{name}" is an interaction without {listed(lacking)} on its own: write '
                                f'"{"*".join(parts)}", or add the missing terms.')  # fmt: skip
    return dict(sorted(found.items(), key=lambda item: len(item[1])))


def covariate(column: pd.Series, name: str) -> pd.Series:
    """A column as `design` takes it: floats, or a category; all that says "missing" is missing."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind in ("integer", "floating", "mixed-integer-float", "decimal"):
        numbers = pd.Series(column.to_numpy(dtype=float, na_value=np.nan), index=column.index)
        endless = np.isinf(numbers.to_numpy())
        if endless.any():
            rows = ", ".join(str(row) for row in column.index[endless][:5])
            raise EndpointError(
                f'"{name}" is infinite in {plural(int(endless.sum()), "row")} (index {rows}): correct it.'
            )
        return numbers
    if kind in ("string", "boolean"):
        return column.astype("category")
    if kind == "empty":
        return pd.Series(np.nan, index=column.index)
    advice = (
        "Make it a number of days or years first."
        if "date" in kind or "time" in kind
        else "Make it all numbers or all text."
    )
    raise EndpointError(f'"{name}" can\'t be a covariate: it holds {kind.replace("-", " ")} values. {advice}')


def _refuse_missing(absent: dict[str, np.ndarray], index: pd.Index) -> None:
    gaps = [(name, gone) for name, gone in absent.items() if gone.any()]
    if not gaps:
        return
    told = []
    for name, gone in gaps:
        rows = [str(row) for row in index[gone]]
        told.append(
            f'"{name}" in {plural(len(rows), "row")} (index {", ".join(rows[:5])}{", ..." if len(rows) > 5 else ""})'
        )
    raise FitError(f'Missing values: {listed(told)}. Say missing="complete-case" to leave these rows out with the reason kept, '
                   "or fill them first.", term=gaps[0][0])  # fmt: skip


def _levels(
    column: pd.Series, name: str, wanted: object
) -> tuple[list[tuple[str | None, np.ndarray]], str, list[str]]:
    """0/1 columns for all levels but the reference; the reference; the levels that nobody has."""
    levels = [level_text(level) for level in column.cat.categories]
    codes = column.cat.codes.to_numpy()
    present = [k for k in range(len(levels)) if (codes == k).any()]
    unused = [levels[k] for k in range(len(levels)) if k not in present]
    if wanted is not None and level_text(wanted) not in levels:
        raise EndpointError(
            f'"{name}" has no level "{wanted}" to be the reference. {did_you_mean(str(wanted), levels)}'
        )
    if wanted is not None and level_text(wanted) in unused:
        raise FitError(f'Nobody analysed has {name} "{wanted}", so it can\'t be the reference. '
                       f"Choose one of {listed([levels[k] for k in present], 'or')}.", term=name)  # fmt: skip
    if len(present) < 2:
        raise FitError(f'"{name}" is "{levels[present[0]]}" for all {plural(len(column), "patient")}: a constant explains '
                       "nothing. Leave it out.", term=name)  # fmt: skip
    base = present[0] if wanted is None else levels.index(level_text(wanted))
    made: list[tuple[str | None, np.ndarray]] = [
        (levels[k], (codes == k).astype(float)) for k in present if k != base
    ]
    return made, levels[base], unused


def _product(parts: list[list[tuple[str | None, np.ndarray]]]) -> list[tuple[str | None, np.ndarray]]:
    """Every column of the first variable times every column of the next; the first varies fastest, as in R."""
    made: list[tuple[Any, np.ndarray]] = [(None, np.ones(1))]
    for part in parts:
        made = [(":".join(text for text in (left, right) if text is not None) or None, a * b)
                for right, b in part for left, a in made]  # fmt: skip
    return made
