import json

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from tb_sparsity import (
    ConstantSparsity,
    CosineSparsity,
    ExponentialSparsity,
    FunctionSchedule,
    OneShot,
    PolynomialDecay,
    PruningSchedule,
)
from tb_sparsity.schedules import SCHEDULES, JoinedSchedule, MappedSchedule

STEPS = st.integers(0, 3000)
SPARSITY = st.floats(0, 0.999)
FREQUENCY = st.integers(1, 150)


@keras.saving.register_keras_serializable("tests")
def saturating(step):
    return 0.9 * step / (step + 500)


@keras.saving.register_keras_serializable("tests")
class TwoLevels(PruningSchedule):
    """One as a user writes it."""

    def __init__(self, begin_step, frequency=100):
        self.begin_step, self.end_step, self.frequency = begin_step, -1, frequency

    def __call__(self, step):
        return self._should_prune_in_step(step), 0.5 + 0.25 * ops.cast(step >= 1000, "float32")

    def get_config(self):
        return {"begin_step": self.begin_step, "frequency": self.frequency}


@st.composite
def ramp(draw, kind):
    begin = draw(st.integers(0, 500))
    power = {"power": draw(st.sampled_from([0.5, 1, 3, 5]))} if kind is PolynomialDecay else {}
    end = begin + draw(st.integers(1, 1000))
    return kind(draw(SPARSITY), draw(SPARSITY), begin, end, frequency=draw(FREQUENCY), **power)


@st.composite
def with_or_without_end(draw, kind, first):
    begin = draw(st.integers(0, 500))
    end = draw(st.one_of(st.just(-1), st.integers(begin, begin + 1000)))
    return kind(draw(first), begin, end, draw(FREQUENCY))


@st.composite
def joined(draw, parts):
    members = draw(st.lists(parts, min_size=1, max_size=4, unique_by=lambda schedule: schedule.begin_step))
    return PruningSchedule.join(*sorted(members, key=lambda schedule: schedule.begin_step))


@st.composite
def mapped(draw, inner):
    # Points 0.1 apart make what float32 can't tell ten times larger; tolerances reckon with that, once.
    overall = draw(st.lists(st.integers(0, 10), min_size=1, max_size=5, unique=True))
    return MappedSchedule(draw(inner), [(x / 10, draw(SPARSITY)) for x in sorted(overall)])


RAMPS = st.one_of(ramp(PolynomialDecay), ramp(CosineSparsity), ramp(ExponentialSparsity))
SIMPLE = st.one_of(
    RAMPS,
    with_or_without_end(ConstantSparsity, SPARSITY),
    with_or_without_end(FunctionSchedule, st.just(saturating)),
    st.builds(OneShot, SPARSITY, st.integers(1, 1500)),
)
JOINED = joined(st.one_of(SIMPLE, joined(SIMPLE)))
ANY = st.one_of(SIMPLE, JOINED, mapped(st.one_of(SIMPLE, JOINED)), joined(mapped(SIMPLE)))


def due_steps(schedule, until):
    """All steps up to `until` with a mask update, counted off one by one."""
    if isinstance(schedule, MappedSchedule):
        return due_steps(schedule.schedule, until)
    if isinstance(schedule, JoinedSchedule):
        nexts = [*(s.begin_step for s in schedule.schedules[1:]), until + 1]
        parts = zip(schedule.schedules, nexts, strict=True)
        return {step for part, end in parts for step in due_steps(part, until) if part.begin_step <= step < end}
    due, step = set(), schedule.begin_step
    while step <= until and (schedule.end_step < 0 or step <= schedule.end_step):
        due.add(step)
        step += schedule.frequency
    if 0 <= schedule.end_step <= until:
        due.add(schedule.end_step)
    return due


def progress(schedule, steps):
    return np.interp(steps, [schedule.begin_step, schedule.end_step], [0.0, 1.0])


def compiled(schedule):
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(schedule)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(schedule)
    return pytest.skip("PyTorch's training steps are not compiled")


@given(ANY, STEPS)
def test_updates_at_begin_then_every_frequency_steps_and_at_the_end(schedule, step):
    assert schedule(step)[0] == (step in due_steps(schedule, step))


@given(ANY)
def test_updates_at_no_other_step(schedule):
    steps = np.arange(3000)
    assert set(np.flatnonzero(schedule(steps)[0])) == due_steps(schedule, 2999)


@given(ANY, STEPS)
def test_first_and_last_update_are_the_first_and_last_due_step(schedule, step):
    trained = sorted(due_steps(schedule, 3000) - {0})
    assert schedule.first_update() == min(trained, default=None)
    assert schedule.last_update(step) == max((s for s in trained if s <= step), default=None)


