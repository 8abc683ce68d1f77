"""A folder is written under a temporary name and then renamed, so that nothing half-made is left behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from haip_outcomes.errors import PlanError

MARK = "run.json"  # every report has one: what may be replaced is recognised by it


def refuse_existing(target: Path, overwrite: bool) -> None:
    """Refuse a target that exists, unless it is an earlier report (or empty) and `overwrite` is said; or that can't be written.

    Raises
    ------
    PlanError : the target exists and may not be replaced, or lies where nothing can be written.
    """
    parent = next(folder for folder in target.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise PlanError(f"{target} can't be written: {parent} is no folder that may be written to. Name another --out.")
    if target.is_dir() and (overwrite or not any(target.iterdir())):
        if not any(target.iterdir()) or (target / MARK).is_file():
            return
        raise PlanError(f"{target} is a folder with other files in it, not an earlier report; it is left alone. Name another --out.")
    if target.exists():
        raise PlanError(f"{target} exists. Name another --out, or say --overwrite to replace the earlier report.")


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
