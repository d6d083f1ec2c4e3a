"""The routes, over HTTP from a real TensorBoard: the right answer, or a 4xx that says what is wrong."""

import gzip
import http.client
import json
import socket
from urllib.parse import urlparse

import pytest

from tb_sparsity.events.writer import SparsityWriter


@pytest.fixture(scope="module", params=[True, False], ids=["rust", "python"])
def server(request, tensorboard, tmp_path_factory):
    log_dir = tmp_path_factory.mktemp("logs")
    writer = SparsityWriter(log_dir / "run")
    nan, inf = float("nan"), float("inf")
    for step, value in enumerate([0.5, nan, inf, -inf, 0.25], 1):
        writer.log(step, {"a/kernel": 0.5}, metrics={"loss": value})
    writer.log(6, {"a/kernel": 0.75})
    writer.close()
    server = tensorboard(log_dir, fast=request.param)
    server.index(lambda runs: runs.get("run/sparsity", {}).get("last_step") == 6)
    return server


def test_nan_and_infinities_are_null(server):
    answer = server.series(("run/sparsity", "metrics/loss"))
    assert answer["series"][0]["value"] == [0.5, None, None, None, 0.25]


def test_series_with_the_same_steps_share_an_axis_and_missing_ones_do_not_fail_the_others(server):
    answer = server.series(
        ("run/sparsity", "sparsity/a/kernel"),
        ("run/sparsity", "metrics/loss"),
        ("run/sparsity", "sparsity/a/kernel"),
        ("run/sparsity", "metrics/none"),
        ("nowhere", "metrics/loss"),
        ("", ""),
        ("\ud800", "\x00"),
    )
    assert [axis["step"] for axis in answer["axes"]] == [[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5]]
    assert [len(axis["wall_time"]) for axis in answer["axes"]] == [6, 5]
    assert [series.get("axis") for series in answer["series"]] == [0, 1, 0, None, None, None, None]
    assert [series.get("error") for series in answer["series"]] == [
        None,
        None,
        None,
        "This run has no such tag.",
        "There is no such run.",
        "There is no such run.",
        "There is no such run.",
    ]


ONE = {"run": "run/sparsity", "tag": "metrics/loss"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"null",
        b"[]",
        b"NaN",
        b"[" * 100_000,
        b'{"series":' * 10_000,
        b'{"series": [], "points": NaN}',
        b'{"series": [], "points": 1e999}',
        b'{"series": [], "points": ' + b"9" * 5000 + b"}",
        json.dumps({}).encode(),
        json.dumps({"series": {}}).encode(),
        json.dumps({"series": [[]]}).encode(),
        json.dumps({"series": [{"run": "a"}]}).encode(),
        json.dumps({"series": [{"run": "a", "tag": 3}]}).encode(),
        json.dumps({"series": [{"run": None, "tag": "a"}]}).encode(),
        json.dumps({"series": [ONE], "points": True}).encode(),
        json.dumps({"series": [ONE], "points": 10.0}).encode(),
        json.dumps({"series": [ONE], "points": "10"}).encode(),
        json.dumps({"series": [ONE], "points": 0}).encode(),
        json.dumps({"series": [ONE], "points": 10_001}).encode(),
        json.dumps({"series": [ONE], "points": None}).encode(),
        json.dumps({"series": [ONE], "points": -1}).encode(),
        json.dumps({"series": [ONE], "points": 10**30}).encode(),
        json.dumps({"series": [ONE], "points": [10]}).encode(),
        json.dumps({"series": [ONE] * 2001}).encode(),
        json.dumps({"series": [ONE] * 100_000}).encode(),
        json.dumps({"series": json.dumps([ONE])}).encode(),
        json.dumps({"series": [None]}).encode(),
        json.dumps({"series": ["run/sparsity"]}).encode(),
        json.dumps({"series": [{"run": ["run/sparsity"], "tag": "a"}]}).encode(),
        json.dumps({"series": [{"run": True, "tag": "a"}]}).encode(),
        json.dumps({"series": [ONE, {"run": "a", "tag": {}}]}).encode(),
        b'{"series": [{"run": "\xff", "tag": "a"}]}',
        gzip.compress(json.dumps({"series": [ONE]}).encode(), mtime=0),
        b"series=1&points=2",
        b'--x\r\nContent-Disposition: form-data; name="series"\r\n\r\n[]\r\n--x--\r\n',
    ],
    ids=lambda body: f"{len(body)} bytes {body[:30]!r}",
)
def test_anything_else_is_a_400_that_says_so(server, body):
    status, answer = server.request("series", body)
    assert status == 400
    assert list(answer) == ["error"]
    assert answer["error"].endswith(".")