@given(ANY)
def test_phases_tell_all_updates_in_order_and_apart(schedule):
    told = [due_steps(ConstantSparsity(0, *phase), 2999) for phase in schedule.update_phases()]
    assert set().union(*told) == due_steps(schedule, 2999)
    assert [s for part in told for s in sorted(part)] == sorted(due_steps(schedule, 2999))


@given(ramp(PolynomialDecay), STEPS)
def test_polynomial_decay_follows_equation_1_of_zhu_and_gupta(schedule, step):
    initial, final = schedule.initial_sparsity, schedule.final_sparsity
    expected = final + (initial - final) * (1 - progress(schedule, step)) ** schedule.power
    assert schedule(step)[1] == pytest.approx(expected, abs=1e-12)


@given(ramp(CosineSparsity), STEPS)
def test_cosine_follows_equation_5_of_loshchilov_and_hutter(schedule, step):
    initial, final = schedule.initial_sparsity, schedule.final_sparsity
    expected = final + (initial - final) * 0.5 * (1 + np.cos(np.pi * progress(schedule, step)))
    assert schedule(step)[1] == pytest.approx(expected, abs=1e-12)


@given(ramp(ExponentialSparsity), STEPS)
def test_the_density_of_an_exponential_is_a_straight_line_in_its_logarithm(schedule, step):
    ends = np.log1p([-schedule.initial_sparsity, -schedule.final_sparsity])
    expected = -np.expm1(np.interp(progress(schedule, step), [0, 1], ends))
    assert schedule(step)[1] == pytest.approx(expected, abs=1e-12)


def test_each_update_of_an_exponential_cuts_the_same_share_of_what_is_left():
    density = 1 - ExponentialSparsity(0.2, 0.9, 50, 550, frequency=50)(np.arange(50, 551, 50))[1]
    assert np.allclose(density[1:] / density[:-1], (0.1 / 0.8) ** (1 / 10))


@given(RAMPS)
def test_ramps_go_one_way_from_their_first_value_to_their_last(schedule):
    values = schedule(np.arange(schedule.begin_step + 1500))[1]
    up = 1 if schedule.final_sparsity >= schedule.initial_sparsity else -1
    assert np.all(np.diff(values) * up >= -1e-15)
    assert values[0] == pytest.approx(schedule.initial_sparsity, abs=1e-15)
    assert values[-1] == pytest.approx(schedule.final_sparsity, abs=1e-15)


@given(ANY, STEPS)
def test_sparsities_are_shares_below_one(schedule, step):
    assert 0 <= schedule(step)[1] < 1


@given(st.builds(OneShot, SPARSITY, st.integers(1, 1500)))
def test_one_shot_is_nothing_and_then_all_of_it(schedule):
    due, sparsity = schedule(np.arange(2000))
    assert np.flatnonzero(due).tolist() == [schedule.begin_step]
    assert np.array_equal(sparsity, np.where(np.arange(2000) < schedule.begin_step, 0, schedule.target_sparsity))


@given(joined(ANY), STEPS)
def test_of_joined_schedules_the_last_one_that_has_begun_rules(schedule, step):
    begun = [s for s in schedule.schedules if s.begin_step <= step] or schedule.schedules[:1]
    assert schedule(step) == begun[-1](step)
    assert (schedule.begin_step, schedule.end_step) == (
        schedule.schedules[0].begin_step,
        schedule.schedules[-1].end_step,
    )


@given(mapped(ANY), STEPS)
def test_mapped_schedules_follow_straight_lines_between_their_points(schedule, step):
    due, overall = schedule.schedule(step)
    assert schedule(step) == (due, pytest.approx(np.interp(overall, *zip(*schedule.points, strict=True)), abs=1e-12))
    assert (schedule.begin_step, schedule.end_step) == (schedule.schedule.begin_step, schedule.schedule.end_step)


def test_a_piece_narrower_than_float32_can_tell_keeps_its_rise():
    points = [(0, 0), (0.5, 0.1), (0.5 + 1e-9, 0.8), (1, 0.9)]
    schedule = MappedSchedule(PolynomialDecay(0.0, 0.9, 0, 9, power=1), points)
    steps = np.array([4, 6, 9])
    there = ops.convert_to_numpy(schedule(ops.convert_to_tensor(steps, "int32"))[1])
    assert np.allclose(there, schedule(steps)[1], atol=1e-6, rtol=0)


def one_by_one(schedule, steps):
    answers = [schedule(int(step)) for step in steps]
    assert all(type(due) is bool and type(sparsity) is float for due, sparsity in answers)
    return [np.array(x) for x in zip(*answers, strict=True)]


