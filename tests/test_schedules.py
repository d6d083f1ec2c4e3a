import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_sparsity import ConstantSparsity, PolynomialDecay, PruningSchedule
from tb_sparsity.schedules import last_update

STEPS = st.integers(0, 3000)


@st.composite
def constant(draw):
    begin = draw(st.integers(0, 500))
    end = draw(st.one_of(st.just(-1), st.integers(begin, begin + 1000)))
    return ConstantSparsity(draw(st.floats(0, 0.999)), begin, end, draw(st.integers(1, 150)))


@st.composite
def polynomial(draw):
    begin = draw(st.integers(0, 500))
    sparsities = draw(st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)))
    power = draw(st.sampled_from([0.5, 1, 3, 5]))
    return PolynomialDecay(*sparsities, begin, begin + draw(st.integers(1, 1000)), power, draw(st.integers(1, 150)))


SCHEDULES = st.one_of(constant(), polynomial())


def due_steps(schedule, until):
    """All steps with a mask update, counted off one by one."""
    due, step = set(), schedule.begin_step
    while step <= until and (schedule.end_step < 0 or step <= schedule.end_step):
        due.add(step)
        step += schedule.frequency
    if 0 <= schedule.end_step <= until:
        due.add(schedule.end_step)
    return due


@given(SCHEDULES, STEPS)
def test_updates_at_begin_then_every_frequency_steps_and_at_the_end(schedule, step):
    assert schedule(step)[0] == (step in due_steps(schedule, step))


@given(SCHEDULES, STEPS)
def test_last_update_is_the_last_due_step(schedule, step):
    due = [s for s in due_steps(schedule, step) if 1 <= s <= step]
    assert last_update(schedule, step) == max(due, default=None)


@given(polynomial(), STEPS)
def test_polynomial_decay_follows_equation_1_of_zhu_and_gupta(schedule, step):
    span = schedule.end_step - schedule.begin_step
    progress = np.clip((step - schedule.begin_step) / span, 0, 1)
    initial, final = schedule.initial_sparsity, schedule.final_sparsity
    expected = final + (initial - final) * (1 - progress) ** schedule.power
    assert schedule(step)[1] == pytest.approx(expected, abs=1e-12)


@given(SCHEDULES)
def test_ints_arrays_and_tensors_get_the_same_answer(schedule):
    import tensorflow as tf
    from keras import ops

    steps = np.arange(0, 1600, 37)
    one_by_one = [schedule(int(step)) for step in steps]
    assert all(type(due) is bool and type(sparsity) is float for due, sparsity in one_by_one)
    due, sparsity = (np.array(x) for x in zip(*one_by_one, strict=True))
    answers = {
        "array": schedule(steps),
        "tensor": schedule(ops.convert_to_tensor(steps, "int32")),
        "int64 tensor": schedule(ops.convert_to_tensor(steps, "int64")),
        "graph": tf.function(schedule)(tf.constant(steps, tf.int32)),
        "scalar tensors": [
            ops.stack(x) for x in zip(*(schedule(ops.convert_to_tensor(int(s))) for s in steps), strict=True)
        ],
    }
    for kind, (due_there, sparsity_there) in answers.items():
        assert np.array_equal(due_there, due), kind
        assert np.allclose(sparsity_there, sparsity, atol=2e-7, rtol=0), kind
    assert schedule(np.int64(100)) == schedule(100)


@given(SCHEDULES)
def test_config_survives_json_and_gives_the_same_schedule(schedule):
    copy = type(schedule).from_config(json.loads(json.dumps(schedule.get_config())))
    assert copy.get_config() == schedule.get_config()
    assert copy(250) == schedule(250)
    assert eval(repr(schedule)).get_config() == schedule.get_config()


def test_steps_may_be_fractions_and_numpy_numbers():
    end = np.ceil(60000 * 0.8 / 250).astype(np.int32) * 30
    schedule = PolynomialDecay(0.5, 0.9, 0.2 * 384.9, end, frequency=np.int64(100))
    assert (schedule.begin_step, schedule.end_step, schedule.frequency) == (76, 5760, 100)
    assert all(type(x) is int for x in (schedule.begin_step, schedule.end_step, schedule.frequency))
    assert schedule(76)[0]


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
        (lambda: PolynomialDecay(0.0, 0.5, 0, -1), "end_step=-1"),
        (lambda: PolynomialDecay(0.0, 0.5, 10, 10), "begin_step=10, end_step=10"),
        (lambda: PolynomialDecay(0.0, 0.5, 0, 10, power=0), "power=0"),
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
