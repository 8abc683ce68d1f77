"""The report as one HTML file: nothing is loaded from elsewhere, so it opens offline and prints on A4."""

from __future__ import annotations

import base64
from dataclasses import replace
from importlib.resources import files
from itertools import count
from typing import Any

import jinja2
from markupsafe import Markup

from haip_outcomes.figures.style import WIDTHS, Drawing, svg_picture
from haip_outcomes.report.content import Chapter, Heading, Paragraph, Refusal
from haip_outcomes.tables.table import Table, unbroken


def render_html(title: str, subtitle: str, chapters: list[Chapter], *, synthetic: bool, caution: str, notice: str = "") -> str:
    """The whole page. All text is escaped; figures are embedded as vector pictures."""
    return _environment().get_template("report.html.j2").render(
        title=title, subtitle=subtitle, synthetic=synthetic, caution=caution, notice=notice, glance=_glance(chapters),
        answer=" ".join(filter(None, (chapter.answer for chapter in chapters))), verdicts=[line for chapter in chapters for line in chapter.verdicts],
        css=Markup((_FOLDER / "report.css").read_text(encoding="utf-8")), chapters=_numbered(chapters),
    )  # fmt: skip


def render_chapter(chapter: Chapter, number: int, first_table: int) -> str:
    """One chapter as it stands in the page, with the numbers that it has there; only for one without figures."""
    return _environment().get_template("chapter.html.j2").render(chapter=_numbered([chapter], first_table)[0] | {"number": number})


_FOLDER = files("haip_outcomes.report") / "templates"


def _environment() -> jinja2.Environment:
    loader = jinja2.DictLoader({name: (_FOLDER / name).read_text(encoding="utf-8") for name in ("report.html.j2", "chapter.html.j2")})
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["unbroken"] = unbroken
    return environment


def _numbered(chapters: list[Chapter], first_table: int = 1) -> list[dict[str, Any]]:
    """The chapters' blocks, figures and tables with a number each; narrow figures that follow each other stand side by side."""
    figures, tables = count(1), count(first_table)
    laid_out: list[dict[str, Any]] = []
    for chapter in chapters:
        blocks: list[dict[str, Any]] = []
        for block in chapter.blocks:
            if isinstance(block, Drawing):
                figure = _figure(block, next(figures))
                if figure["narrow"] and blocks and blocks[-1]["what"] == "figures" and blocks[-1]["figures"][0]["narrow"]:
                    blocks[-1]["figures"].append(figure)
                else:
                    blocks.append({"what": "figures", "figures": [figure]})
            elif isinstance(block, Table):
                blocks.append({"what": "table", "html": Markup(replace(block, title=f"Table {next(tables)}. {block.title}").to_html())})
            else:
                blocks.append(_words(block))
        laid_out.append({"key": chapter.key, "number": len(laid_out) + 1, "title": chapter.title, "blocks": blocks})
    return laid_out


def _glance(chapters: list[Chapter]) -> dict[str, Any]:
    """The first screen's table: a row a measure, a column a setting."""
    cells = {(measure, group): value for chapter in chapters for group, measure, value in chapter.headlines}
    groups = list(dict.fromkeys(group for _, group in cells))
    rows = [{"measure": measure, "values": [cells.get((measure, group), "") for group in groups]} for measure in dict.fromkeys(measure for measure, _ in cells)]
    return {"groups": groups, "rows": rows}


def _words(block: Heading | Paragraph | Refusal) -> dict[str, Any]:
    if isinstance(block, Heading):
        return {"what": "heading", "text": block.text}
    if isinstance(block, Paragraph):
        return {"what": "paragraph", "text": block.text, "kind": block.kind}
    return {"what": "refusal", "analysis": block.analysis, "reason": block.reason}


def _figure(drawing: Drawing, number: int) -> dict[str, Any]:
    picture = base64.b64encode(svg_picture(drawing)).decode("ascii")
    width = drawing.size[0]
    return {"number": number, "name": drawing.name, "alt": drawing.alt, "caption": drawing.caption, "width": round(width, 1),
            "narrow": width <= WIDTHS["single"], "source": f"data:image/svg+xml;base64,{picture}"}  # fmt: skip
