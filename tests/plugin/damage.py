"""Damaged event files to draw with Hypothesis: real ones, cut up and put together again with damage in between."""

import struct
import tempfile
from functools import cache
from itertools import count
from pathlib import Path

from hypothesis import strategies as st
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2

from tb_sparsity import SparsityWriter
from tb_sparsity.events.manifest_pb2 import Block, Channel, Manifest, NOfM, Schedule, Weight
from tb_sparsity.events.manifest_pb2 import Phase as Stretch
from tb_sparsity.events.names import MANIFEST_PLUGIN, MANIFEST_TAG, TAG_PREFIXES
from tb_sparsity.events.records import frame


def payloads(data):
    """What is in the records of a file."""
    found, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        found.append(data[at + 12 : at + 12 + length])
        at += length + 16
    return found


@cache
def real_files():
    """Payloads of the files of three sessions, the same in each run of the tests."""
    with tempfile.TemporaryDirectory() as directory:
        for first, last in ((1, 4), (3, 5), (1, 2)):
            with SparsityWriter(directory) as writer:
                writer.describe(
                    {"a/kernel": (4, 4), "b/kernel": (8,)}, lambda step: step / 10, first_step=first, total_steps=9
                )
                for step in range(first, last + 1):
                    writer.log(step, {"a/kernel": 0.5, "b/kernel": 0.25}, {"a/kernel": 0.1}, {"loss": 2 / step})
                    writer.log_histogram(step, "a/kernel", [0, 1, 2], [3, 4])
        files = [payloads(file.read_bytes()) for file in sorted(Path(directory, "sparsity").iterdir())]
    seconds = count(1_000_000)
    for file in files:
        for i, payload in enumerate(file):
            event = event_pb2.Event.FromString(payload)
            event.wall_time = next(seconds)
            file[i] = event.SerializeToString()
    return files


NAMES = st.one_of(
    st.sampled_from(
        [
            *(prefix + name for prefix in TAG_PREFIXES.values() for name in ("", "a/kernel", "/")),
            MANIFEST_TAG,
            "mask:0/sparsity",
            "prune_low_magnitude_a/threshold_1:0/threshold",
        ]
    ),
    st.text(max_size=8),
)
INT64 = st.one_of(st.sampled_from([-(2**63), -1, 0, 1, 2**53 + 1, 2**63 - 1]), st.integers(-5, 12))
INT32 = st.one_of(st.sampled_from([-(2**31), -1, 0, 1, 2**31 - 1]), st.integers(-5, 12))
FLOATS = st.floats(width=32)
TIMES = st.floats(999_990, 1_000_050) | st.sampled_from([float("nan"), float("inf"), -float("inf"), 0.0, -1.0, 1e300])


def few(one, n=3):
    return st.lists(one, max_size=n)


CONFIGS = st.text(max_size=9) | st.sampled_from(
    ["null", "NaN", '{"a": [-Infinity, 1e999]}', '"\\ud800"', "9" * 5000, '{"a": 1, "a": {}}', "[" * 3000]
)
STRETCHES = st.builds(Stretch, begin_step=INT64, end_step=st.none() | INT64, frequency=INT64)
SCHEDULES = st.builds(
    Schedule,
    class_name=st.text(max_size=5),
    config=CONFIGS,
    begin_step=INT64,
    end_step=st.none() | INT64,
    frequency=INT64,
    target_step=few(INT64),
    target_value=few(FLOATS),
    phases=few(STRETCHES),
)
WEIGHTS = st.one_of(
    st.builds(Weight, name=NAMES, shape=few(INT64), size=INT64, schedule=st.none() | INT32, **pattern)
    for pattern in (
        {},
        {"block": st.builds(Block, height=INT32, width=INT32, pooling=st.text(max_size=3))},
        {"n_of_m": st.builds(NOfM, n=INT32, m=INT32)},
        {"channel": st.builds(Channel, count=INT32)},
    )
)
MANIFESTS = st.builds(
    Manifest,
    format_major=INT32,
    first_step=INT64,
    total_steps=st.none() | INT64,
    update_freq=st.text(max_size=3),
    weights=few(WEIGHTS),
    schedules=few(SCHEDULES),
).map(Manifest.SerializeToString)

