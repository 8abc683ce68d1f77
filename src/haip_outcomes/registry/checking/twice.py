"""The same thing twice in a related table: it would be counted twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from haip_outcomes.registry.checking.rule import TWICE, Rule
from haip_outcomes.registry.checking.standard_codes import NO_STANDARD_CODE
from haip_outcomes.registry.checking.story import PATIENT
from haip_outcomes.registry.plan import Plan


def twice_on_a_day(table: str, date: str, kind: str | None, other: int | None, expected: str, advice: str) -> Rule:
    """No patient has two rows of one day and one kind; of the kind `other` there may be several."""
    def holds(f: pd.DataFrame) -> np.ndarray:
        known = (f[date].notna() & (f[PATIENT] >= 0)).to_numpy()
        code = f[PATIENT].to_numpy()[known] * 1_000_000 + f[date].to_numpy("datetime64[D]")[known].astype(np.int64)
        if kind is not None:
            of = f[kind].to_numpy(float)[known]
            code, judged = code * 1000 + np.nan_to_num(of).astype(np.int64), (of > NO_STANDARD_CODE) & (of != other)
        wrong = pd.Series(code).duplicated(keep=False).to_numpy()
        right = ~known
        right[known] = ~wrong if kind is None else ~(wrong & judged)
        return right

    return Rule(TWICE, date, (date, PATIENT, *([kind] if kind else [])), holds, expected, advice, "error", table, True, why="It would be counted twice.")


def twice_rule(table: str, columns: Sequence[str], plan: Plan) -> Rule:
    """No two rows of a related table are the same in all that the plan reads of it."""
    key = plan.tables[table].patient or plan.cohort.id

    def holds(f: pd.DataFrame) -> np.ndarray:
        return ~(_same(f, [PATIENT, *columns]) & f[PATIENT].notna().to_numpy())

    return Rule(TWICE, key, (PATIENT, *columns), holds, "each row once", "these rows are the same: keep one of each", "warning", table,
                asks="no two rows of a patient in a related table are the same in everything that the plan reads",
                why="The same entry twice; but two like things on one day may be true.")  # fmt: skip


def _same(rows: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """True for each row that is the same as another one in these columns, which narrow them down one by one."""
    alike = np.arange(len(rows))
    code = np.zeros(len(rows), np.int64)
    for column in columns:
        values = rows[column].iloc[alike]
        own = values.cat.codes.to_numpy() + 1 if isinstance(values.dtype, pd.CategoricalDtype) else pd.factorize(values.to_numpy(), use_na_sentinel=False)[0]
        code = pd.factorize(code * (int(own.max(initial=0)) + 1) + own)[0]
        among = pd.Series(code).duplicated(keep=False).to_numpy()
        alike, code = alike[among], code[among]
    found = np.zeros(len(rows), bool)
    found[alike] = True
    return found
