"""What a benchmark is asked for besides the cohort: whose figures, which reference models, which centre."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from haip_outcomes.benchmark.case_mix.case_mix_model import ReferenceModel
from haip_outcomes.benchmark.literature import Figures
from haip_outcomes.benchmark.plan_figures import beside_plan
from haip_outcomes.registry.plan import Plan


@dataclass(frozen=True)
class Asked:
    """The published figures, with the centre's own; reference models made from other cohorts; the centre that is asked about.

    Without `centre`, all patients of the cohort are one centre's.
    """

    figures: Figures
    references: tuple[ReferenceModel, ...] = ()
    centre: str = ""


def references_of(plan: Plan, paths: Sequence[Path] = ()) -> tuple[ReferenceModel, ...]:
    """The reference models of the plan ([benchmark] reference), or of the files given here in their place."""
    return tuple(ReferenceModel.load(path) for path in paths or [beside_plan(plan, name) for name in plan.benchmark.reference])
