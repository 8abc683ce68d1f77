"""One column through `convert`, as the tests of cells, dates, numbers and codes need it."""

import pandas as pd
from small_centre import SMALL_PLAN

from haip_outcomes.registry.plan import make_plan
from haip_outcomes.registry.planning.parts import ColumnPlan
from haip_outcomes.registry.values.cells import convert


def plan_with(codes=("-999", "UNK"), **cohort):
    return make_plan({**SMALL_PLAN, "cohort": {**SMALL_PLAN["cohort"], **cohort}, "missing": {"codes": list(codes)}})


PLAN = plan_with()


def converted(cells, kind, plan=PLAN, name="column", levels=None, labels=None, keys=(), dtype=object):
    """The cells stand in the rows 2, 3, ... of centre.csv."""
    column = cells if isinstance(cells, pd.Series) else pd.Series(cells, dtype=dtype)
    column = column.set_axis(pd.RangeIndex(2, 2 + len(cells), name="row")).rename(name)
    return convert(column, kind, ColumnPlan(levels=levels or {}), plan, "centre.csv", frozenset(keys), labels)


def only(result):
    (problem,) = result.problems
    assert problem.table == "centre.csv"
    return problem
