"""The file of a reference model: JSON with a version, checked as a whole when it is read."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from haip_outcomes.benchmark.case_mix.baseline_steps import FEWEST, BaselineSteps
from haip_outcomes.errors import PlanError
from haip_outcomes.formatting import listed, plural
from haip_outcomes.registry.planning.parts import Unit
from haip_outcomes.survival.covariates.coding import Coder, Curve, Levels, Numbers

FORMAT = "haip_outcomes reference model"
VERSION = 1
MOST = 1_000_000_000  # patients
BEYOND_ERROR = 1e5  # standard errors: no cohort is large enough for a coefficient so sure
BEYOND_VARIANCE = 1e30
BEYOND_CHANCE = 10.0  # standard errors by which an effect must lie beyond what so many patients can show
BEYOND_EFFECT = 50.0  # a log ratio within the range of a variable: e^50, as good as never against always


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=False)


class Variable(_Part):
    """How a column becomes numbers, and which values the model's patients had."""

    name: str
    kind: Literal["number", "spline", "levels"]
    knots: tuple[FiniteFloat, ...] = ()
    reference: str = ""
    others: tuple[str, ...] = ()
    range: tuple[FiniteFloat, FiniteFloat] | None = None
    skewed: bool = False  # so few patients lie so far out that the mean is beyond the range, which leaves out four at either end


class Baseline(_Part):
    """The cumulative hazard and what its variance is made of."""

    form: Literal["steps", "lines"]
    time: list[FiniteFloat]
    hazard: list[FiniteFloat]
    variance: list[FiniteFloat]
    drift: list[list[FiniteFloat]]


class ModelContent(_Part):
    """All that a file holds; see ReferenceModel."""

    format: Literal["haip_outcomes reference model"] = FORMAT  # type: ignore[assignment]
    version: Literal[1] = VERSION  # type: ignore[assignment]
    name: str
    source: str
    cohort: str
    outcome: str
    label: str
    kind: Literal["hazard", "probability"]
    event: str
    cause: str | None
    definition: str
    unit: str
    time_zero: str
    horizon: FiniteFloat | None
    settings: tuple[Literal["adjuvant", "unresectable", "comparator"], ...]
    n: int = Field(ge=FEWEST, le=MOST)
    n_event: int = Field(ge=FEWEST, le=MOST)
    n_expected: FiniteFloat = Field(gt=0)
    penalty: Literal["firth"] | None
    method: str
    variables: list[Variable]
    terms: dict[str, list[str]]
    columns: list[tuple[str, str | None]]
    coefficients: list[FiniteFloat]
    covariance: list[list[FiniteFloat]]
    means: list[FiniteFloat]
    baseline: Baseline | None

    @model_validator(mode="after")
    def _coherent(self) -> ModelContent:
        wrong = [*_variables_wrong(self), *_numbers_wrong(self), *_sizes_wrong(self), *_baseline_wrong(self)]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


def write_model(content: ModelContent, path: Path) -> Path:
    """Write the file under a temporary name first, so that it is never half there, and nothing is left where it can't be."""
    text = json.dumps(content.model_dump(mode="json"), indent=1, ensure_ascii=False, allow_nan=False)
    if path.is_dir():
        raise PlanError(f'"{path}" is a folder: name the file that the model shall have, such as "{path / "model.json"}".')
    half = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_text(text + "\n", encoding="utf-8")
        os.replace(half, path)
    except (OSError, ValueError) as error:
        with contextlib.suppress(OSError, ValueError):
            half.unlink(missing_ok=True)
        raise PlanError(f'The reference model can\'t be written to "{path}" ({getattr(error, "strerror", None) or error}): name a file in a folder that can be written to.'
                        ) from None  # fmt: skip
    return path


def checked_path(path: Any, verb: str) -> Path:
    """A path that names a file, or a refusal."""
    if not isinstance(path, (str, os.PathLike)) or not str(path).strip() or not Path(path).name:
        raise PlanError(f'{verb} takes the name of a file, such as "model.json"; got {path!r}.')
    return Path(path)


