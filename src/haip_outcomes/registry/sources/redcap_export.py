"""A raw REDCap export and the project's dictionary: the patients' table, and a related table an instrument that the plan names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from haip_outcomes.errors import CohortError, Problem
from haip_outcomes.registry.plan import Plan
from haip_outcomes.registry.sources.raw_table import RawSource
from haip_outcomes.registry.sources.redcap_agreement import disagreements, missing_code_notes
from haip_outcomes.registry.sources.redcap_dictionary import Dictionary
from haip_outcomes.registry.sources.redcap_gathering import patients_of, rows_of
from haip_outcomes.registry.sources.redcap_rows import export_of


def tables_of_export(path: str | Path, content: bytes, plan: Plan, dictionary: Dictionary, missing_codes: Iterable[str] = ()) -> RawSource:
    """A raw export (CSV) of a classic, longitudinal or repeating project as raw tables.

    Parameters
    ----------
    path : only its name is used, to call the file in problems.
    content : the bytes of the export.
    dictionary : the project's data dictionary; it gives labels, kinds and identifiers.
    missing_codes : missing-data codes that the project declares, besides the plan's [missing] codes.

    Returns
    -------
    RawSource : patients, a row a record under the number of its first row in the export (a GatheredTable, whose `placed` finds
        the row where a cell really stands), and a table for every [tables.NAME] with the rows of its instrument.

    Raises
    ------
    CohortError : labels instead of codes, columns that are not there, values that are not one a patient, codes that mean other
        things in the plan than in the dictionary: all of them at once.
    """
    name, missing_codes = Path(path).name, tuple(missing_codes)
    export = export_of(content, name, plan, dictionary, missing_codes)
    patients, problems = patients_of(export, plan)
    found = [*disagreements(export, plan), *problems]
    wrong = [problem for problem in found if problem.severity == "error"]
    if wrong:
        raise CohortError(wrong, name)
    related = {table: rows_of(export, declared.instrument) for table, declared in plan.tables.items() if declared.instrument}
    notes: list[Problem] = [*patients.notes, *found, *missing_code_notes(name, missing_codes, plan)]
    files = ((name, hashlib.sha256(content).hexdigest()), (dictionary.name, dictionary.sha256))
    return RawSource(replace(patients, notes=tuple(notes)), related, files)
