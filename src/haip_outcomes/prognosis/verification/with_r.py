"""R's survival and cmprsk: one process for a whole report, on arrays in a temporary folder that name nobody."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pandas as pd

from haip_outcomes.errors import HaipError
from haip_outcomes.prognosis.verification.asked import VALUES, Task, early
from haip_outcomes.prognosis.verification.plain_python import Answer

LONGEST = 1800  # seconds
_PASSED = ("method", "reverse", "variance", "ties", "penalty", "events", "beside", "complement", "estimate", "points", "model", "estimand")
_KEYS = ["key", "quantity", "outcome", "group", "term", "time"]


def there() -> str:
    """Where Rscript is; empty where it is not."""
    return shutil.which("Rscript") or ""


def answers(tasks: Sequence[Task]) -> tuple[dict[int, list[Answer]], dict[int, str], str]:
    """R's numbers by task, the reason of each task that it could not do, and its versions.

    What is written holds times, states and covariates in an order of its own, and no name, key, date or row number.
    """
    with tempfile.TemporaryDirectory(prefix="haip-verify-") as name:
        folder = Path(name)
        _write(tasks, folder)
        with as_file(files("haip_outcomes.prognosis.verification") / "verify.R") as script:
            try:
                ran = subprocess.run([there(), "--vanilla", str(script), str(folder)], capture_output=True, text=True, timeout=LONGEST, check=False)
            except (OSError, subprocess.TimeoutExpired) as error:
                raise HaipError(f"R could not be run: {type(error).__name__}.") from None
        if ran.returncode or not (folder / "answers.csv").exists():
            raise HaipError(f"R stopped: {(ran.stderr.strip().splitlines() or ['without a word'])[-1][:200]}. Is its package survival installed?")
        told = pd.read_csv(folder / "answers.csv", sep="\t", keep_default_na=False, na_values={"value": ["NA", ""], "time": [""]}, quoting=3, float_precision="round_trip")
        version = ran.stdout.strip().splitlines()[-1].strip().removeprefix("R ")
    failed = {int(row["key"]): str(row["message"]) for row in told[told["name"] == "error"].to_dict("records")}
    return _named(told[told["name"] != "error"], {task.key: task for task in tasks}), failed, version


def _write(tasks: Sequence[Task], folder: Path) -> None:
    rows: list[dict[str, Any]] = []
    written: dict[str, str] = {}
    for task in tasks:
        frame = task.values if task.recipe.verb in VALUES else task.data
        frame = frame.drop(columns=["first"] if task.late else ["first", "entry"], errors="ignore")
        if task.recipe.verb == "characteristic" and task.levels:
            frame = frame.iloc[:0]
        text = frame.to_csv(index=False, na_rep="NA" if task.recipe.verb not in VALUES or not len(frame) else "", float_format="%.17g")
        if text not in written:
            written[text] = f"data{len(written) + 1}.csv"
            (folder / written[text]).write_text(text, encoding="utf-8")
        rows.append({"key": task.key, "verb": task.recipe.verb, "file": written[text], "times": " ".join(f"{t:.17g}" for t in task.times),
                     "options": ";".join(f"{name}={value}" for name, value in _options(task).items())})  # fmt: skip
    pd.DataFrame(rows, columns=["key", "verb", "file", "times", "options"]).to_csv(folder / "tasks.csv", index=False)


def _options(task: Task) -> dict[str, Any]:
    made = task.recipe
    told: dict[str, Any] = {name: made.get(name) for name in _PASSED if made.get(name)}
    told["states"] = len(task.states)
    if made.get("cause"):
        told["cause"] = task.cause
    if made.get("reference"):
        told["reference"] = task.groups.index(made.get("reference")) + 1
    if task.terms:
        told["factors"] = " ".join(str(task.factors.index(term) + 1) for term, _ in task.terms)
        told["numeric"] = " ".join(str(int(not level)) for _, level in task.terms)
    if made.get("term") and made.get("term") in task.factors:
        told["tested"] = task.factors.index(made.get("term")) + 1
    if made.get("knots"):
        told["knots"] = " ".join(made.names("knots"))
    if task.profile:
        told["profile"] = " ".join(f"{value:.17g}" for value in task.profile)
    if made.verb == "early_deaths":
        told["k"], told["n"] = early(task)
    if made.verb == "characteristic" and not task.levels:
        told["numbers"] = "yes"
    return told


def _named(told: pd.DataFrame, tasks: dict[int, Task]) -> dict[int, list[Answer]]:
    """R's numbers under the names of groups, events and terms."""
    found: dict[int, list[Answer]] = {key: [] for key in tasks}
    for _, rows in told.groupby(_KEYS, dropna=False, sort=False):
        key, quantity, outcome, group, term, time = rows[_KEYS].iloc[0].tolist()
        task = tasks[int(key)]
        row: Answer = dict(zip(rows["name"], rows["value"].astype(float), strict=True))
        if quantity:
            row["quantity"] = quantity
        if outcome:
            row["outcome"] = task.states[int(outcome) - 1]
        if task.recipe.verb == "characteristic":
            row["group"] = task.group_name(int(group)) or "All"
        elif task.groups and task.recipe.verb not in ("logrank", "gray"):
            row["group"] = task.group_name(int(group))
        if term:
            row |= _term(task, int(term))
        if not pd.isna(time):
            row["time"] = float(time)
        found[task.key].append(row)
    return found


def _term(task: Task, number: int) -> Answer:
    if task.recipe.verb in ("cox_zph", "likelihood_ratio", "wald", "fine_gray_wald", "linearity"):
        return {"term": "GLOBAL" if number < 0 else task.factors[number - 1]}
    term, level = task.terms[number - 1]
    return {"term": term, "level": level}
