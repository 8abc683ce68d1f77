"""Table: cells of text with a title and footnotes, which become HTML, CSV or a data frame."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from haip_outcomes.errors import HaipError

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 10pt/1.35 Arial, Helvetica, "DejaVu Sans", sans-serif; color: #000; margin: 1.5em; }}
table {{ border-collapse: collapse; border-bottom: 1.5px solid #000; }}
caption {{ text-align: left; font-weight: bold; padding-bottom: .5em; }}
th, td {{ padding: .15em .7em; text-align: right; vertical-align: baseline; white-space: nowrap; font-weight: normal; }}
th:first-child, td.text {{ text-align: left; white-space: normal; }}
thead th {{ font-weight: bold; vertical-align: bottom; text-align: right; }}
thead th:first-child, thead th.text {{ text-align: left; }}
thead tr:first-child th, thead tr:first-child td {{ border-top: 1.5px solid #000; }}
thead tr:last-child th {{ border-bottom: .75px solid #000; }}
thead th.spanner {{ text-align: center; border-bottom: .75px solid #000; }}
.footnotes {{ font-size: 8pt; max-width: 48em; margin: .5em 0 0; }} .footnotes p {{ margin: .15em 0; }}
@media print {{ @page {{ size: A4; margin: 18mm; }} body {{ margin: 0; }} table {{ font-size: 8pt; }} th, td {{ padding: .1em .45em; }} thead th.spanner {{ white-space: normal; }} .footnotes {{ max-width: none; }} }}
</style></head><body>
{table}
</body></html>
"""

LONG = 12  # rows: a longer table may break over two printed pages


@dataclass(frozen=True)
class Table:
    """A table as it is printed. Every cell is text; nothing in it is computed again.

    name : file name without a suffix.
    title : what the table shows; becomes the HTML caption.
    header : names of the columns; the first column names the rows.
    rows : cells, as many in a row as the header has. An empty cell is empty text.
    footnotes : sentences under the table, in order.
    indents : how far each row is indented (0 a characteristic, 1 a level of it); empty means no row is.
    spanners : headings above the header, each with the number of columns it spans; together they span all.
    text_columns : numbers of the columns, besides the first, that hold words rather than numbers.

    Raises HaipError when the numbers of cells do not agree.

    >>> table = Table("t1", "Patients", ("Characteristic", "n = 60"), (("Sarcopenia", ""), ("Yes", "29 (48%)")), indents=(0, 1))
    >>> table.frame()["n = 60"].tolist()
    ['', '29 (48%)']
    """

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    footnotes: tuple[str, ...] = ()
    indents: tuple[int, ...] = ()
    spanners: tuple[tuple[str, int], ...] = ()
    text_columns: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for i, row in enumerate(self.rows):
            if len(row) != len(self.header):
                raise HaipError(
                    f'Table "{self.name}": row {i + 1} has {len(row)} cells and the header {len(self.header)}.'
                )
        if self.indents and len(self.indents) != len(self.rows):
            raise HaipError(f'Table "{self.name}": {len(self.indents)} indents for {len(self.rows)} rows.')
        if self.spanners and sum(span for _, span in self.spanners) != len(self.header):
            raise HaipError(f'Table "{self.name}": the spanners do not span its {len(self.header)} columns.')

    def indent(self, row: int) -> int:
        """How far a row is indented."""
        return self.indents[row] if self.indents else 0

    @property
    def column_names(self) -> tuple[str, ...]:
        """The header with its spanners: "Univariable: HR (95% CI)"; what a flat file needs to tell columns apart."""
        above = [text for text, span in self.spanners for _ in range(span)] or [""] * len(self.header)
        return tuple(f"{top}: {name}" if top else name for top, name in zip(above, self.header, strict=True))

    def frame(self) -> pd.DataFrame:
        """The cells as a data frame of text; levels keep their indentation as four spaces."""
        cells = [("    " * self.indent(i) + row[0], *row[1:]) for i, row in enumerate(self.rows)]
        return pd.DataFrame(cells, columns=list(self.column_names), dtype=object)

    def to_csv(self, path: str | Path) -> Path:
        """Write the cells (no title, no footnotes) as CSV in UTF-8 that a spreadsheet opens; returns the path.

        A cell that a spreadsheet would run as a formula gets an apostrophe before it.
        """
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        frame = self.frame()
        with file.open("w", encoding="utf-8-sig", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow([_inert(name) for name in frame.columns])
            writer.writerows([[_inert(cell) for cell in row] for row in frame.itertuples(index=False)])
        return file

    def to_html(self, *, page: bool = False) -> str:
        """The table as HTML: a fragment for a report, or with `page` a whole page that opens in a browser or Word.

        The title is its caption, column and row names are `th` with a scope, footnotes stand below; all text is escaped.
        """
        head = [f"<tr>{''.join(self._spanner_cells())}</tr>"] if self.spanners else []
        names = "".join(
            f'<th scope="col"{_class(self._kind(j))}>{unbroken(escape(name))}</th>'
            for j, name in enumerate(self.header)
        )
        head.append(f"<tr>{names}</tr>")
        body = [self._html_row(i) for i in range(len(self.rows))]
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.footnotes)
        html = "\n".join([
            f'<div class="table{" long" if len(self.rows) > LONG else ""}"><table id="table-{escape(self.name, quote=True)}">', f"<caption>{escape(self.title)}</caption>",
            "<thead>", *head, "</thead>", "<tbody>", *body, "</tbody></table>",
            *([f'<div class="footnotes">{notes}</div>'] if notes else []), "</div>",
        ])  # fmt: skip
        return _PAGE.format(title=escape(self.title), table=html) if page else html

    def _spanner_cells(self) -> list[str]:
        return [f'<th scope="colgroup" colspan="{span}" class="spanner">{escape(text)}</th>' if text
                else f'<td colspan="{span}"></td>' for text, span in self.spanners]  # fmt: skip

    def _kind(self, column: int) -> str:
        return "text" if column in self.text_columns else ""

    def _html_row(self, i: int) -> str:
        first, *others = self.rows[i]
        depth = self.indent(i)
        if others and not any(others) and i + 1 < len(self.rows):  # a heading may run on over the empty cells
            return f'<tr class="head"><th scope="row" colspan="{len(self.header)}">{escape(first)}</th></tr>'
        style = f' class="level" style="padding-left:{1.5 * depth:g}em"' if depth else ""
        cells = "".join(
            f"<td{_class(self._kind(j))}>{unbroken(escape(cell))}</td>" for j, cell in enumerate(others, start=1)
        )
        return f'<tr><th scope="row"{style}>{escape(first)}</th>{cells}</tr>'

    def _repr_html_(self) -> str:
        return self.to_html()

    def __repr__(self) -> str:
        return f"Table {self.name}: {self.title}; {len(self.rows)} rows, {len(self.header)} columns"


def slug(*words: str) -> str:
    """Words as a file name: "Overall survival" -> "overall_survival"."""
    kept = "".join(c if c.isascii() and c.isalnum() else " " for c in " ".join(words).lower())
    return "_".join(kept.split()) or "table"


def unbroken(name: str) -> str:
    """Words that do not break inside short parentheses: "(n = 26)", "(95% CI)", "(15.9, 46.9)"."""
    return re.sub(r"\([^()]{1,14}\)", lambda found: found[0].replace(" ", "\u00a0"), name)


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _inert(cell: str) -> str:
    bare = cell.lstrip()
    return (
        f"'{cell}" if bare[:1] in ("=", "@", "+", "\t") or (bare[:1] == "-" and bare[1:2].isalpha()) else cell
    )
