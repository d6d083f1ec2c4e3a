"""Points as columns, against TensorBoard's own way of giving them and against loops over single points."""

import tempfile
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_SCALAR, Summary, SummaryMetadata
from tensorboard.context import RequestContext
from tensorboard.data import server_ingester
from tensorboard.data.provider import RunTagFilter
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.grpc_util import ChannelCredsType
from tensorboard.util.tensor_util import make_tensor_proto

from tb_sparsity import SparsityWriter
from tb_sparsity.events.points import Points, from_data, holding, read_columns, shortest
from tests.conftest import examples
from tests.events.test_reading_back import session
from tests.servers import wait_until

RUNS = ["one/sparsity", "two/sparsity"]
TAGS = ["metrics/loss", "sparsity/a/kernel"]


@pytest.fixture
def logs(tmp_path):
    session(tmp_path / "one", 1, 50, 0.1, tuple(TAGS))
    session(tmp_path / "two", 5, 20, float("nan"), tuple(TAGS[1:]))
    return tmp_path


def multiplexed(logdir):
    """The provider of TensorBoard's Python server."""
    multiplexer = EventMultiplexer(tensor_size_guidance={"scalars": 1000})
    multiplexer.AddRunsFromDirectory(str(logdir))
    multiplexer.Reload()
    return MultiplexerDataProvider(multiplexer, str(logdir))


def theirs(provider, runs, tags):
    some = RunTagFilter(runs=runs, tags=tags)
    more = {"experiment_id": "", "plugin_name": "scalars", "downsample": 1000, "run_tag_filter": some}
    return provider.read_scalars(RequestContext(), **more)


def check(provider, runs, tags):
    expected = theirs(provider, runs, tags)
    ours = read_columns(provider, "", "scalars", runs, tags, 1000)
    assert ours is not None
    assert {run: set(by_tag) for run, by_tag in ours.items()} == {run: set(by) for run, by in expected.items()}
    for run, by_tag in expected.items():
        for name, data in by_tag.items():
            for mine, other in zip(ours[run][name], from_data(data), strict=True):
                assert mine.dtype == other.dtype
                np.testing.assert_array_equal(mine, other)
    return ours


def test_the_rust_servers_own_answer_is_what_tensorboard_makes_of_it(logs):
    ingester = server_ingester.SubprocessServerDataIngester(
        server_ingester.get_server_binary(), str(logs), reload_interval=1, channel_creds_type=ChannelCredsType.LOCAL
    )
    ingester.start()

    def read_all():
        found = theirs(ingester.data_provider, RUNS, TAGS)
        return sum(len(data) for by_tag in found.values() for data in by_tag.values()) == 116

    wait_until(read_all)
    check(ingester.data_provider, RUNS, TAGS)


def test_so_is_what_the_python_server_holds(logs):
    provider = multiplexed(logs)
    check(provider, RUNS, TAGS)
    check(provider, RUNS[:1], TAGS[:1])
    assert read_columns(provider, "", "scalars", RUNS, TAGS, 49) is None  # TensorBoard chooses which to leave out


@examples(100)
@given(st.lists(st.floats(width=32), min_size=1, max_size=20))
def test_any_float32_comes_out_of_the_python_server(values):
    with tempfile.TemporaryDirectory() as logdir:
        writer = SparsityWriter(logdir)
        for step, value in enumerate(values):
            writer.log(step, metrics={"n": value})
        writer.close()
        ours = check(multiplexed(logdir), ["sparsity"], ["metrics/n"])["sparsity"]["metrics/n"]
    np.testing.assert_array_equal(ours.value, np.array(values, np.float32))


@pytest.mark.parametrize(
    "other", [np.float64(2), np.int64(2), np.float32([2]), np.float16(2), np.array("2"), np.array(["2", "3"])]
)
def test_other_data_is_left_to_tensorboard(tmp_path, other):
    metadata = SummaryMetadata(data_class=DATA_CLASS_SCALAR)
    metadata.plugin_data.plugin_name = "scalars"
    writer = EventFileWriter(str(tmp_path))
    for step, value in enumerate((np.float32(1), other, np.float32(3))):
        summary = Summary()
        summary.value.add(tag="n", tensor=make_tensor_proto(value), metadata=metadata)
        writer.add_event(Event(step=step, summary=summary))
    writer.close()
    provider = multiplexed(tmp_path)
    (listed,) = provider.list_scalars(RequestContext(), experiment_id="", plugin_name="scalars")["."].values()
    assert listed.max_step == 2
    assert read_columns(provider, "", "scalars", ["."], ["n"], 10) is None


def test_another_provider_is_asked_in_tensorboards_way():
    assert read_columns(SimpleNamespace(), "", "scalars", ["run"], ["tag"], 10) is None


@examples(300)
@given(st.lists(st.floats(width=32), min_size=1, max_size=20))
def test_short_decimals_are_the_same_float32(values):
    array = np.array(values, np.float32)
    for value, short in zip(array, shortest(array), strict=True):
        if not np.isfinite(value):
            assert short is None
            continue
        assert np.float32(short) == value
        # NumPy's text of a float32 has the fewest digits there can be.
        if 1e-10 < abs(value) < 1e10:
            assert len(repr(short)) <= len(repr(float(str(value)))) + 1


step_and_time = st.tuples(st.integers(0, 12), st.floats(0, 9) | st.just(float("nan")))


@examples(300)
@given(st.lists(step_and_time, max_size=20), st.lists(st.tuples(st.integers(0, 12), st.floats(0, 9)), max_size=3))
def test_what_holds_is_the_latest_of_each_step_that_no_later_session_trained_anew(given_points, sessions):
    expected = {}
    for i, (step, wall_time) in enumerate(given_points):
        gone = any(step >= first and wall_time < started for first, started in sessions)
        if np.isfinite(wall_time) and not gone and (step not in expected or wall_time >= expected[step][0]):
            expected[step] = wall_time, i
    columns = Points(
        np.array([s for s, _ in given_points], np.int64),
        np.array([t for _, t in given_points], np.float64),
        np.arange(len(given_points), dtype=np.float32),
    )
    held = holding(columns, sessions)
    assert held.step.tolist() == sorted(expected)
    assert held.value.tolist() == [expected[step][1] for step in sorted(expected)]
