"""Sheet: one table that nobody has described, with what its columns show and which standard items they seem to be."""

from __future__ import annotations

from dataclasses import dataclass, field

from haip_outcomes.registry.guessing.column_facts import ColumnFacts, facts_of
from haip_outcomes.registry.guessing.free_text import is_remarks
from haip_outcomes.registry.guessing.item_matches import Match, matches
from haip_outcomes.registry.items import TABLES
from haip_outcomes.registry.planning.parts import is_number
from haip_outcomes.registry.sources.raw_table import RawTable
from haip_outcomes.registry.sources.refusal import refused
from haip_outcomes.registry.values.date_forms import NoDate, date_form


@dataclass(frozen=True, eq=False)
class Sheet:
    """One table. `where` is the sheet or the REDCap instrument that it stands in, `key` the column that says whose a row is, `titles`
    what the file itself calls its columns in words."""

    columns: tuple[ColumnFacts, ...]
    matches: dict[str, Match]
    rows: int = 0
    where: str = ""
    key: str = ""
    titles: dict[str, str] = field(default_factory=dict)

    def column_of(self, item: str) -> str:
        """The column that seems to be this item, in its unit; "" when there is none."""
        return next((name for name, match in self.matches.items() if match.item.name == item and not match.unit), "")


@dataclass(frozen=True, eq=False)
class Seen:
    """A file as it looks: the patients, related tables by the name they get in the plan, and how it is kept.

    `sheet` is that of the patients where a workbook has several, `unread` are those that hold no table. `dictionary` is the file
    name of a REDCap project's dictionary: "" when the file is no REDCap project, "?" when the file is an export whose dictionary is not
    beside it. `is_dictionary` says that there are no patients in the file at all.
    """

    name: str
    patients: Sheet
    related: dict[str, Sheet] = field(default_factory=dict)
    sheet: str = ""
    unread: tuple[str, ...] = ()
    dictionary: str = ""
    is_dictionary: bool = False


def sheet_of(table: RawTable, kind: str = "patient", where: str = "", key: str = "", leave: frozenset[str] = frozenset()) -> Sheet:
    """A raw table as a sheet; `kind` is the standard table whose items are looked for, `leave` are columns that hold nothing of patients."""
    facts = tuple(facts_of(table.cells[column], table.labels.get(str(column)), table.kinds.get(str(column), ""), str(column) in table.identifiers,
                           table.titles.get(str(column), ""), table.missing.get(str(column)))
                  for column in table.cells if str(column) not in leave)  # fmt: skip
    sheet = Sheet(facts, matches(facts, table.titles, kind), len(table.cells), where, key, table.titles)
    return sheet if key else Sheet(sheet.columns, sheet.matches, sheet.rows, where, _key_of(sheet), sheet.titles)


def _key_of(sheet: Sheet) -> str:
    """The column with another key for every patient: the one called so, else the first that could be, a number before a name."""
    named = next((name for name, match in sheet.matches.items() if match.item.kind == "key"), "")
    able = [column for column in sheet.columns if column.kind in ("text", "number", "category") and (column.numbers.empty or column.whole)
            and not is_remarks(column.name, column.title)]  # fmt: skip
    short = [column for column in able if not _in_words(column)]  # a key is one word; names, addresses and remarks are several
    unique = [column for column in short if column.unique]
    numbered = [column for column in short if column.identifying and _numbered(column)]  # a hospital number, perhaps with a patient twice
    choices = ([one for one in unique if not one.identifying], [one for one in unique if _numbered(one)], numbered, unique,
               [column for column in able if column.unique and column.identifying])  # fmt: skip
    return named or next((column.name for choice in choices for column in choice), "")


def _in_words(column: ColumnFacts) -> bool:
    """True where most cells hold several words."""
    return sum(" " in text.strip() for text in column.texts) > 0.5 * len(column.texts)


def _numbered(column: ColumnFacts) -> bool:
    """True where almost every row holds another text with a digit in it: numbers, and no names."""
    texts = [text for text in column.texts if any(map(str.isdigit, text)) and "@" not in text]
    return len(texts) >= 0.9 * column.n > 0 and column.identifying != "telephone numbers"


def standard_table(table: RawTable) -> str:
    """Which standard table of many rows a patient these columns seem to be; "" when none."""
    return likeliest({kind: len(sheet_of(table, kind).matches) for kind in TABLES[1:]})


def likeliest(counted: dict[str, int]) -> str:
    """The table with the most items, two at least; "" for the patients' own and where there are fewer."""
    best = max(counted, key=lambda kind: counted[kind])
    return best if best != "patient" and counted[best] >= 2 else ""


def refuse_patients_as_names(table: RawTable) -> None:
    """A first row that holds a patient has no names: what stands there would be written into the plan."""
    names = [str(column).strip() for column in table.cells]
    if 2 * sum(map(_is_value, names)) > len(names):
        raise refused(
            table.name,
            "row 1 holds values, not names",
            "a row of column names, then a row a patient",
            "put a name above every column, in row 1",
            (1,),
        )


def _is_value(text: str) -> bool:
    return is_number(text) or not isinstance(date_form(text), NoDate)


def plain_name(title: str) -> str:
    """A name for a table, of small letters, digits and _."""
    return "_".join("".join(letter if letter.isalnum() and letter.isascii() else " " for letter in title).casefold().split()) or "rows"


def free_name(name: str, taken: dict[str, Sheet]) -> str:
    """The name, or with a number behind it when another table has it."""
    return name if name not in taken else next(f"{name}_{i}" for i in range(2, 1000) if f"{name}_{i}" not in taken)
