"""The literature as data: every figure held against the shared record, and every kind of mistake named."""

import hashlib
import json
import math
import os
from pathlib import Path

import pytest

from haip_outcomes.benchmark.literature import PUBLISHED, load_figures, make_figures, published
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.errors import PlanError

# Notes that the curator added where the shared record has none.
ADDED_NOTES = {
    "curley1993-late": "52/180 = 28.9%; the source prints 28.8%.",
    **dict.fromkeys(("allen2005-fail1", "allen2005-fail2"),
                    "The record calls it a landmark probability; it is the share of pumps that had failed by then, so it is kept as a cumulative incidence."),
}  # fmt: skip
# Words that the curator added after the record's own note.
LONGER_NOTES = {"kar2014-bs-overall": " The record has no n and no events here; 16 of 293 and 2 of 100 are ito2012-adj and ito2012-unres."}
# The record's statistic where the curator's is another: a share that failed is no landmark, which is a share free of the event.
RECODED = dict.fromkeys(("allen2005-fail1", "allen2005-fail2"), ("landmark_probability", "cumulative_incidence"))
PLAIN = [
    "setting",
    "endpoint",
    "statistic",
    "ci_low",
    "ci_level",
    "p_value",
    "n",
    "events",
    "follow_up",
    "population",
    "comparator",
    "read",
    "where",
]
RENAMED = {
    "time_months": "horizon",
    "ci_method": "ci_text",
    "time_origin": "time_zero_text",
    "event_definition": "event_text",
}
# sha256 of all that is printed in the sources, so that no figure changes unseen where the shared record is absent
DIGEST = "50b0f69872247c94bd6d5f954c43aeec73e3f656ff931b5eec75da35d7ce3233"
FOUR = {"karanicolas2014": 26, "buisman2019": 5, "chakedis2018": 11, "gk2017": 11}


@pytest.fixture(scope="module")
def record():
    places = [os.environ.get("HAIP_PUBLISHED_FIGURES", ""),
              Path(__file__).resolve().parents[3] / "shared" / "benchmarks" / "published_figures.json"]  # fmt: skip
    for place in filter(None, places):
        if Path(place).is_file():
            return json.loads(Path(place).read_text(encoding="utf-8"))
    pytest.skip(
        "the shared record of published figures is not here: set HAIP_PUBLISHED_FIGURES to published_figures.json"
    )


def as_printed(figure):
    """A curated figure in the form of the shared record."""
    source = published().sources[figure.source]
    value = list(figure.value) if isinstance(figure.value, tuple) else figure.value
    row = {"id": figure.id, "value": value, "unit": figure.unit_text or figure.unit,
           "ci_high": None if figure.ci_high is not None and math.isinf(figure.ci_high) else figure.ci_high,
           "notes": None if figure.notes == ADDED_NOTES.get(figure.id) else figure.notes.removesuffix(LONGER_NOTES.get(figure.id, "-")) or None,
           "source": {name: getattr(source, name) or None for name in ("key", "citation", "doi", "pmid", "pmcid")}}  # fmt: skip
    for name in PLAIN:
        row[name] = getattr(figure, name)
    if figure.id in RECODED:
        in_record, here = RECODED[figure.id]
        assert figure.statistic == here
        row["statistic"] = in_record
    for name, field in RENAMED.items():
        row[name] = getattr(figure, field)
    return {name: None if value == "" else value for name, value in row.items()}


def test_every_figure_is_as_the_shared_record_has_it(record):
    curated = {figure.id: as_printed(figure) for figure in published()}
    assert set(curated) == {row["id"] for row in record}
    for row in record:
        assert curated[row["id"]] == row, row["id"]


def test_nothing_printed_has_changed():
    lines = [
        json.dumps(as_printed(figure), sort_keys=True, ensure_ascii=False)
        for figure in sorted(published(), key=lambda f: f.id)
    ]
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == DIGEST


