"""How long a large registry takes to read and check, beside plain pandas: 100,000 patients and a million related rows.

    python benchmarks/registry.py              writes benchmarks/REGISTRY.md (some minutes, 3 GB of memory; Linux)
    python benchmarks/registry.py --patients 5000 --repeats 1 --out build/registry/REGISTRY.md

Every reading is a process of its own on one core, warm disk, imports of the package and of pandas before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TASKS = {"csv": "four csv files", "redcap": "one raw REDCap export"}
TARGET = 3.0
_COUNTED = ("progression_date", "last_look", "first_cycle", "age", "bmi", "muscle_index", "risk_score", "burden_score")


def main() -> None:
    """Make the files, measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--core", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "registry")
    parser.add_argument("--out", type=Path, default=HERE / "REGISTRY.md")
    parser.add_argument("--only", choices=list(TASKS))
    parser.add_argument("--worker", nargs=3, metavar=("READER", "TASK", "FILE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        print(json.dumps(_read(*given.worker)))
        return
    files = _files(given.patients, given.folder)
    runs = {(task, reader): [] for task in TASKS if given.only in (None, task) for reader in ("pandas", "haip_outcomes")}
    for _ in range(given.repeats):
        for task, reader in runs:  # in turn, so that a busy minute of the machine meets all of them
            runs[task, reader].append(_measured(reader, task, files[task], given.core))
            print(task, reader, runs[task, reader][-1], file=sys.stderr)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(_page(runs, files, given.patients), encoding="utf-8")
    print(given.out)


def _files(n: int, folder: Path) -> dict[str, Path]:
    """The files, made once for each number of patients."""
    from registry_files import tables, write_csv, write_redcap

    place = folder / str(n)
    files = {"csv": place / "csv" / "cohort.csv", "redcap": place / "redcap" / "export.csv"}
    made = tables(n)  # always: the plans may have changed since
    write_csv(made, place / "csv")
    write_redcap(made, place / "redcap")
    return files


def _measured(reader: str, task: str, file: Path, core: int) -> dict[str, float]:
    environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    done = subprocess.run([sys.executable, str(HERE / "registry.py"), "--worker", reader, task, str(file)], env=environment, capture_output=True, text=True, check=False,
                          preexec_fn=lambda: os.sched_setaffinity(0, {core}))  # fmt: skip
    if done.returncode:
        sys.exit(f"{reader}, {task}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _read(reader: str, task: str, file: str) -> dict[str, float]:
    """One reading, in a process of its own: seconds, peak memory in MB, and numbers that both readers must agree on."""
    if reader == "pandas":
        import registry_pandas

        before = time.perf_counter()
        frame, related = (registry_pandas.read_csv_files if task == "csv" else registry_pandas.read_export)(Path(file))
    else:
        import haip_outcomes.registry.read as registry

        before = time.perf_counter()
        cohort = registry.read_cohort(file, Path(file).parent / "plan.toml")
        frame, related = cohort.frame, cohort.tables
    seconds = time.perf_counter() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "MB": peak, **_numbers(frame, related)}


def _numbers(frame, related) -> dict[str, float]:
    """What both readers must have read alike: rows, and sums of derived columns (of dates, in days)."""
    found: dict[str, float] = {"patients": len(frame), **{name: len(rows) for name, rows in related.items()}}
    for name in _COUNTED:
        values = frame[name].dropna()
        days = values.to_numpy("datetime64[D]").astype(int) if values.dtype.kind == "M" else values.to_numpy(float)
        found[name] = round(float(days.sum()), 3)
    return found


def _page(runs: dict[tuple[str, str], list[dict[str, float]]], files: dict[str, Path], n: int) -> str:
    import pandas as pd

    import haip_outcomes

    lines = ["# A large registry, beside plain pandas", "",
             f"Written by `benchmarks/registry.py`. {n:,} invented patients with {sum(runs[next(iter(runs))][0][name] for name in ('complications', 'cycles', 'imaging')):,.0f} related "
             "rows (complications, cycles, imaging), the standard plan (`cohorts/haip_registry/plan.toml`) with all derived columns and all clinical checks. "
             "`read_cohort` against pandas as a careful analyst would write it for these very files (`registry_pandas.py`): types, labels, known codes, merging, "
             "the same derived columns, and the checks that are usually written by hand; it stops at the first fault and names no row.", "",
             f"One core, every reading in a fresh process, {len(runs[next(iter(runs))])} times in turn: median (least to most). The target is at most {TARGET:g} times pandas.", "",
             "| files | reader | seconds | times pandas | peak memory, MB |", "|---|---|---|---|---|"]  # fmt: skip
    for task in dict.fromkeys(task for task, _ in runs):
        base = median(run["seconds"] for run in runs[task, "pandas"])
        size = sum(path.stat().st_size for path in files[task].parent.glob("*.csv")) / 1e6
        for reader in ("pandas", "haip_outcomes"):
            own = runs[task, reader]
            seconds = [run["seconds"] for run in own]
            lines.append(f"| {TASKS[task]} ({size:.0f} MB) | {reader} | {median(seconds):.1f} ({min(seconds):.1f} to {max(seconds):.1f}) | {median(seconds) / base:.2f} | "
                         f"{median(run['MB'] for run in own):.0f} |")  # fmt: skip
        differ = [name for name in own[0] if name not in ("seconds", "MB") and abs(own[0][name] - runs[task, "pandas"][0][name]) > 1e-6 * abs(own[0][name])]
        if differ:
            lines += ["", f"**{TASKS[task]}: the readers differ in {', '.join(differ)}.**", ""]
    lines += ["", f"Both readers gave the same rows and the same sums of {', '.join(_COUNTED)}." if "differ in" not in "\n".join(lines) else "", "",
              f"haip_outcomes {haip_outcomes.__version__}, pandas {pd.__version__}, Python {platform.python_version()}, {_processor()}.", ""]  # fmt: skip
    return "\n".join(lines)


def _processor() -> str:
    try:
        names = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