def read_model(path: Path) -> ModelContent:
    """Read and check a file; every problem in one PlanError."""
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text)
    except FileNotFoundError:
        raise PlanError(f'There is no reference model "{path}". Save one with model.save(path).') from None
    except RecursionError:
        raise PlanError(f'"{path.name}" is not a reference model: it can\'t be read as JSON (it is nested too deeply).') from None
    except (OSError, ValueError) as error:
        raise PlanError(f'"{path.name}" is not a reference model: it can\'t be read as JSON ({error}).') from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise PlanError(f'"{path.name}" is not a reference model: "format" must be "{FORMAT}". Save one with model.save(path).')
    if type(found.get("version")) is not int or found["version"] != VERSION:
        raise PlanError(f'"{path.name}" is a reference model of version {found.get("version")!r}, and this package reads version {VERSION}: '
                        "make it again, or use the package that wrote it.")  # fmt: skip
    try:
        return ModelContent.model_validate_json(text, strict=True)  # a number is a number: not text, and not true
    except ValidationError as error:
        wrong = {one["loc"]: one for one in error.errors()}
    if () not in wrong:  # the parts don't stand together either, for all that can be read of them
        try:
            ModelContent.model_validate(found)
        except ValidationError as error:
            wrong = {**{one["loc"]: one for one in error.errors() if one["loc"] == ()}, **wrong}
    said = [line for one in wrong.values() for line in _lines(one)]
    raise PlanError("\n".join([f'{plural(len(said), "problem")} in the reference model "{path.name}":', *(f"  {line}" for line in said)]))


def variables_of(coding: Sequence[Coder], ranges: Mapping[str, tuple[float, float]], columns: Sequence[tuple[str, str | None]],
                 means: Sequence[float]) -> list[dict[str, Any]]:  # fmt: skip
    """The coding of a design as a file holds it."""
    middles = {term: mean for (term, level), mean in zip(columns, means, strict=True) if level in (None, "linear")}
    found: list[dict[str, Any]] = []
    for coder in coding:
        one: dict[str, Any] = {"name": coder.name, "range": ranges.get(coder.name)}
        if isinstance(coder, Levels):
            one |= {"kind": "levels", "reference": coder.reference, "others": coder.others}
        else:
            one |= {"kind": "spline", "knots": coder.knots} if isinstance(coder, Curve) else {"kind": "number"}
            one["skewed"] = _outside(middles.get(coder.name), ranges.get(coder.name))
        found.append(one)
    return found


def coders_of(content: ModelContent) -> tuple[Coder, ...]:
    """And back again."""
    return tuple(_coder(one) for one in content.variables)


def baseline_of(content: ModelContent) -> BaselineSteps | None:
    """The baseline as arrays."""
    if content.baseline is None:
        return None
    b = content.baseline
    return BaselineSteps(np.array(b.time), np.array(b.hazard), np.array(b.variance), np.array(b.drift).reshape(len(b.time), len(content.columns)), b.form)


def _outside(mean: float | None, reach: tuple[float, float] | None) -> bool:
    """Whether a mean lies beyond a range, rounding apart."""
    if mean is None or reach is None:
        return False
    slack = 1e-9 * max(abs(reach[0]), abs(reach[1]))
    return not reach[0] - slack <= mean <= reach[1] + slack


def _coder(one: Variable) -> Coder:
    if one.kind == "levels":
        return Levels(one.name, one.reference, tuple(one.others))
    return Curve(one.name, tuple(one.knots)) if one.kind == "spline" else Numbers(one.name)


def _lines(one: Any) -> list[str]:
    """One line a problem; those of the whole file come joined."""
    where = ".".join(str(part) for part in one["loc"])
    text = str(one["msg"]).removeprefix("Value error, ")
    held = one.get("input")
    found = f" (it is {json.dumps(held)})" if isinstance(held, (str, bool)) and len(str(held)) < 40 else ""
    return [f"{where}: {text}{found}"] if where else text.split("; ")