def check_same(there, expected, kind):
    assert np.array_equal(ops.convert_to_numpy(there[0]), expected[0]), kind
    assert np.allclose(ops.convert_to_numpy(there[1]), expected[1], atol=3e-6, rtol=0), kind


@given(ANY)
def test_ints_arrays_and_tensors_get_the_same_answer(schedule):
    steps = np.arange(0, 1600, 37)
    expected = one_by_one(schedule, steps)
    check_same(schedule(steps), expected, "array")
    for dtype in ("int32", "int64"):
        check_same(schedule(ops.convert_to_tensor(steps, dtype)), expected, dtype)
    scalars = [schedule(ops.convert_to_tensor(int(step), "int32")) for step in steps[::9]]
    assert all(tuple(x.shape) == () for answer in scalars for x in answer)
    check_same([ops.stack(x) for x in zip(*scalars, strict=True)], [x[::9] for x in expected], "scalar tensors")
    assert schedule(np.int64(100)) == schedule(100)
    assert schedule([100, 101])[1].shape == (2,)


@given(ANY)
@settings(max_examples=40)
def test_a_compiled_step_gets_the_same_answer(schedule):
    steps = np.arange(0, 1600, 37)
    there = compiled(schedule)(ops.convert_to_tensor(steps, "int32"))
    check_same(there, one_by_one(schedule, steps), "compiled")


@given(ANY)
def test_config_survives_json_and_gives_the_same_schedule(schedule):
    copy = type(schedule).from_config(json.loads(json.dumps(schedule.get_config())))
    assert copy.get_config() == schedule.get_config()
    assert copy(250) == schedule(250)
    if "FunctionSchedule" not in repr(schedule):
        assert eval(repr(schedule)).get_config() == schedule.get_config()


@given(ANY)
def test_keras_saves_and_loads_every_schedule(schedule):
    for builtin in SCHEDULES:
        keras.saving.register_keras_serializable("tb_sparsity")(builtin)
    saved = json.loads(json.dumps(keras.saving.serialize_keras_object(schedule)))
    assert repr(keras.saving.deserialize_keras_object(saved)) == repr(schedule)


def test_schedules_of_ones_own_can_be_joined_and_mapped_and_saved():
    schedule = MappedSchedule(PruningSchedule.join(OneShot(0.25, 10), TwoLevels(500, 50)), [(0, 0), (1, 0.8)])
    copy = MappedSchedule.from_config(json.loads(json.dumps(schedule.get_config())))
    assert repr(copy) == (
        "MappedSchedule(PruningSchedule.join(OneShot(target_sparsity=0.25, step=10), "
        "TwoLevels(begin_step=500, frequency=50)), points=[(0.0, 0.0), (1.0, 0.8)])"
    )
    steps = np.array([9, 10, 499, 500, 550, 555, 1000])
    expected = [False, True, False, True, True, False, True], [0, 0.2, 0.2, 0.4, 0.4, 0.4, 0.6]
    for one in (schedule, copy):
        check_same([ops.stack(x) for x in zip(*map(one, steps), strict=True)], expected, "one by one")
        check_same(one(steps), expected, "array")
        check_same(one(ops.convert_to_tensor(steps, "int32")), expected, "tensor")


def test_a_function_may_be_one_value_or_written_for_ints_only():
    steps = ops.convert_to_tensor(np.arange(5), "int32")
    assert ops.convert_to_numpy(FunctionSchedule(lambda step: 0.5)(steps)[1]).tolist() == [0.5] * 5
    schedule = FunctionSchedule(lambda step: 0.75 if step > 5 else 0.25, 0, frequency=2)
    assert (schedule(4), schedule(7)) == ((True, 0.25), (False, 0.75))
    with pytest.raises(ValueError, match=r"`function\(300\)` must be in \[0, 1\).*function\(300\)=3.0"):
        FunctionSchedule(lambda step: step / 100)(300)


def test_a_lambda_trains_and_is_described_but_not_saved():
    schedule = FunctionSchedule(lambda step: step / 1000, 10, frequency=5)
    for one in (schedule, PruningSchedule.join(schedule), MappedSchedule(schedule, [(0, 0)])):
        with pytest.raises(ValueError, match=r"has a name.*register_keras_serializable.*<lambda>"):
            one.get_config()
        assert "<lambda>" in repr(one)
        assert "begin_step=10, end_step=-1, frequency=5" in repr(one)
        assert one(15)[0]


def test_an_unregistered_function_is_found_in_custom_objects():
    def rising(step):
        return step / 1000

    saved = FunctionSchedule(rising).get_config()
    with keras.saving.custom_object_scope({"rising": rising}):
        assert FunctionSchedule.from_config(saved).function is rising


