"""REDCap's interface (API) through PyCap: the raw export and the dictionary of a project, as the downloads would hold them.

The token comes from the environment only. It is never written, logged or shown: an error of PyCap or requests is never passed on,
only what went wrong in our own words.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from haip_outcomes.errors import CohortError, PlanError, Problem
from haip_outcomes.registry.plan import Plan
from haip_outcomes.registry.sources.raw_table import RawSource
from haip_outcomes.registry.sources.redcap_dictionary import plain, read_dictionary
from haip_outcomes.registry.sources.redcap_export import tables_of_export

EXPORT_NAME, DICTIONARY_NAME = "REDCap export", "REDCap data dictionary"
_LOCAL = ("localhost", "127.0.0.1", "::1")
_TOKEN = re.compile(r"[0-9A-Za-z]{32}")
_BY_HAND = "or export by hand (docs/redcap.md)"


class RedcapError(CohortError):
    """The project could not be read over REDCap's interface: one sentence, and the same as a problem."""

    def __init__(self, found: str, advice: str) -> None:
        super().__init__([Problem("REDCap", "", (), found, "the records and the dictionary of the project", advice)], "REDCap")
        self.args = (f"REDCap: {found}; {advice}.",)


class _Secret(str):
    """A text that no representation shows, not even that of a local variable in a traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "(secret)"


@dataclass(frozen=True)
class Fetched:
    """What a project's interface gave: the raw export and the dictionary as CSV, and the project's missing-data codes."""

    export: bytes = field(repr=False)
    dictionary: bytes = field(repr=False)
    missing_codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Wrong:
    """What went wrong, without the exception that said so: that one may hold the request with the token."""

    found: str
    advice: str


def fetch(plan: Plan, *, url: str | None = None, timeout: tuple[float, float] = (20, 600)) -> Fetched:
    """Ask a REDCap project for its records and its dictionary, with the token of the environment variable that the plan names.

    Parameters
    ----------
    url : of the interface, as REDCap's page API shows it; otherwise [redcap] url of the plan. https, or this computer.
    timeout : seconds to reach the server, and to wait for each answer.

    Raises
    ------
    PlanError : no url, no https, no token in the environment, or PyCap is not installed. Nothing is sent.
    RedcapError : the token is refused, the server can't be reached or gives another answer than REDCap does.
    """
    address = _address(url or (plan.redcap.url if plan.redcap else None))
    token = _token(plan)
    try:
        import redcap
    except ImportError:
        raise PlanError('Reading from REDCap\'s interface needs PyCap, which is not installed: pip install "haip_outcomes[redcap]".') from None
    host = urlsplit(address).hostname or ""
    answers = _Answers(token)
    options: dict[str, Any] = {"timeout": timeout, "allow_redirects": False, "hooks": {"response": answers.look}}
    if host in _LOCAL:  # what stays on this computer goes through no proxy
        options["proxies"] = {"http": "", "https": ""}
    project = redcap.Project(address, token, **options)
    dictionary = answers.of(lambda: project.export_metadata(format_type="csv"), host)
    if not dictionary.lstrip(b'\xef\xbb\xbf"').startswith(b"field_name"):
        raise RedcapError("the answer is not REDCap's (no dictionary)", "check [redcap] url, " + _BY_HAND)
    info = answers.of(lambda: project.export_project_info(format_type="json"), host)
    export = answers.of(
        lambda: project.export_records(format_type="csv", raw_or_label="raw", raw_or_label_headers="raw", event_name="unique",
                                       export_data_access_groups=True), host)  # fmt: skip
    return Fetched(export, dictionary, _missing_codes(info))


def tables_of_project(plan: Plan, *, url: str | None = None, timeout: tuple[float, float] = (20, 600)) -> tuple[RawSource, Fetched]:
    """A project's tables over the interface, the same way as from files; and what was fetched, for its hash.

    Row numbers are those of the raw export of all records. Raises what `fetch` and `tables_of_export` raise.
    """
    fetched = fetch(plan, url=url, timeout=timeout)
    dictionary = read_dictionary(fetched.dictionary, DICTIONARY_NAME)
    return tables_of_export(EXPORT_NAME, fetched.export, plan, dictionary, fetched.missing_codes), fetched


class _Answers:
    """Looks at every answer before PyCap does, and keeps the last one as it came."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._wrong: _Wrong | None = None
        self._content = b""

    def __repr__(self) -> str:
        return "the answers of a REDCap server"

    def look(self, response: Any, *args: Any, **kwargs: Any) -> None:
        """Keep the answer; what is no answer of REDCap ends the request."""
        self._content = response.content
        self._wrong = _wrong_answer(response.status_code, self._content, self._token)
        if self._wrong:
            raise _NoAnswerError

    def of(self, ask: Callable[[], Any], host: str) -> bytes:
        """The content of the answer to one question."""
        self._wrong, self._content = None, b""
        wrong: _Wrong | None = None
        try:
            ask()
        except _NoAnswerError:
            wrong = self._wrong
        except Exception as error:  # whatever PyCap and requests raise: it may show the request, and must not be seen
            wrong = _failure(error, host)
        if wrong:  # raised out of the except clause, so that no context carries the other exception along
            raise RedcapError(wrong.found, wrong.advice)
        return self._content


