"""Measures one engine's trials, each in a process of its own: python worker.py ENGINE, with a trial a line on standard input.

The engine's library is loaded once; for every trial the process forks, and the child reads the patients, runs the trial on 300
of them (compiled code is then ready, or read from disk), collects garbage, and is READY. The first run is the one whose peak of
memory is kept: VmHWM, set back to what is resident before the call, less what is resident. Then it is repeated until
ENOUGH seconds are spent. The lines it prints are those of engines/r.R.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import inspect
import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    """Load the engine, say what can't be loaded, and fork once a line."""
    try:
        engine: Any = importlib.import_module(f"engines.{sys.argv[1]}")
    except Exception as error:
        engine = error
    say("LOADED")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                run(engine, **json.loads(line))
                code = 0
            except MemoryError:
                say("FAILED out of memory")
            except BaseException as error:
                traceback.print_exc(file=sys.stderr)
                say(f"FAILED {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:300])
            finally:
                sys.stdout.flush()
                os._exit(code)
        say(f"CHILD {child}")
        _, status = os.waitpid(child, 0)
        say(f"ENDED {os.waitstatus_to_exitcode(status)}")


def run(engine: Any, folder: str, trial: str, enough: float, most: int, long: float, limit_gb: float) -> None:
    """One trial, measured."""
    if isinstance(engine, Exception):
        raise engine
    from patients import read

    resource.setrlimit(resource.RLIMIT_AS, (int(limit_gb * 2**30),) * 2)
    make = getattr(engine, trial)
    data = read(Path(folder))
    more = (np.load(Path(folder) / "resamples.npy"),) if "rows" in inspect.signature(make).parameters else ()
    few = make(data.first(300), *(rows[:2] % min(300, len(data.time)) for rows in more))
    for _ in range(2):
        few.numbers(few.call(*(few.before() if few.before else ())))
    del few
    one = make(data, *more)
    settle()
    spent, repeats, wall = 0.0, 0, 0.0
    say("READY")
    while repeats == 0 or (repeats < most and wall < long and (repeats < 3 or spent < enough)):
        given = one.before() if one.before else ()
        if repeats == 0:
            settle()
            Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts again from what is resident
            resident = memory("VmRSS")
        cpu, start = time.process_time(), time.perf_counter()
        result = one.call(*given)
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        if repeats == 0:
            say(f"RUN {wall:.9g} {cpu:.9g} {memory('VmHWM') - resident:.6g}")
            for name, values in one.numbers(result).items():
                say(f"NUMBERS {name} {' '.join(repr(float(value)) for value in np.ravel(values))}")
        else:
            say(f"RUN {wall:.9g} {cpu:.9g}")
        del result, given
        gc.collect()
        spent, repeats = spent + wall, repeats + 1
    say("DONE")


def settle() -> None:
    """Give back what is free, so that it is not counted as there already."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def memory(field: str) -> float:
    """Megabytes of a field of /proc/self/status."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return float("nan")


def say(line: str) -> None:
    """At once: the driver keeps the time."""
    print(line, flush=True)


if __name__ == "__main__":
    main()
