"""What several tests share: a small plan and a small centre, by hand."""

import os
from pathlib import Path

import pytest
from small_centre import SMALL_PLAN

from haip_outcomes.registry.plan import Plan, make_plan

ROOT = Path(__file__).resolve().parents[1]
WORKBOOK = "Colorectal-Liver-Metastases-Clinical-data-October-2022.xlsx"

@pytest.fixture
def small_plan() -> Plan:
    return make_plan(SMALL_PLAN)


@pytest.fixture
def write(tmp_path):
    """Write a table, line by line, and return its path."""

    def _write(lines, name="small.csv"):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return _write


@pytest.fixture(scope="session")
def workbook() -> Path:
    """The public workbook of 197 resected patients; it is never part of the project."""
    places = [os.environ.get("HAIP_TCIA_WORKBOOK", ""), ROOT.parent / "shared" / "data" / "tcia-crlm" / WORKBOOK]
    for place in filter(None, places):
        if Path(place).is_file():
            return Path(place)
    pytest.skip("the TCIA workbook is not here: download it (cohorts/tcia_crlm/README.md) and set HAIP_TCIA_WORKBOOK to its path")
