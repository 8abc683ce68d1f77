"""REDCap's interface, against a server on this computer: what is asked and given, every failure in one sentence, and never the token."""

import logging
import socket
import sys
import threading
import traceback

import pytest
from click.testing import CliRunner
from redcap_projects import DICTIONARY, EXPORT, FIELDS, dictionary_csv, plan_with
from redcap_server import TOKEN, redcap_server

from haip_outcomes.cli import main
from haip_outcomes.errors import CohortError, HaipError, PlanError
from haip_outcomes.registry.plan import load_plan
from haip_outcomes.registry.read import read_cohort, read_redcap
from haip_outcomes.registry.sources.redcap_api import Fetched, RedcapError, fetch, tables_of_project
from haip_outcomes.registry.sources.redcap_dictionary import HEADINGS
from haip_outcomes.registry.sources.redcap_export import tables_of_export

METADATA = dictionary_csv(FIELDS, machine=True)
JSON_FIELDS = [dict(zip(HEADINGS.values(), row, strict=True)) for row in FIELDS]

pytest.importorskip("redcap", reason="PyCap is an optional extra")


@pytest.fixture(autouse=True)
def no_token_anywhere(capfd, caplog, monkeypatch):
    """The token is in the environment; whatever a test does, it appears in no output and no log."""
    monkeypatch.setenv("REDCAP_API_TOKEN", TOKEN)
    caplog.set_level(logging.DEBUG)
    yield
    out, err = capfd.readouterr()
    assert TOKEN not in out + err
    logged = [f"{record.getMessage()} {record.args} {record.exc_text or ''}" for record in caplog.records]
    assert TOKEN not in " ".join(logged)


def server(**more):
    return redcap_server(EXPORT, METADATA, JSON_FIELDS, **more)


def refused(plan=None, kind=RedcapError, with_locals=True, **options):
    """The one sentence of a failure; no exception in its chain, and no local variable of its traceback, shows the token.

    Local variables are not asked where a person wrote the token into the address.
    """
    with pytest.raises(HaipError) as caught:
        fetch(plan or plan_with(), **options)
    error = caught.value
    assert type(error) is kind
    chain, held = [], error
    while held is not None:
        chain.append(held)
        held = held.__cause__ or held.__context__
    assert all(TOKEN not in f"{one} {one!r} {vars(one)}" for one in chain)
    told = "".join(traceback.TracebackException.from_exception(error, capture_locals=with_locals).format())
    assert TOKEN not in told
    sentence = str(error)
    assert "\n" not in sentence
    return sentence


def test_a_project_over_http_is_that_of_the_files():
    plan = plan_with()
    with server() as (url, requests):
        source, fetched = tables_of_project(plan, url=url)
    assert fetched == Fetched(EXPORT, METADATA, ("UNK", "NI"))
    by_file = tables_of_export("export.csv", EXPORT, plan, read_back(), ("UNK", "NI"))
    assert source.patients.cells.equals(by_file.patients.cells)
    assert source.patients.labels == by_file.patients.labels
    for name, table in by_file.related.items():
        assert source.related[name].cells.equals(table.cells)
    assert [note.found for note in source.patients.notes] == ["missing-data codes of the project that the plan does not name: NI"]
    assert source.patients.name == "REDCap export"
    assert {request["path"] for request in requests} == {"/redcap/api/"}


def read_back():
    from redcap_projects import dictionary

    return dictionary()


def test_what_is_asked_of_the_server():
    with server() as (url, requests):
        fetch(plan_with(), url=url)
    (asked,) = [request for request in requests if request["content"] == "record"]
    wanted = {"format": "csv", "type": "flat", "rawOrLabel": "raw", "rawOrLabelHeaders": "raw", "eventName": "unique", "exportDataAccessGroups": "True", "token": TOKEN}
    assert {key: asked.get(key) for key in wanted} == wanted
    assert not set(asked) & {"exportCheckboxLabel", "filterLogic", "records"}
    fields = {value for key, value in asked.items() if key.startswith("fields[")}
    assert fields == {row[0] for row in FIELDS} | {f"{form}_complete" for form in ("baseline", "followup", "complications", "imaging")}
    assert {request["content"] for request in requests} == {"record", "metadata", "project"}


