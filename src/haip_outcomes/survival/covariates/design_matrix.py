"""Columns of a data frame to a matrix of covariates that remembers variable, level, reference and knots.

Numbers and 0/1 columns stay numbers; text, category and boolean columns become one 0/1 column for each level but
the reference. Terms are named by the exact name of their column; there is no formula language to learn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from math import prod
from typing import Any, Literal

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, FitError, did_you_mean
from haip_outcomes.formatting import listed, plural
from haip_outcomes.survival.covariates.coding import Coder, Curve, Levels, coder_of, gaps, observed, rows_told
from haip_outcomes.survival.covariates.coding import covariate as covariate  # where the other rooms know it
from haip_outcomes.survival.covariates.splines import Spline

BLOCK = 32_768  # cells of a matrix worked on at a time: they stay in the processor's cache


@dataclass(frozen=True, eq=False, repr=False)
class Design:
    """A matrix of covariates: `matrix[i, j]` is `columns[j]` of patient `index[i]`.

    Attributes
    ----------
    matrix : array (n, p) of float, row by row in memory.
    columns : p pairs (term, level); the level is None where the column holds numbers.
    index : the n rows of the frame that are in the matrix.
    left_out : reason -> the rows of the frame left out for it; each row has one reason, the first that applies.
    references : variable -> the level that the others are compared with.
    empty : (variable, level) for levels that no patient in the matrix has; they have no column.
    variables : term -> the columns of the frame that it is made of (two or more for an interaction).
    nonlinear : term with a spline -> the positions of its columns that bend the effect. All columns of the term tested
        together say whether it matters, these together whether it is a straight line.
    coding : how each variable became numbers (levels, reference, knots); `encode` does the same to new rows.
    """

    matrix: np.ndarray
    columns: tuple[tuple[str, str | None], ...]
    index: pd.Index
    left_out: dict[str, pd.Index]
    references: dict[str, str]
    empty: tuple[tuple[str, str], ...]
    variables: dict[str, tuple[str, ...]]
    nonlinear: dict[str, tuple[int, ...]]
    coding: tuple[Coder, ...]

    @property
    def terms(self) -> tuple[str, ...]:
        """The terms, once each, in order."""
        return tuple(dict.fromkeys(term for term, _ in self.columns))

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each column: "age", "sex=female", "bilirubin nonlinear 1"."""
        return tuple(term if level is None else f"{term} {level}" if term in self.nonlinear else f"{term}={level}"
                     for term, level in self.columns)  # fmt: skip

    @property
    def knots(self) -> dict[str, tuple[float, ...]]:
        """The knots of each variable that is a spline, in its unit."""
        return {coder.name: coder.knots for coder in self.coding if isinstance(coder, Curve)}

    def take(self, positions: np.ndarray) -> Design:
        """The rows at these positions, in this order; the columns and their coding stay."""
        positions = np.asarray(positions)
        if positions.dtype == bool:
            positions = np.flatnonzero(positions)
        n = len(self.matrix)
        whole = len(positions) == n > 0 and positions[0] == 0 and positions[-1] == n - 1
        if whole and (positions == np.arange(n)).all():
            return self  # nothing to copy
        return replace(self, matrix=self.matrix.take(positions, axis=0), index=self.index[positions])

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """New patients in the columns of this design, coded with its levels, references, interactions and knots.

        Beyond its outer knots, so beyond the data too, a spline goes on as a straight line.

        Parameters
        ----------
        frame : a row a new patient, with the columns that the terms are made of; others are ignored. Levels are
            recognised by their text, so 1, 1.0 and "1" are the same level, in a category or not.

        Returns
        -------
        array (rows, p) of float; of the design's own frame it gives `matrix` again.

        Raises
        ------
        EndpointError : a column that is not there; a missing or infinite value; a level that nobody in the fit had; text,
            dates or true/false where the fit had numbers.

        Equals R's `model.matrix(terms, newdata, xlev)`, without the intercept.

        Examples
        --------
        >>> import pandas as pd
        >>> patients = pd.DataFrame({"age": [60, 71, 55, 64], "sex": ["male", "female", "female", "male"]})
        >>> made = design(patients, ["age", "sex"])
        >>> made.encode(pd.DataFrame({"sex": ["male"], "age": [50]})).tolist()
        [[50.0, 1.0]]
        """
        _require_frame(frame, "encode")
        values = {}
        for coder in self.coding:
            _require_column(frame, coder.name)
            values[coder.name] = coder.read(frame[coder.name])
        return _filled(self.variables, self.coding, values, len(frame))

    def __repr__(self) -> str:
        rows, p = self.matrix.shape
        out = "".join(f"; {len(index)} {reason}" for reason, index in self.left_out.items())
        empty = "".join(f'; nobody with {variable} "{level}"' for variable, level in self.empty)
        return f"Design: {plural(rows, 'row')}, {plural(p, 'column')} ({', '.join(self.names)}){out}{empty}"


