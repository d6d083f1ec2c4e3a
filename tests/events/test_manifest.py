import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tb_sparsity import ConstantSparsity, PolynomialDecay
from tb_sparsity.events.manifest import describe_schedule, sample_target, to_json
from tb_sparsity.events.manifest_pb2 import Manifest


def worst(target, begin, end, steps, values):
    at = np.unique(np.linspace(begin, end, 200_000).round().astype(np.int64))
    drawn = np.interp(at, steps, np.array(values, "float32"))
    return np.abs(drawn - target(at)).max()


@given(
    st.integers(0, 10_000),
    st.integers(1, 3_000_000),
    st.floats(0, 0.99),
    st.floats(0, 0.99),
    st.sampled_from([0.3, 1, 3, 9]),
)
@settings(max_examples=50)
def test_straight_lines_between_the_samples_follow_a_decay(begin, span, initial, final, power):
    schedule = PolynomialDecay(initial, final, begin, begin + span, power)
    steps, values = sample_target(lambda s: schedule(s)[1], begin, begin + span)
    assert (steps[0], steps[-1]) == (begin, begin + span)
    assert steps == sorted(set(steps))
    assert len(steps) < 600
    assert worst(lambda s: schedule(s)[1], begin, begin + span, steps, values) < 0.001


@given(st.lists(st.tuples(st.integers(1, 2_000_000), st.floats(0, 0.99)), min_size=1, max_size=6))
@settings(max_examples=50)
def test_jumps_are_found(jumps):
    at = np.array(sorted({step for step, _ in jumps}))
    levels = np.array([0.0, *(level for _, level in jumps)])[: len(at) + 1]
    if (np.diff(at) < 1000).any():  # closer than the grid looks
        return

    def target(steps):
        return levels[np.searchsorted(at, steps, side="right")]

    steps, values = sample_target(target, 0, 2_500_000)
    for jump in at:
        for step in (jump - 1, jump):
            assert abs(np.interp(step, steps, values) - target(step)) < 0.001


def test_a_schedule_without_an_end_is_sampled_up_to_the_last_step():
    message = describe_schedule(ConstantSparsity(0.5, 10), last_step=500)
    assert not message.HasField("end_step")
    assert (list(message.target_step), list(message.target_value)) == ([10, 500], [0.5, 0.5])
    assert list(describe_schedule(ConstantSparsity(0.5, 10)).target_step) == [10]


def test_a_schedule_that_cannot_be_evaluated_is_described_all_the_same():
    class Broken:
        begin_step = 3

        def __call__(self, step):
            raise RuntimeError

    message = describe_schedule(Broken(), last_step=10)
    assert (message.class_name, message.begin_step, message.frequency) == ("Broken", 3, 1)
    assert not message.target_step


def test_a_manifest_of_the_future_is_read_as_far_as_it_is_known():
    future = Manifest(format_major=2, writer_version="9").SerializeToString() + b"\xfa\x3f\x03abc"  # field 1023
    answer = to_json(future)
    assert answer["newer"]
    assert answer["format_version"] == "2.0"
    assert answer["weights"] == []


def test_patterns_in_json():
    manifest = Manifest()
    manifest.weights.add().block.height = 4
    manifest.weights.add().n_of_m.m = 4
    manifest.weights.add()
    assert [w["pattern"] for w in to_json(manifest.SerializeToString())["weights"]] == [
        {"type": "block", "height": 4, "width": 0, "pooling": ""},
        {"type": "n_m", "n": 0, "m": 4},
        {"type": "element"},
    ]
    with pytest.raises(Exception, match="parsing"):
        to_json(b"\xff\xff")
