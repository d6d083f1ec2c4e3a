"""Points as columns, against TensorBoard's own way of giving them and against loops over single points."""

from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.data import server_ingester
from tensorboard.data.provider import RunTagFilter
from tensorboard.util.grpc_util import ChannelCredsType

from tb_sparsity.events.points import Points, from_data, holding, read_columns, shortest
from tests.conftest import examples
from tests.events.test_reading_back import session
from tests.servers import wait_until


def test_the_rust_servers_own_answer_is_what_tensorboard_makes_of_it(tmp_path):
    tags = ["metrics/loss", "sparsity/a/kernel"]
    session(tmp_path / "one", 1, 50, 0.1, tuple(tags))
    session(tmp_path / "two", 5, 20, float("nan"), tuple(tags[1:]))
    ingester = server_ingester.SubprocessServerDataIngester(
        server_ingester.get_server_binary(),
        str(tmp_path),
        reload_interval=1,
        channel_creds_type=ChannelCredsType.LOCAL,
    )
    ingester.start()
    runs = ["one/sparsity", "two/sparsity"]
    provider, some = ingester.data_provider, RunTagFilter(runs=runs, tags=tags)

    def theirs():
        found = provider.read_scalars(
            None, experiment_id="", plugin_name="scalars", downsample=100, run_tag_filter=some
        )
        return found if sum(len(data) for by_tag in found.values() for data in by_tag.values()) == 116 else None

    expected = wait_until(theirs)
    ours = read_columns(provider, "", "scalars", runs, tags, 100)
    assert ours is not None
    assert {run: set(by_tag) for run, by_tag in ours.items()} == {run: set(by) for run, by in expected.items()}
    for run, by_tag in expected.items():
        for name, data in by_tag.items():
            for mine, other in zip(ours[run][name], from_data(data), strict=True):
                assert mine.dtype == other.dtype
                np.testing.assert_array_equal(mine, other)


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
