"""The clinical rules: what must hold of standard items, whatever a centre's plan asks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from haip_outcomes.registry.checking.between_tables import agreement_rules, death_rules, row_rules, summaries
from haip_outcomes.registry.checking.consensus import consensus_rules
from haip_outcomes.registry.checking.measures import measure_rules
from haip_outcomes.registry.checking.ranges import range_rules
from haip_outcomes.registry.checking.rule import Rule
from haip_outcomes.registry.checking.story_dates import patients_dates, related_dates
from haip_outcomes.registry.checking.treatment import treatment_rules
from haip_outcomes.registry.checking.twice import twice_rule
from haip_outcomes.registry.checking.units import swapped_rule, weight_column_rules
from haip_outcomes.registry.items import items
from haip_outcomes.registry.plan import Plan

__all__ = ["clinical_rules", "summaries"]

_RELATED = ("complications", "cycles", "imaging")


def clinical_rules(plan: Plan, tables: Iterable[str]) -> list[Rule]:
    """All clinical rules; one is asked only where the columns of its items are there.

    `tables` are the related tables at hand. Which of them holds complications, cycles or imaging is told by the items of its columns.
    """
    kinds = {table: _kinds(plan, table) for table in tables}
    counted = any("n_metastases" in (name, column.item) for name, column in plan.columns.items())
    rules = [swapped_rule(), *weight_column_rules(), *measure_rules(), *treatment_rules(), *death_rules(), *agreement_rules(plan), *patients_dates(), *consensus_rules()]
    for rule in range_rules(counted):
        rules.extend([rule] if not rule.table else [replace(rule, table=table) for table, own in kinds.items() if rule.table in own])
    for table, own in kinds.items():
        for kind in own:
            rules.extend((*related_dates(kind, table), *row_rules(kind, table)))
        rules.append(twice_rule(table, list(plan.tables[table].columns), plan))
    return rules


def _kinds(plan: Plan, table: str) -> list[str]:
    held = {items()[column.item].table for column in plan.tables[table].columns.values() if column.item and column.item in items()}
    return [kind for kind in _RELATED if kind in held]
