"""A REDCap server on this computer: it answers over HTTP as REDCap's interface does, or as badly as it is told to."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

TOKEN = "0123456789ABCDEF0123456789ABCDEF"


@contextmanager
def redcap_server(export, metadata, fields, *, missing_codes="UNK, Unknown | NI, No information", answer=None, charset="; charset=utf-8"):
    """Serve a project; `answer(form)` may give (status, headers, body) instead. Yields the address and the list of requests."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            form = {key: values[0] for key, values in parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode(), keep_blank_values=True).items()}
            requests.append({"path": self.path, **form})
            status, headers, body = (answer and answer(form)) or self.good(form)
            self.send_response(status)
            for name, value in {"Content-Type": "text/html", "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def good(self, form):
            if form.get("token") != TOKEN:
                return 403, {"Content-Type": "application/json"}, b'{"error":"You do not have permissions to use the API"}'
            if form["content"] == "metadata" and form["format"] == "csv":
                return 200, {"Content-Type": "text/csv" + charset}, metadata
            if form["content"] == "metadata":
                return 200, {"Content-Type": "application/json"}, json.dumps(fields).encode()
            if form["content"] == "project":
                return 200, {"Content-Type": "application/json"}, json.dumps({"project_id": 7, "missing_data_codes": missing_codes}).encode()
            if form["content"] == "record":
                return 200, {"Content-Type": "text/csv" + charset}, export
            return 400, {}, b"<hash><error>The value of the parameter 'content' is not valid</error></hash>"

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/redcap/api/", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
