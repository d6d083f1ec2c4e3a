"""Whatever is in the files and in the requests, the routes answer with JSON as documented; damage stays in its run."""

import json
import logging
import shutil
import warnings
from contextlib import suppress
from itertools import count

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins.base_plugin import TBContext
from werkzeug.test import Client

from tb_sparsity import SparsityWriter, read_logs
from tb_sparsity.events.manifest_pb2 import Manifest, Schedule
from tb_sparsity.events.names import MANIFEST_TAG, TAG_PREFIXES
from tb_sparsity.events.records import frame
from tb_sparsity.plugin.plugin import SparsityPlugin
from tests.plugin.damage import damaged_file, few, garbled, real_files, write_run

CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large]  # that aren't made: files are slow to draw, and large

# ---- What is documented (docs/data-format.md): types, lists of one kind, and objects with exactly these keys.

NUMBER = (int, float)
OR_NULL = (int, type(None))
PHASE = {"begin_step": int, "end_step": OR_NULL, "frequency": int}
MANIFEST = {
    **dict.fromkeys(["format_version", "writer_version", "keras_version", "keras_backend", "update_freq"], str),
    "newer": bool,
    "first_step": int,
    "steps_per_epoch": OR_NULL,
    "total_steps": OR_NULL,
    "weights": [
        {
            **dict.fromkeys(["name", "layer", "layer_class", "dtype"], str),
            "shape": [int],
            "size": int,
            "pattern": dict,
            "schedule": OR_NULL,
        }
    ],
    "schedules": [
        {
            "class_name": str,
            "config": object,
            **PHASE,
            "phases": [PHASE],
            "target": {"step": [int], "value": [(*NUMBER, type(None))]},
        }
    ],
}
RUN = {
    "run": str,
    "name": str,
    "source": str,
    "manifest": object,
    "tags": {kind: [str] for kind in TAG_PREFIXES},
    "reports": dict,
    "last_step": int,
    "last_wall_time": NUMBER,
}


def conforms(value, shape):
    if isinstance(shape, dict):
        return (
            isinstance(value, dict)
            and value.keys() == shape.keys()
            and all(conforms(value[k], shape[k]) for k in shape)
        )
    if isinstance(shape, list):
        return isinstance(value, list) and all(conforms(one, shape[0]) for one in value)
    return isinstance(value, shape)


def parse(text):
    def no_json(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=no_json)


def check_index(answer):
    assert list(answer) == ["runs"]
    for run in answer["runs"]:
        assert conforms(run, RUN)
        assert run["source"] in ("tb_sparsity", "tfmot")
        assert run["last_step"] >= 0
        assert run["manifest"] is None or conforms(run["manifest"], MANIFEST)
        for schedule in (run["manifest"] or {"schedules": []})["schedules"]:
            assert len(schedule["target"]["step"]) == len(schedule["target"]["value"])
    names = [run["name"] for run in answer["runs"]]
    assert len(set(names)) == len(names)


def check_series(answer, wanted, points):
    assert conforms(answer, {"axes": [{"step": [int], "wall_time": [NUMBER]}], "series": [dict]})
    assert [(one["run"], one["tag"]) for one in answer["series"]] == wanted
    for axis in answer["axes"]:
        assert len(axis["step"]) == len(axis["wall_time"]) <= points
        assert axis["step"] == sorted(set(axis["step"]))
    for one in answer["series"]:
        if one.keys() == {"run", "tag", "error"}:
            assert isinstance(one["error"], str)
        else:
            assert conforms(one, {"run": str, "tag": str, "axis": int, "value": [(*NUMBER, type(None))]})
            assert len(one["value"]) == len(answer["axes"][one["axis"]]["step"])


# ---- TensorBoard, here in this process.


def load(**paths):
    """The routes, for runs at these paths. Where TensorBoard's own loader fails, it has what came before."""
    multiplexer = EventMultiplexer(size_guidance={"tensors": 10}, tensor_size_guidance={"scalars": 1000})
    for name, path in paths.items():
        multiplexer.AddRun(str(path), name)
        with suppress(Exception):
            multiplexer.GetAccumulator(name).Reload()
    plugin = SparsityPlugin(TBContext(data_provider=MultiplexerDataProvider(multiplexer, "")))
    assert isinstance(plugin.is_active(), bool)
    apps = plugin.get_plugin_apps()
    return Client(apps["/index"]), Client(apps["/series"])


def ask(client, method="GET", **request):
    answer = client.open(method=method, **request)
    assert answer.status_code in (200, 400)
    assert answer.headers["Content-Type"] == "application/json"
    return answer.status_code, parse(answer.get_data())


def ask_series(client, wanted, points=1000):
    body = json.dumps({"series": [{"run": run, "tag": tag} for run, tag in wanted], "points": points})
    status, answer = ask(client, "POST", data=body)
    assert status == 200
    check_series(answer, wanted, points)
    return answer


def all_tags(run):
    return [(run["run"], TAG_PREFIXES[kind] + name) for kind, names in run["tags"].items() for name in names]


def curves(answer, run):
    """The points of a run's series, with their steps."""
    return {one["tag"]: (answer["axes"][one["axis"]], one["value"]) for one in answer["series"] if one["run"] == run}


