"""`make bench`: everyone, side by side, in one run; writes benchmarks/RESULTS.md and results.csv.

    python benchmarks/run.py                                  all of it
    python benchmarks/run.py --tasks cox gray --sizes 1000 --engines haip r     a part, printed and not written
    python benchmarks/run.py --quick                          10^3 and 10^4 patients, few repeats, not written
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import patients
import report
import startup
from environments import HERE, prepare
from processes import MEMORY_GB, Measured, Patience, engines
from results import Result, table
from tasks import SIZES, TASKS, Contestant, Setting, Task

FULL = {1_000: Patience(0.1, 25, 1), 10_000: Patience(0.2, 15, 2), 100_000: Patience(0.5, 9, 2), 1_000_000: Patience(1.5, 7, 2.5)}
QUICK = Patience(0.05, 3, 1)
SHORT = Patience(0.3, 50, 5)  # small cohorts
HOPELESS = 75  # seconds that its growth so far promises


def main() -> None:
    """Read what is asked for, measure it, and write or print it."""
    asked = _arguments()
    began = time.monotonic()
    prepare()
    core = max(os.sched_getaffinity(0))
    chosen = [task for task in TASKS if not asked.tasks or task.name in asked.tasks]
    results: list[Result] = []
    names = {c.engine for task in chosen for c in task.contestants if not asked.engines or c.engine in asked.engines}
    with tempfile.TemporaryDirectory() as folder, engines(names, core) as ready:
        for task in chosen:
            for setting in _settings(task, asked):
                place = Path(folder) / setting.name
                if not place.exists() or setting.replicates:
                    patients.write(place, patients.make(setting.n, setting.kind, setting.p), setting.replicates)
                for contestant in task.contestants:
                    if contestant.engine in ready:
                        measured = _foreseen(results, task, setting, contestant)
                        measured = measured or ready[contestant.engine].run(place, contestant.trial, _patience(task, setting, contestant, asked))
                        results.append(Result(task, setting, contestant, measured))
                        _tell(results[-1])
    begun = startup.measure(core, repeats=2 if asked.quick else 5, only=asked.engines) if not asked.tasks or "startup" in asked.tasks else pd.DataFrame()
    frame = table(results)
    minutes = (time.monotonic() - began) / 60
    part = bool(asked.tasks or asked.sizes or asked.engines or asked.quick)
    if part:
        print(report.plain(frame, begun))
    if asked.out or not part:
        report.write(frame, begun, minutes, asked.out or HERE)
    print(f"{minutes:.1f} minutes", file=sys.stderr)


def _arguments() -> argparse.Namespace:
    names = sorted({c.engine for task in TASKS for c in task.contestants})
    parser = argparse.ArgumentParser(description="Speed and memory beside R and the Python peers. Any option makes it a part: printed, not written.")
    parser.add_argument("--tasks", nargs="+", choices=[*(task.name for task in TASKS), "startup"], metavar="TASK",
                        help=", ".join([*(task.name for task in TASKS), "startup"]))  # fmt: skip
    parser.add_argument("--sizes", nargs="+", type=int, metavar="N", help="of 1000, 10000, 100000, 1000000 (or of the small cohorts)")
    parser.add_argument("--engines", nargs="+", choices=names, metavar="ENGINE", help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="10^3 and 10^4 patients, few repeats")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write both files there instead, also of a part")
    return parser.parse_args()


def _settings(task: Task, asked: argparse.Namespace) -> list[Setting]:
    sizes = asked.sizes or (SIZES[:2] if asked.quick and task.large else None)
    return [setting for setting in task.settings if not sizes or setting.n in sizes]


def _patience(task: Task, setting: Setting, contestant: Contestant, asked: argparse.Namespace) -> Patience:
    """What the targets rest on, R and ours, is repeated even where it takes seconds."""
    if asked.quick:
        return QUICK
    patience = FULL[setting.n] if task.large else SHORT
    return replace(patience, long=10) if contestant.is_r or contestant.ours else patience


def _foreseen(results: list[Result], task: Task, setting: Setting, contestant: Contestant) -> Measured | None:
    """Not started: it was stopped with fewer patients, or what it took then and its growth promise well over a minute."""
    if not task.large:
        return None
    before = sorted((one for one in results if one.task is task and one.contestant is contestant and one.setting.kind == setting.kind
                     and one.setting.n < setting.n), key=lambda one: one.setting.n)  # fmt: skip
    if not before:
        return None
    last = before[-1]
    if last.measured.status == "failed":
        return None
    if last.measured.status != "ok":
        return Measured(status=last.measured.status, said="not started")
    growth = max(last.seconds / before[-2].seconds, 10.0) if len(before) > 1 and before[-2].measured.status == "ok" else 10.0
    fills = last.seconds < 5 and last.measured.peak * 10 > 1000 * MEMORY_GB / 2  # then it is memory that ends it, and soon
    if last.seconds > 1 and last.seconds * growth > HOPELESS and not fills:
        return Measured(status="over 60 s", said=f"not started: {last.seconds:.0f} s with a tenth of the patients, {growth:.0f} times those of a hundredth")
    return None


def _tell(one: Result) -> None:
    """Progress, on standard error."""
    found = f"{one.seconds:.4g} s, {one.measured.peak:.0f} MB" if one.measured.status == "ok" else f"{one.measured.status} {one.measured.said}"
    print(f"{one.task.name:15} {one.setting.name:20} {one.contestant.label:38} {found}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
