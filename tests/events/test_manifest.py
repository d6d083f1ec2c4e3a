import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tb_sparsity import (
    ConstantSparsity,
    CosineSparsity,
    ExponentialSparsity,
    FunctionSchedule,
    OneShot,
    PolynomialDecay,
    PruningSchedule,
)
from tb_sparsity.events.manifest import describe_schedule, sample_target, to_json
from tb_sparsity.events.manifest_pb2 import Manifest
from tb_sparsity.schedules import MappedSchedule


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


@given(
    st.lists(
        st.tuples(st.integers(0, 50_000), st.integers(1, 40_000), st.floats(0, 0.99), st.floats(0, 0.99)), max_size=5
    ),
    st.sampled_from([PolynomialDecay, CosineSparsity, ExponentialSparsity]),
)
@settings(max_examples=50)
def test_straight_lines_follow_joined_schedules_too(parts, kind):
    begins = dict.fromkeys(begin for begin, *_ in parts)
    ramps = [kind(a, b, begin, begin + span) for begin, (_, span, a, b) in zip(sorted(begins), parts, strict=False)]
    schedule = PruningSchedule.join(*ramps, OneShot(0.5, 60_000), OneShot(0.25, 60_001), ConstantSparsity(0.9, 200_000))
    for one in (schedule, MappedSchedule(schedule, [(0.1, 0.3), (0.6, 0.2), (0.8, 0.9)])):
        message = describe_schedule(one)
        assert (message.target_step[0], message.target_step[-1]) == (schedule.begin_step, 200_000)
        every = np.arange(schedule.begin_step, 200_001)
        drawn = np.interp(every, message.target_step, message.target_value)
        assert np.abs(drawn - one(every)[1]).max() < 0.001


def test_phases_are_told_where_one_begin_end_and_frequency_do_not_tell_all_updates():
    rise = PolynomialDecay(0.0, 0.5, begin_step=10, end_step=1000, frequency=20)
    joined = PruningSchedule.join(rise, OneShot(0.6, 500), ConstantSparsity(0.8, 600, frequency=50))
    manifest = Manifest()
    for schedule in (joined, MappedSchedule(joined, [(0, 0), (1, 0.9)])):
        manifest.schedules.append(describe_schedule(schedule, last_step=1000))
    for schedule in (rise, OneShot(0.6, 500), PruningSchedule.join(rise), MappedSchedule(rise, [(0, 0)])):
        manifest.schedules.append(describe_schedule(schedule))
    described = to_json(manifest.SerializeToString())["schedules"]
    assert [one["phases"] for one in described] == 2 * [
        [
            {"begin_step": 10, "end_step": 490, "frequency": 20},
            {"begin_step": 500, "end_step": 500, "frequency": 1},
            {"begin_step": 600, "end_step": None, "frequency": 50},
        ]
    ] + 4 * [[]]
    assert [(one["begin_step"], one["end_step"]) for one in described[:2]] == 2 * [(10, None)]
    assert [part["class_name"] for part in described[0]["config"]["schedules"]] == [
        "PolynomialDecay",
        "OneShot",
        "ConstantSparsity",
    ]


def test_one_shot_is_drawn_from_its_step_on():
    message = describe_schedule(OneShot(0.75, 30), last_step=100)
    assert (message.begin_step, message.end_step, message.frequency) == (30, 30, 1)
    assert (list(message.target_step), list(message.target_value)) == ([30], [0.75])


def test_a_function_is_sampled_whatever_it_takes():
    for function in (lambda step: step / 1000, lambda step: step / 1000 if step < 1000 else 0.5):
        message = describe_schedule(FunctionSchedule(function, 10, frequency=5), last_step=500)
        assert (message.class_name, message.config, message.begin_step) == ("FunctionSchedule", "{}", 10)
        assert (list(message.target_step), list(message.target_value)) == ([10, 500], [pytest.approx(0.01), 0.5])


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
    manifest.weights.add().channel.count = 32
    manifest.weights.add()
    assert [w["pattern"] for w in to_json(manifest.SerializeToString())["weights"]] == [
        {"type": "block", "height": 4, "width": 0, "pooling": ""},
        {"type": "n_m", "n": 0, "m": 4},
        {"type": "channel", "count": 32},
        {"type": "element"},
    ]
    with pytest.raises(Exception, match="parsing"):
        to_json(b"\xff\xff")
