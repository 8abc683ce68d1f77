"""Processes that measure, and who watches over them: one core, one thread, a minute, a limit of memory."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from environments import HERE, python_of, surroundings

MINUTE = 60.0
MEMORY_GB = 12.0


@dataclass(frozen=True)
class Patience:
    """Repeat until `enough` seconds are spent, at least 3 and at most `most` times; only once what takes `long` seconds."""

    enough: float
    most: int
    long: float


@dataclass
class Measured:
    """What a process said of a trial. `status`: "ok", "over 60 s", "out of memory", "not available" or "failed"."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: float = float("nan")
    numbers: dict[str, list[float]] = field(default_factory=dict)
    status: str = "failed"
    said: str = ""

    def take(self, line: str) -> None:
        """One line of worker.py or r.R."""
        word, _, rest = line.partition(" ")
        if word == "RUN":
            values = [float(value) for value in rest.split()]
            self.wall.append(values[0])
            self.cpu.append(values[1])
            if len(values) > 2:
                self.peak = values[2]
        elif word == "NUMBERS":
            name, *values_ = rest.split()
            self.numbers[name] = [float(value) if value != "NA" else float("nan") for value in values_]
        elif word == "DONE":
            self.status = "ok"
        elif word == "FAILED":
            missing = any(word in rest for word in ("has no attribute", "unexpected keyword argument", "ModuleNotFoundError"))
            memory = "out of memory" in rest or "Unable to allocate" in rest or "bad_alloc" in rest
            self.status = "out of memory" if memory else "not available" if missing else "failed"
            self.said = rest


def _bounded(core: int, memory: bool) -> Callable[[], None]:
    def bound() -> None:
        os.sched_setaffinity(0, {core})
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (int(MEMORY_GB * 2**30),) * 2)

    return bound


class _Lines:
    """A process's lines, with a time limit for each."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self.descriptor = process.stdout.fileno()
        self.rest = b""

    def next(self, deadline: float) -> str | None:
        """The next line; None when the time is over; "" at the end of the output."""
        while b"\n" not in self.rest:
            ready, _, _ = select.select([self.descriptor], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                return None
            more = os.read(self.descriptor, 1 << 16)
            if not more:
                return ""
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode() or " "


class PythonEngine:
    """worker.py with one engine's library loaded, waiting for trials."""

    def __init__(self, engine: str, core: int) -> None:
        self.engine, self.core = engine, core
        self._open()

    def _open(self) -> None:
        self.process = subprocess.Popen(
            [python_of(self.engine), str(HERE / "worker.py"), self.engine], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=surroundings(), preexec_fn=_bounded(self.core, False), cwd=HERE)  # fmt: skip
        self.lines = _Lines(self.process)
        while self.lines.next(time.monotonic() + 2 * MINUTE) not in ("LOADED", None, ""):
            pass

    def run(self, folder: Path, trial: str, patience: Patience) -> Measured:
        """Measure one trial in a child of the worker."""
        measured, child, deadline = Measured(), 0, time.monotonic() + 2 * MINUTE
        order = {"folder": str(folder), "trial": trial, "enough": patience.enough, "most": patience.most,
                 "long": patience.long, "limit_gb": MEMORY_GB}  # fmt: skip
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()
        while True:
            line = self.lines.next(deadline)
            if line is None:
                if measured.status != "ok":
                    measured.status = "over 60 s" if not measured.wall else "ok"
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                deadline = time.monotonic() + MINUTE
            elif line.startswith("CHILD"):
                child = int(line.split()[1])
            elif line in ("READY",) or line.startswith("RUN"):
                measured.take(line)
                deadline = time.monotonic() + MINUTE
            elif line.startswith("ENDED"):
                if measured.status == "failed" and not measured.said:
                    code = int(line.split()[1])
                    measured.status = "out of memory" if code in (-6, -9) else "failed"
                    measured.said = f"ended with {code}"
                return measured
            elif line == "":
                measured.said = measured.said or "the worker ended"
                self._open()
                return measured
            else:
                measured.take(line)

    def close(self) -> None:
        """No more trials."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)


class REngine:
    """r.R, a fresh process a trial."""

    def __init__(self, core: int) -> None:
        self.core = core

    def run(self, folder: Path, trial: str, patience: Patience) -> Measured:
        """Measure one trial."""
        measured = Measured()
        with tempfile.TemporaryFile() as errors:
            command = ["Rscript", "--vanilla", str(HERE / "engines" / "r.R"), str(folder), trial,
                       str(patience.enough), str(patience.most), str(patience.long)]  # fmt: skip
            try:
                process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=surroundings(),
                                           preexec_fn=_bounded(self.core, True))  # fmt: skip
            except FileNotFoundError:
                return Measured(status="not available", said="there is no Rscript")
            lines, deadline = _Lines(process), time.monotonic() + 2 * MINUTE
            while (line := lines.next(deadline)) not in (None, ""):
                measured.take(line)
                if line.startswith(("READY", "RUN")):
                    deadline = time.monotonic() + MINUTE
            if line is None:
                measured.status = "over 60 s" if not measured.wall else "ok"
                process.kill()
            process.wait()
            errors.seek(0)
            text = errors.read().decode(errors="replace")
            if measured.status == "failed":
                measured.said = " ".join(text.split())[-300:]
                if "cannot allocate" in text or "memory exhausted" in text:
                    measured.status = "out of memory"
                elif "there is no package" in text:
                    measured.status = "not available"
        return measured

    def close(self) -> None:
        """Nothing is kept open."""


@contextlib.contextmanager
def engines(names: set[str], core: int) -> Iterator[dict[str, PythonEngine | REngine]]:
    """All engines, loaded, and closed at the end."""
    opened: dict[str, PythonEngine | REngine] = {}
    try:
        for name in sorted(names):
            opened[name] = REngine(core) if name == "r" else PythonEngine(name, core)
        yield opened
    finally:
        for engine in opened.values():
            engine.close()
