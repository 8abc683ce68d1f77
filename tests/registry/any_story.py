"""Small stories by hand: a plan in which every standard item is a column of its own name, and tables typed from plain rows."""

import pandas as pd

from haip_outcomes.registry.checking.checks import broken
from haip_outcomes.registry.items import items
from haip_outcomes.registry.plan import make_plan

NAMES = {"": "patients.csv", "complications": "complications.csv", "cycles": "cycles.csv", "imaging": "imaging.csv"}


def _column(item):
    said = {"item": item.name, "label": item.label, **({"unit": item.unit} if item.unit else {})}
    return {**said, "levels": dict(item.levels)} if item.kind == "category" else {**said, "kind": item.kind}


def _columns(table):
    kinds = ("category", "number", "date", "text")
    return {item.name: _column(item) for item in items().values() if item.table == table and item.kind in kinds}


ALL_ITEMS = {
    "cohort": {"name": "Any story", "id": "record_id", "setting": "setting", "centre": "centre"},
    "columns": {**_columns("patient"), "liver_event_date": {"kind": "date"}, "extrahepatic_event_date": {"kind": "date"}},
    "tables": {table: {"label": table.capitalize(), "sheet": table, "columns": _columns(table)} for table in ("complications", "cycles", "imaging")},
    "endpoints": {
        "os": {"label": "Overall survival", "start": "pump_date", "last_seen": "last_contact_date", "events": {"Death": "death_date"}},
        "first_site": {"label": "First site", "start": "pump_date", "last_seen": "last_imaging_date",
                       "events": {"Liver": "liver_event_date", "Extrahepatic": "extrahepatic_event_date", "Death": "death_date"}},
    },
}  # fmt: skip
PLAN = make_plan(ALL_ITEMS)
# a plan that itself asks nothing of dates
NO_DATES = make_plan({**ALL_ITEMS, "endpoints": {"os": {"label": "Overall survival", "start": "resection", "events": {"Death": {"time": "months", "flag": "dead"}}}}})


def typed(rows, plan_columns, first=2):
    """Rows of {column: value} as a typed frame: codes become labels, texts of dates become dates."""
    frame = pd.DataFrame(rows)
    frame.index = pd.Index(range(first, first + len(frame)), name="row")
    for name in frame:
        column = plan_columns.get(name)
        if name == "setting":
            frame[name] = pd.Categorical(frame[name], categories=["adjuvant", "unresectable", "comparator"])
        elif column is None:
            continue
        elif column.levels:
            frame[name] = pd.Categorical([column.levels.get(str(code)) for code in frame[name]], categories=list(column.levels.values()))
        elif column.kind == "date":
            frame[name] = pd.to_datetime(frame[name])
        elif column.kind == "number":
            frame[name] = frame[name].astype(float)
    return frame


def story(patients, plan=PLAN, **tables):
    """Typed tables of plain rows: `patients` is one row or several, `tables` are rows with "patient" (row 2 unless said)."""
    frame = typed([patients] if isinstance(patients, dict) else patients, plan.columns)
    related = {}
    for name, rows in tables.items():
        rows = [rows] if isinstance(rows, dict) else rows
        related[name] = typed([{"patient": 2, **row} for row in rows], plan.tables[name].columns)
    return frame, related


def problems_in(patients, plan=PLAN, unreadable=(), keys=frozenset(), partial=None, **tables):
    """What is wrong in a story."""
    frame, related = story(patients, plan, **tables)
    return broken(frame, related, plan, NAMES, unreadable, keys, partial)
