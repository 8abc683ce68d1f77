"""The errors that the documentation states are those of the benchmark's page, and the page is what the benchmark makes."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MEASURED = ROOT / "benchmarks" / "RECONSTRUCTION.md"


def test_the_documentation_states_measured_errors():
    rows = [line for line in (ROOT / "docs" / "reconstruction.md").read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert len(rows) == 16
    measured = MEASURED.read_text(encoding="utf-8").splitlines()
    assert [row for row in rows if row not in measured] == []


@pytest.mark.slow
def test_the_measured_errors_are_what_the_benchmark_prints(workbook):
    made = subprocess.run([sys.executable, "benchmarks/reconstruction.py", "--print"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert made.strip() == MEASURED.read_text(encoding="utf-8").strip()
