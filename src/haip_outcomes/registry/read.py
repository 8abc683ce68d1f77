"""Files and a plan become a Cohort, or one list of everything that is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pandas as pd

from haip_outcomes.errors import CohortError, EndpointError, PlanError, Problem
from haip_outcomes.formatting import listed
from haip_outcomes.registry.centres import Handed, joined
from haip_outcomes.registry.checking.checks import besides, broken
from haip_outcomes.registry.checking.owners import with_patients
from haip_outcomes.registry.cohort import Cohort, Source
from haip_outcomes.registry.deriving.derived import derive
from haip_outcomes.registry.plan import Plan, load_plan
from haip_outcomes.registry.planning.conflicts import conflicts
from haip_outcomes.registry.privacy.refusing import refused_columns
from haip_outcomes.registry.sources.opening import content_of, open_source
from haip_outcomes.registry.sources.raw_table import RawSource
from haip_outcomes.registry.values.converted import together
from haip_outcomes.registry.values.typed_tables import keys_of, patients_table, related_table

AFile = str | Path
APlan = Plan | str | Path


def read_cohort(path: AFile | Sequence[AFile] | Mapping[str, AFile], plan: APlan | Sequence[APlan]) -> Cohort:
    """Read a centre's patients as its plan says, or several centres' together; every problem of every file at once.

    Parameters
    ----------
    path : a file with one row a patient (csv, tsv, xlsx, parquet, SPSS .sav, Stata .dta, or a raw REDCap export when the plan has
        `[redcap]`). Several centres: a list of files, or {centre: file}; the cohort then has the centre as a column.
    plan : a Plan, or the path of a plan.toml; of several centres one for all, or one each in the same order. Their columns are
        matched by name or by standard `item`; codes may differ, what they stand for may not.

    Raises
    ------
    PlanError : a plan is wrong, or the file has none of the plan's columns to check it by.
    CohortError : `.problems` lists each problem once, with rows, column, what was found, what was expected and
        what to do. Nothing is repaired or dropped: a file with problems gives no cohort.

    >>> cohort = read_cohort("cohorts/demo_centre/demo.csv", "cohorts/demo_centre/plan.toml")
    >>> len(cohort), cohort.settings
    (60, ('adjuvant', 'unresectable'))
    """
    if isinstance(path, (str, Path)):
        if isinstance(plan, Sequence) and not isinstance(plan, str):
            raise EndpointError("One file has one plan: several plans are for several files.")
        return _one(Path(path), plan).cohort
    named: list[tuple[str | None, Path]] = [(centre, Path(file)) for centre, file in path.items()] if isinstance(path, Mapping) else [(None, Path(file)) for file in path]
    plans = list(plan) if isinstance(plan, Sequence) and not isinstance(plan, str) else [_loaded(plan)] * len(named)
    if not named or len(plans) != len(named):
        raise EndpointError(f"{len(named)} files and {len(plans)} plans: give one plan for all files, or one each.")
    handed: list[Handed] = []
    warnings: list[Problem] = []
    plans = [_loaded(own) for own in plans]
    problems = [problem for (_, file), own in zip(named, plans, strict=True) for problem in conflicts(plans[0], own, file.name)]
    for (centre, file), own in zip(named, plans, strict=True):
        try:
            one = _one(file, own)
            handed.append(replace(one, centre=centre))
        except CohortError as error:
            problems.extend(error.problems)
            warnings.extend(error.warnings)
    if problems:
        raise CohortError(problems, listed([file.name for _, file in named]), warnings)
    return joined(handed)


def read_redcap(plan: APlan, *, url: str | None = None) -> Cohort:
    """Read a centre's patients from its REDCap project over the interface, as from a raw export and the dictionary.

    Parameters
    ----------
    plan : its `[redcap] url` says where, unless `url` does; the token stands in the environment variable `token_variable`
        (REDCAP_API_TOKEN unless said), never in a file, and is never shown.

    Needs `pip install "haip_outcomes[redcap]"`. Raises what `read_cohort` raises; a project that does not answer is a CohortError.
    """
    from haip_outcomes.registry.sources.redcap_api import tables_of_project

    plan = _loaded(plan)
    source, _ = tables_of_project(plan, url=url)
    return _typed(source, plan, source.patients.name).cohort


def load_adjuvant(path: AFile, plan: APlan | None = None) -> Cohort:
    """The adjuvant patients of a file: a pump after complete resection or ablation.

    Without `plan`, the plan.toml beside the file is used. Raises what `read_cohort` raises, and EndpointError
    when the file has no adjuvant patient.
    """
    return read_cohort(path, _beside(path, plan)).setting("adjuvant")


def load_unresectable(path: AFile, plan: APlan | None = None) -> Cohort:
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


def _beside(path: AFile, plan: APlan | None) -> APlan:
    return plan if plan is not None else Path(path).parent / "plan.toml"


def _loaded(plan: APlan) -> Plan:
    return plan if isinstance(plan, Plan) else load_plan(plan)


def _one(path: Path, plan: APlan) -> Handed:
    """One file by its plan."""
    content = content_of(path)
    plan = _loaded(plan)
    return _typed(open_source(path, content, plan, folder=plan.folder), plan, path.name)


def _hash(source: RawSource) -> str:
    """The SHA-256 of the file; of several files, of their hashes one after another."""
    hashes = [sha256 for _, sha256 in source.files]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def _typed(source: RawSource, plan: Plan, name: str) -> Handed:
    """Raw tables to a cohort: cells to values, derived columns, rules; or every problem of all of it."""
    raw = source.patients
    keys = keys_of(raw, plan).union(*(keys_of(rows, plan) for rows in source.related.values()))
    names = {"": raw.name, **{table: rows.name for table, rows in source.related.items()}}
    patients = patients_table(raw, plan, keys)
    related = {table: related_table(table, rows, plan, patients.keys, keys) for table, rows in source.related.items()}
    problems = [problem for table in (raw, *source.related.values()) for problem in table.notes]
    keyed = [rows for table, rows in source.related.items() if (plan.tables[table].patient or plan.cohort.id) in rows.cells]  # else its key may look refused
    problems += [problem for table in (raw, *keyed) for problem in refused_columns(table, plan, keys)]
    problems += [problem for table in (patients, *related.values()) for problem in table.problems]
    problems += together(column for table in (patients, *related.values()) for column in table.columns)
    frame = patients.frame
    if all(column in frame for column in ("setting", *plan.file_kinds) if column != plan.cohort.setting_column):
        tables = {table: rows.frame for table, rows in related.items() if "patient" in rows.frame}
        partial = pd.concat([patients.partial, *(rows.partial for rows in related.values())], ignore_index=True)
        frame, in_derived, methods = derive(frame, tables, plan, names, keys)
        problems += broken(frame, tables, plan, names, [problem for problem in problems if problem.severity == "error"], keys, partial)
        problems += besides(problems, in_derived)
    problems = [raw.placed(problem) for problem in with_patients(problems, {table: rows.frame for table, rows in related.items()}, names)]
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        told = [problem for problem in problems if problem.severity == "warning"]
        raise CohortError(sorted(errors, key=lambda problem: (problem.table != raw.name, problem.rows[:1])), name, told)
    unused = tuple(str(column) for column in raw.cells.columns if column not in plan.file_kinds and column not in plan.cohort.keys)
    read = Source(name=name, sha256=_hash(source), rows=len(raw.cells), unused_columns=unused)
    cohort = Cohort(plan=plan, frame=frame.drop(columns=plan.cohort.id), source=read, warnings=tuple(problems),
                    tables={table: rows.frame for table, rows in related.items()}, partial_dates=partial, methods=methods)  # fmt: skip
    return Handed(None, cohort, patients.keys)