def test_steps_may_be_fractions_and_numpy_numbers():
    end = np.ceil(60000 * 0.8 / 250).astype(np.int32) * 30
    schedule = PolynomialDecay(0.5, 0.9, 0.2 * 384.9, end, frequency=np.int64(100))
    assert (schedule.begin_step, schedule.end_step, schedule.frequency) == (76, 5760, 100)
    assert all(type(x) is int for x in (schedule.begin_step, schedule.end_step, schedule.frequency))
    assert schedule(76)[0]
    assert OneShot(0.5, np.float64(7.5)).begin_step == 7


CONSTANT = ConstantSparsity(0.5, 10)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConstantSparsity(1.0, 0), r"`target_sparsity` must be in \[0, 1\).*target_sparsity=1.0"),
        (lambda: ConstantSparsity(87.5, 0), "not percent.*target_sparsity=87.5"),
        (lambda: ConstantSparsity("0.5", 0), "target_sparsity='0.5'"),
        (lambda: ConstantSparsity(float("nan"), 0), "target_sparsity=nan"),
        (lambda: ConstantSparsity(0.5, -1), "begin_step=-1"),
        (lambda: ConstantSparsity(0.5, None), "begin_step=None"),
        (lambda: ConstantSparsity(0.5, 0, -2), "end_step=-2"),
        (lambda: ConstantSparsity(0.5, 10, 9), "begin_step=10, end_step=9"),
        (lambda: ConstantSparsity(0.5, 0, frequency=0), "frequency=0"),
        (lambda: ConstantSparsity(0.5, float("inf")), "begin_step=inf"),
        (lambda: PolynomialDecay(-0.1, 0.5, 0, 10), "initial_sparsity=-0.1"),
        (lambda: PolynomialDecay(0.0, 1.5, 0, 10), "final_sparsity=1.5"),
        (lambda: PolynomialDecay(0.0, 0.5, 0, -1), "`end_step` of PolynomialDecay.*end_step=-1"),
        (lambda: PolynomialDecay(0.0, 0.5, 10, 10), "begin_step=10, end_step=10"),
        (lambda: PolynomialDecay(0.0, 0.5, 0, 10, power=0), "power=0"),
        (lambda: CosineSparsity(0.0, 0.5, 0, -1), "`end_step` of CosineSparsity.*end_step=-1"),
        (lambda: ExponentialSparsity(0.0, 1.0, 0, 10), "final_sparsity=1.0"),
        (lambda: OneShot(1.0, 5), "target_sparsity=1.0"),
        (lambda: OneShot(0.5, 0), "`step` must be 1 or more.*step=0"),
        (lambda: OneShot(0.5, "5"), "step='5'"),
        (lambda: FunctionSchedule(0.5), "`function` must be callable.*function=0.5"),
        (lambda: FunctionSchedule(saturating, 10, 5), "begin_step=10, end_step=5"),
        (PruningSchedule.join, "at least one schedule"),
        (lambda: PruningSchedule.join(CONSTANT, 0.5), "`schedules` must be made of.*Received: 0.5 of type float"),
        (
            lambda: PruningSchedule.join(CONSTANT, OneShot(0.5, 10)),
            r"must increase.*begin_step=10 of ConstantSparsity.*then begin_step=10 of OneShot",
        ),
        (lambda: MappedSchedule(0.5, [(0, 0)]), "`schedule` must be.*Received: 0.5"),
        (lambda: MappedSchedule(CONSTANT, []), r"at least one. Received: points=\[\]"),
        (lambda: MappedSchedule(CONSTANT, [(0, 0), (0, 0.5)]), r"strictly increase.*points=\[\(0, 0\), \(0, 0.5\)\]"),
        (lambda: MappedSchedule(CONSTANT, [(0, 0), (1.1, 0.5)]), r"in \[0, 1\].*1.1"),
        (lambda: MappedSchedule(CONSTANT, [(float("nan"), 0)]), "nan"),
        (lambda: MappedSchedule(CONSTANT, [0.5, 0.7]), r"list of pairs.*points=\[0.5, 0.7\]"),
        (lambda: MappedSchedule(CONSTANT, None), "points=None"),
        (lambda: MappedSchedule(CONSTANT, [(0, 1.0)]), r"`own` must be in \[0, 1\).*own=1.0"),
    ],
)
def test_wrong_arguments_are_named_with_the_value_received(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_schedule_of_ones_own_needs_only_a_call():
    class Own(PruningSchedule):
        def __call__(self, step):
            return self._should_prune_in_step(step, 5, 9, 2), 0.25

    own = Own()
    assert [step for step in range(12) if own(step)[0]] == [5, 7, 9]
    with pytest.raises(NotImplementedError, match="Own has no `get_config`"):
        own.get_config()