def test_letters_beyond_ascii_come_as_they_were_sent():
    export = EXPORT.replace(b"north", "Århus – Süd".encode())
    for charset in ("; charset=utf-8", ""):
        with redcap_server(export, METADATA, JSON_FIELDS, charset=charset) as (url, _):
            assert fetch(plan_with(), url=url).export == export


def test_the_address_and_the_variable_of_the_plan(monkeypatch):
    monkeypatch.delenv("REDCAP_API_TOKEN")
    monkeypatch.setenv("OUR_TOKEN", f" {TOKEN}\n")
    with server() as (url, _):
        fetched = fetch(plan_with(redcap={"url": url.rstrip("/"), "token_variable": "OUR_TOKEN"}))
    assert fetched.export == EXPORT
    assert TOKEN not in repr(fetched)
    assert "record_id" not in repr(fetched)  # patients are not shown either


def test_a_project_without_missing_data_codes():
    for codes in ("", None):
        with server(missing_codes=codes) as (url, _):
            assert fetch(plan_with(), url=url).missing_codes == ()


def test_no_proxy_sees_what_stays_on_this_computer(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with server() as (url, _):
        assert fetch(plan_with(), url=url).export == EXPORT


# ---- before anything is sent ----


@pytest.mark.parametrize(("url", "words"), [
    (None, "url: is needed"),
    ("http://redcap.example.org/api/", "unencrypted; write https://"),
    ("ftp://redcap.example.org/api/", "this is no address"),
    ("redcap.example.org/api/", "this is no address"),
    ("https://[::1/api/", "this is no address"),
    ("https://redcap.example.org:port/api/", "this is no address"),
    ("https://redcap.example.org/", "must end in /api/"),
    (f"https://redcap.example.org/api/?token={TOKEN}", "neither a name, a password nor a token"),
    (f"https://user:{TOKEN}@redcap.example.org/api/", "neither a name, a password nor a token"),
])  # fmt: skip
def test_addresses_that_are_refused(url, words):
    assert words in refused(plan_with(redcap={"url": url}), PlanError, with_locals=TOKEN not in (url or ""))


def test_no_token_or_none_that_can_be_one(monkeypatch):
    url = "https://redcap.example.org/api/"
    monkeypatch.delenv("REDCAP_API_TOKEN")
    assert "set the environment variable REDCAP_API_TOKEN" in refused(kind=PlanError, url=url)
    monkeypatch.setenv("REDCAP_API_TOKEN", TOKEN + TOKEN)  # a super token
    assert "32 letters and digits" in refused(kind=PlanError, url=url)


def test_a_token_in_the_plan_is_never_repeated(tmp_path):
    assert "ask REDCap for a new token" in refused(plan_with(redcap={"token_variable": TOKEN}), PlanError, url="https://redcap.example.org/api/")
    path = tmp_path / "plan.toml"
    path.write_text(f'[cohort]\nname = "n"\nid = "record_id"\nsetting = "setting"\n[redcap]\ntoken = "{TOKEN}"\n', encoding="utf-8")
    with pytest.raises(PlanError) as caught:
        load_plan(path)
    assert "[redcap] token: there is no such key" in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_without_pycap(monkeypatch):
    monkeypatch.setitem(sys.modules, "redcap", None)
    assert 'pip install "haip_outcomes[redcap]"' in refused(kind=PlanError, url="https://redcap.example.org/api/")


# ---- what a server can answer ----


def failing(status=200, body=b"", headers=None, content=None):
    """An answer for one kind of question, or for all."""
    return lambda form: (status, headers or {}, body) if content in (None, form["content"]) else None


@pytest.mark.parametrize(("answer", "words"), [
    (failing(401, b'{"error":"Invalid token"}'), "the token is refused (401)"),
    (failing(404, b"<html>not found</html>"), "no interface at this address (404)"),
    (failing(302, b"", {"Location": "https://elsewhere.example.org/api/"}), "the address leads to another one (302), and the token is not sent on"),
    (failing(307, b"", {"Location": "/other/api/"}), "leads to another one (307)"),
    (failing(500, b"<br />Fatal error"), "the server has a fault (500)"),
    (failing(503, b""), "the server has a fault (503)"),
    (failing(400, b'{"error":"The following values in the parameter \'fields\' are not valid: x"}', content="record"),
     "refuses the export (400): The following values in the parameter 'fields' are not valid: x"),
    (failing(400, f"token {TOKEN} is odd".encode()), "refuses the export (400): token  is odd"),
    (failing(200, b"<!DOCTYPE html><html>Please log in</html>"), "a web page answers"),
    (failing(200, b"REDCap is offline"), "not REDCap's (no dictionary)"),
    (failing(200, b"offline", content="project"), "not REDCap's (no JSON)"),
    (failing(200, b"ERROR: something", content="record"), "the server refuses the export"),
    (failing(200, b'<br />Fatal error {"error":"REDCap ran out of server memory."}', content="record"), "not enough memory for an export of all records"),
])  # fmt: skip
def test_answers_that_are_no_export(answer, words):
    with server(answer=answer) as (url, _):
        sentence = refused(url=url)
    assert sentence.startswith("REDCap: ")
    assert words in sentence


def test_a_wrong_token(monkeypatch):
    with server() as (url, requests):
        monkeypatch.setenv("REDCAP_API_TOKEN", TOKEN[::-1])
        sentence = refused(url=url)
    assert sentence == "REDCap: the token is refused (403); check the token, and that your user has the right API Export in this project."
    assert TOKEN[::-1] not in sentence
    assert len(requests) == 1


def test_a_redirect_is_not_followed():
    with server() as (other, asked), server(answer=failing(307, b"", {"Location": other})) as (url, _):
        refused(url=url)
    assert asked == []


def test_an_empty_project():
    with redcap_server(b"\n", METADATA, JSON_FIELDS) as (url, _), pytest.raises(CohortError, match="an empty file"):
        tables_of_project(plan_with(), url=url)


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "127.0.0.1 can't be reached" in refused(url=f"http://127.0.0.1:{port}/api/")


def test_a_server_that_hangs_up_and_one_that_never_answers():
    wait = threading.Event()

    def slow(form):
        wait.wait(10)

    with server(answer=slow) as (url, _):
        assert "does not answer in time" in refused(url=url, timeout=(5, 0.2))
        wait.set()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        threading.Thread(target=lambda: listening.accept()[0].close(), daemon=True).start()
        assert "the connection broke off" in refused(url=f"http://127.0.0.1:{listening.getsockname()[1]}/api/")


def test_an_answer_that_ends_too_early():
    with server(answer=failing(200, METADATA, {"Content-Length": str(len(METADATA) + 10)}, "metadata")) as (url, _):
        assert "the connection broke off" in refused(url=url, timeout=(5, 1))


def test_https_with_a_server_that_does_not_speak_it():
    with server() as (url, _):
        sentence = refused(url=url.replace("http:", "https:"))
    assert "can't be trusted" in sentence or "can't be reached" in sentence


def test_exit_codes():
    assert (RedcapError("x", "y").exit_code, PlanError.exit_code) == (3, 2)
    (problem,) = RedcapError("x", "y").problems
    assert (problem.table, problem.found, problem.advice) == ("REDCap", "x", "y")


def test_the_interface_gives_the_cohort_that_the_files_give(tmp_path):
    (tmp_path / "export.csv").write_bytes(EXPORT)
    (tmp_path / "dictionary.csv").write_bytes(DICTIONARY)
    with server() as (url, _):
        plan = plan_with(redcap={"dictionary": "dictionary.csv", "url": url})
        filed, asked = read_cohort(tmp_path / "export.csv", plan), read_redcap(plan)
    assert len(filed) == len(asked) > 0
    assert asked.frame.equals(filed.frame)
    assert {name: len(rows) for name, rows in filed.tables.items()} == {name: len(rows) for name, rows in asked.tables.items()}
    assert all(asked.tables[name].equals(rows) for name, rows in filed.tables.items())


def test_the_command_reads_a_project_over_the_interface(tmp_path):
    plan = tmp_path / "plan.toml"
    with server() as (url, _):
        plan.write_text(TOML.format(url=url), encoding="utf-8")
        done = CliRunner().invoke(main, ["check", "--redcap", "--plan", str(plan)])
    assert done.exit_code == 0, done.stderr
    assert "Cohort Small project:" in done.stderr
    assert TOKEN not in done.output


TOML = """
[cohort]
name = "Small project"
id = "record_id"
setting = "setting"
setting_levels = {{ "1" = "adjuvant", "2" = "unresectable" }}
keys = ["hospital_number"]
[redcap]
url = "{url}"
[missing]
codes = ["9", "UNK"]
[endpoints.os]
label = "Overall survival"
start = "pump_date"
last_seen = "last_contact_date"
events = {{ Death = "death_date" }}
"""
