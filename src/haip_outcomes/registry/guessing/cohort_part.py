"""The first part of a plan: the key, the setting, what means "not known", and how dates are written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from haip_outcomes.registry.guessing.column_facts import ColumnFacts
from haip_outcomes.registry.guessing.columns import why_left_out
from haip_outcomes.registry.guessing.lines import Line
from haip_outcomes.registry.guessing.names import likeness, plain, words
from haip_outcomes.registry.guessing.plan_text import listing, pairs, quoted
from haip_outcomes.registry.guessing.sheets import Seen
from haip_outcomes.registry.guessing.vocabulary import GROUP, MISSING_ABOVE, MISSING_BELOW_ZERO, SETTING
from haip_outcomes.registry.items import items
from haip_outcomes.registry.planning.parts import is_number

_PUMP = ("pump", "haip", "hai", "fudr", "floxuridine", "pomp", "pumpe", "pompe", "bomba", "pompa", "pumpen")


@dataclass(frozen=True)
class Setting:
    """What the setting is taken from: a column with its codes, one setting for the whole file, or nothing yet.

    `perhaps` is a column of groups of which nothing says that they are the settings: it is asked, and read as any other.
    """

    column: str = ""
    levels: Mapping[str, str] | None = None
    value: str = ""
    why: str = ""
    perhaps: str = ""


def setting_of(seen: Seen) -> Setting:
    """The column that says adjuvant, unresectable or comparator. Codes that nothing explains are not guessed."""
    known = (items()["setting"].name, *items()["setting"].synonyms)
    fit = []
    for column in seen.patients.columns:
        if column.kind != "category" or column.identifying:
            continue
        named = max(likeness(name, other) for name in column.names for other in known)
        spoken = {code: _meant(label) for code, label in column.codes.items()}
        if all(spoken.values()) and spoken:
            fit.append((2 + named, column.name, spoken, "the words of the cells"))
        elif column.name == items()["setting"].redcap_field and len(column.codes) > 1 and set(column.codes) <= set(items()["setting"].levels):
            fit.append((1 + named, column.name, dict(items()["setting"].levels), "the standard codes: do yours mean the same?"))
        elif named >= 0.9:
            fit.append((named, column.name, {}, ""))
    if fit:
        _, name, levels, why = max(fit, key=lambda one: (one[0], one[1]))
        return Setting(name, levels, why=why)
    groups = [column for column in seen.patients.columns if column.kind == "category" and not column.identifying and _grouped(column)]
    if groups:
        return Setting(perhaps=groups[0].name)
    if any(_of_pumps(column) for column in seen.patients.columns) or seen.patients.column_of("pump_date"):
        return Setting()
    return Setting(value="comparator", why="no column speaks of a pump: patients without one?")


def _grouped(column: ColumnFacts) -> bool:
    return len(column.codes) > 1 and any(set(words(name)) & GROUP for name in column.names)


def _of_pumps(column: ColumnFacts) -> bool:
    """True where a word of the name is, or begins or ends as, that of a pump."""
    found = [word for name in column.names for word in words(name)]
    return bool(set(found) & set(_PUMP)) or any(word.startswith(("pump", "pomp")) or word.endswith("pump") for word in found)


def _meant(label: str) -> str:
    return next(
        (
            setting
            for setting, known in SETTING.items()
            if plain(label).replace("-", " ") in known or any(one in plain(label) for one in known if len(one) > 8)
        ),
        "",
    )


def missing_codes(columns: list[ColumnFacts], key: str) -> tuple[list[str], list[str]]:
    """The codes that mean "not known" wherever they stand, and those that mean it in one column and something else in another."""
    candidates = sorted({code for column in columns for code in (*column.missing, *_declared(column)) if column.name != key})
    declared: list[str] = []
    doubtful: list[str] = []
    for code in candidates:
        used = any(_same(code, text) for column in columns for text in (*column.texts, *column.codes) if text not in column.missing)
        (doubtful if used else declared).append(code)
    return declared, doubtful


def _declared(column: ColumnFacts) -> list[str]:
    """What the file declares as missing and can hardly be a value elsewhere: not a 9, which may count metastases, nor Stata's .a to .z."""
    far = MISSING_BELOW_ZERO | MISSING_ABOVE
    return [code for code in column.declared if not code.startswith(".") and (not is_number(code) or float(code) in far)]


