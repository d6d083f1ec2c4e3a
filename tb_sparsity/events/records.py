"""Records of event files: framing with checksums, and the Event of a step, encoded once and patched after that.

A record is a length (8 bytes, little-endian), the masked CRC-32C of these, the data, and the masked CRC-32C of the
data, as TensorFlow's `tsl/lib/io/record_writer.h` describes it.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
from tensorboard.compat.proto import event_pb2, summary_pb2

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, its bits reversed
_MASK_DELTA = 0xA282EAD8
_ONES = 0xFFFFFFFF

CHUNK_POINTS = 20_000  # encoded at once: about a millisecond
_TEMPLATE_TAGS = 50_000  # kept in templates, at half a kilobyte each


def _byte_remainders() -> np.ndarray:
    crc = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        crc = np.where(crc & 1, (crc >> 1) ^ np.uint32(_POLYNOMIAL), crc >> 1).astype(np.uint32)
    return crc


_REMAINDERS = _byte_remainders()


def _followed_by_zeros(crc: np.ndarray, zeros: np.ndarray) -> np.ndarray:
    """Each remainder after as many zero bytes more.

    One zero byte is a linear map of the 32 bits. Its powers of two are tables of what each of the four bytes
    becomes, found by applying a table to itself.
    """
    zero_byte = np.arange(256, dtype=np.uint32)
    power = np.stack([_REMAINDERS, zero_byte, zero_byte << 8, zero_byte << 16])

    def apply(crc: np.ndarray) -> np.ndarray:
        moved = power[0][crc & 0xFF] ^ power[1][crc >> 8 & 0xFF]
        return moved ^ power[2][crc >> 16 & 0xFF] ^ power[3][crc >> 24]

    while zeros.any():
        crc = np.where(zeros & 1, apply(crc), crc)
        zeros = zeros >> 1
        power = apply(power)
    return crc


def crc32c(data: bytes) -> int:
    """The CRC-32C of the data.

    Example:

    >>> hex(crc32c(b"123456789"))  # RFC 3720's check value
    '0xe3069283'
    """
    remainders = _followed_by_zeros(
        _REMAINDERS[np.frombuffer(data, np.uint8)], np.arange(len(data), dtype=np.int64)[::-1]
    )
    start = _followed_by_zeros(np.array([_ONES], np.uint32), np.array([len(data)]))
    return int(np.bitwise_xor.reduce(remainders) ^ start[0] ^ _ONES)


def _masked(crc: np.ndarray) -> np.ndarray:
    """TensorFlow's guard against checksums of data that hold checksums."""
    return ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(_MASK_DELTA)


def _masked_crc(data: bytes) -> bytes:
    return _masked(np.array([crc32c(data)], np.uint32)).tobytes()


def _header(length: int) -> bytes:
    packed = struct.pack("<Q", length)
    return packed + _masked_crc(packed)


def frame(data: bytes) -> bytes:
    """The record that holds the data."""
    return _header(len(data)) + data + _masked_crc(data)


def file_head() -> bytes:
    """The record that an event file begins with."""
    source = event_pb2.SourceMetadata(writer="tb_sparsity")
    version = event_pb2.Event(wall_time=time.time(), file_version="brain.Event:2", source_metadata=source)
    return frame(version.SerializeToString())


