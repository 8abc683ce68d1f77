"""docs/checks.md says what the rules say, and every rule is broken by a case written by hand."""

import checks_page
from any_story import ALL_ITEMS, NO_DATES, PLAN, problems_in
from test_checks_tables import CASES as RELATED
from test_clinical_checks import CASES as ALONE

from haip_outcomes.registry.checking.clinical_checks import clinical_rules
from haip_outcomes.registry.checking.rule import ORDER, named
from haip_outcomes.registry.checking.story import RAW
from haip_outcomes.registry.items import items


def test_the_page_holds_the_rules_as_they_are():
    page = checks_page.PAGE.read_text(encoding="utf-8")
    assert page == checks_page.with_rules(page), "run: python tests/registry/checks_page.py"


def test_every_rule_says_why():
    for rule in (*clinical_rules(PLAN, PLAN.tables), *checks_page.plan_rules(checks_page.EVERYTHING)):
        assert rule.why, rule
        assert rule.by_item or rule.asks, rule


def test_every_clinical_rule_is_broken_by_a_case():
    """All but the dates in pairs, which have a case each, and the ranges and units that differ only in their numbers."""
    broken = [problem for wrong, *_ in ALONE.values() for plan in (PLAN, NO_DATES) for problem in problems_in(wrong, plan)]
    broken += [problem for wrong, tables, *_ in RELATED.values() for problem in problems_in(wrong, **tables)]
    said = {(problem.column, problem.expected, problem.severity) for problem in broken}
    alike = {(problem.kind, problem.severity, problem.advice.split("(")[0][:30]) for problem in broken}
    for rule in clinical_rules(PLAN, PLAN.tables):
        if rule.kind == ORDER or not rule.by_item or "most of this column" in rule.advice or rule.asks.startswith("the date of progression is not after"):
            continue  # cases of their own
        own = (rule.column.removeprefix(RAW), named(rule.expected, {key: key for key in rule.needs}), rule.severity)
        assert own in said or (rule.kind, rule.severity, rule.advice.split("(")[0][:30]) in alike, own


def test_every_item_is_in_the_plan_that_the_rules_are_shown_with():
    known = {*ALL_ITEMS["columns"], *(name for table in ALL_ITEMS["tables"].values() for name in table["columns"]), "record_id", "setting"}
    assert {name for name, item in items().items() if item.kind != "checkbox"} <= known
