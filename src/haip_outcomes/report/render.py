"""The report as one HTML file: nothing is loaded from elsewhere, so it opens offline and prints on A4."""

from __future__ import annotations

import base64
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from haip_outcomes.figures.style import Drawing, svg_picture
from haip_outcomes.report.content import Block, Chapter, Heading, Paragraph, Refusal
from haip_outcomes.tables.table import Table


def render_html(title: str, subtitle: str, chapters: list[Chapter], *, synthetic: bool, caution: str) -> str:
    """The whole page. All text is escaped; figures are embedded as vector pictures."""
    folder = files("haip_outcomes.report") / "templates"
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((folder / "report.html.j2").read_text(encoding="utf-8"))
    return template.render(
        title=title, subtitle=subtitle, synthetic=synthetic, caution=caution, glance=_glance(chapters),
        answer=" ".join(filter(None, (chapter.answer for chapter in chapters))), verdicts=[line for chapter in chapters for line in chapter.verdicts],
        css=Markup((folder / "report.css").read_text(encoding="utf-8")),
        chapters=[{"key": chapter.key, "title": chapter.title, "blocks": [_block(block) for block in chapter.blocks]} for chapter in chapters],
    )  # fmt: skip


def _glance(chapters: list[Chapter]) -> dict[str, Any]:
    """The first screen's table: a row a measure, a column a setting."""
    cells = {(measure, group): value for chapter in chapters for group, measure, value in chapter.headlines}
    groups = list(dict.fromkeys(group for _, group in cells))
    rows = [{"measure": measure, "values": [cells.get((measure, group), "") for group in groups]} for measure in dict.fromkeys(measure for measure, _ in cells)]
    return {"groups": groups, "rows": rows}


def _block(block: Block) -> dict[str, Any]:
    if isinstance(block, Heading):
        return {"what": "heading", "text": block.text}
    if isinstance(block, Paragraph):
        return {"what": "paragraph", "text": block.text, "kind": block.kind}
    if isinstance(block, Refusal):
        return {"what": "refusal", "analysis": block.analysis, "reason": block.reason}
    if isinstance(block, Table):
        return {"what": "table", "html": Markup(block.to_html())}
    return _figure(block)


def _figure(drawing: Drawing) -> dict[str, Any]:
    picture = base64.b64encode(svg_picture(drawing)).decode("ascii")
    return {"what": "figure", "name": drawing.name, "alt": drawing.alt, "caption": drawing.caption,
            "width": round(drawing.size[0], 1), "source": f"data:image/svg+xml;base64,{picture}"}  # fmt: skip
