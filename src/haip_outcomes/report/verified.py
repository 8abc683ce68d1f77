"""The report's last page: what was computed again by a second engine, and what has none; written anew by `haip-outcomes verify`."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from typing import Any

from haip_outcomes.errors import PlanError
from haip_outcomes.prognosis.verification.as_written import BEGIN, END
from haip_outcomes.prognosis.verification.verifying import Verification
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.render import render_chapter
from haip_outcomes.tables.verification_table import verification_tables

KEY, TITLE = "verification", "Verification"
_HOW = ("Each number is computed again from the patients' times and columns by engines that share no code with haip_outcomes, each asked only for what it is known to get "
        "right, and held to a relative difference of 1e-6.")  # fmt: skip


def not_verified(facts: Mapping[str, Any]) -> Chapter:
    """The last page of a report that nobody has verified yet, with the command."""
    chapter = Chapter(KEY, TITLE)
    chapter.say("Not verified yet: no second engine has computed these numbers again.", "key")
    chapter.say(f"{_HOW} To do it, in the folder that holds this report's: haip-outcomes verify REPORT --cohort {facts['cohort_file']} --plan plan.toml, with the name of this "
                "report's folder in place of REPORT. R with its packages survival and cmprsk is asked where Rscript is found; without it the others are asked.")  # fmt: skip
    return chapter


def verified(found: Verification, titles: Mapping[str, str]) -> Chapter:
    """The last page of a verified report; `titles` are the chapters' names by their keys."""
    chapter = Chapter(KEY, TITLE)
    first, *others = found.summary()
    chapter.say(first if found.passed else f"Verification failed. {first}", "key")
    for sentence in others:
        chapter.say(sentence)
    chapter.say(f"{_HOW} verification.csv has every number beside every engine's.", "note")
    for table in verification_tables(found, titles):
        chapter.show(table, table.name)
    return chapter


def renew_last_page(folder: Path, found: Verification) -> Path:
    """Write verification.csv into a report's folder and its last page anew; all else stays as it is. Returns the page's path.

    verification.csv is written first: where the page was deleted, or has no place for it, it still has every number.

    Raises PlanError when the page has no place for it, or nothing can be written.
    """
    page = folder / "index.html"
    _replace(folder / "verification.csv", found.tidy().to_csv(index=False, float_format="%.17g", lineterminator="\n"), "utf-8-sig")
    try:
        html = page.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise PlanError(f"{page} can't be read ({type(error).__name__}): make the report anew with haip-outcomes analyse.") from None
    before, begin, rest = html.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not begin or not end:
        raise PlanError(f"{page} has no last page for the verification: it was edited, or made by an earlier version. Make the report anew with haip-outcomes analyse.")
    titles = {key: unescape(title) for key, title in re.findall(r'<section id="([^"]+)" class="chapter">\s*<h2>\d+\. (.*?)</h2>', before)}
    number = re.search(r"<h2>(\d+)\.", old)
    tables = [int(k) for k in re.findall(r"<caption>Table (\d+)\.", before)]
    section = render_chapter(verified(found, titles), int(number.group(1)) if number else len(titles) + 1, max(tables, default=0) + 1)
    _replace(page, f"{before}{BEGIN}\n{section}\n{END}{after}", "utf-8")
    return page


def _replace(path: Path, text: str, encoding: str) -> None:
    """A file written under another name and then renamed, so that nobody finds half of it."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding=encoding, newline="") as file:
                file.write(text)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise PlanError(f"{path} can't be written: {error.strerror}. The report itself is as it was.") from None
