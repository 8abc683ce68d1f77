"""The peers' virtual environments, made under build/bench, and the versions of everything that is measured."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORK = HERE.parent / "build" / "bench"
OURS = "haip"
_ENVIRONMENT = {"comprisk": "comprisk"}  # every other engine lives in "peers"

# One thread, whoever asks.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1")  # fmt: skip


def python_of(engine: str) -> Path | str:
    """The interpreter in which an engine is measured; haip_outcomes in the one that runs this."""
    if engine == OURS:
        return sys.executable
    return WORK / "environments" / _ENVIRONMENT.get(engine, "peers") / "bin" / "python"


def prepare() -> None:
    """Make the environments that are missing or whose requirements have changed."""
    for requirements in sorted((HERE / "requirements").glob("*.txt")):
        folder = WORK / "environments" / requirements.stem
        mark = folder / "requirements.sha256"
        wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
        if mark.exists() and mark.read_text() == wanted:
            continue
        print(f"making the environment of {requirements.stem}", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements],
                       check=True, stderr=subprocess.DEVNULL)  # fmt: skip
        mark.write_text(wanted)


def surroundings(core: int | None = None) -> dict[str, str]:
    """The variables that a measured process gets: one thread, and its own cache of compiled kernels."""
    return {**os.environ, **ONE_THREAD, "NUMBA_CACHE_DIR": str(WORK / "kernels"), "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"}


def versions() -> dict[str, str]:
    """Package: version, of all that is compared and of what it stands on."""
    found = {"haip_outcomes": version("haip_outcomes"), "Python": platform.python_version()}
    found |= {name: version(name) for name in ("numpy", "pandas", "numba")}
    for requirements in sorted((HERE / "requirements").glob("*.txt")):
        names = re.findall(r"^([\w-]+)[=<>]", requirements.read_text(), re.M)
        code = "import sys, importlib.metadata as m; print('\\n'.join(n + ' ' + m.version(n) for n in sys.argv[1:]))"
        python = WORK / "environments" / requirements.stem / "bin" / "python"
        answer = subprocess.run([python, "-c", code, *names], capture_output=True, text=True, check=False).stdout
        found |= {"numba beside the peers" if name == "numba" else name: number
                  for name, number in (line.split() for line in answer.splitlines())}  # fmt: skip
    code = 'cat("R", as.character(getRversion()), "\\n"); for (p in c("survival", "cmprsk", "mice")) cat("R:", p, " ", as.character(packageVersion(p)), "\\n", sep = "")'
    try:
        answer = subprocess.run(["Rscript", "-e", code], capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        answer = ""
    found |= {line.rsplit(maxsplit=1)[0]: line.rsplit(maxsplit=1)[1] for line in answer.splitlines()}
    return found


def machine() -> str:
    """What it ran on, without its name."""
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    kilobytes = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    memory = int(kilobytes.group(1)) / 2**20 if kilobytes else float("nan")
    return f"one core of {os.cpu_count()} ({model.group(1).strip() if model else platform.machine()}), {memory:.0f} GB, {platform.system()}"
