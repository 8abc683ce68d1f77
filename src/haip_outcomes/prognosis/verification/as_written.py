"""Is a report still as it was written? The SHA-256 of each of its files stands in run.json, and is taken again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haip_outcomes.errors import PlanError
from haip_outcomes.formatting import plural

BEGIN, END = "<!-- verification: begin -->", "<!-- verification: end -->"  # in index.html, around the section that verify writes anew
FILES = "files"  # of run.json: file -> SHA-256
_RUN, _PAGE = "run.json", "index.html"
_ALWAYS = (_PAGE, "results.csv", "problems.csv")
_FOLDERS = ("tables", "figures")
_STRAY = ("thumbs.db", "desktop.ini")  # what Windows leaves behind; other systems' begin with a dot, an office program's with ~$
_MOST = 8  # files named of a kind


def fingerprints(folder: Path, run: Mapping[str, Any]) -> dict[str, str]:
    """The SHA-256 of a report's files by their names: of the page without its verification, of the run without these hashes.

    Raises PlanError when a file can't be read.
    """
    own = [folder / name for name in _ALWAYS]
    for name in _FOLDERS:
        own += sorted(path for path in (folder / name).rglob("*") if not path.name.startswith((".", "~$")) and path.name.casefold() not in _STRAY)
    found = {}
    for path in own:
        if not path.is_file():
            continue
        try:
            content = path.read_bytes()
        except OSError as error:
            raise PlanError(f"{path} can't be read: {error.strerror}.") from None
        found[path.relative_to(folder).as_posix()] = hashlib.sha256(_without_verification(content) if path.name == _PAGE else content).hexdigest()
    return found | {_RUN: _of_run(run)}


def altered(folder: Path, run: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    """Sentences that name what was changed, deleted or added since the report was written; and what is to be said where nothing was."""
    if FILES not in run:
        return (), "Whether the report's files are still as they were written can't be said: it was made before run.json held their hashes."
    written = run[FILES]
    if not isinstance(written, dict) or any(name not in written for name in (*_ALWAYS, _RUN)):
        return (_sentence([_RUN], "changed"), "Its hashes of the report's files are not whole."), ""
    now = fingerprints(folder, run)
    names = list(dict.fromkeys([*_ALWAYS, _RUN, *written, *now]))  # the page and the numbers first
    kinds = {"changed": [name for name in names if name in written and name in now and written[name] != now[name]],
             "deleted": [name for name in names if name not in now], "added": [name for name in names if name not in written]}  # fmt: skip
    told = tuple(_sentence(which, what) for what, which in kinds.items() if which)
    if not told:
        return (), f"{plural(len(now), 'file')} of the report, the page among them, {'is' if len(now) == 1 else 'are'} as the report wrote them."
    return (*told, "What stands there now may not be what was computed: make the report anew with haip-outcomes analyse."), ""


def _sentence(names: list[str], what: str) -> str:
    shown = [name if name.isprintable() else ascii(name) for name in names]
    spreadsheet = " (opened and saved in a spreadsheet?)" if what == "changed" and any(name.endswith(".csv") for name in names) else ""
    return f"{and_others(shown)} {'was' if len(names) == 1 else 'were'} {what} after the report was made{spreadsheet}."


def and_others(names: list[str], most: int = _MOST) -> str:
    """The first of many, and how many more there are: "1, 2 and 5 others"."""
    if len(names) <= most + 1:
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{', '.join(names[:most])} and {len(names) - most} others"


def _without_verification(page: bytes) -> bytes:
    """The page without what verify writes into it; how lines end does not count, as systems differ in it."""
    page = page.replace(b"\r\n", b"\n")
    before, begin, rest = page.partition(BEGIN.encode())
    _, end, after = rest.partition(END.encode())
    return before + begin + end + after if begin and end else page


def _of_run(run: Mapping[str, Any]) -> str:
    facts = {name: value for name, value in run.items() if name != FILES}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