def test_what_is_still_allowed(server):
    assert server.request("series", {"series": []}) == (200, {"axes": [], "series": []})
    assert server.request("series", {"series": [ONE] * 2000, "points": 10_000, "more": 1})[0] == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Type", "multipart/form-data; boundary=x"),
        ("Content-Type", "multipart/form-data"),
        ("Content-Type", "application/json; charset=utf-16"),
        ("Content-Type", "\xff;;;="),
        ("Accept", "image/png"),
        ("Accept-Encoding", "gzip;q=nan, *;q=-1"),
        ("Accept-Language", "\xff"),
        ("Cookie", "\xff=;;"),
    ],
)
def test_whatever_is_said_about_a_request_only_its_body_counts(server, name, value):
    body = json.dumps({"series": [ONE]}).encode()
    status, _, answer = raw(server, "series", "POST", [("Content-Length", str(len(body))), (name, value)], body)
    assert (status, json.loads(answer)["series"][0]["value"]) == (200, [0.5, None, None, None, 0.25])


METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]


@pytest.mark.parametrize(
    ("path", "allowed", "fine"),
    [("index", "GET", 200), ("series", "POST", 400), ("report", "GET", 400), ("static/index.js", "GET", 200)],
)
def test_a_wrong_method_is_a_405(server, path, allowed, fine):
    for method in METHODS:
        status, headers, body = raw(server, path, method, [("Content-Length", "0")])
        if method == allowed or (method, allowed) == ("HEAD", "GET"):
            assert status == fine  # 400: nothing was asked for
            continue
        assert (status, headers["Allow"], headers["Content-Type"]) == (405, allowed, "application/json")
        assert method == "HEAD" or f"takes {allowed} only" in json.loads(body)["error"]


def raw(server, path, method="GET", headers=(), body=b"", base="data/plugin/sparsity/"):
    """Status, headers and body of an answer; nothing is added to the request, which ends with its body."""
    url = urlparse(server.url)
    with socket.create_connection((url.hostname, url.port)) as connection:
        lines = [f"{method} /{base}{path} HTTP/1.1", "Host: localhost", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers]
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        connection.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(connection, method=method)
        answer.begin()
        content = answer.read()
        is_packed = answer.headers["Content-Encoding"] == "gzip" and content
        return answer.status, answer.headers, gzip.decompress(content) if is_packed else content


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([], b'{"series": []}'),
        ([("Content-Length", "many")], b'{"series": []}'),
        ([("Content-Length", "-1")], b'{"series": []}'),
        ([("Content-Length", "100")], b'{"series": []}'),
        ([("Transfer-Encoding", "chunked")], b'no length\r\n{"series": []}'),
        ([("Transfer-Encoding", "chunked")], b'50\r\n{"series": []}'),
        ([("Transfer-Encoding", "chunked")], b'-5\r\n{"series": []}'),
        ([("Content-Encoding", "gzip"), ("Content-Length", "3")], b"\x1f\x8b\x08"),
    ],
)
def test_a_body_that_does_not_come_as_it_should_is_a_400(server, headers, body):
    status, answer_headers, answer = raw(server, "series", "POST", headers, body)
    assert (status, answer_headers["Content-Type"]) == (400, "application/json")
    assert list(json.loads(answer)) == ["error"]


def test_a_body_too_large_is_not_read(server):
    status, _, body = raw(server, "series", "POST", [("Content-Length", str(10**12))])
    assert status == 400
    assert b"larger than" in body


def test_nor_is_one_that_comes_in_chunks(server):
    connection = http.client.HTTPConnection(urlparse(server.url).netloc)
    chunks = (b"[" * 2**20 for _ in range(40))
    connection.request("POST", "/data/plugin/sparsity/series", body=chunks, encode_chunked=True)
    assert connection.getresponse().status == 400


@pytest.mark.parametrize("name", ["%00", "..%2f..%2fplugin.py", "../plugin.py", "nothing.js", "index.js%00", ""])
def test_only_the_files_of_the_page_are_served(server, name):
    assert raw(server, f"static/{name}")[0] in (400, 404)


def test_the_page_is_a_module_that_exports_render(server):
    status, headers, body = raw(server, "static/index.js")
    assert status == 200
    assert headers["Content-Type"].startswith("text/javascript")
    assert b"as render" in body or b"export{render" in body or b"function render" in body


def test_the_tab_is_listed_as_active(server):
    status, _, body = raw(server, "plugins_listing", base="data/")
    assert status == 200
    plugin = json.loads(body)["sparsity"]
    assert plugin["enabled"]
    assert plugin["tab_name"] == "Sparsity"


def test_without_data_the_tab_is_inactive_and_the_index_empty(serve, tmp_path):
    server = serve(tmp_path)
    assert server.request("index") == (200, {"runs": []})
    assert not json.loads(raw(server, "plugins_listing", base="data/")[2])["sparsity"]["enabled"]
