"""Cells as HTML, CSV and a data frame."""

import csv
from html.parser import HTMLParser

import pytest

from haip_outcomes.errors import HaipError
from haip_outcomes.tables.table import Table

EFFECTS = Table(
    "effects", "Death & <sarcopenia>", ("Characteristic", "n", "HR (95% CI)", "p"),
    (("Sarcopenia", "60", "", ""), ("No", "31", "reference", ""), ('<b>"Yes"</b>', "29", "2.40 (1.10, 5.00)", "<0.001")),
    footnotes=("HR: hazard ratio & more.",), indents=(0, 1, 1), spanners=(("", 2), ("Univariable", 2)),
)  # fmt: skip


class Reader(HTMLParser):
    """Collects tags with their attributes, and the text between them."""

    def __init__(self):
        super().__init__()
        self.tags, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def test_html_is_accessible_and_escaped():
    html = EFFECTS.to_html()
    reader = Reader()
    reader.feed(html)
    tags = [tag for tag, _ in reader.tags]
    assert tags.count("caption") == 1
    assert "b" not in tags
    scopes = [attrs["scope"] for tag, attrs in reader.tags if tag == "th"]
    assert scopes == ["colgroup", *["col"] * 4, *["row"] * 3]
    assert [attrs["colspan"] for tag, attrs in reader.tags if attrs.get("scope") == "colgroup"] == ["2"]
    assert "".join(reader.text).count('<b>"Yes"</b>') == 1
    assert "<0.001" in reader.text
    assert html.count('class="level"') == 2


def test_a_page_opens_on_its_own():
    page = EFFECTS.to_html(page=True)
    assert page.startswith("<!DOCTYPE html>")
    assert "http" not in page


def test_csv_opens_in_a_spreadsheet_and_runs_nothing(tmp_path):
    table = Table(
        "t",
        "T",
        ("=1+1", "n"),
        (("@cmd", "-1.2"), ("+1", "-"), ("≥ 65", "3"), ("-cmd", "<0.001")),
        indents=(0, 1, 0, 0),
    )
    path = table.to_csv(tmp_path / "new" / "t.csv")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows == [["'=1+1", "n"], ["'@cmd", "-1.2"], ["'    +1", "-"], ["≥ 65", "3"], ["'-cmd", "<0.001"]]
    assert path.read_bytes() == table.to_csv(tmp_path / "again.csv").read_bytes()


def test_frame_keeps_indents_and_names_columns_with_their_spanner():
    frame = EFFECTS.frame()
    assert list(frame.columns) == ["Characteristic", "n", "Univariable: HR (95% CI)", "Univariable: p"]
    assert frame.iloc[1, 0] == "    No"
    assert frame.shape == (3, 4)


@pytest.mark.parametrize("wrong", [
    {"rows": (("a",),)}, {"rows": (("a", "b"),), "indents": (0, 1)}, {"rows": (), "spanners": (("x", 3),)},
])  # fmt: skip
def test_cells_that_do_not_agree_are_refused(wrong):
    with pytest.raises(HaipError, match='Table "t"'):
        Table("t", "T", ("x", "y"), **wrong)
