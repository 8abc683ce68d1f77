"""Adding a digitised curve to a centre's own file of figures: checked and reconstructed first, then written whole or not at all."""

from __future__ import annotations

import codecs
import json
import os
import re
import tempfile
import tomllib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.curves.checking import ReconstructionCheck, reconstruction_check
from haip_outcomes.benchmark.curves.clicked_points import read_at_risk, read_points
from haip_outcomes.benchmark.curves.given_numbers import shown
from haip_outcomes.benchmark.curves.registered import RegisteredCurve
from haip_outcomes.benchmark.file_tables import (
    groups_of,
    misplaced,
    parsed,
    path_given,
    sources_of,
    tables_of,
)
from haip_outcomes.benchmark.literature import make_figures, published
from haip_outcomes.benchmark.published_figure import Source
from haip_outcomes.errors import PlanError
from haip_outcomes.formatting import plural


@dataclass(frozen=True)
class Registered:
    """A curve that was added to a file: the curve, the file, and how well reconstructed patients meet what was read."""

    curve: RegisteredCurve
    path: Path
    check: ReconstructionCheck
    variance_refused: str
    doubt: str = ""

    @property
    def sentence(self) -> str:
        """What was done and how well it fits, for a person."""
        refused = f" It was {self.variance_refused}: it can be looked at and not tested against." if self.variance_refused else ""
        doubt = f" {self.doubt[:1].upper()}{self.doubt[1:]}." if self.doubt else ""
        return f"{self.curve.id} is in {self.path.name}. {self.check.sentence}{doubt}{refused}"


def register_curve(
    points_csv: str | Path | pd.DataFrame,
    at_risk_csv: str | Path | pd.DataFrame | None = None,
    *,
    into: str | Path,
    id: str,
    source: str,
    setting: str,
    endpoint: str,
    time_zero: str,
    read_from: str,
    n: int | None = None,
    events: int | None = None,
    citation: str = "",
    short: str = "",
    doi: str = "",
    pmid: str = "",
    competing: str | None = None,
    unit: str = "months",
    overlap: Sequence[str] = (),
    **words: Any,
) -> Registered:
    """Check a digitised curve, reconstruct its patients, and add it as `[[curve]]` to a centre's own file of figures.

    Parameters
    ----------
    points_csv : a file with the columns time and survival (probabilities), or two columns without a header; or a data frame with them.
    at_risk_csv : a file or a data frame with the columns time and n_risk; None where no numbers at risk are printed, then `n` is needed.
    into : the file of figures; made when it is not there. What stands in it is kept as it is, to the byte.
    id, source, setting, endpoint, time_zero, read_from : fields of `RegisteredCurve`. `source` is a key of the file's, or of the
        published figures' (its citation is then copied), or a new one, which needs its `citation`.
    competing : how deaths before the event were counted; for overall survival "not applicable", else "not stated" unless given.
    words : further fields of `RegisteredCurve`: time_zero_text, event, event_text, modality, population, subgroup, comparator, notes.

    Raises
    ------
    PlanError : a file can't be read, a field is wrong, the curve can't be reconstructed, the id is taken, or the file has problems
        of its own: then nothing is written.
    """
    path = path_given(into, "into")
    fields = {"id": id, "source": source, "setting": setting, "endpoint": endpoint, "time_zero": time_zero, "read_from": read_from, "unit": unit,
              "citation": citation, "short": short, "doi": doi, "pmid": pmid}  # fmt: skip
    _all_text(fields, overlap)
    points = read_points(points_csv)
    at_risk = None if at_risk_csv is None else read_at_risk(at_risk_csv)
    if n is None:
        if at_risk is None:
            raise PlanError("How many patients? Give n, or the numbers at risk.")
        n = int(at_risk["n_risk"].iloc[0])
    before = _bytes_of(path)
    content = _content(before, path)
    if competing is None:
        competing = "not applicable" if endpoint == "overall_survival" else "not stated"
    table: dict[str, Any] = {
        "id": id, "source": source, "setting": setting, "endpoint": endpoint, "time_zero": time_zero, "competing": competing, "unit": unit, "n": n,
        "events": events, "read_from": read_from, "overlap": [str(group) for group in overlap], **words,
        "points": [[float(t), float(s)] for t, s in points.to_numpy()],
        "at_risk": [] if at_risk is None else [[float(t), _whole(k)] for t, k in at_risk.to_numpy()],
    }  # fmt: skip
    table = {name: value for name, value in table.items() if not (value is None or (isinstance(value, (str, list, tuple)) and not len(value)))}
    taken = {str(one.get("id")) for kind in ("figure", "curve") for one in tables_of(content, kind)}
    if id in taken:
        raise PlanError(f'{path.name} has a figure or curve "{id}" already. Take another id, or take the old one out by hand.')
    if id in {*published().ids, *(one.id for one in published().curves)}:
        raise PlanError(f'A published figure has the id "{id}". Take another, for example "own-{id}".')
    cited = _cited(source, content, path, Source(key=source, short=short or source, citation=citation or "-", doi=doi, pmid=pmid), bool(citation))
    after = _extended(before.decode("utf-8-sig"), content, table, cited, path)
    try:
        joined = make_figures(tomllib.loads(after), path.name)
        published().with_own(joined)
    except PlanError as error:
        raise PlanError(f"{error}\nNothing was written.") from None
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{path.name} would no longer be valid TOML ({error}): write [sources.KEY] and [overlap_groups] as tables of their own. "
                        "Nothing was written.") from None  # fmt: skip
    curve = joined.curve(id)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the sentence says it
        patients = curve.patients()
    check = reconstruction_check(patients, curve.curve, curve.numbers_at_risk, events=curve.events)
    mark = codecs.BOM_UTF8 if before.startswith(codecs.BOM_UTF8) else b""
    _write_whole(path, mark + after.encode("utf-8"))
    return Registered(curve, path, check, patients.variance_refused, patients.doubt)


