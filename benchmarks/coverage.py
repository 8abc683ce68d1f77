"""How often the intervals hold what they promise, and how often a sound centre is called worse: COVERAGE.md and coverage.csv.

    .venv/bin/python benchmarks/coverage.py                                 # all of it, under 20 minutes on one core
    .venv/bin/python benchmarks/coverage.py --sections medians funnels      # some, printed and not written
    .venv/bin/python benchmarks/coverage.py --replicates 200                # a look, printed and not written

Everything is done by the package's own functions, at 20, 34, 60 and 100 patients, with a fixed seed a section and size.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import coverage_report
import pandas as pd
from coverage_curves import hazard_ratios, incidences, landmarks, medians, proportions
from coverage_references import cusums, funnels, one_sample, predictions, survival_cusums
from coverage_rows import COLUMNS, Section
from coverage_verdicts import (
    differences,
    hazard_ratio_verdicts,
    landmark_verdicts,
    median_verdicts,
    proportion_verdicts,
)

FULL = 10_000
# name -> what makes it, and its part of the replicates: fewer where one takes long
SECTIONS: dict[str, tuple[Callable[[int], Section], float]] = {
    "medians": (medians, 1.0), "landmarks": (landmarks, 1.0), "incidence": (incidences, 0.2), "proportions": (proportions, 1.0),
    "hazard-ratios": (hazard_ratios, 0.4), "differences": (differences, 1.0), "proportion-verdicts": (proportion_verdicts, 1.0),
    "landmark-verdicts": (landmark_verdicts, 0.2), "median-verdicts": (median_verdicts, 0.2), "ratio-verdicts": (hazard_ratio_verdicts, 0.3),
    "one-sample": (one_sample, 0.25), "funnels": (funnels, 1.0), "cusum": (cusums, 1.0), "survival-cusum": (survival_cusums, 0.25),
    "prediction": (predictions, 0.3),
}  # fmt: skip


def main() -> None:
    """Run the sections asked for; the files are written only by a full run, or with --write."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--sections", nargs="+", choices=list(SECTIONS), default=list(SECTIONS))
    asked.add_argument("--replicates", type=int, default=FULL)
    asked.add_argument("--write", action="store_true", help="put these sections into the files, beside the others that are there")
    options = asked.parse_args()
    folder, parts = Path(__file__).parent, []
    for name in options.sections:
        make, share = SECTIONS[name]
        begun = time.process_time()
        frame = pd.DataFrame(make(max(int(options.replicates * share), 10)).rows, columns=COLUMNS)
        frame.insert(0, "part", name)
        frame["seconds"] = round(time.process_time() - begun)
        parts.append(frame)
        print(f"{name}: {len(frame)} rows in {time.process_time() - begun:.0f} s", file=sys.stderr, flush=True)
    found = pd.concat(parts, ignore_index=True)
    full = options.replicates == FULL and set(options.sections) == set(SECTIONS)
    if full or options.write:
        coverage_report.write(found, list(SECTIONS), folder)
        print(folder / "COVERAGE.md")
    else:
        print(coverage_report.tables(found))


if __name__ == "__main__":
    main()