def design(
    frame: pd.DataFrame,
    terms: str | Spline | Sequence[str | Spline],
    *,
    reference: Mapping[str, object] | None = None,
    missing: Literal["raise", "complete-case"] = "raise",
) -> Design:
    """Choose the covariates of a regression by the names of their columns.

    A number x gives one column, x itself. A variable with the levels r (the reference), a, b gives two: 1 for
    patients with a and 1 for patients with b, else 0. "x:z" is the product of every column of x with every column
    of z (what has to be added for both together), and "x*z" is short for "x", "z", "x:z". `spline("x")` in the place
    of "x" gives x columns that let its effect bend; "x:z" then multiplies all of them.

    Parameters
    ----------
    frame : one row a patient (or an interval); its index is what `cox` aligns to a TimeToEvent.
    terms : names of columns, "a:b", "a*b" or spline("a", knots=4). A name that is a column is taken as it stands, with
        any : or * in it.
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
        infinite values); a term twice; an interaction without its parts; an unknown reference level; a spline of text.
    FitError : missing values (with missing="raise"); a constant column; columns that carry the same information; knots
        that can't be placed.

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
    _require_frame(frame, "design")
    _ = frame.index.is_monotonic_increasing  # a sorted index shows its duplicates without a table of all values
    if not frame.index.is_unique:
        raise EndpointError("The frame's index has duplicates; the covariates could not be aligned with the times. "
                            "Use frame.reset_index(drop=True).")  # fmt: skip
    expanded, curves = _expand([terms] if isinstance(terms, (str, Spline)) else list(terms), frame)
    names = list(dict.fromkeys(name for parts in expanded.values() for name in parts))
    wanted = dict(reference or {})
    for name in wanted:
        if name not in names:
            raise EndpointError(f'reference names "{name}", which is not among the terms. {did_you_mean(name, names)}')
    values = {name: observed(frame[name], name) for name in names}
    absent = {name: gaps(column) for name, column in values.items()}
    lacking = [name for name in names if absent[name].any()]
    if missing == "raise" and lacking:
        told = [f'"{name}" in {rows_told(frame.index, absent[name])}' for name in lacking]
        raise FitError(f'Missing values: {listed(told)}. Say missing="complete-case" to leave these rows out with the reason kept, '
                       "or fill them first.", term=lacking[0])  # fmt: skip
    left_out: dict[str, pd.Index] = {}
    index = frame.index
    if lacking:
        kept = np.ones(len(frame), dtype=bool)
        for name in lacking:
            gone = kept & absent[name]
            if gone.any():
                left_out[f"without {name}"] = frame.index[gone]
            kept &= ~gone
        index = frame.index[kept]
        values = {name: column[kept] for name, column in values.items()}
    if not len(index):
        raise FitError(f"No patient has all of {listed(names)}.")
    coding: list[Coder] = []
    empty: list[tuple[str, str]] = []
    numbers: dict[str, np.ndarray] = {}
    for name in names:
        coder, numbers[name], unused = coder_of(values[name], name, curves.get(name), wanted.get(name))
        coding.append(coder)
        empty += [(name, level) for level in unused]
    columns, nonlinear = _labels(expanded, {coder.name: coder for coder in coding})
    matrix = _filled(expanded, coding, numbers, len(index))
    for j, (term, level) in enumerate(columns):
        if len(expanded[term]) > 1 and (matrix[:, j] == matrix[0, j]).all():
            raise FitError(f'"{term}" can\'t be estimated{f" at {level}" if level else ""}: its product is '
                           f"{matrix[0, j]:g} for everybody. Leave this interaction out or join levels.", term=term)  # fmt: skip
    made = Design(matrix=matrix, columns=columns, index=index, left_out=left_out,
                  references={coder.name: coder.reference for coder in coding if isinstance(coder, Levels)},
                  empty=tuple(empty), variables=expanded, nonlinear=nonlinear, coding=tuple(coding))  # fmt: skip
    refuse_collinear(made)
    return made


def refuse_collinear(made: Design, tolerance: float = 1e-9) -> None:
    """Raise if a column of a design can be computed from a constant and the columns before it, naming all of them.

    Columns are centred and scaled to length 1; what is left of one after projection on those before it is
    compared with `tolerance`. Mostly the products of the columns tell at once that far more than that is left of all.
    """
    n, p = made.matrix.shape
    mean, products = _cross_products(made.matrix)
    length = np.sqrt(np.maximum(products.diagonal(), 0.0))
    least = tolerance * np.sqrt(n)
    for j in np.flatnonzero(~(length > least * (np.abs(mean) + length))).tolist():  # no value is beyond |mean| + length
        column = made.matrix[:, j]
        if np.linalg.norm(column - column.mean()) <= least * max(1e-300, float(np.abs(column).max())):
            term, level = made.columns[j]
            who = (
                f'nobody has {term} "{level}", or everybody'
                if level and term not in made.nonlinear
                else f'"{made.names[j]}" is the same for everybody'
            )
            raise FitError(f"Among the {plural(n, 'row')} analysed {who}: nothing can be estimated. "
                           "Leave it out, or join it with another level.", term=term)  # fmt: skip
    if _well_apart(products / np.outer(length, length)):
        return
    x = made.matrix - made.matrix.mean(axis=0)
    x /= np.sqrt(np.sum(x * x, axis=0))
    for j in range(1, p):
        weights = np.linalg.lstsq(x[:, :j], x[:, j], rcond=None)[0]
        if np.linalg.norm(x[:, j] - x[:, :j] @ weights) >= tolerance * np.sqrt(p):
            continue
        if j >= n - 1:
            raise FitError(f'{plural(n, "row")} can tell at most {plural(n - 1, "column")} apart, and there are {p}: "{made.names[j]}" and '
                           "what follows can be computed from those before. Choose fewer terms, or join levels.",
                           term=made.columns[j][0])  # fmt: skip
        others = [name for name, w in zip(made.names, weights, strict=False) if abs(w) > 1e-6]
        raise FitError(f'"{made.names[j]}" carries the same information as {listed(others)}: it can be computed '
                       "from them, so their effects can't be told apart. Leave one of them out.",
                       term=made.columns[j][0])  # fmt: skip


def _cross_products(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means (p,) and products (p, p) of the centred columns, in one reading of x and without a copy of it.

    The centre is a part's mean at first; its distance from the mean of all is made up for at the end.
    """
    n, p = x.shape
    rows = max(BLOCK // p, 256)
    centre = np.add.reduce(x[:rows], axis=0) / min(n, rows)
    if n <= rows:
        apart = x - centre
        return centre, apart.T @ apart
    total, products, ones = np.zeros(p), np.zeros((p, p)), np.ones(rows)
    for start in range(0, n, rows):
        apart = x[start : start + rows] - centre
        products += apart.T @ apart
        total += ones[: len(apart)] @ apart
    return centre + total / n, products - np.outer(total, total) / n


def _well_apart(correlation: np.ndarray) -> bool:
    """Is no column told almost wholly by others? From the correlations of all.

    Number j of the diagonal of the inverse is 1 / (1 - R^2), R^2 being the share of column j that all others tell. One of those that can
    be computed from others is then beyond all measure, however little the others need it; below 1e9, rounding is far away.
    """
    try:
        inflation = np.linalg.inv(correlation).diagonal()
    except np.linalg.LinAlgError:
        return False
    return bool(((inflation > 0) & (inflation < 1e9)).all())


def _require_frame(frame: object, verb: str) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise EndpointError(f"{verb} takes a data frame, and this is a {type(frame).__name__}. A cohort's is cohort.frame.")


def _require_column(frame: pd.DataFrame, name: str) -> None:
    if name not in frame.columns:
        raise EndpointError(f'There is no column "{name}". {did_you_mean(name, [str(known) for known in frame.columns])}')
    if not isinstance(frame.columns.get_loc(name), int):
        raise EndpointError(f'There are several columns "{name}". Rename them.')


def _expand(
    terms: Sequence[str | Spline], frame: pd.DataFrame
) -> tuple[dict[str, tuple[str, ...]], dict[str, Spline]]:
    """Terms to variables ("a*b" becomes a, b and a:b), and the variables that are splines."""
    found: dict[str, tuple[str, ...]] = {}
    curves = {term.column: term for term in terms if isinstance(term, Spline)}

    def checked(name: str) -> str:
        _require_column(frame, name)
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
        if isinstance(term, Spline):
            add(term.column, (checked(term.column),), True)
        elif term in frame.columns or not isinstance(term, str) or not ("*" in term or ":" in term):
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
    return dict(sorted(found.items(), key=lambda item: len(item[1]))), curves


def _labels(
    terms: Mapping[str, tuple[str, ...]], coders: Mapping[str, Coder]
) -> tuple[tuple[tuple[str, str | None], ...], dict[str, tuple[int, ...]]]:
    """(term, level) of each column, and the positions of those that bend an effect."""
    columns: list[tuple[str, str | None]] = []
    nonlinear: dict[str, tuple[int, ...]] = {}
    for term, parts in terms.items():
        bends = []
        for levels in _combined([coders[name].levels for name in parts]):
            curved = [level for level, name in zip(levels, parts, strict=True) if isinstance(coders[name], Curve)]
            if any(level != "linear" for level in curved):
                bends.append(len(columns))
            columns.append((term, ":".join(level for level in levels if level is not None) or None))
        if bends:
            nonlinear[term] = tuple(bends)
    return tuple(columns), nonlinear


def _filled(
    terms: Mapping[str, tuple[str, ...]], coding: Sequence[Coder], values: Mapping[str, np.ndarray], n: int
) -> np.ndarray:
    """The matrix of these terms, (n, p): some rows at a time, so that they are written to memory once."""
    coders = {coder.name: coder for coder in coding}
    p = sum(prod(len(coders[name].levels) for name in parts) for parts in terms.values())
    matrix = np.empty((n, p))
    rows = max(BLOCK // p, 256)
    for start in range(0, n, rows):
        part = slice(start, start + rows)
        coded = {name: coder.columns(values[name][part]) for name, coder in coders.items()}
        j = 0
        for parts in terms.values():
            for arrays in _combined([coded[name] for name in parts]):
                matrix[part, j] = arrays[0] if len(arrays) == 1 else np.multiply.reduce(arrays)
                j += 1
    return matrix


def _combined(parts: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """One of each part, in every combination; the first varies fastest, as in R."""
    return [(one,) for one in parts[0]] if len(parts) == 1 else [chosen[::-1] for chosen in product(*parts[::-1])]
