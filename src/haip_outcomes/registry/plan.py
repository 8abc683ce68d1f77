"""plan.toml: what a centre edits instead of writing Python. Nothing else in the package parses it."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr, ValidationError, model_validator

from haip_outcomes.errors import PlanError
from haip_outcomes.registry.planning.content import PlanContent, derived_column
from haip_outcomes.registry.planning.rules import contradictions
from haip_outcomes.registry.planning.words import explained


class Plan(PlanContent):
    """A centre's plan, checked. Build it with `load_plan`."""

    _sha256: str = PrivateAttr(default="")
    _folder: Path | None = PrivateAttr(default=None)

    def __repr__(self) -> str:
        return f"Plan {self.cohort.name}: {len(self.columns)} columns, endpoints {', '.join(self.endpoints)}"

    def __str__(self) -> str:
        return repr(self)

    @property
    def sha256(self) -> str:
        """The hash of the plan's file; of its content when it was made without a file."""
        return self._sha256 or hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def folder(self) -> Path | None:
        """Where its file stands, and a REDCap dictionary beside it; None when it was made without a file."""
        return self._folder

    @model_validator(mode="after")
    def _coherent(self) -> Plan:
        wrong = [f"[columns.{name}]: [derived.{name}] makes this column: keep one of the two" for name in self.derived if name in self.columns]
        self.columns.update({name: derived_column(derived, self) for name, derived in self.derived.items() if name not in self.columns})
        wrong += [f"{where}: {message}" for where, message in contradictions(self)]
        if wrong:
            raise ValueError("\n".join(wrong))
        return self


def load_plan(path: str | Path) -> Plan:
    """Read a centre's plan (plan.toml) and check all of it.

    Raises
    ------
    PlanError : the file is absent or no TOML; a key is unknown, missing or of the wrong kind; a name points
        at nothing. All problems are in one message, each with its key.

    >>> load_plan("cohorts/demo_centre/plan.toml").endpoints["os"].label
    'Overall survival'
    """
    path = Path(path)
    if not path.is_file():
        raise PlanError(f"There is no plan at {path}. A plan is a text file that says what your columns mean; "
                        "start from cohorts/demo_centre/plan.toml.")  # fmt: skip
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise PlanError(f"{path.name} is not a text file in UTF-8. Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{path.name} is not valid TOML: {error}. Text stands in straight quotes, lists in [ ]; a column's name "
                        'with anything but letters, digits, - and _ stands in quotes too: [columns."a/b"].') from None
    plan = make_plan(content, path.name)
    plan._folder = path.parent
    plan._sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return plan


def make_plan(content: dict[str, Any], name: str = "plan") -> Plan:
    """A plan from an already parsed table; what `load_plan` does after reading the file."""
    try:
        return Plan.model_validate(content)
    except ValidationError as error:
        lines = explained(error, known=tuple(Plan.model_fields))
        n = len(lines)
        raise PlanError("\n".join([f"{n} problem{'s' if n > 1 else ''} in {name}:", *(f"  {line}" for line in lines)])) from None
