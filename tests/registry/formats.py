"""One small cohort in every format: the same patients as text, sheet, parquet, SPSS and Stata file."""

import datetime

import pandas as pd
import pyreadstat
from small_centre import HEADER, ROWS

from haip_outcomes.registry.values.distinct_cells import cell_text

FORMATS = ("csv", "xlsx", "parquet", "sav", "zsav", "dta")
_DATES = ("pump", "liver", "imaging", "contact", "death")


def typed_frame():
    """The small centre as a program would hold it: numbers, dates and text."""
    rows = [row.replace("UNK", "9").split(",") for row in ROWS]
    frame = pd.DataFrame(rows, columns=HEADER.split(","))
    for column in _DATES:
        frame[column] = [datetime.date.fromisoformat(cell) if cell else None for cell in frame[column]]
    return frame.astype({"age": float, "sarcopenia": float})


def write_formats(folder, frame=None):
    """Write the frame in every format; the paths by format."""
    frame = typed_frame() if frame is None else frame
    paths = {suffix: folder / f"small.{suffix}" for suffix in FORMATS}
    frame.map(cell_text).to_csv(paths["csv"], index=False)
    frame.to_excel(paths["xlsx"], index=False)
    frame.to_parquet(paths["parquet"], index=False)
    pyreadstat.write_sav(frame, paths["sav"])
    pyreadstat.write_sav(frame, paths["zsav"], compress=True)
    pyreadstat.write_dta(frame, paths["dta"])
    return paths
