"""The literature as a page: every figure and every field of it is there, nothing is loaded from elsewhere, and the committed page is this one."""

import html
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import haip_outcomes as haip
from haip_outcomes.benchmark.literature import make_figures
from haip_outcomes.tables.literature_page import BEGIN, END, literature_page, main, pooling_block, with_block

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "published_figures.html"


@pytest.fixture(scope="module")
def page():
    return literature_page(haip.published())


def rows_of(page):
    return dict(re.findall(r'<tr id="([^"]+)"(.*?)</tr>', page, flags=re.DOTALL))


def words_of(markup):
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", markup)))


def test_the_committed_page_and_numbers_are_what_the_script_makes(page):
    advice = "run python -m haip_outcomes.tables.literature_page docs"
    assert PAGE.read_text(encoding="utf-8") == page, advice
    words = (DOCS / "pooling.md").read_text(encoding="utf-8")
    assert with_block(words, haip.published()) == words, advice
    assert pooling_block(haip.published()) in words


def test_every_figure_has_its_row_with_all_its_words(page):
    rows = rows_of(page)
    figures = haip.published()
    assert list(rows) == list(figures.ids)
    for figure in figures:
        said = words_of(rows[figure.id])
        for words in (figure.printed, figure.notes, figure.time_zero_text, figure.event_text, figure.population, figure.subgroup, figure.comparator,
                      figure.follow_up, figure.where, figure.factor, figure.ci_text, figure.unit_text, figure.modality, figure.p_value,
                      figures.sources[figure.source].short):  # fmt: skip
            assert re.sub(r"\s+", " ", words).strip() in said, (figure.id, words)
        assert ("quoted by another source" in said) == (figure.read == "secondary")
        for word, text in ((figure.time_zero, figure.time_zero_text), (figure.event, figure.event_text)):
            assert word in said or word == "not applicable", (figure.id, text)
        if figure.n is not None:
            assert str(figure.n) in said


def test_what_is_derived_is_marked(page):
    rows = rows_of(page)
    sarcopenia = words_of(rows["chakedis2018-sarc-hr"])
    assert "derived standard error of its logarithm 0.386, from the printed 95% interval" in sarcopenia
    assert "derived standard error 11.33 months" in words_of(rows["chakedis2018-livrec-adj"])
    assert "derived exact 95% interval 13.4% to 36.0%" in words_of(rows["chakedis2018-pump"])  # 14 of 60: m04
    counted = next(figure for figure in haip.published() if figure.events is None and figure.count is not None)
    assert f"derived {counted.count} of {counted.n}: the only count that prints as this" in words_of(rows[counted.id])
    assert "derived" not in words_of(rows["chakedis2018-os3-adj"])


def test_every_source_has_its_links(page):
    for key, source in haip.published().sources.items():
        assert f'id="source-{key}"' in page
        assert html.escape(source.citation, quote=False) in page.replace("&#39;", "'").replace("&#34;", '"')
        for address in filter(None, [source.doi and f"https://doi.org/{source.doi}", source.pmid and f"https://pubmed.ncbi.nlm.nih.gov/{source.pmid}/",
                                     source.pmcid and f"/pmc/articles/{source.pmcid}/"]):  # fmt: skip
            assert address in page
    for key, words in haip.published().overlap_groups.items():
        assert f"<dt>{key}</dt>" in page
        assert words[:40] in html.unescape(page)


class _Tags(HTMLParser):
    """Which elements load something, and whether all are closed."""

    def __init__(self):
        super().__init__()
        self.open, self.loads, self.ids, self.targets = [], [], [], []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in ("meta", "input", "br"):
            self.open.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag in ("img", "link", "iframe", "object", "embed", "source") or "src" in given:
            self.loads.append((tag, attrs))
        if tag == "a":
            self.targets.append(given["href"])

    def handle_endtag(self, tag):
        while self.open and self.open[-1] != tag and self.open[-1] in ("option", "dt", "dd", "li", "p"):
            self.open.pop()
        assert self.open.pop() == tag


def test_it_stands_alone_and_its_links_lead_somewhere(page):
    tags = _Tags()
    tags.feed(page)
    assert not tags.open
    assert not tags.loads
    assert "@import" not in page
    assert "url(" not in page
    assert len(tags.ids) == len(set(tags.ids))
    for target in tags.targets:
        if target.startswith("#"):
            assert target[1:] in tags.ids
        elif not target.startswith("https://"):
            assert (DOCS / target).is_file(), target


def test_every_box_counts_all_figures(page):
    for key in ("setting", "endpoint", "statistic", "source"):
        box = re.search(rf'<select id="{key}".*?</select>', page, flags=re.DOTALL).group(0)
        counts = [int(n) for n in re.findall(r"\((\d+)\)</option>", box)]
        assert sum(counts) == len(haip.published())
        values = set(re.findall(r'<option value="([^"]+)"', box))
        assert values == set(re.findall(rf'<tr id=[^>]*data-{key}="([^"]*)"', page))


def test_words_of_a_source_are_text_and_never_markup():
    row = {"id": "x<b>", "source": "s", "setting": "adjuvant", "modality": "HAIP alone", "endpoint": "overall_survival", "statistic": "median", "value": 20.0,
           "unit": "months", "time_zero": "not stated", "event": "as named", "competing": "not applicable", "better": "higher", "read": "primary",
           "where": "p. 1", "notes": "<script>alert(1)</script> \" & '"}  # fmt: skip
    page = literature_page(make_figures({"figure": [row], "sources": {"s": {"short": "S <i>", "citation": "C"}}}))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert 'id="x&lt;b&gt;"' in page


def test_a_registered_curve_is_listed_with_its_source():
    curve = {"id": "own-curve", "source": "s", "setting": "adjuvant", "endpoint": "overall_survival", "time_zero": "liver resection",
             "time_zero_text": "from resection", "competing": "not applicable", "n": 40, "points": [[0, 1.0], [12, 0.9], [36, 0.6]],
             "read_from": "Figure 2"}  # fmt: skip
    page = literature_page(make_figures({"curve": [curve], "sources": {"s": {"short": "Own 2026", "citation": "C"}}}))
    assert "own-curve: overall survival, adjuvant, time zero: from resection, n = 40; Own 2026, Figure 2" in words_of(page)
    assert 'id="source-s"' in page


def test_writing_it(tmp_path, capsys, page):
    (tmp_path / "pooling.md").write_text(f"before\n{BEGIN}\nformer\n{END}\nafter\n", encoding="utf-8")
    assert main([str(tmp_path)]) == 0
    assert (tmp_path / "published_figures.html").read_text(encoding="utf-8") == page
    text = (tmp_path / "pooling.md").read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "former" not in text
    assert len(capsys.readouterr().out.split()) == 2
    assert with_block("no numbers here", haip.published()) == "no numbers here"
    assert main([]) == 2
    assert main([str(tmp_path / "absent")]) == 2
    assert "usage" in capsys.readouterr().err


def test_the_numbers_of_the_documentation():
    words = pooling_block(haip.published())
    cells = haip.poolable()
    assert words.startswith(f"**{cells['can_be_pooled'].sum()} of {len(cells)} cells can be pooled today.**")
    assert words.count("\n| ") - 1 == (cells[~cells["reason"].str.contains("on no scale")]["n_groups"] >= 2).sum()