def _variables_wrong(content: ModelContent) -> list[str]:
    wrong = []
    names = [one.name for one in content.variables]
    wrong += [f'variables: "{name}" is there twice' for name in dict.fromkeys(names) if names.count(name) > 1]
    for one in content.variables:
        if one.kind == "levels" and (not one.others or len({one.reference, *one.others}) < 1 + len(one.others)):
            wrong.append(f'variables: "{one.name}" needs a reference and other levels, all different')
        if one.kind == "spline" and (len(one.knots) < 3 or (np.diff(one.knots) <= 0).any()):
            wrong.append(f'variables: the knots of "{one.name}" must be three or more rising numbers')
        if one.range is not None and one.range[0] > one.range[1]:
            wrong.append(f'variables: the range of "{one.name}" runs from {one.range[0]:g} down to {one.range[1]:g}')
    for term, parts in content.terms.items():
        wrong += [f'terms: "{term}" is made of "{part}", which is not among the variables' for part in parts if part not in names]
        if term != ":".join(parts):
            wrong.append(f'terms: "{term}" is made of {listed(parts) or "nothing"}, and would be called "{":".join(parts)}"')
    used = {part for parts in content.terms.values() for part in parts}
    wrong += [f'variables: no term is made of "{name}"' for name in names if name not in used]
    return wrong


def _numbers_wrong(content: ModelContent) -> list[str]:
    wrong = []
    n, n_event, expected = content.n, content.n_event, content.n_expected
    if n_event > n:
        wrong.append(f"n_event: {n_event} events of {n} patients")
    elif content.kind == "probability" and abs(expected - n_event) > 1e-6 * n_event:
        wrong.append(f"n_expected: {expected:g}, and a model of yes or no expects its own {n_event} events")
    elif not n_event / 3 <= expected <= n_event * (2 + np.log(n)):  # ties at their worst: everybody at one time, sum 1/i
        wrong.append(f"n_expected: {expected:g} events of the model's own patients, who had {n_event}")
    if content.cause is not None and content.cause != content.event:
        wrong.append(f'cause: "{content.cause}", and the event counted is "{content.event}"')
    if content.cause is not None and content.kind == "probability":
        wrong.append("cause: a probability has none")
    return wrong


def columns_of(terms: Mapping[str, Sequence[str]], coders: Mapping[str, Coder]) -> list[tuple[str, str | None]]:
    """(term, level) of each column that the terms have, in the order in which a design has them."""
    found: list[tuple[str, str | None]] = []
    for term, parts in terms.items():
        for chosen in product(*(coders[part].levels for part in reversed(parts))):
            found.append((term, ":".join(level for level in reversed(chosen) if level is not None) or None))
    return found


def _sizes_wrong(content: ModelContent) -> list[str]:
    wrong = []
    coders = {one.name: _coder(one) for one in content.variables}
    if not content.settings:
        wrong.append("settings: name the setting of the patients")
    if all(part in coders for parts in content.terms.values() for part in parts):
        columns = columns_of(content.terms, coders)
        p = len(columns)
        q = p + (content.kind == "probability")
        for what, found, wanted in (("columns", len(content.columns), p), ("means", len(content.means), p), ("coefficients", len(content.coefficients), q)):
            if found != wanted:
                wrong.append(f"{what}: {found} where the terms have {wanted}")
        if len(content.means) == p:
            wrong += _means_wrong(content, columns)
        if len(content.columns) == p:
            wrong += [f"columns: number {j + 1} is {_column(given)}, and by the terms and levels it is {_column(wanted)}"
                      for j, (given, wanted) in enumerate(zip(content.columns, columns, strict=True)) if tuple(given) != wanted]  # fmt: skip
        if len(content.covariance) != q or any(len(row) != q for row in content.covariance):
            wrong.append(f"covariance: it must be {q} by {q}")
        elif q:
            v = np.array(content.covariance)
            if np.abs(v).max() > BEYOND_VARIANCE or not np.allclose(v, v.T, rtol=1e-8, atol=0) or np.linalg.eigvalsh((v + v.T) / 2).min() <= 0:
                wrong.append("covariance: it must be symmetric with positive variances in every direction")
            elif len(content.coefficients) == q:
                wrong += _effects_wrong(content, columns, np.sqrt(np.diag(v)))
    return wrong


