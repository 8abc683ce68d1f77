"""Writes the tables of docs/checks.md from the rules themselves: python tests/registry/checks_page.py"""

from pathlib import Path

from any_story import ALL_ITEMS

from haip_outcomes.registry.checking.clinical_checks import clinical_rules
from haip_outcomes.registry.checking.plan_checks import plan_rules
from haip_outcomes.registry.checking.rule import (
    CONSENSUS,
    CONTRADICTION,
    KEYS,
    MISSING,
    ORDER,
    RANGE,
    SETTING,
    TWICE,
    UNIT,
    named,
)
from haip_outcomes.registry.checking.story import RAW
from haip_outcomes.registry.plan import make_plan

PAGE = Path(__file__).resolve().parents[2] / "docs" / "checks.md"
BEGIN, END = "<!-- from here on written by tests/registry/checks_page.py -->\n", "<!-- to here -->\n"
TITLES = {
    KEYS: "Keys", UNIT: "Likely another unit", RANGE: "Ranges", ORDER: "Dates in their order", MISSING: "Missing where needed",
    CONTRADICTION: "Contradictions", SETTING: "Setting and treatment", TWICE: "The same thing twice", CONSENSUS: "Outside the consensus statement",
}  # fmt: skip

# a plan in which every kind of rule has its place
EVERYTHING = make_plan({
    **ALL_ITEMS,
    "columns": {**ALL_ITEMS["columns"], "age": {"kind": "number", "unit": "years", "range": [18, 100]},
                "l3_muscle_area_cm2": {**ALL_ITEMS["columns"]["l3_muscle_area_cm2"], "range": [60, 250]},
                "response": {"levels": {"0": "No", "1": "Yes"}, "known": "first_cycle_date"}},
    "programme": {"days": {"label": "Days to the first cycle", "start": "pump_date", "end": "first_cycle_date"}},
    "endpoints": {
        **ALL_ITEMS["endpoints"], "late": {**ALL_ITEMS["endpoints"]["os"], "start": "diagnosis_date", "entry": "pump_date"},
        "times": {"label": "Times", "start": "resection", "last_seen": "months_seen", "events": {"Liver": {"time": "months_liver", "flag": "liver"}}},
    },
})  # fmt: skip


def rules_part():
    """The tables, as Markdown."""
    lines = ["## What every plan implies", "", *_table(("What must hold", "Severity", "Why"), dict.fromkeys(
        (rule.asks, rule.severity, rule.why) for rule in (*plan_rules(EVERYTHING), *_of_any_table())))]  # fmt: skip
    lines += ["", "## What standard items imply", "",
              "Asked only where the columns of the items are there (`[columns.NAME] item = \"...\"`). A row of a related table is compared with its patient.", ""]  # fmt: skip
    clinical = [rule for rule in clinical_rules(EVERYTHING, EVERYTHING.tables) if rule.by_item]
    for kind, title in TITLES.items():
        own = _merged([_line(rule) for rule in clinical if rule.kind == kind], {UNIT: (2,), RANGE: (2,), ORDER: (0,)}.get(kind, ()))
        if own:
            lines += [f"### {title}", "", *_table(("Column", "What must hold", "Severity", "What to do otherwise", "Why"), own), ""]
    return "\n".join(lines)


def _merged(lines, columns):
    """Each line once; lines that differ only in these columns are one."""
    merged = {}
    for line in lines:
        rest = tuple(cell for i, cell in enumerate(line) if i not in columns)
        merged.setdefault(rest, []).append(line)
    return [tuple(", ".join(dict.fromkeys(line[i] for line in alike)) if i in columns else alike[0][i] for i in range(5)) for alike in merged.values()]


def _of_any_table():
    return [rule for rule in clinical_rules(EVERYTHING, ["cycles"]) if not rule.by_item]


def _line(rule):
    if rule.column.startswith(RAW):
        return "a date of progression", rule.asks, rule.severity, rule.advice.replace("extrahepatic progression", "liver progression"), rule.why
    names = {key: f"`{key}`" for key in rule.needs}
    return f"`{rule.column}`", named(rule.expected, names), rule.severity, named(rule.advice, names), rule.why


def _table(head, rows):
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]


def with_rules(page):
    """The page with its tables written anew."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{rules_part()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(with_rules(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