@pytest.fixture(scope="module", autouse=True)
def quiet():
    """TensorBoard's loader has much to say about such files."""
    logger = logging.getLogger("tensorboard")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A run that nothing ails: its path, what `index` has of it, and its curves."""
    path = tmp_path_factory.mktemp("good") / "sparsity"
    write_run(path, [b"".join(map(frame, file)) for file in real_files()])
    index, series = load(good=path)
    (run,) = ask(index)[1]["runs"]
    return path, run, curves(ask_series(series, all_tags(run)), "good")


@given(files=st.lists(damaged_file(), min_size=1, max_size=3), points=st.sampled_from([1, 2, 3, 1000]))
@settings(max_examples=400, suppress_health_check=CHECKS)
def test_a_damaged_run_is_answered_for_and_harms_no_other(good, tmp_path_factory, files, points):
    path, run, points_of_good = good
    bad = tmp_path_factory.mktemp("bad") / "sparsity"
    write_run(bad, files)
    index, series = load(bad=bad, good=path)
    status, answer = ask(index)
    assert status == 200
    check_index(answer)
    assert [one for one in answer["runs"] if one["run"] == "good"] == [run]
    wanted = [("bad", MANIFEST_TAG), ("bad", ""), ("", ""), *(pair for one in answer["runs"] for pair in all_tags(one))]
    ask_series(series, wanted, points)
    assert curves(ask_series(series, wanted), "good") == points_of_good


def test_a_config_may_be_nested_as_deeply_as_it_likes(tmp_path):
    configs = [
        opened * depth + closing * depth for opened, closing in ("[]", ('{"a":[', "]}")) for depth in range(1000)
    ]
    with SparsityWriter(tmp_path) as writer:
        writer.begin_session(Manifest(schedules=[Schedule(config=config) for config in configs]))
    status, answer = ask(load(run=tmp_path / "sparsity")[0])
    assert status == 200
    check_index(answer)
    assert len(answer["runs"][0]["manifest"]["schedules"]) == 2000


def test_damaged_runs_are_answered_for_by_the_other_data_server_too(good, tmp_path, tensorboard):
    path, run, points_of_good = good
    numbers = count()

    @given(files=st.lists(damaged_file(), min_size=1, max_size=3))
    @settings(max_examples=200, phases=[Phase.generate], database=None, derandomize=True, suppress_health_check=CHECKS)
    def write_bad(files):
        write_run(tmp_path / f"bad{next(numbers)}" / "sparsity", files)

    write_bad()
    shutil.copytree(path, tmp_path / "good")
    server = tensorboard(tmp_path)
    server.index(lambda runs: runs.get("good", {}).get("last_step") == 2)
    write_run(tmp_path / "last" / "sparsity", [b"".join(map(frame, real_files()[0]))])
    server.index(lambda runs: "last/sparsity" in runs)  # so all others were read before
    status, answer = server.request("index")
    assert status == 200
    check_index(answer)
    assert [one for one in answer["runs"] if one["run"] == "good"] == [run]
    assert len(answer["runs"]) > 75
    wanted = [pair for one in answer["runs"] for pair in all_tags(one)]
    answer = server.series(*wanted)
    check_series(answer, wanted, 1000)
    assert curves(answer, "good") == points_of_good

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of damaged files
        runs = read_logs(tmp_path)
    assert {
        tag: ({"step": one.step.tolist(), "wall_time": one.wall_time.tolist()}, one.value.tolist())
        for tag, one in runs["good"].series.items()
    } == {tag: (axis, np.array(value, np.float32).tolist()) for tag, (axis, value) in points_of_good.items()}
    for one in runs.values():
        one.to_pandas()
        for weight in one.weights:
            assert one.target(weight, [-1, 0, 1]).shape == (3,)


# ---- Requests.

TEXTS = st.one_of(st.sampled_from(["good", "sparsity/a/kernel", "\ud800", "\0"]), st.text(max_size=9))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
SERIES = st.fixed_dictionaries({"run": TEXTS, "tag": TEXTS}, optional={"more": JSON})
REQUESTS = st.fixed_dictionaries(
    {"series": few(SERIES) | few(st.one_of(SERIES, JSON)) | JSON},
    optional={"points": st.integers(-1, 10_001) | JSON, "more": JSON},
)
BODIES = st.one_of(
    st.binary(max_size=50),
    JSON.map(json.dumps).map(str.encode),
    REQUESTS.map(json.dumps).map(str.encode),
    REQUESTS.map(json.dumps).map(str.encode).flatmap(garbled),
)


@pytest.fixture(scope="module")
def routes(good):
    return load(good=good[0])


@given(body=BODIES)
@settings(max_examples=400)
def test_any_request_is_answered_or_told_what_is_wrong(routes, body):
    status, answer = ask(routes[1], "POST", data=body)
    if status == 400:
        assert conforms(answer, {"error": str})
    else:
        request = json.loads(body)
        wanted = [(one["run"], one["tag"]) for one in request["series"]]
        check_series(answer, wanted, request.get("points", 1000))


def test_names_as_long_as_a_request_may_be_get_an_answer(good, tensorboard):
    server = tensorboard(good[0])
    server.index()
    for run, tag in ((30 * 2**20, 3), (3, 30 * 2**20)):
        status, answer = server.request("series", {"series": [{"run": "x" * run, "tag": "y" * tag}]})
        assert (status, answer["series"][0]["error"]) == (200, "There is no such run.")
