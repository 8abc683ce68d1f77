"""A file and a plan become a Cohort, or one list of everything that is wrong."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path

import pandas as pd

from haip_outcomes.errors import CohortError, PlanError, Problem, did_you_mean
from haip_outcomes.registry.cells import cell_text, convert
from haip_outcomes.registry.checks import broken
from haip_outcomes.registry.cohort import Cohort, Source
from haip_outcomes.registry.files import content_of, table_of
from haip_outcomes.registry.plan import Plan, load_plan
from haip_outcomes.registry.plan_parts import SETTINGS, ConstantSetting


def read_cohort(path: str | Path, plan: Plan | str | Path) -> Cohort:
    """Read a centre's patients (csv or xlsx) as its plan says; every problem of the file at once.

    Parameters
    ----------
    path : one row a patient, column names in the first row. Of a workbook, the plan's `sheet` or the first that is not empty.
    plan : a Plan, or the path of a plan.toml.

    Raises
    ------
    PlanError : the plan is wrong, or the file has none of the plan's columns to check it by.
    CohortError : `.problems` lists each problem once, with rows, column, what was found, what was expected and
        what to do. Nothing is repaired or dropped: a file with problems gives no cohort.

    >>> cohort = read_cohort("cohorts/demo_centre/demo.csv", "cohorts/demo_centre/plan.toml")
    >>> len(cohort), cohort.settings
    (60, ('adjuvant', 'unresectable'))
    """
    path = Path(path)
    content = content_of(path)
    plan = plan if isinstance(plan, Plan) else load_plan(plan)
    table = table_of(path, content, plan)
    raw, name, kinds = table.cells, path.name, plan.kinds
    keys = frozenset(cell_text(value).strip() for value in raw.get(plan.cohort.id, ())) - {""}
    problems = _missing_columns(raw, kinds, plan, name)
    typed: dict[str, pd.Series] = {}
    for column, kind in kinds.items():
        if column in raw.columns:
            values, wrong = convert(raw[column], kind, plan, name, keys)
            problems.extend(wrong)
            typed["setting" if kind == "setting" else column] = values
    if isinstance(plan.cohort.setting, ConstantSetting):
        value = pd.Categorical([plan.cohort.setting.value] * len(raw), categories=list(SETTINGS))
        typed["setting"] = pd.Series(value, index=raw.index)
    frame = pd.DataFrame(typed, index=raw.index)
    problems.extend(broken(frame, plan, name, problems, keys))
    if problems:
        raise CohortError(sorted(problems, key=lambda problem: problem.rows[:1]), name)
    unused = tuple(str(column) for column in raw.columns if column not in kinds)
    source = Source(name=name, sha256=hashlib.sha256(content).hexdigest(), rows=len(raw), unused_columns=unused)
    return Cohort(plan=plan, frame=frame.drop(columns=plan.cohort.id), source=source, warnings=table.notes)


def load_adjuvant(path: str | Path, plan: Plan | str | Path | None = None) -> Cohort:
    """The adjuvant patients of a file: a pump after complete resection or ablation.

    Without `plan`, the plan.toml beside the file is used. Raises what `read_cohort` raises, and EndpointError
    when the file has no adjuvant patient.
    """
    return read_cohort(path, _beside(path, plan)).setting("adjuvant")


def load_unresectable(path: str | Path, plan: Plan | str | Path | None = None) -> Cohort:
    """The unresectable patients of a file: a pump for liver metastases that can't be resected; as `load_adjuvant`."""
    return read_cohort(path, _beside(path, plan)).setting("unresectable")


def demo_cohort() -> Cohort:
    """The demonstration cohort: 60 synthetic patients who describe nobody.

    >>> demo_cohort()
    Cohort Demo HAIP programme (synthetic): 60 patients (26 adjuvant and 34 unresectable); 0 of 60 left out
    """
    folder = demo_folder()
    return read_cohort(folder / "demo.csv", folder / "plan.toml")


def demo_folder() -> Path:
    """Where the demonstration cohort lies: inside an installed package, or in cohorts/ of a checkout."""
    package = Path(str(files("haip_outcomes")))
    places = (package / "cohorts" / "demo_centre", package.parents[1] / "cohorts" / "demo_centre")
    for place in places:
        if (place / "demo.csv").is_file():
            return place
    raise PlanError("The demonstration cohort is missing from this installation; install the package again.")


def _beside(path: str | Path, plan: Plan | str | Path | None) -> Plan | str | Path:
    return plan if plan is not None else Path(path).parent / "plan.toml"


def _missing_columns(raw: pd.DataFrame, kinds: dict[str, str], plan: Plan, name: str) -> list[Problem]:
    present = [str(column) for column in raw.columns]
    spare = [column for column in present if column not in kinds]
    return [
        Problem(name, column, (1,), "no such column", f'a column "{column}" ({kind})', f"correct the name in the file or in the plan. {did_you_mean(column, spare or present)}")
        for column, kind in kinds.items() if column not in present
    ]  # fmt: skip
