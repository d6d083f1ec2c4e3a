"""Reports over HTTP from a real TensorBoard: the last readable one of a kind, whatever else is in the files."""

import json
from urllib.parse import quote

import pytest
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from tb_sparsity.events.names import MANIFEST_PLUGIN, REPORT_PREFIX, REPORT_SUBDIRECTORY
from tb_sparsity.events.reports import write_report
from tb_sparsity.events.writer import SparsityWriter
from tests.plugin.test_routes import METHODS, raw

RUN = "run/sparsity"
COMPRESSION = {"format": 1, "variants": [], "layers": [], "samples": 3, "lower_is_better": []}
HOSTILE = {"<img src=x onerror=alert(1)>": '</script>\x00\u2028"', "__proto__": {"a": [None, True, 1.5, "é🧠"]}}
# Text that is no report, though some of it is JSON; and bytes that are no text.
DAMAGED = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[]",
    b"null",
    b'"text"',
    b"3",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"a": ' + b"9" * 5_000 + b"}",
    b"\x00" * 100,
]


def write_raw(log_dir, kind, *contents, wall_times=None, **tensor):
    """What another program may have written under a report's tag."""
    writer = EventFileWriter(str(log_dir / REPORT_SUBDIRECTORY))
    for i, content in enumerate(contents):
        proto = tensor_pb2.TensorProto(
            dtype=types_pb2.DT_STRING,
            tensor_shape=tensor_shape_pb2.TensorShapeProto(),
            string_val=[content] if isinstance(content, bytes) else content,
        )
        proto.MergeFrom(tensor_pb2.TensorProto(**tensor))
        value = summary_pb2.Summary.Value(tag=REPORT_PREFIX + kind, tensor=proto)
        value.metadata.plugin_data.plugin_name = MANIFEST_PLUGIN
        value.metadata.data_class = summary_pb2.DATA_CLASS_TENSOR
        time = wall_times[i] if wall_times else 1_000.0 + i
        writer.add_event(event_pb2.Event(wall_time=time, step=i, summary=summary_pb2.Summary(value=[value])))
    writer.close()


@pytest.fixture(scope="module")
def logdir(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("reports")
    for run in ("run", "silent"):
        with SparsityWriter(logdir / run) as writer:
            writer.log(1, {"a/kernel": 0.5})
    for samples in (1, 2, 3):
        write_report(logdir / "run", "compression", json.dumps(COMPRESSION | {"samples": samples}))
    write_report(logdir / "run", "sensitivity", json.dumps(HOSTILE))
    write_report(logdir / "alone", "sensitivity", json.dumps({"format": 1, "curves": []}))
    write_report(logdir, "compression", json.dumps({"format": 7}))  # of the log directory itself
    write_report(logdir / "a b&run=%41\u202e", "compression", json.dumps(COMPRESSION))
    for i, content in enumerate(DAMAGED):
        write_raw(logdir / f"damaged{i}", "compression", content)
    write_raw(logdir / "recovered", "compression", b'{"samples": 5}', b'{"samples": 6}', b"{")
    write_raw(logdir / "unordered", "compression", b'{"samples": 5}', b'{"samples": 6}', wall_times=[2_000.0, 1_000.0])
    write_raw(logdir / "infinite", "compression", b'{"a": [NaN, Infinity, -Infinity, 1e999, 1e3]}')
    write_raw(logdir / "empty", "compression", [])
    write_raw(logdir / "several", "compression", [b"{}", b"{}"], tensor_shape={"dim": [{"size": 2}]})
    write_raw(logdir / "timeless", "compression", b'{"samples": 5}', wall_times=[float("nan")])
    return logdir


@pytest.fixture(params=[True, False], ids=["rust", "python"])
def server(request, tensorboard, logdir):
    server = tensorboard(logdir, fast=request.param)
    server.index(lambda runs: {"sparsity", "several/sparsity", "unordered/sparsity"} <= runs.keys())
    return server


def report(server, run, kind):
    return server.request(f"report?run={quote(run, safe='')}&kind={kind}")


def test_the_index_says_which_runs_have_reports_and_when_they_were_made(server):
    runs = server.index()
    assert set(runs[RUN]["reports"]) == {"compression", "sensitivity"}
    assert runs[RUN]["reports"]["compression"] >= runs[RUN]["last_wall_time"]
    assert runs["silent/sparsity"]["reports"] == {}
    assert runs["unordered/sparsity"]["reports"]["compression"] == 2_000.0
    alone = runs["alone/sparsity"]
    assert (alone["name"], alone["manifest"], alone["last_step"], set(alone["reports"])) == (
        "alone",
        None,
        0,
        {"sensitivity"},
    )
    assert runs["sparsity"]["name"] == "."
    json.dumps(runs, allow_nan=False)


def test_of_several_reports_the_last_readable_one_counts(server):
    assert report(server, RUN, "compression") == (200, COMPRESSION)
    assert report(server, "alone/sparsity", "sensitivity") == (200, {"format": 1, "curves": []})
    assert report(server, "sparsity", "compression") == (200, {"format": 7})
    assert report(server, "recovered/sparsity", "compression") == (200, {"samples": 6})
    assert report(server, "unordered/sparsity", "compression") == (200, {"samples": 5})


def test_names_and_texts_come_through_as_they_are(server):
    assert report(server, RUN, "sensitivity") == (200, HOSTILE)
    assert report(server, "a b&run=%41\u202e/sparsity", "compression") == (200, COMPRESSION)


def test_numbers_that_json_does_not_have_are_null(server):
    assert report(server, "infinite/sparsity", "compression") == (200, {"a": [None, None, None, None, 1000.0]})


@pytest.mark.parametrize("run", [*(f"damaged{i}" for i in range(len(DAMAGED))), "empty", "several"])
def test_a_damaged_report_is_none_and_no_other_suffers(server, run):
    status, answer = report(server, f"{run}/sparsity", "compression")
    assert (status, list(answer)) == (404, ["error"])
    assert report(server, RUN, "compression")[0] == 200


@pytest.mark.parametrize(
    "run",
    ["silent/sparsity", "nowhere/sparsity", "run", "/", "\x00", "../run/sparsity", "x" * 20_000],
)
def test_a_run_without_a_report_is_a_404_that_says_so(server, run):
    status, answer = report(server, run, "sensitivity")
    assert (status, list(answer)) == (404, ["error"])
    assert "no report of the kind sensitivity" in answer["error"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "run=run/sparsity",
        "kind=compression",
        "run=&kind=compression",
        "run=run/sparsity&kind=",
        "run=run/sparsity&kind=manifest",
        "run=run/sparsity&kind=Compression",
        "run=run/sparsity&kind=compression%00",
        "run=run/sparsity&kind=tb_sparsity/compression",
        "run[]=run/sparsity&kind[]=compression",
        "run=run/sparsity;kind=compression",
        "%ff=%ff",
    ],
)
def test_anything_else_is_a_400_that_says_so(server, query):
    status, answer = server.request(f"report?{query}")
    assert (status, list(answer)) == (400, ["error"])
    assert "compression, sensitivity" in answer["error"]


def test_bytes_that_are_no_text_are_no_run(server):
    assert server.request("report?run=%ff%fe/sparsity&kind=compression")[0] == 404


def test_a_wrong_method_is_a_405(server):
    for method in METHODS:
        path = "report?run=run/sparsity&kind=compression"
        status, headers, body = raw(server, path, method, [("Content-Length", "0")])
        if method in ("GET", "HEAD"):
            assert status == 200
            continue
        assert (status, headers["Allow"], list(json.loads(body))) == (405, "GET", ["error"])
