"""A first plan from a file that nobody has described: every guess is marked, and nothing of a patient but codes is written."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from haip_outcomes.errors import PlanError
from haip_outcomes.formatting import plural
from haip_outcomes.registry.guessing.cohort_part import Setting, cohort_lines, missing_codes, setting_of
from haip_outcomes.registry.guessing.column_facts import ColumnFacts
from haip_outcomes.registry.guessing.columns import order_of_dates, why_left_out, written_columns
from haip_outcomes.registry.guessing.events import asked_survival, event_dates, tells_an_outcome, timed_events
from haip_outcomes.registry.guessing.lines import Line, remark, title, written
from haip_outcomes.registry.guessing.looking import look_at
from haip_outcomes.registry.guessing.plan_text import heading, listing, quoted
from haip_outcomes.registry.guessing.questions import Questions, asked, counts, from_dates, from_times
from haip_outcomes.registry.guessing.sheets import Seen, Sheet
from haip_outcomes.registry.guessing.unread_dates import ADVICE
from haip_outcomes.registry.plan import make_plan


def first_plan(path: str | Path) -> str:
    """Write a first plan for a file: what its columns seem to hold, and which endpoints they allow. Each guess is a question to you.

    The kinds of the columns, the codes of those with few, which of them are standard items (by name in several languages, by unit and
    by range), the key, the setting, what means "not known", and the endpoints that follow. A line with `# CONFIRM:` holds a guess and says
    why. Of the patients nothing is written but the codes of columns with few; columns that seem to identify patients are named and left out.

    Parameters
    ----------
    path : a cohort file (csv, tsv, xlsx, parquet, sav, dta), a REDCap data dictionary or a raw REDCap export (with its dictionary beside it).

    Returns
    -------
    str : the text of a plan.toml. Where a plan can't be loaded yet, its first lines say what is needed.

    Raises
    ------
    CohortError : the file can't be read as a table.

    >>> text = first_plan("cohorts/demo_centre/demo.csv")
    >>> print("\\n".join(line for line in text.splitlines() if line.startswith(("id", "events = { \\"Death"))))
    id = "record_id"  # CONFIRM: another value in every row; used to find doubles and never shown
    events = { "Death" = "death_date" }  # CONFIRM: are these the dates of the events?
    """
    seen = look_at(Path(path))
    setting = setting_of(seen)
    body, lacking = _body(seen, setting)
    return f"{_head(seen, body, lacking)}\n\n\n{body}\n"


def _body(seen: Seen, setting: Setting) -> tuple[str, list[str]]:
    """The plan without its head, and what it still lacks."""
    columns = [column for sheet in (seen.patients, *seen.related.values()) for column in sheet.columns]
    codes, doubtful = missing_codes(columns, seen.patients.key)
    leave = frozenset(filter(None, (seen.patients.key, setting.column, seen.patients.column_of("centre"))))
    own, levels = written_columns(seen.patients, ("columns",), leave, frozenset(codes))
    tables: list[Line | str] = []
    for name, sheet in seen.related.items():
        lines, _ = written_columns(sheet, ("tables", name, "columns"), frozenset({sheet.key}), frozenset(codes))
        if lines:
            tables += [heading("tables", name), f"label = {quoted(name.replace('_', ' ').capitalize())}",
                       Line(f"{'instrument' if seen.dictionary else 'sheet'} = {quoted(sheet.where)}", "many rows a patient"), "", *lines]  # fmt: skip
    questions = _questions(seen, setting)
    parts = [
        title("Whose patients these are"),
        written(cohort_lines(seen, setting)),
        *_missing(codes, doubtful, columns),
        title("What the columns hold"),
        *_order(seen),
        written(own),
    ]
    if tables:
        parts += [title("Related tables: many rows a patient"), written(tables)]
    if questions.derived:
        parts += [title("What is made from other columns"), written(questions.derived)]
    parts += [title("The questions about time"), written([*questions.endpoints, *_survival(seen.patients, questions)]), title("What is analysed"), written(_analysis(_varied(seen.patients, levels)))]
    programme = [*counts(seen.patients.columns, levels), *questions.programme]
    if programme:
        parts += [title("The programme: how often, and how soon"), written(programme)]
    parts += _left_out(seen)
    lacking = [] if questions.endpoints else ["an endpoint: no columns were found for one", *questions.lacking]
    if questions.endpoints and questions.lacking:
        lacking += [what for what in questions.lacking if what.startswith("time zero")]
    lacking += [f"dates that can be read in {column.name}: {ADVICE[column.unread]}" for column in columns if column.unread and not column.identifying]
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(parts)).strip("\n"), lacking


def _questions(seen: Seen, setting: Setting) -> Questions:
    """The endpoints, from dates where these suffice for one, else from times with flags."""
    sheet = seen.patients
    role = {match.item.name: name for name, match in sheet.matches.items() if match.item.kind == "date"}
    role |= {kind: name for kind, name in event_dates(sheet.columns, role.values()).items() if kind not in role}
    imaging = {match.item.name: name for name, match in seen.related["imaging"].matches.items()} if "imaging" in seen.related else None
    cycles = seen.related["cycles"].column_of("cycle_date") if "cycles" in seen.related else None
    dated = from_dates(role, [column.name for column in sheet.columns], imaging, cycles or None, setting.value != "comparator")
    timed = timed_events(sheet.columns)
    no_start = any(what.startswith("time zero") for what in dated.lacking)
    if dated.endpoints and not (no_start and timed):
        return dated
    return from_times(timed, [column.name for column in sheet.columns]) if timed else dated


def _survival(sheet: Sheet, questions: Questions) -> list[str]:
    """A duration beside a status, where no endpoint of survival is made of dates, or of what is plainly a flag of death."""
    made = "[endpoints.os]" in questions.endpoints
    event = None if made else asked_survival(sheet.columns)
    return asked(event) if event else []


def _varied(sheet: Sheet, levels: dict[str, dict[str, str]]) -> list[str]:
    """The columns with levels of which the file has two at least (or whose cells nobody has seen), and that tell no outcome."""
    held = {column.name: 1 if tells_an_outcome(column) else len(column.texts) for column in sheet.columns}
    return [name for name, labels in levels.items() if len(labels) > 1 and held.get(name, 0) != 1]


def _missing(codes: list[str], doubtful: list[str], columns: Iterable[ColumnFacts]) -> list[str]:
    columns = list(columns)
    own = sorted({code for column in columns for code in column.declared if code in codes})
    said = f"; the file itself declares {', '.join(own)}" if own else ""
    lines: list[Line | str] = [
        "\n[missing]",
        Line(f"codes = {listing(codes)}", f"besides an empty cell, these seem to mean not known{said}" if codes else ""),
    ]
    if doubtful:
        lines += remark(
            f'CONFIRM: {", ".join(doubtful)} seems to mean "not known" in one column and is a value in another: empty those cells in the file.'
        )
    declared = {column.name: ", ".join(code for code in column.declared if code not in codes) for column in columns if not column.identifying}
    told = [f"{shown} in {name}" for name, shown in declared.items() if shown]
    if told:
        lines += remark(f"The file itself declares as missing, and these cells are empty: {'; '.join(told)}.")
    return [written(lines)]


def _order(seen: Seen) -> list[str]:
    order = order_of_dates(list(seen.patients.columns))
    return (
        [written([*remark(f"CONFIRM: the dates, in the order in which they usually fall: {', '.join(order)}."), ""])] if len(order) > 1 else []
    )


def _analysis(levels: list[str]) -> Iterable[Line | str]:
    yield "[analysis]"
    yield Line("times = [12, 36, 60]", "months at which probabilities are printed")
    yield Line("factors = []", "columns for Cox models of overall survival; choose them before you look at results")
    yield Line("groups = []", f"columns to draw curves by, for example {quoted(levels[0])}" if levels else "columns to draw curves by")


def _left_out(seen: Seen) -> list[str]:
    """What is not read, by name and with the reason; never with contents."""
    why: dict[str, list[str]] = {}
    for sheet in (seen.patients, *seen.related.values()):
        for column in sheet.columns:
            reason = why_left_out(column, sheet.matches.get(column.name))
            if reason and column.name not in (sheet.key, seen.patients.column_of("centre")):
                why.setdefault(f"{reason}: {column.identifying}" if column.identifying else reason, []).append(column.name)
    if seen.unread:
        why["sheets without a table, or without the patients' key"] = list(seen.unread)
    lines = [line for reason, names in why.items() for line in remark(f"{_REASONS.get(reason, reason)}: {', '.join(dict.fromkeys(names))}")]
    return [title("Left out"), written(lines)] if lines else []


_REASONS = {"text": "free text, what could name a person, or many different values", "empty": "no cell is filled"}


def _head(seen: Seen, body: str, lacking: list[str]) -> str:
    """What this is, how many guesses wait, and what is needed before it can be loaded."""
    try:
        make_plan(tomllib.loads(body), "")
        faults: list[str] = []
    except PlanError as error:
        faults = [line.strip() for line in str(error).splitlines()[1:]]
    size = "" if seen.is_dictionary else f" ({plural(seen.patients.rows, 'row')})" if seen.patients.rows else ""
    lines = remark(f"First plan for {seen.name}{size}, written by haip-outcomes plan. {plural(body.count('# CONFIRM:'), 'line')} with CONFIRM hold guesses: "
                   "read each, correct it or leave it, and take the remark away. Nothing was converted, and nothing is read that is not named here.")  # fmt: skip
    if seen.is_dictionary:
        lines += remark("It was made from a data dictionary: what stands in the fields was not seen, nor which instruments repeat.")
    if faults or lacking:
        lines += ["#", "# BEFORE IT CAN BE USED, it needs"]
        lines += [line for fault in dict.fromkeys([*lacking, *faults]) for line in _point(fault)]
    return "\n".join(lines)


def _point(text: str) -> list[str]:
    first, *rest = remark(text, 106)
    return [f"#  -{first[1:]}", *(f"#   {line[1:]}" for line in rest)]