def test_counts():
    assert len(published()) == 218
    assert {source: len(published(source=source)) for source in FOUR} == FOUR
    assert len(published(source=list(FOUR))) == 53
    assert len({figure.source for figure in published()}) == 44 == len(published().sources)


def test_the_same_words_of_a_source_always_have_the_same_code():
    for text, code in (("time_zero_text", "time_zero"), ("event_text", "event"), ("ci_text", "ci_form")):
        seen = {}
        for figure in published():
            if getattr(figure, text):
                assert seen.setdefault(getattr(figure, text), getattr(figure, code)) == getattr(
                    figure, code
                ), figure.id


def test_time_zero_is_never_guessed():
    implied = [
        figure
        for figure in published()
        if "implied" in figure.time_zero_text or "not stated" in figure.time_zero_text
    ]
    assert len(implied) == 14
    assert {figure.time_zero for figure in implied} == {"not stated"}


def test_awkward_figures_are_taken_as_they_stand():
    figures = published()
    cochrane = figures["kar2014-cochrane-ci"]
    assert cochrane.estimate is None
    assert (cochrane.ci_low, cochrane.ci_high) == (0.89, 1.33)
    assert figures["kar2014-conv-haip"].value == (25, 50)
    assert figures["dangelica2015-os"].ci_high == math.inf
    assert figures["kar2014-never-dosed"].qualifier == "up to"
    assert figures["buisman2019-time-first"].iqr == (29, 52)
    assert figures["haukeland-any"].events == 209
    assert figures["jso2024-compl"].count is None  # 37.5% that no k of 26 gives, and no n is printed
    assert figures["gk2017-os-n0-haip"].subgroup == "node-negative primary"
    assert figures["kar2014-os4-folfox"].read == "secondary"


def test_derived_numbers():
    figures = published()
    assert figures["chakedis2018-ttlp-unres"].symmetric_error == pytest.approx(
        3.1123020872403893, rel=1e-12
    )  # m03_symmetric_ci
    assert figures["chakedis2018-livrec-adj"].symmetric_error == pytest.approx(
        11.326738743727317, rel=1e-12
    )  # m03_symmetric_ci
    assert figures["allen2005-compl"].exact_interval == pytest.approx(
        (0.18642272524882264, 0.2578211944937611), rel=1e-10
    )  # m04
    assert figures["kar2014-rr-iri"].count == 34  # 74% of 46: no other count prints so
    assert figures["schleimer2025-compl"].count is None  # 15% of 819: several counts print so
    assert figures["kg2005-os-haip"].symmetric_error is None


def test_overlap_groups():
    figures = published()
    assert figures.overlap_of(figures["chakedis2018-os3-adj"]) == ("chakedis2018",)
    assert figures.overlap_of(figures["gk2017-os-hr"]) == ("mskcc",)
    assert figures.overlap_of(figures["kar2014-os4-folfox"]) == figures.overlap_of(
        figures["kemeny2009adj-os4"]
    )
    assert figures.overlap_of(figures["schleimer2025-compl"]) == ("mskcc", "duke")
    assert all(len(text) > 40 for text in figures.overlap_groups.values())  # each says how it was assigned


def test_filters():
    assert published(setting="adjuvant", endpoint="overall_survival", source="gk2017").ids == (
        "gk2017-os-med-haip", "gk2017-os10-haip", "gk2017-os-med-modern-haip", "gk2017-os-hr", "gk2017-os-n0-haip", "gk2017-os-crslow-haip")  # fmt: skip
    assert {figure.source for figure in published(source=["gk2017", "buisman2019"])} == {
        "gk2017",
        "buisman2019",
    }
    assert {figure.horizon for figure in published(horizon=36)} == {36}
    assert set(published(overlap="duke").frame()["source"]) == {"duke2025", "schleimer2025"}
    assert (
        len(published(setting="systemic", endpoint="biliary_sclerosis")) == 0
    )  # each word is known, no figure has both
    with pytest.raises(PlanError, match=r'no field "settting".*Did you mean "setting"'):
        published(settting="adjuvant")
    with pytest.raises(PlanError, match=r'setting "adjuvent".*Did you mean "adjuvant"'):
        published(setting="adjuvent")
    with pytest.raises(PlanError, match='Did you mean "gk2017-os-hr"'):
        published()["gk2017-os-rh"]