def _same(one: str, other: str) -> bool:
    return one == other or (is_number(one) and is_number(other) and float(one) == float(other))


def cohort_lines(seen: Seen, setting: Setting) -> Iterator[Line | str]:
    """The lines of [cohort]."""
    yield "[cohort]"
    yield Line(f"name = {quoted(seen.name.rpartition('.')[0] or seen.name)}", "the name of your programme")
    key = seen.patients.key
    if key:
        sure = seen.dictionary not in ("", "?")
        every = next((column.unique for column in seen.patients.columns if column.name == key), True)
        why = "another value in every row" if every else "a number of its own in almost every row: a patient twice?"
        yield Line(f"id = {quoted(key)}", "" if sure else f"{why}; used to find doubles and never shown")
    else:
        yield Line('# id = "..."', "no column has another value in every row: which one is the patient's key?")
    yield from _setting_lines(setting)
    centre = seen.patients.column_of("centre")
    if centre:
        yield Line(f"centre = {quoted(centre)}", "its name")
    if hidden := [
        column.name for column in _all(seen) if column.identifying and column.name != key and why_left_out(column, None) == "identifying"
    ]:
        yield Line(
            f"keys = {listing(dict.fromkeys(hidden))}",
            "these seem to identify patients: read for nothing, never shown. Best leave them out of the file",
        )
    if seen.sheet:
        yield Line(f"sheet = {quoted(seen.sheet)}", "the sheet with a row a patient")
    yield from _date_lines(_all(seen))
    contact = seen.patients.column_of("last_contact_date")
    if contact:
        yield Line(f"last_contact = {quoted(contact)}", "its name")
    if seen.dictionary:
        yield ""
        yield "[redcap]"
        yield (
            f"dictionary = {quoted(seen.dictionary)}"
            if seen.dictionary != "?"
            else Line('dictionary = "dictionary.csv"', "download it from REDCap and put it beside this plan")
        )


def _setting_lines(setting: Setting) -> Iterator[Line | str]:
    if setting.value:
        yield Line(f"setting = {{ value = {quoted(setting.value)} }}", setting.why)
    elif setting.perhaps:
        yield Line(f"# setting = {quoted(setting.perhaps)}", "do these groups say adjuvant, unresectable or comparator? Then take away the first #")
        yield Line('# setting_levels = { "1" = "adjuvant", "2" = "unresectable" }', "what do its codes mean? Correct this, then take away the first #")
    elif not setting.column:
        yield Line(
            '# setting = "..."',
            'which column says adjuvant or unresectable? One setting for all is { value = "adjuvant" } or { value = "unresectable" }',
        )
    else:
        yield Line(f"setting = {quoted(setting.column)}", "this column says adjuvant, unresectable or comparator")
        if not setting.levels:
            yield Line(
                '# setting_levels = { "1" = "adjuvant", "2" = "unresectable" }',
                "what do its codes mean? Correct this, then take away the first #",
            )
        elif any(code != meaning for code, meaning in setting.levels.items()):
            yield Line(f"setting_levels = {pairs(dict(setting.levels))}", setting.why)


def _date_lines(columns: list[ColumnFacts]) -> Iterator[Line | str]:
    dates = [column for column in columns if column.kind == "date" and not column.identifying]
    if any(column.formats and column.day_first is None for column in dates):
        form = next(form for column in dates for form in column.formats if column.day_first is None)
        proven = {column.day_first for column in dates if column.day_first is not None}
        order = proven.pop() if len(proven) == 1 else True
        named = form.format(*(("%d", "%m") if order else ("%m", "%d"))) if form else "%d/%m/%Y"
        yield Line(
            f"# date_format = {quoted(named)}",
            "in some columns nothing proves the order of day and month: is it this? Then take away the first #",
        )
    if any(column.without_day for column in dates):
        yield Line('# partial = "mid-month"', "some dates have no day: this reads them as the 15th, and counts them")


def _all(seen: Seen) -> list[ColumnFacts]:
    return [column for sheet in (seen.patients, *seen.related.values()) for column in sheet.columns]
