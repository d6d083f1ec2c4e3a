"""Records against the implementations of TensorBoard, TensorFlow and protobuf."""

import math
import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tensorboard.compat.proto import event_pb2
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

from tb_sparsity.events.records import CHUNK_POINTS, Encoder, Scalars, ScalarsTemplate, crc32c, frame, step_width

LONG = "ä/" * 5000
STEPS = st.one_of(st.integers(0, 300), st.integers(0, 2**63 - 1), st.sampled_from([2**62, 2**63 - 1, 127, 128]))
TIMES = st.one_of(st.floats(0, 4e9), st.floats())
FLOAT32_BITS = st.one_of(
    st.integers(0, 2**32 - 1),
    # 0, −0, the smallest, the largest that is subnormal, infinities, NaNs quiet and signalling with a payload
    st.sampled_from([0, 0x80000000, 1, 0x007FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0xFFC12345]),
)
TAGS = st.lists(
    st.one_of(st.text(max_size=20), st.sampled_from(["", LONG, "日本/kernel", "\0"])), min_size=1, unique=True
)


@st.composite
def rows(draw):
    """Some steps of the same width with the same tags: `(tags, steps, times, bits)`."""
    tags = draw(TAGS)
    width = step_width(draw(STEPS))
    of_width = st.integers(2 ** (7 * width - 7) if width > 1 else 0, min(2 ** (7 * width), 2**63) - 1)
    steps = draw(st.lists(of_width, min_size=1, max_size=5))
    times = [draw(TIMES) for _ in steps]
    return tags, steps, times, [[draw(FLOAT32_BITS) for _ in tags] for _ in steps]


def records_in(data):
    """What the records hold, both checksums compared with those of TensorBoard's own implementation."""
    found = []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        body, rest = data[12 : 12 + length], data[12 + length :]
        assert struct.unpack("<I", data[8:12]) == (masked_crc32c(data[:8]),)
        assert struct.unpack("<I", rest[:4]) == (masked_crc32c(body),)
        found.append(body)
        data = rest[4:]
    return found


@given(st.binary(max_size=3000))
@example(b"")
@example(bytes(5000))
@example(b"\xff" * 4097)
@settings(max_examples=100)
def test_any_data_is_framed_with_the_checksums_that_tensorboard_computes(data):
    assert records_in(frame(data)) == [data]


def test_the_checksums_of_the_rfc():
    # RFC 3720, B.4
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert crc32c(bytes(range(31, -1, -1))) == 0x113FDB5C


@given(rows())
@example((["a"], [2**62], [math.nan], [[0x7F800001]]))
@settings(max_examples=100)
def test_a_template_gives_the_event_that_protobuf_reads_bit_for_bit(case):
    tags, steps, times, bits = case
    values = [np.array(row, np.uint32).view(np.float32) for row in bits]
    encoded = ScalarsTemplate(tags, step_width(steps[0])).encode(times, steps, values)
    for data, step, time, row in zip(records_in(encoded.tobytes()), steps, times, bits, strict=True):
        event = event_pb2.Event.FromString(data)
        assert event.step == step
        assert struct.pack("<d", event.wall_time) == struct.pack("<d", time)
        assert [value.tag for value in event.summary.value] == list(tags)
        assert all(value.WhichOneof("value") == "simple_value" for value in event.summary.value)
        assert [int.from_bytes(v.SerializeToString()[-4:], "little") for v in event.summary.value] == row
        # nothing else is in it
        del event.summary.value[:]
        event.ClearField("wall_time")
        event.ClearField("step")
        assert event == event_pb2.Event(summary={})


@given(st.lists(rows(), min_size=1, max_size=4), st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_tensorflow_reads_what_an_encoder_wrote_in_its_order(tmp_path_factory, cases, random):
    import tensorflow as tf

    events = [
        Scalars(step, tuple(tags), np.array(row, np.uint32).view(np.float32), time)
        for tags, steps, times, bits in cases
        for step, time, row in zip(steps, times, bits, strict=True)
    ]
    random.shuffle(events)
    path = tmp_path_factory.mktemp("records") / "file"
    path.write_bytes(b"".join(Encoder().encode(events)))
    read = [event_pb2.Event.FromString(data) for data in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()]
    assert [(e.step, tuple(v.tag for v in e.summary.value)) for e in read] == [(e.step, e.tags) for e in events]
    for one, event in zip(read, events, strict=True):
        found = np.array([value.simple_value for value in one.summary.value], np.float32)
        assert np.array_equal(found, event.values, equal_nan=True)


def test_rows_beyond_a_chunk_and_tags_beyond_what_is_kept(monkeypatch):
    monkeypatch.setattr("tb_sparsity.events.records._TEMPLATE_TAGS", 500)
    encoder = Encoder()
    wide = tuple(f"t{i}" for i in range(CHUNK_POINTS + 1))  # one alone is more than is encoded at once, and kept
    events = [Scalars(i, tuple(f"{i % 7}/{j}" for j in range(100)), np.full(100, i, "f4"), 1.0) for i in range(600)]
    events[300:300] = [Scalars(i, wide, np.arange(len(wide), dtype="f4"), 1.0) for i in (1, 2)]
    found = [event_pb2.Event.FromString(data) for data in records_in(b"".join(encoder.encode(events)))]
    assert [e.step for e in found] == [e.step for e in events]
    assert [v.simple_value for v in found[301].summary.value] == list(range(len(wide)))
    assert sum(len(tags) for tags, _ in encoder._templates) <= 500


@pytest.mark.parametrize(
    "event",
    [
        Scalars(1, ("a", "b"), np.zeros(1, "f4"), 1.0),
        Scalars(1, ("a",), np.zeros(2, "f4"), 1.0),
        Scalars(1, ("\ud800",), np.zeros(1, "f4"), 1.0),
        Scalars(2**70, ("a",), np.zeros(1, "f4"), 1.0),
        Scalars(1, ("a",), np.array(["x"]), 1.0),
    ],
)
def test_what_cannot_be_encoded_is_an_error_and_never_a_wrong_record(event):
    with pytest.raises((ValueError, OverflowError, TypeError)):
        Encoder().encode([event])