def test_the_frame_has_a_row_a_figure_and_its_citation():
    frame = published(source="gk2017").frame()
    assert list(frame["id"]) == list(published(source="gk2017").ids)
    assert set(frame["doi"]) == {"10.1200/JCO.2016.71.8346"}
    assert set(PublishedFigure.model_fields) < set(frame.columns)
    assert repr(published(source="gk2017")) == "11 published figures from 1 source"


GOOD = {
    "id": "mine-os3", "source": "mine", "setting": "adjuvant", "modality": "HAIP alone", "endpoint": "overall_survival",
    "statistic": "landmark_probability", "horizon": 36, "value": 64, "unit": "%", "n": 26, "time_zero": "pump placement",
    "time_zero_text": "HAIP placement", "event": "as named", "competing": "not applicable", "better": "higher", "read": "primary",
    "where": "abstract",
}  # fmt: skip
SOURCES = {"mine": {"short": "Mine 2026", "citation": "Mine et al. 2026"}}


def problems(**changes):
    table = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    with pytest.raises(PlanError) as error:
        make_figures({"sources": SOURCES, "figure": [table]}, "mine.toml")
    return str(error.value)


def test_a_centres_own_figure():
    figures = make_figures({"sources": SOURCES, "figure": [GOOD]})
    assert figures[0].printed == "64%"
    assert figures.overlap_of(figures[0]) == ("mine",)


@pytest.mark.parametrize(("changes", "said"), [
    ({"source": "mein"}, 'mine-os3: there is no [sources.mein]. Did you mean "mine"'),
    ({"source": None}, "mine-os3: source is needed"),
    ({"ci_low": 65, "ci_high": 80, "ci_level": 0.95, "ci_form": "not stated"}, "the interval 65 to 80 excludes its estimate 64"),
    ({"ci_low": 80, "ci_high": 50, "ci_level": 0.95, "ci_form": "not stated"}, "runs backwards"),
    ({"ci_low": 50, "ci_level": 0.95, "ci_form": "curve-based"}, "needs both limits; write ci_high = inf"),
    ({"ci_low": 50, "ci_high": 80, "ci_form": "not stated"}, "needs its level"),
    ({"ci_low": 50, "ci_high": 80, "ci_level": 0.95}, 'ci_form says "none printed"'),
    ({"ci_low": 50, "ci_high": 70, "ci_level": 0.95, "ci_form": "symmetric (standard error)"}, "64 is not in the middle of 50 to 70"),
    ({"setting": "adjuvnt"}, 'setting can\'t be "adjuvnt". Did you mean "adjuvant"'),
    ({"time_zero": "operation"}, 'time_zero can\'t be "operation"'),
    ({"time_zero_text": None}, "without the source's words in time_zero_text: it is never guessed"),
    ({"event": "first cycle given"}, "without the source's words in event_text"),
    ({"horizon": None}, "needs its horizon"),
    ({"value": None}, "value is needed"),
    ({"value": [40, 50]}, 'with statistic = "range"'),
    ({"statistic": "range"}, 'with statistic = "range"'),
    ({"statistic": "range", "value": [50, 40]}, "runs backwards: 50 to 40"),
    ({"value": 164}, "between 0 and 100"),
    ({"events": 27}, "27 events among 26"),
    ({"statistic": "proportion", "events": 20}, "20 of 26 is 76.92%, and 64% is printed: say so in notes"),
    ({"p_value": "significant"}, "no p-value; write it as printed"),
    ({"statistic": "hazard_ratio", "unit": "ratio", "value": 0.6}, "needs the factor"),
    ({"colour": "red"}, 'no field "colour"'),
    ({"overlap": ["mskc"]}, 'no overlap group "mskc"'),
])  # fmt: skip
def test_what_is_wrong_is_named(changes, said):
    assert said in problems(**changes)