def step_width(step: int) -> int:
    """Bytes that a step takes in an Event: 7 bits each."""
    return max((step.bit_length() + 6) // 7, 1)


class ScalarsTemplate:
    """The record of an Event with one float32 scalar for each of some tags.

    All that differs from step to step has its place: wall time, step and values are put in there. The checksum is
    linear in the data's bits, so that of the record is the template's, changed by what was put in: no byte of a
    tag is looked at again.

    Args:
        tags: The tags, each once.
        width: Bytes of the step, `step_width(step)`.
    """

    def __init__(self, tags: Sequence[str], width: int):
        values = [summary_pb2.Summary.Value(tag=tag, simple_value=0.0) for tag in tags]
        body = event_pb2.Event(summary=summary_pb2.Summary(value=values)).SerializeToString()
        # Field 1, a double; field 2, a varint. Events may have their fields in any order, and these come first.
        head = b"\x09" + bytes(8) + b"\x10" + bytes(width)
        data = head + body
        ends = [len(data)]  # of the values: each is the last field of its message
        for value in reversed(values):
            size = value.ByteSize()
            ends.append(ends[-1] - size - step_width(size) - 1)
        starts = np.array(ends[-2::-1], np.int64) - 4 if values else np.empty(0, np.int64)
        self._places = np.concatenate(
            [np.arange(1, 9), np.arange(10, 10 + width), (starts[:, None] + np.arange(4)).ravel()]
        )
        self._width = width
        self._header = _header(len(data))
        self._record = np.frombuffer(self._header + data + bytes(4), np.uint8)
        self._crc = np.uint32(crc32c(data))
        bits = _followed_by_zeros(
            np.broadcast_to(_REMAINDERS[1 << np.arange(8)], (len(self._places), 8)),
            (len(data) - 1 - self._places)[:, None],
        )
        # What each half byte in each place does to the checksum: 16 values from 4 bits.
        halves = bits.reshape(-1, 4)
        self._changes = np.zeros((len(halves), 16), np.uint32)
        for bit in range(4):
            self._changes[:, 1 << bit : 2 << bit] = self._changes[:, : 1 << bit] ^ halves[:, bit : bit + 1]
        self._rows = np.arange(len(halves))

    def encode(self, wall_times: Sequence[float], steps: Sequence[int], values: Sequence[np.ndarray]) -> np.ndarray:
        """One record a step.

        Args:
            wall_times: Seconds since 1970, of length k.
            steps: Training steps, all of the template's width.
            values: k float32 arrays, each with one value for each tag.

        Returns:
            The records, a uint8 array of shape (k, bytes of a record).
        """
        sevens = np.array(steps, np.uint64)[:, None] >> np.arange(0, 7 * self._width, 7, dtype=np.uint64)
        varints = (sevens & np.uint64(0x7F)).astype(np.uint8)
        varints[:, :-1] |= 0x80
        put_in = np.concatenate(
            [
                np.array(wall_times, "<f8")[:, None].view(np.uint8),
                varints,
                np.stack(values).astype("<f4", copy=False).view(np.uint8).reshape(len(steps), -1),
            ],
            axis=1,
        )
        records = np.repeat(self._record[None], len(steps), axis=0)
        records[:, self._places + len(self._header)] = put_in
        halves = np.stack([put_in & 0xF, put_in >> 4], axis=2).reshape(len(steps), -1)
        crc = self._crc ^ np.bitwise_xor.reduce(self._changes[self._rows, halves], axis=1)
        records[:, -4:] = _masked(crc).astype("<u4")[:, None].view(np.uint8)
        return records


@dataclass(frozen=True)
class Scalars:
    """The scalars of a step."""

    step: int
    tags: tuple[str, ...]
    values: np.ndarray
    wall_time: float
    queued: float = field(default_factory=time.monotonic)
    lasting = False

    @property
    def points(self) -> int:
        """Values of series in it."""
        return len(self.tags)


@dataclass(frozen=True)
class Encoded:
    """Any other event; `lasting` if a further file of this writer must have it too."""

    data: bytes
    points: int = 0
    lasting: bool = False
    queued: float = field(default_factory=time.monotonic)


class Encoder:
    """Events -> records. Keeps templates, for sets of tags that come again."""

    def __init__(self) -> None:
        self._templates: dict[tuple[tuple[str, ...], int], ScalarsTemplate] = {}

    def encode(self, events: Sequence[Scalars | Encoded]) -> list[bytes]:
        """One record an event."""
        return [r for key, group in groupby(events, _template_key) for r in self._encode_group(key, list(group))]

    def _encode_group(self, key: tuple[tuple[str, ...], int] | None, events: list[Any]) -> list[bytes]:
        if key is None:
            return [frame(event.data) for event in events]
        if key not in self._templates:
            while self._templates and sum(len(tags) for tags, _ in [key, *self._templates]) > _TEMPLATE_TAGS:
                del self._templates[next(iter(self._templates))]
            self._templates[key] = ScalarsTemplate(*key)
        records: list[bytes] = []
        rows = CHUNK_POINTS // (len(key[0]) + 1) + 1
        for chunk in (events[i : i + rows] for i in range(0, len(events), rows)):
            encoded = self._templates[key].encode(
                [event.wall_time for event in chunk], [event.step for event in chunk], [e.values for e in chunk]
            )
            records.extend(row.tobytes() for row in encoded)
        return records


def _template_key(event: Scalars | Encoded) -> tuple[tuple[str, ...], int] | None:
    return (event.tags, step_width(event.step)) if isinstance(event, Scalars) else None