class _NoAnswerError(Exception):
    """Ends a request whose answer is not to be read on."""


def _address(url: str | None) -> str:
    if not url:
        raise PlanError('[redcap] url: is needed to read from REDCap\'s interface, as REDCap\'s page API shows it: "https://.../api/".')
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise PlanError('[redcap] url: this is no address; write it as REDCap\'s page API shows it: "https://.../api/".') from None
    if parts.username or parts.password or parts.query or parts.fragment:
        raise PlanError("[redcap] url: the address of the interface ends in /api/ and holds neither a name, a password nor a token: write only the address.")
    if not host or parts.scheme not in ("http", "https"):
        raise PlanError('[redcap] url: this is no address; write it as REDCap\'s page API shows it: "https://.../api/".')
    if parts.scheme == "http" and host not in _LOCAL:
        raise PlanError(f"[redcap] url: http://{host} would send the token and the patients unencrypted; write https://.")
    path = parts.path.rstrip("/")
    if not path.endswith("/api"):
        raise PlanError(f"[redcap] url: the address of the interface at {host} must end in /api/; REDCap's page API shows it.")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}{path}/"


def _token(plan: Plan) -> str:
    if plan.redcap and _TOKEN.fullmatch(plan.redcap.token_variable):
        raise PlanError("[redcap] token_variable: a token seems to stand there, and it must be the name of an environment variable. "
                        "Take it out of the plan and ask REDCap for a new token: this one has been written down.")  # fmt: skip
    variable = plan.redcap.token_variable if plan.redcap else "REDCAP_API_TOKEN"
    token = _Secret(os.environ.get(variable, "").strip())
    if not token:
        raise PlanError(f"There is no token: set the environment variable {variable} to your token of the project (REDCap's page API), "
                        "in this session only, never in a file of the project.")  # fmt: skip
    if not _TOKEN.fullmatch(token):
        raise PlanError(f"The environment variable {variable} does not hold a token of a project: that has 32 letters and digits.")
    return token


def _wrong_answer(status: int, content: bytes, token: str) -> _Wrong | None:
    """What an answer is when it is not that of REDCap; None when it may be."""
    if status in (401, 403):
        return _Wrong(f"the token is refused ({status})", "check the token, and that your user has the right API Export in this project")
    if 300 <= status < 400:
        return _Wrong(f"the address leads to another one ({status}), and the token is not sent on",
                      "correct [redcap] url: REDCap's page API shows the address")  # fmt: skip
    if status in (404, 405, 410):
        return _Wrong(f"there is no interface at this address ({status})", "correct [redcap] url: REDCap's page API shows the address")
    if b"ran out of server memory" in content:
        return _Wrong("the server has not enough memory for an export of all records", "ask your REDCap administrator, " + _BY_HAND)
    if status >= 500:
        return _Wrong(f"the server has a fault ({status})", "try again later, " + _BY_HAND)
    if status >= 400:
        return _Wrong(f"the server refuses the export ({status}){_said(content, token)}", "ask your REDCap administrator, " + _BY_HAND)
    if content.lstrip()[:1] == b"<":
        return _Wrong("a web page answers instead of REDCap's interface (a login page, or a proxy)", "correct [redcap] url, or ask your network's administrator")
    return None


def _said(content: bytes, token: str) -> str:
    """REDCap's own words about a refused request, shortened."""
    words = plain(content[:2000].decode("utf-8", "replace")).replace(token, "").strip('{}" ').removeprefix("error").strip('": ')
    return f": {words[:120]}" if words else ""


def _failure(error: Exception, host: str) -> _Wrong:
    """What an exception of PyCap or requests means, told by its kind alone."""
    from requests import exceptions

    if isinstance(error, exceptions.SSLError):
        return _Wrong(f"the certificate of {host} can't be trusted", "ask your network's administrator for its certificate (REQUESTS_CA_BUNDLE)")
    if isinstance(error, exceptions.Timeout):
        return _Wrong(f"{host} does not answer in time", "try again later, " + _BY_HAND)
    if isinstance(error, (exceptions.JSONDecodeError, ValueError)) and not isinstance(error, (exceptions.InvalidURL, exceptions.MissingSchema)):
        return _Wrong("the answer is not REDCap's (no JSON)", "check [redcap] url, " + _BY_HAND)
    if isinstance(error, (exceptions.ConnectionError, exceptions.ChunkedEncodingError, exceptions.ContentDecodingError)):
        return _Wrong(f"{host} can't be reached, or the connection broke off", "check [redcap] url and your network, or try again later")
    return _Wrong("the server refuses the export", "ask your REDCap administrator, " + _BY_HAND)


def _missing_codes(info: bytes) -> tuple[str, ...]:
    """The codes of "NI, No information | UNK, Unknown" in a project's information; REDCap before 9 has none."""
    content = json.loads(info)
    text = (content.get("missing_data_codes") if isinstance(content, dict) else "") or ""
    return tuple(filter(None, (part.partition(",")[0].strip() for part in str(text).split("|"))))
