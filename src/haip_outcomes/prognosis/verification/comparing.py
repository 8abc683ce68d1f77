"""Ours beside theirs: each number of each row, with the engine that gave the other and what the two make of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from haip_outcomes.prognosis.verification.asked import VALUES, Task, missing
from haip_outcomes.prognosis.verification.engine_table import (
    NO_RECIPE,
    NONE,
    NUMBERS,
    Asked,
    asked_of,
    without_engine,
)
from haip_outcomes.prognosis.verification.plain_python import Answer
from haip_outcomes.prognosis.verification.recipes import Recipe, read_recipe

AGREES, DIFFERS, NOT_VERIFIED, FAILED = "agrees", "differs", "no second engine", "engine failed"
KEYS = ("quantity", "outcome", "group", "term", "level", "time")
ABOUT = ("chapter", "setting", "analysis", "quantity", "outcome", "group", "term", "level", "time")
COLUMNS = ("row", *ABOUT, "number", "ours", "theirs", "difference", "tolerance", "engine", "verdict")
_LOGGED = ("estimate", "conf_low", "conf_high")  # the model's numbers that the report shows as hazard ratios
_RATIOS = ("cox", "fine_gray", "cox_over_time", "treatment_ratio")
FLOOR = 0.001


@dataclass(frozen=True)
class Told:
    """What an engine told: its answers by task, and the tasks it failed with the reason."""

    engine: str
    version: str
    answers: dict[int, list[Answer]]
    failed: dict[int, str]


def compared(results: pd.DataFrame, tasks: Sequence[Task], refused: dict[int, str], told: Sequence[Told]) -> pd.DataFrame:
    """A row an estimate's number and engine; one without an engine for a number that none gave."""
    own = {row: task for task in tasks for row in task.rows}
    found: list[dict[str, Any]] = []
    for i, row in results[results["status"] == "done"].iterrows():
        ours = {name: float(row[name]) for name in NUMBERS if not missing(row[name])}
        place = int(i)  # type: ignore[call-overload]
        about = {"row": place + 2, **{name: row[name] for name in ABOUT}}
        task = own.get(place)
        if task is None:
            made = Recipe("") if missing(row["recipe"]) or place in refused else read_recipe(str(row["recipe"]))
            why = refused.get(place) or NONE.get(made.verb, NO_RECIPE)
            found += [_line(about, name, value, verdict=f"{NOT_VERIFIED}: {why}") for name, value in ours.items()]
            continue
        found += _of_row(about, place, row, ours, task, told)
    return pd.DataFrame(found, columns=list(COLUMNS))


def _of_row(about: dict[str, Any], place: int, row: pd.Series, ours: dict[str, float], task: Task, told: Sequence[Told]) -> Iterable[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    answered: set[str] = set()
    tried: list[str] = []
    for one in told:
        asked = asked_of(one.engine).get(task.recipe.verb)
        if asked is None or (task.key not in one.answers and task.key not in one.failed):
            continue
        tried.append(one.engine)
        if task.key in one.failed:
            names = [name for name in asked.numbers if name in ours]
            lines += [_line(about, name, ours[name], engine=one.engine, verdict=f"{FAILED}: {one.failed[task.key]}") for name in names]
            continue
        answer = matching(_picked(one.answers[task.key], task), row, place)
        if answer is None:
            continue
        for name in asked.numbers:
            line = _compared(about, name, ours.get(name, math.nan), answer, asked, task.recipe)
            if line is not None:
                lines.append(line)
                answered.add(name)
    left = [name for name in ours if name not in answered]
    why = without_engine(task.recipe, left, tried) if left else ""
    reached = {str(line["number"]) for line in lines}
    lines += [_line(about, name, ours[name], verdict=f"{NOT_VERIFIED}: {why}") for name in left if name not in reached]
    return lines


def _compared(about: dict[str, Any], name: str, ours: float, answer: Answer, asked: Asked, made: Recipe) -> dict[str, Any] | None:
    """One number beside the other; None where neither side has it."""
    if name not in answer or answer[name] is None:
        return None
    theirs = float(answer[name])
    if asked.verb in _RATIOS and name in _LOGGED and made.get("scale") != "log":
        theirs = math.exp(theirs) if not math.isnan(theirs) else theirs
    neither = math.isnan(ours) and (math.isnan(theirs) or name not in _LOGGED)
    if neither and not (math.isnan(theirs) and name == "estimate"):  # a number that the report does not show; a median not reached is one
        return None
    gap = apart(ours, theirs)
    return _line(about, name, ours, theirs, gap, asked.tolerance, asked.engine, AGREES if gap <= asked.tolerance else DIFFERS)


def apart(ours: float, theirs: float) -> float:
    """The difference relative to max(|theirs|, 0.001); both missing, or both the same infinity, do not differ."""
    if (math.isnan(ours) and math.isnan(theirs)) or ours == theirs:
        return 0.0
    if not (math.isfinite(ours) and math.isfinite(theirs)):
        return math.inf
    return abs(ours - theirs) / max(abs(theirs), FLOOR)


def _picked(answers: Sequence[Answer], task: Task) -> Sequence[Answer]:
    """Of a model only the factor that the row is about, where the row itself does not name it; without groups the row's column may hold other words."""
    made = task.recipe
    if not task.groups and made.verb not in (*VALUES, "treatment_at_risk"):
        answers = [{key: value for key, value in answer.items() if key != "group"} for answer in answers]
    name = made.get("picked") or (made.get("term") if made.verb in ("likelihood_ratio", "wald", "fine_gray_wald") else "")
    if not name:
        return answers
    return [{key: value for key, value in answer.items() if key not in ("term", "level")} for answer in answers if answer.get("term", name) == name]


def matching(answers: Sequence[Answer], row: pd.Series, place: int) -> Answer | None:
    """The answer for a row: the one that agrees in each key that the engine names."""
    for answer in answers:
        if answer.get("row", place) == place and all(_same(answer[key], row[key]) for key in KEYS if key in answer):
            return answer
    return None


def _same(theirs: Any, ours: Any) -> bool:
    if missing(ours):
        return missing(theirs) or theirs == ""
    if isinstance(theirs, float):
        return abs(theirs - float(ours)) <= 1e-9 * max(1.0, abs(theirs))
    return str(theirs).casefold() == _text(ours).casefold()


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _line(about: dict[str, Any], name: str, ours: float, theirs: float = math.nan, gap: float = math.nan, tolerance: float = math.nan, engine: str = "",
          verdict: str = "") -> dict[str, Any]:  # fmt: skip
    return {**about, "number": name, "ours": ours, "theirs": theirs, "difference": gap, "tolerance": tolerance, "engine": engine, "verdict": verdict}
