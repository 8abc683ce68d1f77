"""Curves kept beside the published figures: read, joined with them, registered from two small files, and every kind of mistake."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import haip_outcomes as haip
from haip_outcomes.benchmark.curves.registered import RegisteredCurve
from haip_outcomes.benchmark.curves.registering import register_curve
from haip_outcomes.benchmark.literature import Figures, load_figures, make_figures, published
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.curve_command import curve_command
from haip_outcomes.errors import PlanError

SOURCE = {"short": "Smith 2026", "citation": "Smith A, et al. J Invented 2026"}
CURVE = {
    "id": "smith2026-os", "source": "smith2026", "setting": "adjuvant", "endpoint": "overall_survival", "time_zero": "liver resection",
    "time_zero_text": "from hepatectomy", "competing": "not applicable", "n": 20, "events": 9, "read_from": "Figure 2, digitised by hand",
    "points": [[0, 1], [6, 0.9], [12, 0.75], [18, 0.5], [24, 0.5]], "at_risk": [[0, 20], [12, 16]],
}  # fmt: skip
FIGURE = {"id": "smith2026-os-median", "source": "smith2026", "setting": "adjuvant", "modality": "HAIP alone", "endpoint": "overall_survival",
          "statistic": "median", "value": 18.0, "unit": "months", "time_zero": "not stated", "event": "as named", "competing": "not applicable",
          "better": "higher", "read": "primary", "where": "abstract"}  # fmt: skip
OPTIONS = {"id": "smith2026-os", "source": "smith2026", "citation": SOURCE["citation"], "short": "Smith 2026", "setting": "adjuvant",
           "endpoint": "overall_survival", "time_zero": "liver resection", "time_zero_text": "from hepatectomy", "read_from": "Figure 2"}  # fmt: skip


def figures(curves=(CURVE,), made=(), sources=None, **more):
    return make_figures({"curve": [dict(one) for one in curves], "figure": [dict(one) for one in made],
                         "sources": {"smith2026": SOURCE} if sources is None else sources, **more}, "mine.toml")  # fmt: skip


@pytest.fixture
def files(tmp_path):
    points, at_risk = tmp_path / "points.csv", tmp_path / "risk.csv"
    points.write_text("time,survival\n0,1\n6,0.9\n12,0.75\n18,0.5\n24,0.5\n", encoding="utf-8")
    at_risk.write_text("time,n_risk\n0,20\n12,16\n", encoding="utf-8")
    return points, at_risk, tmp_path / "mine.toml"


def test_a_curve_becomes_patients():
    curve = figures().curves[0]
    tte = curve.patients()
    assert (tte.n, tte.counts["Event"], tte.unit, tte.time_zero) == (20, 9, "months", "from hepatectomy")
    assert (curve.statistic, curve.outcome) == ("curve", "")
    assert tte.time.tolist() == haip.reconstruct_ipd(curve.curve, curve.numbers_at_risk, events=9).time.tolist()
    assert curve.patients(events_at="midpoint").time.tolist() != tte.time.tolist()


def test_the_packages_own_figures_have_no_curves():
    assert published().curves == ()
    assert repr(published()) == "218 published figures from 44 sources"


def test_own_figures_join_the_published_ones():
    own = figures(made=[FIGURE])
    both = published().with_own(own)
    assert (len(both), len(both.curves), len(both.sources)) == (219, 1, len(published().sources) + 1)
    assert both["smith2026-os-median"].value == 18
    assert both.curve("smith2026-os").n == 20
    assert repr(both) == "219 published figures and 1 curve from 45 sources"
    assert len(both.frame()) == 219
    assert len(published()) == 218, "the published figures stay as they were"
    assert both.overlap_of(both.curves[0]) == ("smith2026",)
    with pytest.raises(PlanError, match='no registered curve "smith2026-so"'):
        both.curve("smith2026-so")


def test_filters_choose_curves_by_the_fields_they_have():
    both = published().with_own(figures())
    assert both.where(setting="adjuvant", endpoint="overall_survival").curves == both.curves
    assert both.where(source="smith2026").curves == both.curves
    assert len(both.where(source="smith2026")) == 0
    assert both.where(overlap="smith2026").curves == both.curves
    for other in ({"setting": "unresectable"}, {"statistic": "median"}, {"horizon": 36}):
        assert both.where(**other).curves == ()


def test_what_clashes_in_joining_is_named_all_at_once():
    taken = published()[0]
    own = Figures((PublishedFigure(**{**taken.model_dump(), "notes": "mine"}),), {taken.source: published().sources[taken.source].model_copy(update={"short": "X"})},
                  {"mskcc": "other words"}, figures().curves)  # fmt: skip
    with pytest.raises(PlanError) as error:
        published().with_own(own)
    for part in ("3 problems", f"{taken.id}: there is a figure", f"[sources.{taken.source}]: this key", "[overlap_groups] mskcc"):
        assert part in str(error.value)
    with pytest.raises(PlanError, match="this is a str: read your file with load_figures"):
        published().with_own("mine.toml")
    again = published().with_own(figures())
    with pytest.raises(PlanError, match="smith2026-os: there is a figure or curve of this id"):
        again.with_own(figures())
    same = Figures((), {taken.source: published().sources[taken.source]}, dict(published().overlap_groups), ())
    assert len(published().with_own(same)) == 218, "what is word for word the same is one"


@pytest.mark.parametrize(("changes", "said"), [
    ({"points": [[0, 1], [6, 0.5], [12, 0.9]]}, "the curve rises: 0.9 at 12 months after 0.5"),
    ({"points": [[0, 100], [6, 90]], "at_risk": []}, "look like per cent"),
    ({"at_risk": [[0, 20], [12, 21]]}, "numbers at risk rise"),
    ({"at_risk": [[0, 19], [12, 16]]}, "n is 20, and 19 are at risk at time 0"),
    ({"events": 21}, "21 events among 20 patients"),
    ({"time_zero_text": ""}, 'time_zero is "liver resection" without the source\'s words'),
    ({"competing": "competing risk"}, "can't be \"competing risk\""),
    ({"endpoint": "biliary_sclerosis"}, "endpoint can't be"),
    ({"colour": "red"}, 'no field "colour"'),
    ({"source": "jones"}, r"no \[sources.jones\]"),
    ({"overlap": ["mskcc"]}, 'no overlap group "mskcc"'),
    ({"read_from": ""}, "read_from"),
    ({"points": [[0, 1, 2]]}, "points"),
    ({"unit": "fortnights"}, 'unit can\'t be "fortnights"'),
    ({"points": [[0, 1], [40]]}, r"points: must be pairs \[time, survival\], such as .*: entry 2 has 1 number, \[40\]"),
    ({"points": [[0, 1], 40]}, "entry 2 is 40"),
    ({"points": [[0, 1], ["6", 0.9]]}, 'entry 2 holds the text "6"'),
    ({"points": 5}, r"points: must be a list of pairs \[time, survival\], such as .*; it is 5"),
    ({"at_risk": 26}, r"at_risk: must be a list of pairs \[time, number at risk\], .*; it is 26; where only the number of patients is printed leave it out"),
    ({"at_risk": [[0, 20], [12, 16.5]]}, "entry 2 has 16.5 at risk, which is no whole number"),
    ({"events": True}, "events must be a number; it is true"),
    ({"events": "2"}, 'events must be a number; it is "2"'),
    ({"n": "20"}, 'n must be a number; it is "20"'),
    ({"n": 20.5, "at_risk": []}, "n: must be a whole number; it is 20.5"),
    ({"events": 0}, "there are 0 events, and the curve falls to 0.5"),
    ({"competing": "censored"}, 'competing can\'t be "censored" for overall survival'),
    ({"overlap": "mskcc"}, r'overlap: must be a list of overlap groups: write \["mskcc"\]'),
    ({"source": ["s"]}, r'source: must be text in quotes; it is \["s"\]'),
])  # fmt: skip
def test_a_wrong_curve_is_named_with_its_id(changes, said):
    with pytest.raises(PlanError, match=said) as error:
        figures([{**CURVE, **changes}])
    assert "mine.toml" in str(error.value)
    assert "smith2026-os" in str(error.value)
    assert not re.search("[Ii]nput should|is needed and is not there", str(error.value)), "said in a reader's words"
    assert len(str(error.value).splitlines()) == 2 or len(changes) > 1, "once"


def test_numbers_are_numbers_without_a_file_too():
    for changes, said in (({"n": "20"}, 'the text "20"'), ({"events": True}, "it is True")):
        with pytest.raises(ValueError, match=said):
            RegisteredCurve(**{**CURVE, **changes})
    assert RegisteredCurve(**{**CURVE, "points": np.array(CURVE["points"], dtype=float)}).points == RegisteredCurve(**CURVE).points


SOURCE_TABLE, CURVE_FIELDS = '[sources.s]\nshort = "S"\ncitation = "C"\n', (
    'id = "c"\nsource = "s"\nsetting = "adjuvant"\nendpoint = "overall_survival"\ntime_zero = "not stated"\ncompeting = "not applicable"\n'
    'n = 26\nread_from = "Figure 1"\npoints = [[0, 1], [5, 0.9]]\n')  # fmt: skip


@pytest.mark.parametrize(("text", "said"), [
    (f"{SOURCE_TABLE}[curve]\n{CURVE_FIELDS}", r"\[curve\]: write \[\[curve\]\], in double brackets"),
    (f"{SOURCE_TABLE}[figure]\nid = 'a'\n", r"\[figure\]: write \[\[figure\]\](.|\n)*a: setting is needed"),
    (f'[sources]\nshort = "S"\ncitation = "C"\n[[curve]]\n{CURVE_FIELDS}', r"\[sources\]: short, citation stand in no source; write \[sources.KEY\]"),
    ("[[sources]]\nshort = 'S'\n", r"\[\[sources\]\]: write \[sources.KEY\]"),
    ("sources = 5\n", r"sources = 5: write \[sources.KEY\]"),
    ("sources.x = 5\n", r"\[sources.x\] is 5; it must be a table with short and citation"),
    ("overlap_groups = 5\n", r"overlap_groups = 5: write \[overlap_groups\]"),
    ("[overlap_groups]\nx = 5\n", r"\[overlap_groups\] x is 5; it must be text"),
    ("figure = 5\n", r"figure = 5: figures are tables; write \[\[figure\]\] above each figure"),
    ("curve = 5\n", r"curve = 5: curves are tables; write \[\[curve\]\]"),
    ("curve = [5]\n", r"curve = \[5\]: curves are tables"),
])  # fmt: skip
def test_slips_of_toml_are_named_and_nothing_is_written(files, text, said):
    points, at_risk, mine = files
    mine.write_text(text, encoding="utf-8")
    with pytest.raises(PlanError, match=said):
        load_figures(mine)
    with pytest.raises(PlanError, match=said.split("(.|")[0]):
        register_curve(points, at_risk, into=mine, **OPTIONS)
    assert mine.read_text(encoding="utf-8") == text


def test_figures_with_numbers_in_quotes_are_named_once():
    with pytest.raises(PlanError, match=r'1 problem(.|\n)*smith2026-os-median: n must be a number; it is "5"'):
        figures((), made=[{**FIGURE, "n": "5"}])


def test_a_byte_order_mark_is_read_and_kept(files):
    points, at_risk, mine = files
    mine.write_bytes(b"\xef\xbb\xbf" + f"{SOURCE_TABLE}[[curve]]\n{CURVE_FIELDS}".encode())
    before = mine.read_bytes()
    assert load_figures(mine).curves[0].id == "c"
    register_curve(points, at_risk, into=mine, **OPTIONS)
    assert mine.read_bytes().startswith(before)
    assert [curve.id for curve in load_figures(mine).curves] == ["c", "smith2026-os"]


def test_a_file_is_asked_for_by_its_path():
    for path in (None, 5, "", ["mine.toml"]):
        with pytest.raises(PlanError, match="load_figures: give the path of a TOML file"):
            load_figures(path)


def test_ids_are_used_once_and_a_file_needs_something():
    with pytest.raises(PlanError, match="smith2026-os: a figure or curve has this id already"):
        figures(made=[{**FIGURE, "id": "smith2026-os"}])
    with pytest.raises(PlanError, match=r"two figures have this id"):
        figures(made=[FIGURE, FIGURE])
    with pytest.raises(PlanError, match=r"no figures: each begins with \[\[figure\]\]"):
        make_figures({})


def test_a_curve_is_registered_in_a_new_file(files):
    points, at_risk, mine = files
    done = register_curve(points, at_risk, into=mine, events=9, **OPTIONS)
    assert "smith2026-os is in mine.toml" in done.sentence
    assert "9 events, and 9 were printed" in done.sentence
    read = load_figures(mine)
    assert read.curves == (RegisteredCurve(**{**CURVE, "read_from": "Figure 2"}),)
    assert read.sources["smith2026"].citation == SOURCE["citation"]
    assert done.check.largest < 0.03
    assert [path.name for path in mine.parent.iterdir() if path.name.startswith(".")] == []


def test_a_second_curve_leaves_the_first_as_it_was(files):
    points, at_risk, mine = files
    mine.write_bytes(b"# my own remark\r\n[sources.smith2026]\r\nshort = 'S'\r\ncitation = 'C'")
    before = mine.read_bytes()
    options = {**OPTIONS, "citation": "", "id": "a"}
    register_curve(points, at_risk, into=mine, **options)
    after = mine.read_bytes()
    assert after.startswith(before)
    register_curve(points, None, into=mine, n=20, events=9, **{**options, "id": "b"}, notes='a "quoted" \\ note\x7f, Ärzte', subgroup="node-negative")
    assert mine.read_bytes().startswith(after)
    read = load_figures(mine)
    assert [curve.id for curve in read.curves] == ["a", "b"]
    assert read.curves[1].notes == 'a "quoted" \\ note\x7f, Ärzte'
    assert read.curves[1].at_risk == ()
    assert read.sources["smith2026"].short == "S"


def test_a_published_source_is_copied_with_its_groups(files):
    points, at_risk, mine = files
    key = next(source.key for source in published().sources.values() if source.overlap)
    options = {**OPTIONS, "citation": "", "source": key}
    mine.write_text('[overlap_groups]\nours = "Our own hospital."\n', encoding="utf-8")
    register_curve(points, at_risk, into=mine, overlap=("ours", *published().sources[key].overlap), **options)
    both = published().with_own(load_figures(mine))
    assert both.sources[key] == published().sources[key]
    assert set(published().sources[key].overlap) < set(both.overlap_of(both.curves[0]))
    with pytest.raises(PlanError, match=r"cite .* otherwise"):
        register_curve(points, at_risk, into=mine.with_name("other.toml"), **{**options, "citation": "Somebody else"})


def test_n_alone_is_registered_and_told(files):
    points, _, mine = files
    done = register_curve(points, into=mine, n=20, **OPTIONS)
    assert done.variance_refused
    assert "can be looked at and not tested against" in done.sentence
    with pytest.warns(UserWarning, match="number of patients alone"):
        load_figures(mine).curves[0].patients()


@pytest.mark.parametrize(("changes", "said"), [
    ({"id": "taken"}, 'has a figure or curve "taken" already'),
    ({"id": published()[0].id}, f'A published figure has the id "{published()[0].id}"'),
    ({"source": "new", "citation": ""}, '"new" is a new source: give its citation'),
    ({"setting": "palliative"}, 'setting can\'t be "palliative"(.|\n)*Nothing was written'),
    ({"time_zero_text": ""}, "without the source's words"),
    ({"n": 21}, "n is 21, and 20 are at risk at time 0"),
    ({"colour": "red"}, 'no field "colour"'),
    ({"overlap": ("nowhere",)}, 'no overlap group "nowhere"'),
])  # fmt: skip
def test_nothing_is_written_when_anything_is_wrong(files, changes, said):
    points, at_risk, mine = files
    register_curve(points, at_risk, into=mine, **{**OPTIONS, "id": "taken"})
    before = mine.read_bytes()
    with pytest.raises(PlanError, match=said):
        register_curve(points, at_risk, into=mine, **{**OPTIONS, "citation": "" if "source" not in changes else OPTIONS["citation"], **changes})
    assert mine.read_bytes() == before
    assert sorted(path.name for path in mine.parent.iterdir()) == ["mine.toml", "points.csv", "risk.csv"]


@pytest.mark.parametrize(("text", "said"), [
    ("time,survival\n0,1\n6,x\n12,\n", r"line 3: survival is \"x\", which is no number\n  line 4: survival is missing"),
    ("t,survival\n0,1\n", 'no column "time"'),
    ("time,survival\n0,1\n6,NaN\n", r"line 3: survival is \"NaN\", which is no number"),
    ("0,1,2\n6,0.9,3\n", "no header and 3 columns"),
    ("", "is empty"),
    ("time,survival\n", "a header and no rows"),
    ("time,survival\n0,100\n6,90\n", "look like per cent"),
    ("time,survival\n0,1\n6,0.5\n12,0.8\n", "the curve rises"),
    ("time,survival\n0,1\n6,0,0,96\n", r"more cells than its first line; if these are decimal commas, save .* semicolons(.|\n)*line 3: 4 cells, and 2 in"),
    ("0,1\n1,2,0,96\n", r"decimal commas(.|\n)*line 2: 4 cells"),
    ("0,0,1,0\n6,0,0,96\n", "no header and 4 columns .* decimal commas"),
    ("time,survival,time,survival\n0,1,0,1\n", 'the column "time" is there 2 times(.|\n)*the column "survival" is there 2 times'),
    ("time,survival\n0,1\n1_0,0.9\n", 'line 3: time is "1_0", which is no number'),
    ("time;survival\n0;1\n1.200;0,96\n", r"decimal commas \(line 3: 0,96\) and points(.|\n)*line 3: 1.200"),
])  # fmt: skip
def test_mistakes_in_the_points_are_named(files, text, said):
    points, at_risk, mine = files
    points.write_text(text, encoding="utf-8")
    with pytest.raises(PlanError, match=said):
        register_curve(points, None if "per cent" in said or "rises" in said else at_risk, into=mine, n=20, **OPTIONS)
    assert not mine.exists()
    with pytest.raises(PlanError, match="There is no file"):
        register_curve(points.with_name("no.csv"), at_risk, into=mine, **OPTIONS)
    points.write_text("time,survival\n0,1\n6,0.5\n", encoding="utf-8")
    with pytest.raises(PlanError, match="How many patients"):
        register_curve(points, into=mine, **OPTIONS)


@pytest.mark.parametrize("text", [
    "0, 1\n6, 0.9\n12, 0.75\n18, 0.5\n24, 0.5\n",  # as WebPlotDigitizer writes: no header
    "Survival;Time;ID\n1;0;1\n0,9;6;2\n0,75;12;3\n0,5;18;4\n0,5;24;5\n",  # a European spreadsheet
    "time,survival,,\n0,1,,\n6,0.9\n12,0.75,\n18,.5\n24,5e-1\n",  # empty cells at the end are none
    "\ufefftime\tsurvival\n0\t1\n6\t0.9\n12\t0.75\n\n18\t0.5\n24\t0.5\n",
])  # fmt: skip
def test_files_as_programs_write_them(files, text):
    points, at_risk, mine = files
    points.write_text(text, encoding="utf-8")
    assert register_curve(points, at_risk, into=mine, **OPTIONS).curve.points == tuple(tuple(map(float, pair)) for pair in CURVE["points"])


def test_points_may_be_frames(files):
    points, at_risk, mine = files
    frame, risk = pd.read_csv(points).assign(remark="x"), pd.read_csv(at_risk)
    done = register_curve(frame, risk, into=mine, events=np.int64(9), **OPTIONS)
    assert done.curve.points == tuple(tuple(map(float, pair)) for pair in CURVE["points"])
    again = register_curve(frame[::-1][::-1], into=mine, n=np.int64(20), events=np.int64(9), **{**OPTIONS, "id": "b"})
    assert (again.curve.n, again.curve.events) == (20, 9)
    assert "n = 20\n" in mine.read_text(encoding="utf-8")
    assert len(load_figures(mine).curves) == 2


@pytest.mark.parametrize(("changes", "said"), [
    ({"points": None}, "points_csv is None; give the path of a CSV file, or a data frame"),
    ({"points": [[0, 1], [6, 0.9]]}, "points_csv is a list; give the path"),
    ({"points": pd.DataFrame({"t": [0], "survival": [1]})}, 'points_csv: there is no column "time"'),
    ({"points": pd.DataFrame([[0, 0, 1]], columns=["time", "time", "survival"])}, 'several columns "time"'),
    ({"points": pd.DataFrame({"time": [0, 6], "survival": [1, "x"]})}, "survival is missing or no number in 1 row: 2"),
    ({"points": pd.DataFrame({"time": [], "survival": []})}, "has no rows"),
    ({"into": None}, "into: give the path of a TOML file"),
    ({"into": 5}, "into: give the path of a TOML file"),
    ({"n": "20"}, "n must be a number"),
    ({"n": True}, "n must be a number"),
    ({"events": "2"}, "events must be a number"),
    ({"source": ["s"]}, "source must be text; it is a list"),
    ({"id": 5}, "id must be text; it is 5"),
    ({"overlap": "mskcc"}, r'1 problem(.|\n)*overlap must be a list of overlap groups: write \["mskcc"\]'),
    ({"overlap": 5}, "overlap must be a list of overlap groups"),
    ({"competing": "censored"}, "for overall survival"),
    ({"notes": object()}, "can't be written"),
])  # fmt: skip
def test_what_is_given_wrong_is_named_and_nothing_is_written(files, changes, said):
    points, at_risk, mine = files
    given = {"points": points, "into": mine, **OPTIONS, **changes}
    with pytest.raises(PlanError, match=said):
        register_curve(given.pop("points"), at_risk, **given)
    assert not mine.exists()


def test_who_cites_otherwise_is_said_in_grammar(files):
    points, at_risk, mine = files
    register_curve(points, at_risk, into=mine, **OPTIONS)
    with pytest.raises(PlanError, match=r'^mine.toml cites "smith2026" otherwise'):
        register_curve(points, at_risk, into=mine, **{**OPTIONS, "id": "b", "citation": "Somebody else"})
    with pytest.raises(PlanError, match=r'^The published figures cite "gk2017" otherwise'):
        register_curve(points, at_risk, into=mine, **{**OPTIONS, "id": "b", "source": "gk2017"})


def test_what_looks_wrong_and_may_be_right_is_told(files):
    points, at_risk, mine = files
    at_risk.write_text("time,n_risk\n0,20\n1,18\n2,16\n", encoding="utf-8")
    done = register_curve(points, at_risk, into=mine, **OPTIONS)
    assert "The last number at risk stands at 2 months and the curve goes to 24 (are both in the same unit?)." in done.sentence


def test_files_that_cannot_be_extended_are_left_alone(files, monkeypatch):
    points, at_risk, mine = files
    for text, said in (("[[figure", "is not valid TOML"), ("[[figure]]\nid = 'x'\n", "problems? in mine.toml"), ("sources = {}\n", "would no longer be valid TOML")):
        mine.write_text(text, encoding="utf-8")
        with pytest.raises(PlanError, match=said):
            register_curve(points, at_risk, into=mine, **OPTIONS)
        assert mine.read_text(encoding="utf-8") == text
    mine.write_bytes(b"\xff\xfe")
    with pytest.raises(PlanError, match="not a text file in UTF-8"):
        register_curve(points, at_risk, into=mine, **OPTIONS)
    mine.unlink()
    with pytest.raises(PlanError, match="can't be written"):
        register_curve(points, at_risk, into=mine.parent / "no" / "such" / "mine.toml", **OPTIONS)

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fails)
    with pytest.raises(PlanError, match="No space left"):
        register_curve(points, at_risk, into=mine, **OPTIONS)
    assert sorted(path.name for path in mine.parent.iterdir()) == ["points.csv", "risk.csv"]


def arguments(points, at_risk, mine, **more):
    options = {**{name.replace("_", "-"): value for name, value in OPTIONS.items()}, **more}
    return [str(points), "--at-risk", str(at_risk), "--into", str(mine), *(part for name, value in options.items() for part in (f"--{name}", str(value)))]


def test_the_command(files):
    points, at_risk, mine = files
    done = CliRunner().invoke(curve_command, arguments(points, at_risk, mine, events=9))
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(mine)
    assert "at most 2.3 percentage points" in done.stderr
    assert load_figures(mine).curves[0].events == 9
    again = CliRunner().invoke(curve_command, arguments(points, at_risk, mine))
    assert again.exit_code == 2
    assert again.stderr.startswith("Error: mine.toml has a figure or curve")
    assert again.stdout == ""


def test_a_curve_of_real_patients_survives_the_file(files):
    """Lung, men: what is registered gives the same patients as the points themselves."""
    from methods_examples import example

    points, at_risk, mine = files
    read = example("m09_lung")[0]["lung_sex1"]
    pd.DataFrame({"time": read["times"], "survival": read["S"]}).to_csv(points, index=False)
    pd.DataFrame({"time": read["risk_times"], "n_risk": read["n_at_risk"]}).to_csv(at_risk, index=False)
    register_curve(points, at_risk, into=mine, events=112, **OPTIONS)
    tte = load_figures(mine).curves[0].patients()
    straight = haip.reconstruct_ipd(np.c_[read["times"], read["S"]], np.c_[read["risk_times"], read["n_at_risk"]], events=112)
    assert tte.time.tolist() == straight.time.tolist()
    assert (tte.counts["Event"], tte.n) == (109, 138)
    assert "curve" in tomllib.loads(Path(mine).read_text(encoding="utf-8"))