@pytest.mark.parametrize(("changes", "said"), [
    ({"better": "lower"}, "a landmark is the share free of the event, so higher is better; a share with the event is a cumulative_incidence"),
    ({"statistic": "cumulative_incidence", "endpoint": "hepatic_recurrence"}, "the share with the event (hepatic recurrence), so lower is better"),
    ({"horizon": 0}, "horizon is 0: a time after time zero, in months, lies above 0"),
    ({"horizon": -12}, "horizon is -12: a time"),
    ({"horizon": math.inf}, "horizon is inf: a time"),
    ({"lower": 50}, 'no field "lower". Did you mean "ci_low"?'),
    ({"upper": 80}, 'no field "upper". Did you mean "ci_high"?'),
    ({"ci_upper": 80}, 'Did you mean "ci_high"?'),
    ({"hr": 0.7}, 'no field "hr". Did you mean "value"?'),
    ({"p": "0.03"}, 'no field "p". Did you mean "p_value"?'),
])  # fmt: skip
def test_a_direction_a_time_or_a_name_that_can_not_be(changes, said):
    assert problems(**changes).startswith("1 problem in mine.toml:")
    assert said in problems(**changes)


def test_directions_that_can_be():
    for kind in ({"better": "neither"}, {"statistic": "cumulative_incidence", "endpoint": "hepatic_recurrence", "better": "lower"},
                 {"statistic": "cumulative_incidence", "endpoint": "conversion_to_resection"}):  # fmt: skip
        assert len(make_figures({"sources": SOURCES, "figure": [{**GOOD, **kind}]})) == 1


def test_no_published_figure_is_a_share_with_the_event_called_a_landmark():
    figures = published()
    freedom = {"overall_survival", "progression_free_survival", "recurrence_free_survival", "hepatic_recurrence"}  # hepatic: "free survival", 60 and 90%
    assert {(f.better, f.endpoint in freedom) for f in figures if f.statistic == "landmark_probability"} == {("higher", True)}
    assert {f.better for f in figures if f.statistic == "cumulative_incidence"} == {"lower"}
    failed = [figures[f"allen2005-fail{i}"] for i in (1, 2)]
    assert [(f.statistic, f.horizon, f.value, f.better) for f in failed] == [("cumulative_incidence", 12, 9, "lower"), ("cumulative_incidence", 24, 16, "lower")]
    assert not [f.id for f in figures if f.horizon is not None and f.horizon <= 0]


def test_the_overall_biliary_rate_keeps_what_the_record_has():
    figures = published()
    overall, parts = figures["kar2014-bs-overall"], [figures["ito2012-adj"], figures["ito2012-unres"]]
    assert (overall.n, overall.events, overall.value) == (None, None, 4.6)
    assert (sum(f.events for f in parts), sum(f.n for f in parts)) == (18, 393)
    assert overall.notes.startswith("18/393; not 18/475.")


