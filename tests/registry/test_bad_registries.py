"""Broken registries as hospitals send them: each gives exactly the problems that are written beside it, and never a traceback.

A case is a folder of tests/bad_registries: the files, a plan (its own, or that of the folder above), and expected.csv. Its problem table is
the whole truth: severity, table, column and rows must be equal; `found`, `expected` and `advice` hold the words that matter.
"""

import csv
import re
from pathlib import Path

import pytest
from bad_registries import made_cases
from click.testing import CliRunner

from haip_outcomes.cli import main
from haip_outcomes.errors import CohortError, PlanError
from haip_outcomes.registry.read import read_cohort

CORPUS = Path(__file__).resolve().parents[1] / "bad_registries"
CASES = sorted(path.parent.relative_to(CORPUS).as_posix() for path in CORPUS.rglob("expected.csv"))
WORDS = ("found", "expected", "advice")

# what is known to be wrong in the package, and where: a line goes when the fault is mended
XFAIL: dict[str, str] = {}


def cases(names):
    return [pytest.param(name, marks=pytest.mark.xfail(reason=XFAIL[name], raises=AssertionError)) if name in XFAIL else name for name in names]


def rows_of(text):
    """Row numbers as expected.csv writes them: "3 4 9", "2-10001", or nothing."""
    numbers = []
    for part in text.split():
        first, _, last = part.partition("-")
        numbers.extend(range(int(first), int(last or first) + 1))
    return tuple(numbers)


def expected_of(case):
    with (CORPUS / case / "expected.csv").open(encoding="utf-8", newline="") as file:
        return [line | {"rows": rows_of(line["rows"])} for line in csv.DictReader(file)]


def files_of(case, folder):
    """The case's cohort file (or several centres') and plan, made in `folder` where they are not committed."""
    home = CORPUS / case
    made = made_cases.write(case, folder) if case in made_cases.CASES else []
    own = sorted(path for path in home.iterdir() if path.stem.startswith(("cohort", "centre", "export")) and path.suffix != ".toml")
    plan = home / "plan.toml" if (home / "plan.toml").exists() else home.parent / "plan.toml"
    several = [path.with_suffix(".toml") for path in own if path.stem.startswith("centre")]
    data = made or own or [home / "cohort.csv"]
    if len(data) > 1:
        return data, [path if path.exists() else plan for path in several] or plan
    return data[0], plan


def read(case, folder):
    """The cohort, or the error, of a case."""
    try:
        return read_cohort(*files_of(case, folder)), None
    except (CohortError, PlanError) as error:
        return None, error


def same(problem, line):
    found = {"found": problem.found, "expected": problem.expected, "advice": problem.advice}
    return ((problem.severity, problem.table, problem.column, tuple(sorted(problem.rows))) == (line["severity"], line["table"], line["column"], line["rows"])
            and all(word in found[part] for part in WORDS for word in line[part].split(" ... ")))  # fmt: skip


def told(problems):
    """Problems as lines of expected.csv, to read when a test fails."""
    return "\n".join(f"{p.severity} | {p.table} | {p.column} | {' '.join(map(str, p.rows[:12]))} | {p.found} | {p.expected} | {p.advice}" for p in problems)


def keys_in(case, folder):
    """The keys of the patients, where they are such that they can be told from other words (K-101)."""
    data, _ = files_of(case, folder)
    content = b"".join(path.read_bytes() for path in (data if isinstance(data, list) else [data]))
    return {key.decode() for key in re.findall(rb"K-[0-9]{3}", content)}


def nobody_is_named(case, folder, said):
    """Neither a key nor anything else that identifies a patient of this corpus."""
    assert not {key for key in keys_in(case, folder) if key.casefold() in said.casefold()}
    assert not {planted for planted in made_cases.PLANTED if planted in said}


@pytest.mark.parametrize("case", cases(CASES))
def test_exactly_these_problems(case, tmp_path):
    cohort, error = read(case, tmp_path)
    lines = expected_of(case)
    nobody_is_named(case, tmp_path, f"{error} {cohort.warnings if cohort is not None else getattr(error, 'problems', ())!r}")
    if lines[0]["severity"] == "plan":
        assert isinstance(error, PlanError), error or cohort
        assert error.exit_code == 2
        assert all(word in str(error) for word in lines[0]["advice"].split(" ... ")), error
        return
    if cohort is not None:
        problems = cohort.warnings
        assert cohort.source.rows == len(cohort)  # nobody is lost
    else:
        assert isinstance(error, CohortError), error
        assert error.exit_code == 3
        problems = error.problems
    left = list(problems)
    missing = []
    for line in lines:
        match = next((problem for problem in left if same(problem, line)), None)
        if match is None:
            missing.append(line)
        else:
            left.remove(match)
    different = [*missing, *left]
    assert not different, f"not told: {missing}\n\nnot expected:\n{told(left)}\n\nall:\n{told(problems)}"
    assert all(problem.severity == "error" for problem in problems) or cohort is not None
    assert all(problem.expected and problem.advice for problem in problems)


@pytest.mark.parametrize("case", cases([case for case in CASES if not case.startswith("centres/")][::6]))
def test_the_same_through_the_command_line(case, tmp_path):
    data, plan = files_of(case, tmp_path)
    _, error = read(case, tmp_path)
    done = CliRunner().invoke(main, ["check", str(data), "--plan", str(plan)])
    assert done.exit_code == (error.exit_code if error else 0), done.output
    assert done.stdout == ""
    assert "Traceback" not in done.output
    if error:
        assert str(error) in done.output
    nobody_is_named(case, tmp_path, done.output)
