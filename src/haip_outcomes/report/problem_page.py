"""The page of `haip-outcomes check --html`: everything that is wrong with a file, for a data manager to work through."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from haip_outcomes import __version__
from haip_outcomes.errors import PlanError, Problem
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.problem_layout import MOST_PATIENTS, MOST_ROWS, counted, laid_out


@dataclass(frozen=True)
class Checked:
    """What was checked: the file's name, the plan's name of the cohort, and the number of patients where it is known."""

    file: str
    cohort: str = ""
    patients: int | None = None

    @classmethod
    def of(cls, cohort: Cohort) -> Checked:
        """The facts of a cohort that was read (and has warnings only)."""
        return cls(cohort.source.name, cohort.plan.cohort.name, cohort.source.rows)


def write_problem_page(problems: Sequence[Problem], checked: Checked | Cohort | str, path: str | Path) -> Path:
    """Write the problems of a file as one HTML page that opens offline and prints on A4; returns its path.

    The page names row numbers and never a patient: problems hold no keys. It shows how many problems there are of each kind, then
    every patient with a problem, errors first, then every column. Each problem has a box to tick.

    Parameters
    ----------
    problems : of a CohortError (`.problems`), or the warnings of a cohort.
    checked : the cohort; or when none could be read the file's facts, or only its name.
    path : the page; its folder must exist.

    Raises
    ------
    PlanError : the page can't be written there.

    >>> import tempfile
    >>> from haip_outcomes.registry.read import demo_cohort
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(write_problem_page(demo_cohort().warnings, demo_cohort(), Path(folder) / "problems.html").name)
    problems.html
    """
    path = Path(path)
    facts = Checked.of(checked) if isinstance(checked, Cohort) else Checked(checked) if isinstance(checked, str) else checked
    page = problem_page(problems, facts)
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise PlanError(f"{path} can't be written: {error.strerror}. Name another --html.") from None
    return path


def problem_page(problems: Sequence[Problem], checked: Checked, made: datetime | None = None) -> str:
    """The page as text; `made` is the time on it, now unless said."""
    layout = laid_out(problems)
    errors = sum(problem.severity == "error" for problem in problems)
    folder = files("haip_outcomes.report") / "templates"
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in ("report.css", "problems.css", "problems.js", "problems.html.j2")}
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["unbroken"] = _unbroken
    return environment.from_string(texts["problems.html.j2"]).render(
        checked=checked, layout=layout, errors=errors, warnings=len(problems) - errors, counted=counted(errors, len(problems) - errors),
        made=f"{made or datetime.now():%Y-%m-%d %H:%M}", version=__version__, most_rows=MOST_ROWS, most_patients=MOST_PATIENTS,
        mark=hashlib.sha256("\n".join(map(repr, problems)).encode()).hexdigest()[:16],
        css=Markup(texts["report.css"] + texts["problems.css"]), script=Markup(texts["problems.js"]),
    )  # fmt: skip


def _unbroken(text: str) -> Markup:
    """Escaped text whose dates stay on one line (with plain hyphens, so that they can be copied)."""
    return Markup(re.sub(r"\d{4}-\d{2}-\d{2}", r'<span class="day">\g<0></span>', str(escape(text))))