def _column(pair: Sequence[str | None]) -> str:
    return f'"{pair[0]}"' + ("" if pair[1] is None else f' "{pair[1]}"')


def _means_wrong(content: ModelContent, columns: Sequence[tuple[str, str | None]]) -> list[str]:
    """Means that patients with these levels and ranges can't have: that of a level is a share, that of a number lies within its range."""
    wrong = []
    own = {one.name: one for one in content.variables}
    for j, ((term, level), mean) in enumerate(zip(columns, content.means, strict=True)):
        parts = [own[part] for part in content.terms[term]]
        if all(one.kind == "levels" for one in parts):
            if not 0 <= mean <= 1:
                wrong.append(f"means: number {j + 1} is {mean:g} for {_column((term, level))}, and the share of patients with a level lies between 0 and 1")
        elif len(parts) == 1 and level in (None, "linear") and parts[0].range is not None and _outside(mean, parts[0].range) != parts[0].skewed:
            where = "inside" if parts[0].skewed else "outside"
            said = ", which a skewed variable's is not" if parts[0].skewed else ""
            wrong.append(f'means: number {j + 1} is {mean:g} for "{term}", {where} its range of {parts[0].range[0]:g} to {parts[0].range[1]:g}{said}')
    return wrong


def _effects_wrong(content: ModelContent, columns: Sequence[tuple[str, str | None]], errors: np.ndarray) -> list[str]:
    """Coefficients that no cohort can have given: many times surer than any, or never against always within the range of a variable."""
    names = [*(["the intercept"] if content.kind == "probability" else []), *(_column(pair) for pair in columns)]
    wrong = [f"coefficients: {value:g} for {name} with a standard error of {error:.3g}: no cohort gives that"
             for name, value, error in zip(names, content.coefficients, errors, strict=True) if abs(value) > BEYOND_ERROR * error]  # fmt: skip
    if wrong:
        return wrong
    own = {one.name: one for one in content.variables}
    mixed = {part for parts in content.terms.values() if len(parts) > 1 for part in parts}  # there an effect is not one coefficient's
    most = 2 * np.log(content.n + 1)  # of a level: nobody of one half and everybody of the other, with Firth's penalty
    first = len(names) - len(columns)
    for (term, level), name, value, error in zip(columns, names[first:], content.coefficients[first:], errors[first:], strict=True):
        one = own.get(term)
        if one is None or term in mixed or one.kind == "spline":
            continue
        reach = 1.0 if level is not None else one.range[1] - one.range[0] if one.range is not None else 0.0
        if abs(value) * reach > BEYOND_EFFECT or (level is not None and abs(value) - BEYOND_CHANCE * error > most):
            wrong.append(f"coefficients: {value:g} for {name} makes it as good as certain who has the event: no cohort gives that")
    return wrong


def _baseline_wrong(content: ModelContent) -> list[str]:
    b = content.baseline
    if (b is None) != (content.kind == "probability"):
        return ["baseline: a hazard has one, a probability none"]
    if b is None:
        return [f'unit: "{content.unit}", and a probability has none'] if content.unit else []
    wrong = []
    k, p = len(b.time), len(content.columns)
    for what, values in (("hazard", b.hazard), ("variance", b.variance), ("drift", b.drift)):
        if len(values) != k:
            wrong.append(f"baseline.{what}: {len(values)} values for {k} times")
    if any(len(row) != p for row in b.drift):
        wrong.append(f"baseline.drift: every row must have {p} values")
    if not k or b.time[0] < 0 or (np.diff(b.time) <= 0).any():
        wrong.append("baseline.time: the times must rise, from 0 or later")
    for what, values in (("hazard", b.hazard), ("variance", b.variance)):
        if values and (values[0] < 0 or (np.diff(values) < 0).any()):
            wrong.append(f"baseline.{what}: it is cumulative and can't fall")
    if content.unit and content.unit not in get_args(Unit):
        wrong.append(f'unit: "{content.unit}", and times are in {listed(get_args(Unit), "or")}')
    if not content.unit or content.horizon is None or (k and content.horizon < b.time[-1]):
        wrong.append("horizon: times need a unit and a horizon at or after the last step")
    return wrong