def test_standard_errors_of_ratios_are_derived_on_the_logarithm():
    frame = published().tidy().set_index("id")
    assert frame.equals(published().frame().set_index("id"))
    ratios = frame[frame["statistic"].str.endswith("_ratio")]
    closed = ratios[ratios["ci_low"].notna()]
    z = 1.959963984540054
    assert closed["ci_level"].eq(0.95).all()
    assert len(closed) == 16
    for _, row in closed.iterrows():
        assert row["derived_std_error"] == pytest.approx((math.log(row["ci_high"]) - math.log(row["ci_low"])) / (2 * z), rel=1e-12)
    sarcopenia = frame.loc["chakedis2018-sarc-hr"]  # 2.4 (1.1, 5.0): 0.386264
    assert sarcopenia["derived_std_error"] == pytest.approx(math.log(5.0 / 1.1) / (2 * z), rel=1e-12)
    assert (sarcopenia["derived_std_error_scale"], sarcopenia["derived_std_error_basis"]) == ("logarithm", "printed 95% interval")
    by_p = frame.loc["iat2013-hr"]  # 1.84, p 0.04
    assert by_p["derived_std_error"] == pytest.approx(math.log(1.84) / 2.0537489106318225, rel=1e-10)
    assert by_p["derived_std_error_basis"] == "p-value 0.04"
    assert math.isnan(frame.loc["dhir2017-hr", "derived_std_error"])
    assert frame.loc["chakedis2018-ttlp-unres", "derived_std_error_scale"] == "months"
    ratio = {"statistic": "hazard_ratio", "unit": "ratio", "factor": "haip", "horizon": None, "better": "lower", "value": 0.6, "ci_form": "not stated"}

    def error(**changes):
        table = {name: value for name, value in {**GOOD, **ratio, **changes}.items() if value is not None}
        return make_figures({"sources": SOURCES, "figure": [table]})[0].derived_error

    assert error(ci_low=0.38, ci_high=0.92, ci_level=0.9)[0] == pytest.approx((math.log(0.92) - math.log(0.38)) / (2 * 1.6448536269514722))
    assert error(ci_low=0.0, ci_high=0.92, ci_level=0.95) is None
    assert error(ci_low=0.3, ci_high=math.inf, ci_level=0.95) is None
    assert error(ci_form=None, p_value="<0.001")[2] == "p-value <0.001, taken as equal: an upper bound"


def test_missing_fields_do_not_hide_what_else_is_wrong():
    text = problems(source=None, where=None, value=40, ci_low=45, ci_high=49, ci_level=0.95, ci_form="not stated", horizon=-1)
    assert text.startswith("4 problems in mine.toml:")
    for part in ("source is needed", "where is needed", "the interval 45 to 49 excludes its estimate 40", "horizon is -1"):
        assert part in text
    # what looks at an unknown field is not guessed: no second complaint about the same slip
    assert problems(statistic="landmark").count("\n") == 1
    assert problems(time_zero="operation", time_zero_text=None).count("\n") == 1
    assert "is needed" not in problems(value="sixty")
    assert problems(ci_low="x", ci_high=80, ci_level=0.95, ci_form="not stated").count("\n") == 1
    assert problems(lower=50, ci_high=80, ci_level=0.95, ci_form="not stated").count("\n") == 1
    assert problems(unit=None, value=-3).count("\n") == 1
    assert problems(**{name: None for name in GOOD if name != "id"}).count("\n") == len(set(GOOD) - {"id", "time_zero_text", "n", "horizon"})


def test_every_problem_is_named_at_once():
    text = problems(source="other", setting="adjuvnt", where=None)
    assert text.startswith("3 problems in mine.toml:")
    assert all(part in text for part in ("setting can't be", "where is needed", "no [sources.other]"))
    with pytest.raises(PlanError, match="two figures have this id"):
        make_figures({"sources": SOURCES, "figure": [GOOD, GOOD]})
    with pytest.raises(PlanError, match=r'no such table. Did you mean "figure"'):
        make_figures({"sources": SOURCES, "figures": [GOOD]})
    with pytest.raises(PlanError, match="there are no figures"):
        make_figures({"sources": SOURCES})


def test_files_that_are_none(tmp_path):
    with pytest.raises(PlanError, match="There is no file of published figures"):
        load_figures(tmp_path / "absent.toml")
    (tmp_path / "broken.toml").write_text("id = ", encoding="utf-8")
    with pytest.raises(PlanError, match="not valid TOML"):
        load_figures(tmp_path / "broken.toml")
    (tmp_path / "latin.toml").write_bytes("citation = 'Grünhagen'".encode("latin-1"))
    with pytest.raises(PlanError, match="UTF-8"):
        load_figures(tmp_path / "latin.toml")
    assert load_figures(PUBLISHED).ids == published().ids