def _all_text(fields: dict[str, Any], overlap: Any) -> None:
    """Refuse what is no text where text is needed, and one name for a list of them."""
    wrong = [f"{name} must be text; it is {shown(value)}" for name, value in fields.items() if not isinstance(value, str)]
    if isinstance(overlap, str):
        wrong.append(f'overlap must be a list of overlap groups: write ["{overlap}"]')
    elif not isinstance(overlap, (list, tuple)) or not all(isinstance(group, str) for group in overlap):
        wrong.append(f"overlap must be a list of overlap groups, each a text; it is {shown(overlap)}")
    if wrong:
        raise PlanError("\n".join([f"{plural(len(wrong), 'problem')} in what the curve is given with:", *(f"  {line}" for line in wrong), "Nothing was written."]))


def _whole(value: float) -> int | float:
    """138.0 as 138; what is not whole stays, so that the checks can name it."""
    return int(value) if float(value).is_integer() else float(value)


def _bytes_of(path: Path) -> bytes:
    if not path.exists():
        return b""
    try:
        return path.read_bytes()
    except OSError as error:
        raise PlanError(f"{path} can't be read: {error.strerror}.") from None


def _content(before: bytes, path: Path) -> dict[str, Any]:
    content = parsed(before, path.name)
    wrong = misplaced(content)
    if wrong:
        raise PlanError("\n".join([f"{plural(len(wrong), 'problem')} in {path.name}:", *(f"  {line}" for line in wrong), "Mend it first; nothing was written."]))
    return content


def _cited(key: str, content: dict[str, Any], path: Path, given: Source, has_citation: bool) -> Source | None:
    """The source to be written, or None where the file has it."""
    here = sources_of(content).get(key)
    known = published().sources.get(key)
    there = here.get("citation") if here is not None else known.citation if known is not None else None
    if there is not None and has_citation and there != given.citation:
        where = f"{path.name} cites" if here is not None else "The published figures cite"
        raise PlanError(f'{where} "{key}" otherwise ({there}). Leave the citation out, or take another key.')
    if here is not None:
        return None
    if known is not None:
        return known
    if not has_citation:
        raise PlanError(f'"{key}" is a new source: give its citation.')
    return given


def _extended(text: str, content: dict[str, Any], table: dict[str, Any], cited: Source | None, path: Path) -> str:
    """The file's text with the source, its overlap groups and the curve after it."""
    known, here = published().overlap_groups, groups_of(content)
    wanted = dict.fromkeys([*(() if cited is None else cited.overlap), *table.get("overlap", ())])
    groups = {name: known[name] for name in wanted if name in known and name not in here}
    lines = "".join(f"{_key(name)} = {_toml(words)}\n" for name, words in groups.items())
    added = []
    if groups and "overlap_groups" in content:
        place = re.search(r"^[ \t]*\[[ \t]*overlap_groups[ \t]*\][^\n]*\n", text, flags=re.MULTILINE)
        if place is None:
            raise PlanError(f"{path.name}: add to its overlap groups, by hand:\n{lines}Nothing was written.")
        text = text[: place.end()] + lines + text[place.end() :]
    elif groups:
        added.append(f"[overlap_groups]\n{lines}")
    if cited is not None:
        fields = {name: value for name, value in cited.model_dump(exclude={"key"}).items() if value not in ("", ())}
        added.append(f"[sources.{_key(cited.key)}]\n{_table(fields)}")
    added.append(f"[[curve]]\n{_table(table)}")
    gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    return text + gap + "\n".join(added)


def _table(fields: dict[str, Any]) -> str:
    return "".join(f"{_key(name)} = {_toml(value)}\n" for name, value in fields.items())


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name)


def _toml(value: Any) -> str:
    """A value as TOML writes it; pairs of numbers six to a line."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (list, tuple)):
        items = [_toml(item) for item in value]
        if value and isinstance(value[0], (list, tuple)):
            rows = ["    " + ", ".join(items[i : i + 6]) + ",\n" for i in range(0, len(items), 6)]
            return f"[\n{''.join(rows)}]"
        return f"[{', '.join(items)}]"
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value)).lower()
    if isinstance(value, np.generic):  # repr would write the type's name
        value = value.item()
    if not isinstance(value, (int, float)):
        raise PlanError(f"{shown(value)} can't be written to a file of figures: give text, a number or a list of them. Nothing was written.")
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value)


def _write_whole(path: Path, content: bytes) -> None:
    """The file as it was, or as it shall be, whatever happens in between."""
    target = path.resolve()
    waiting = ""
    try:
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        handle, waiting = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(waiting, mode)
        os.replace(waiting, target)
    except OSError as error:
        if waiting and os.path.exists(waiting):
            os.unlink(waiting)
        raise PlanError(f"{path} can't be written: {error.strerror}.") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
