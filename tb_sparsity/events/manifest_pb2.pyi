from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Manifest(_message.Message):
    __slots__ = ("format_major", "format_minor", "writer_version", "keras_version", "keras_backend", "update_freq", "first_step", "steps_per_epoch", "total_steps", "weights", "schedules")
    FORMAT_MAJOR_FIELD_NUMBER: _ClassVar[int]
    FORMAT_MINOR_FIELD_NUMBER: _ClassVar[int]
    WRITER_VERSION_FIELD_NUMBER: _ClassVar[int]
    KERAS_VERSION_FIELD_NUMBER: _ClassVar[int]
    KERAS_BACKEND_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FREQ_FIELD_NUMBER: _ClassVar[int]
    FIRST_STEP_FIELD_NUMBER: _ClassVar[int]
    STEPS_PER_EPOCH_FIELD_NUMBER: _ClassVar[int]
    TOTAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    SCHEDULES_FIELD_NUMBER: _ClassVar[int]
    format_major: int
    format_minor: int
    writer_version: str
    keras_version: str
    keras_backend: str
    update_freq: str
    first_step: int
    steps_per_epoch: int
    total_steps: int
    weights: _containers.RepeatedCompositeFieldContainer[Weight]
    schedules: _containers.RepeatedCompositeFieldContainer[Schedule]
    def __init__(self, format_major: _Optional[int] = ..., format_minor: _Optional[int] = ..., writer_version: _Optional[str] = ..., keras_version: _Optional[str] = ..., keras_backend: _Optional[str] = ..., update_freq: _Optional[str] = ..., first_step: _Optional[int] = ..., steps_per_epoch: _Optional[int] = ..., total_steps: _Optional[int] = ..., weights: _Optional[_Iterable[_Union[Weight, _Mapping]]] = ..., schedules: _Optional[_Iterable[_Union[Schedule, _Mapping]]] = ...) -> None: ...

class Weight(_message.Message):
    __slots__ = ("name", "layer", "layer_class", "shape", "size", "dtype", "element", "block", "n_of_m", "channel", "schedule")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    LAYER_CLASS_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    ELEMENT_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    N_OF_M_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    name: str
    layer: str
    layer_class: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    size: int
    dtype: str
    element: Element
    block: Block
    n_of_m: NOfM
    channel: Channel
    schedule: int
    def __init__(self, name: _Optional[str] = ..., layer: _Optional[str] = ..., layer_class: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ..., size: _Optional[int] = ..., dtype: _Optional[str] = ..., element: _Optional[_Union[Element, _Mapping]] = ..., block: _Optional[_Union[Block, _Mapping]] = ..., n_of_m: _Optional[_Union[NOfM, _Mapping]] = ..., channel: _Optional[_Union[Channel, _Mapping]] = ..., schedule: _Optional[int] = ...) -> None: ...

class Element(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Block(_message.Message):
    __slots__ = ("height", "width", "pooling")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    POOLING_FIELD_NUMBER: _ClassVar[int]
    height: int
    width: int
    pooling: str
    def __init__(self, height: _Optional[int] = ..., width: _Optional[int] = ..., pooling: _Optional[str] = ...) -> None: ...

class NOfM(_message.Message):
    __slots__ = ("n", "m")
    N_FIELD_NUMBER: _ClassVar[int]
    M_FIELD_NUMBER: _ClassVar[int]
    n: int
    m: int
    def __init__(self, n: _Optional[int] = ..., m: _Optional[int] = ...) -> None: ...

class Channel(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class Schedule(_message.Message):
    __slots__ = ("class_name", "config", "begin_step", "end_step", "frequency", "target_step", "target_value", "phases")
    CLASS_NAME_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    BEGIN_STEP_FIELD_NUMBER: _ClassVar[int]
    END_STEP_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    TARGET_STEP_FIELD_NUMBER: _ClassVar[int]
    TARGET_VALUE_FIELD_NUMBER: _ClassVar[int]
    PHASES_FIELD_NUMBER: _ClassVar[int]
    class_name: str
    config: str
    begin_step: int
    end_step: int
    frequency: int
    target_step: _containers.RepeatedScalarFieldContainer[int]
    target_value: _containers.RepeatedScalarFieldContainer[float]
    phases: _containers.RepeatedCompositeFieldContainer[Phase]
    def __init__(self, class_name: _Optional[str] = ..., config: _Optional[str] = ..., begin_step: _Optional[int] = ..., end_step: _Optional[int] = ..., frequency: _Optional[int] = ..., target_step: _Optional[_Iterable[int]] = ..., target_value: _Optional[_Iterable[float]] = ..., phases: _Optional[_Iterable[_Union[Phase, _Mapping]]] = ...) -> None: ...

class Phase(_message.Message):
    __slots__ = ("begin_step", "end_step", "frequency")
    BEGIN_STEP_FIELD_NUMBER: _ClassVar[int]
    END_STEP_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    begin_step: int
    end_step: int
    frequency: int
    def __init__(self, begin_step: _Optional[int] = ..., end_step: _Optional[int] = ..., frequency: _Optional[int] = ...) -> None: ...
