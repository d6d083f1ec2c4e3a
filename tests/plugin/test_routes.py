"""The routes, over HTTP from a real TensorBoard: the right answer, or a 4xx that says what is wrong."""

import http.client
import json
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
        json.dumps({"series": [ONE] * 2001}).encode(),
    ],
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
    ("path", "method", "allowed"), [("index", "POST", "GET"), ("series", "GET", "POST"), ("series", "PUT", "POST")]
)
def test_a_wrong_method_is_a_405(server, path, method, allowed):
    status, answer = server.request(path, b"" if method != "GET" else None, method)
    assert status == 405
    assert f"takes {allowed} only" in answer["error"]


def raw(server, path, method="GET", headers=()):
    connection = http.client.HTTPConnection(urlparse(server.url).netloc)
    connection.putrequest(method, path)
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def test_a_body_too_large_is_not_read(server):
    status, _, body = raw(server, "/data/plugin/sparsity/series", "POST", [("Content-Length", str(10**12))])
    assert status == 400
    assert b"larger than" in body


def test_nor_is_one_that_comes_in_chunks(server):
    connection = http.client.HTTPConnection(urlparse(server.url).netloc)
    chunks = (b"[" * 2**20 for _ in range(40))
    connection.request("POST", "/data/plugin/sparsity/series", body=chunks, encode_chunked=True)
    assert connection.getresponse().status == 400


@pytest.mark.parametrize("name", ["%00", "..%2f..%2fplugin.py", "../plugin.py", "nothing.js", "index.js%00", ""])
def test_only_the_files_of_the_page_are_served(server, name):
    assert raw(server, f"/data/plugin/sparsity/static/{name}")[0] in (400, 404)


def test_the_page_is_a_module_that_exports_render(server):
    status, headers, body = raw(server, "/data/plugin/sparsity/static/index.js")
    assert status == 200
    assert headers["Content-Type"].startswith("text/javascript")
    assert b"as render" in body or b"export{render" in body or b"function render" in body


def test_the_tab_is_listed_as_active(server):
    status, _, body = raw(server, "/data/plugins_listing")
    assert status == 200
    plugin = json.loads(body)["sparsity"]
    assert plugin["enabled"]
    assert plugin["tab_name"] == "Sparsity"


def test_without_data_the_tab_is_inactive_and_the_index_empty(serve, tmp_path):
    server = serve(tmp_path)
    assert server.request("index") == (200, {"runs": []})
    assert not json.loads(raw(server, "/data/plugins_listing")[2])["sparsity"]["enabled"]