# No length that TensorBoard would really reserve memory for: either small, or more than there is.
LENGTHS = st.sampled_from([-(2**63), -1, 0, 1, 1, 2, 3, 2**50, 2**62])
CONTENTS = st.fixed_dictionaries(
    {},
    optional={
        "string_val": few(st.one_of(MANIFESTS, st.binary(max_size=9))),
        "float_val": few(FLOATS),
        "double_val": few(st.floats()),
        "int_val": few(INT32),
        "int64_val": few(INT64),
        "bool_val": few(st.booleans()),
        "half_val": few(st.integers(0, 2**16 - 1)),
        "scomplex_val": few(FLOATS),
        "tensor_content": st.binary(max_size=16),
    },
)


@st.composite
def tensors(draw):
    """Of any dtype and shape, with contents of any other, or none."""
    shape = tensor_shape_pb2.TensorShapeProto(
        dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=n) for n in draw(few(LENGTHS))],
        unknown_rank=draw(st.booleans()),
    )
    return tensor_pb2.TensorProto(dtype=draw(st.integers(0, 30)), tensor_shape=shape, **draw(CONTENTS))


@st.composite
def values(draw):
    value = summary_pb2.Summary.Value(tag=draw(st.one_of(NAMES, st.just(MANIFEST_TAG))))
    kind = draw(st.sampled_from(["manifest", "tensor", "simple_value", "simple_value", "nothing"]))
    if kind == "simple_value":
        value.simple_value = draw(FLOATS)
    elif kind == "tensor":
        value.tensor.CopyFrom(draw(tensors()))
    elif kind == "manifest":
        value.tag = MANIFEST_TAG
        content = draw(st.one_of(MANIFESTS, MANIFESTS.flatmap(garbled), st.binary(max_size=20)))
        value.tensor.CopyFrom(tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[content]))
    if kind == "manifest" or draw(st.booleans()):
        plugin = draw(st.sampled_from(["scalars", MANIFEST_PLUGIN, "histograms", ""]))
        value.metadata.plugin_data.plugin_name = MANIFEST_PLUGIN if kind == "manifest" else plugin
        value.metadata.data_class = draw(st.integers(0, 3)) if kind != "manifest" else summary_pb2.DATA_CLASS_TENSOR
    return value


@st.composite
def events(draw):
    event = event_pb2.Event(wall_time=draw(TIMES), step=draw(INT64))
    if draw(st.integers(0, 9)):
        event.summary.value.extend(draw(few(values())))
    else:
        event.session_log.status = draw(st.integers(0, 3))
    return event.SerializeToString()


@st.composite
def garbled(draw, data):
    """The bytes with some flipped, cut off, repeated, taken out or put in."""
    for _ in range(draw(st.integers(1, 4))):
        begin, end = sorted(draw(st.integers(0, len(data))) for _ in range(2))
        data = {
            "flip": data[:begin]
            + bytes([byte ^ draw(st.integers(1, 255)) for byte in data[begin : begin + 1]])
            + data[begin + 1 :],
            "cut": data[:begin],
            "repeat": data[:end] + data[begin:],
            "remove": data[:begin] + data[end:],
            "insert": data[:begin] + draw(st.binary(max_size=9)) + data[begin:],
        }[draw(st.sampled_from(["flip", "flip", "cut", "repeat", "remove", "insert"]))]
    return data


@st.composite
def damaged_file(draw):
    records = list(draw(st.sampled_from(real_files())))
    for _ in range(draw(st.integers(0, 4))):
        at, other = draw(st.integers(0, len(records) - 1)), draw(st.integers(0, len(records) - 1))
        damage = draw(st.sampled_from(["event"] * 4 + ["garble", "swap", "repeat"]))
        if damage == "event":
            records.insert(at, draw(events()))
        elif damage == "garble":
            records[at] = draw(garbled(records[at]))
        elif damage == "swap":
            records[at], records[other] = records[other], records[at]
        else:
            records.insert(at, records[other])
    data = b"".join(frame(record) for record in records)
    return draw(garbled(data)) if draw(st.integers(0, 5)) == 0 else data


def write_run(directory, files):
    directory.mkdir(parents=True)
    for i, data in enumerate(files):
        (directory / f"events.out.tfevents.{i:010d}.host").write_bytes(data)
