"""A folder is written under a temporary name and then renamed, so that nothing half-made is left behind."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from haip_outcomes.errors import PlanError

MARK = "run.json"  # every report has one, and it says which version wrote it


def refuse_existing(target: Path, overwrite: bool) -> None:
    """Refuse a target that exists, unless it is an earlier report (or empty) and `overwrite` is said; or that can't be written.

    Raises
    ------
    PlanError : the target exists and may not be replaced, or lies where nothing can be written.
    """
    parent = next(folder for folder in target.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise PlanError(f"{target} can't be written: {parent} is no folder that may be written to. Name another --out.")
    if target.is_symlink() and not target.exists():
        raise PlanError(f"{target} is a link that leads nowhere. Name another --out.")
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not overwrite:
        raise PlanError(f"{target} exists. Name another --out, or say --overwrite to replace the earlier report.")
    others = _not_ours(target)
    if others:
        raise PlanError(f"{target} is not an earlier report and nothing else: it holds {', '.join(others[:3])}{', ...' if len(others) > 3 else ''}. "
                        "It is left alone; name another --out.")  # fmt: skip


def _not_ours(target: Path) -> list[str]:
    """What stands at the target and was not written by an earlier report."""
    if not target.is_dir():
        return ["a file"]
    try:
        run = json.loads((target / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        run = {}
    if not isinstance(run, dict) or "haip_outcomes" not in run:
        return sorted(path.name for path in target.iterdir())
    ours = {"index.html", MARK, "results.csv", "problems.csv", "verification.csv", "figures", "tables"}
    kinds = {"figures": {".pdf", ".png"}, "tables": {".csv"}}
    strange = [path.name for path in target.iterdir() if path.name not in ours]
    for folder, suffixes in kinds.items():
        strange += [f"{folder}/{path.name}" for path in (target / folder).glob("*") if path.suffix not in suffixes]
    return sorted(strange)


@contextmanager
def new_folder(target: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary folder beside `target` that takes its name when all has been written into it."""
    refuse_existing(target, overwrite)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise PlanError(f"{target} can't be written: {error.strerror}. Name another --out.") from None
    try:
        yield temporary
        temporary.chmod(0o755)
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
            target.rename(old / target.name)
            temporary.rename(target)
            shutil.rmtree(old)
        else:
            temporary.rename(target)
    finally:
        if temporary.exists():
            shutil.rmtree(temporary)
