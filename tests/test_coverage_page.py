"""The table of coverage: as its script makes it, exact methods at least nominal, and every liberal one named in the documentation."""

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "benchmarks"
SIZES = {20, 34, 60, 100}


@pytest.fixture(scope="module")
def report():
    sys.path.insert(0, str(FOLDER))
    try:
        import coverage_report
        import coverage_rows

        coverage_report.rows = coverage_rows
        return coverage_report
    finally:
        sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def rows(report):
    return report.read(FOLDER / "coverage.csv")


def test_the_page_is_made_from_the_rows(report, rows):
    assert (FOLDER / "COVERAGE.md").read_text(encoding="utf-8") == report.page(rows)


def test_exact_methods_are_at_least_nominal(rows):
    exact = rows[rows["exact_method"].astype(bool)]
    assert len(exact)
    assert set(exact["word"]) == {"at least nominal"}


def test_every_size_and_section_is_there(rows):
    assert {"medians", "landmarks", "incidence", "proportions", "differences", "proportion-verdicts", "landmark-verdicts", "median-verdicts",
            "ratio-verdicts", "hazard-ratios", "one-sample", "funnels", "cusum", "survival-cusum", "prediction"} <= set(rows["part"])  # fmt: skip
    for part, own in rows.groupby("part"):
        if part != "prediction":  # by the number of sources
            assert set(own["n"]) >= SIZES, part
    many = rows[rows["replicates"] > 0].groupby("part")["replicates"].max()  # fewer in a row where some have no interval
    assert (many[["medians", "landmarks", "cusum"]] >= 10_000).all()
    assert many.min() >= 1000


def test_the_documentation_names_every_liberal_method(rows):
    text = " ".join((ROOT / "docs" / "literature.md").read_text(encoding="utf-8").split())
    found = rows.loc[rows["word"].str.lower() == "liberal", ["section", "method"]].drop_duplicates()
    assert len(found)
    missing = [f"{section}: {method}" for section, method in found.itertuples(index=False) if method not in text]
    assert not missing


def test_the_words(report):
    coverage_rows = report.rows
    section = coverage_rows.Section("made up")
    low, high = np.array([0.0, 1.5, np.nan, 0.0]), np.array([2.0, np.nan, np.nan, 0.5])
    section.covered("m", "s", 20, 1.0, low, high)  # of three intervals one covers, one lies above the truth, one below
    (row,) = section.rows
    assert (row["found"], row["truth_below"], row["truth_above"], row["none"]) == pytest.approx((1 / 3, 1 / 3, 1 / 3, 0.25))
    assert row["word"] == "liberal"
    words = [coverage_rows._word("coverage", 0.95, found, 0.002, exact) for found, exact in
             ((0.93, False), (0.9299, False), (0.971, False), (0.945, True), (0.94, True))]  # fmt: skip
    assert words == ["within 2 points", "liberal", "conservative", "at least nominal", "LIBERAL"]
    assert coverage_rows._word("false alarms", 0.05, 0.071, 0.0, False) == "liberal"
