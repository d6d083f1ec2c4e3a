"""The policy for XNNPACK, and what its sparse inference can run."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable
from typing import Any

import keras
from keras import activations, layers

# keras has no public names to test for a Functional model and for the operations behind `x + y`, `x - y`, `x * y`
from keras.src.models.functional import Functional
from keras.src.ops.numpy import Add, Multiply, Subtract

from tb_sparsity.pruning.policy import PruningPolicy
from tb_sparsity.pruning.wrapper import PruneLowMagnitude

_NAMED_AT_MOST = 5


class PruneForLatencyOnXNNPack(PruningPolicy):
    """Prunes 1x1 convolutions, in models that XNNPACK can then run faster.

    XNNPACK, TensorFlow Lite's engine on CPUs, has sparse kernels for 1x1 convolutions (on x86 processors with AVX it
    goes without: dense ones are faster there). It uses them in a part of a model

    - that starts with a `Conv2D` of kernel size 3, strides 2, 3 input channels and padding "valid", right after a
      `ZeroPadding2D` by 1 on each side;
    - that ends with a `GlobalAveragePooling2D`;
    - that has nothing in between but 1x1 `Conv2D` and 3x3 or 5x5 `DepthwiseConv2D` as checked below,
      `BatchNormalization`, `Add`, `Multiply`, bilinear `UpSampling2D`, `GlobalAveragePooling2D` that keeps its
      dimensions, and the activations ReLU (up to 6 or without bound), leaky ReLU, ELU, sigmoid and hard swish;
    - in which more than two thirds of the weights of all 1x1 convolutions are zero: let the final sparsity be 0.7
      or more.

    A model is supported if all its inputs lead into such a part and all its outputs come out of one. What is before
    and after it may be anything; 1x1 convolutions there are pruned too.

    Source: Elsen et al. 2019, "Fast Sparse ConvNets", arXiv:1911.09723; "Sparse Inference" in the README of
    TensorFlow Lite's XNNPACK delegate; `xnn_check_nchw_compatibility` in XNNPACK's `src/subgraph.c`. Differences are
    taken as in tfmot, though XNNPACK itself knows sums and products only.

    Example:

    ```python
    import keras
    from keras import layers
    from tb_sparsity.pruning.policy import PruneForLatencyOnXNNPack

    model = keras.Sequential([
        keras.Input((32, 32, 3)),
        layers.ZeroPadding2D(1),
        layers.Conv2D(16, 3, strides=2, padding="valid", activation="relu"),
        layers.DepthwiseConv2D(3, padding="same"),
        layers.Conv2D(32, 1),
        layers.GlobalAveragePooling2D(),
        layers.Dense(10),
    ])
    policy = PruneForLatencyOnXNNPack()
    policy.ensure_model_supports_pruning(model)
    [layer.name for layer in model.layers if policy.allow_pruning(layer)]  # ['conv2d_1']
    ```
    """

    def allow_pruning(self, layer: Any) -> bool:
        """True for `Conv2D` with 1x1 kernel, without strides, dilation and groups; also inside a pruning wrapper."""
        layer = _unwrapped(layer)
        return isinstance(layer, layers.Conv2D) and _pointwise_problem(layer) is None

    def ensure_model_supports_pruning(self, model: Any) -> None:
        """Checks the graph of a Sequential or Functional model, down through nested ones.

        Args:
            model: A built model. Layers in it may be pruned already.

        Raises:
            ValueError: If the model is unbuilt or subclassed, if a way from an input to the outputs has no start, if
                one to an output has no end, or if a layer in between isn't supported; layer and reason are named.
        """
        calls = _Calls(self._graph_of(model))
        starts = self._starts(calls)
        ends = self._ends(calls)
        before = set(_walk([parent for end in ends for parent in end.parents], lambda c: c.parents).seen)
        between = _walk([child for start in starts for child in start.children], lambda c: c.children).seen
        checked = [(start, _activation_problem(start.operation.activation)) for start in starts]
        checked += [(call, _problem(call)) for call in between if call in before]
        problems = {call.named: problem for call, problem in checked if problem}
        if problems:
            lines = [f"  - {named}: {problem}" for named, problem in list(problems.items())[:_NAMED_AT_MOST]]
            if len(problems) > _NAMED_AT_MOST:
                lines.append(f"  - and {len(problems) - _NAMED_AT_MOST} more")
            raise ValueError(
                f"Model '{model.name}' has layers that {type(self).__name__} does not support, since XNNPACK could "
                "not run it sparse with them:\n" + "\n".join(lines) + "\nReplace them, or prune without a policy."
            )

    def _graph_of(self, model: Any) -> Functional:
        graph = _graph(model)
        if graph is None and isinstance(model, keras.Sequential):
            raise ValueError(
                f"{type(self).__name__} checks the layers' connections, and model '{model.name}' is unbuilt: it has "
                "none yet. Give it an input shape, with `keras.Input` as its first layer or `model.build(shape)`."
            )
        if graph is None:
            raise ValueError(
                f"{type(self).__name__} checks the layers' connections, which only Sequential and Functional models "
                f"tell; subclassed models don't. Received: {model!r} of class {type(model).__name__}"
            )
        return graph

    def _starts(self, calls: _Calls) -> list[_Call]:
        starts = []
        for entry in calls.inputs:
            way = _walk([entry], lambda c: c.children, stop=lambda c: _start_problem(c) is None)
            if way.dead_ends:
                raise ValueError(
                    f"{type(self).__name__} needs on every way from an input a `Conv2D` with kernel size 3, strides "
                    "2, 3 input channels and padding 'valid', right after a `ZeroPadding2D` by 1 on each side: with "
                    f"it XNNPACK's sparse inference starts. The way from input {entry.named} to "
                    f"{way.dead_ends[0].named} has none.{_nearest_start(way.seen)}"
                )
            starts += way.stops
        return starts

    def _ends(self, calls: _Calls) -> list[_Call]:
        ends = []
        for output in calls.outputs:
            way = _walk([output], lambda c: c.parents, stop=_is_end)
            if way.dead_ends:
                raise ValueError(
                    f"{type(self).__name__} needs a `GlobalAveragePooling2D` on every way to an output: with it "
                    f"XNNPACK's sparse inference ends. A way to output {output.named} has none."
                )
            ends += way.stops
        return ends


@dataclasses.dataclass(eq=False)
class _Call:
    """One call of a layer or operation in a model: `constants` are its arguments that no layer computes."""

    operation: Any
    parents: list[_Call]
    constants: list[Any]
    children: list[_Call] = dataclasses.field(default_factory=list)

    @property
    def named(self) -> str:
        return f"'{self.operation.name}' of class {type(self.operation).__name__}"


class _Calls:
    """The calls that make up a model, with nested models taken apart and pruning wrappers taken off.

    Layers know their connections too, but all of them: also those in other models that they are part of.
    """

    def __init__(self, graph: Functional):
        self.inputs = [_Call(tensor._keras_history.operation, [], []) for tensor in graph.inputs]
        self.outputs = self._add(graph, self.inputs)

    def _add(self, graph: Functional, makers: list[_Call]) -> list[_Call]:
        """Adds the calls in `graph`, given those that make its inputs; returns those that make its outputs."""
        maker_of = dict(zip(map(id, graph.inputs), makers, strict=False))
        for depth in sorted(graph._nodes_by_depth, reverse=True):
            for node in graph._nodes_by_depth[depth]:
                parents = [maker_of[id(t)] for t in node.arguments.keras_tensors if id(t) in maker_of]
                if not parents:
                    continue  # an input; or behind an optional one that isn't given
                nested = _graph(node.operation)
                made = self._add(nested, parents) if nested else [self._call(node, parents)] * len(node.outputs)
                maker_of.update(zip(map(id, node.outputs), made, strict=True))
        return [maker_of[id(tensor)] for tensor in graph.outputs]

    def _call(self, node: Any, parents: list[_Call]) -> _Call:
        arguments = keras.tree.flatten((node.arguments.args, node.arguments.kwargs))
        constants = [a for a in arguments if not isinstance(a, keras.KerasTensor)]
        call = _Call(_unwrapped(node.operation), parents, constants)
        for parent in parents:
            parent.children.append(call)
        return call


@dataclasses.dataclass
class _Way:
    seen: list[_Call]
    stops: list[_Call]
    dead_ends: list[_Call]


def _walk(
    calls: list[_Call], follow: Callable[[_Call], list[_Call]], stop: Callable[[_Call], bool] = lambda _: False
) -> _Way:
    """Goes on from `calls`, breadth first, up to where `stop` says so or nothing follows."""
    way, waiting = _Way([], [], []), deque(dict.fromkeys(calls))
    reached = set(waiting)
    while waiting:
        call = waiting.popleft()
        way.seen.append(call)
        if stop(call):
            way.stops.append(call)
        elif following := follow(call):
            waiting += [c for c in dict.fromkeys(following) if c not in reached]
            reached.update(following)
        else:
            way.dead_ends.append(call)
    return way


def _graph(operation: Any) -> Functional | None:
    if isinstance(operation, keras.Sequential):
        return operation._functional  # None before it is built
    return operation if isinstance(operation, Functional) else None


def _unwrapped(layer: Any) -> Any:
    return layer.layer if isinstance(layer, PruneLowMagnitude) else layer


def _is_end(call: _Call) -> bool:
    return isinstance(call.operation, layers.GlobalAveragePooling2D)


def _start_problem(call: _Call) -> str | None:
    """Why sparse inference can't start with this call; None if it can."""
    layer = call.operation
    if not isinstance(layer, layers.Conv2D):
        return "it is no `Conv2D`"
    problem = _differs(
        layer,
        kernel_size=(3, 3),
        strides=(2, 2),
        dilation_rate=(1, 1),
        groups=1,
        padding="valid",
        data_format="channels_last",
    )
    if problem is None and layer.kernel.shape[2] != 3:
        problem = f"it has {layer.kernel.shape[2]} input channels, not 3"
    return problem or _padding_problem(call, 1)


def _nearest_start(calls: list[_Call]) -> str:
    for call in calls:
        if isinstance(call.operation, layers.Conv2D) and (problem := _start_problem(call)):
            return f" The nearest is {call.named}, but {problem}."
    return ""


def _problem(call: _Call) -> str | None:
    """Why this call can't be inside sparse inference; None if it can."""
    check = next((check for classes, check in _CHECKS if isinstance(call.operation, classes)), None)
    return check(call) if check else "it has no counterpart in XNNPACK's sparse inference"


def _pointwise_problem(layer: Any) -> str | None:
    return _differs(
        layer, kernel_size=(1, 1), strides=(1, 1), dilation_rate=(1, 1), groups=1, data_format="channels_last"
    )


def _depthwise_problem(call: _Call) -> str | None:
    layer = call.operation
    problem = _differs(layer, data_format="channels_last", depth_multiplier=1, dilation_rate=(1, 1))
    if problem is None and layer.kernel_size not in ((3, 3), (5, 5)):
        problem = f"its `kernel_size` is {layer.kernel_size}, not (3, 3) or (5, 5)"
    if problem is None and layer.padding == "same" and layer.strides != (1, 1):
        # TensorFlow pads more on the one side then, XNNPACK takes equal padding only.
        problem = (
            f"its `strides` are {layer.strides} with `padding='same'`; put a "
            f"`ZeroPadding2D({layer.kernel_size[0] // 2})` in front of it and set `padding='valid'`"
        )
    if problem is None and layer.padding == "valid":
        if layer.strides not in ((1, 1), (2, 2)):
            problem = f"its `strides` are {layer.strides}, not (1, 1) or (2, 2)"
        else:
            problem = _padding_problem(call, layer.kernel_size[0] // 2)
    return problem or _activation_problem(layer.activation)


def _padding_problem(call: _Call, width: int) -> str | None:
    """Says if no `ZeroPadding2D` of that width, made for this call alone, precedes a convolution."""
    padding = next(iter(call.parents), None)
    if padding is None or not isinstance(padding.operation, layers.ZeroPadding2D):
        return f"no `ZeroPadding2D({width})` is right in front of it"
    if padding.operation.padding != ((width, width), (width, width)):
        return (
            f"'{padding.operation.name}' in front of it pads by {padding.operation.padding}, not {width} on each side"
        )
    if padding.children != [call]:
        return f"'{padding.operation.name}' in front of it pads for other layers too"
    return None


def _zero_padding_problem(call: _Call) -> str | None:
    # It has no kernel of its own, but becomes part of the depthwise convolution, which checks its width.
    followers = [child.operation for child in call.children]
    if len(followers) == 1 and isinstance(followers[0], layers.DepthwiseConv2D) and followers[0].padding == "valid":
        return None
    return "it must lead into a single layer, a `DepthwiseConv2D` with `padding='valid'`"


def _relu_problem(call: _Call) -> str | None:
    layer = call.operation
    if layer.threshold == 0 and (layer.max_value is None or (layer.max_value == 6 and layer.negative_slope == 0)):
        return None
    return (
        f"with max_value={layer.max_value}, negative_slope={layer.negative_slope}, threshold={layer.threshold} it is "
        "neither ReLU, ReLU6 nor leaky ReLU"
    )


def _activation_problem(activation: Any) -> str | None:
    if activation in _ACTIVATIONS:
        return None
    known = ", ".join(a.__name__ for a in _ACTIVATIONS)
    return f"its `activation` is {getattr(activation, '__name__', activation)!r}, not one of: {known}"


def _constants_problem(call: _Call) -> str | None:
    for constant in call.constants:
        shape = tuple(getattr(constant, "shape", ()))
        if sum(size != 1 for size in shape) > 1:
            return f"it takes a constant of shape {shape}, not a number or a vector"
    return None


def _differs(layer: Any, **wanted: Any) -> str | None:
    for name, value in wanted.items():
        if getattr(layer, name) != value:
            return f"its `{name}` is {getattr(layer, name)!r}, not {value!r}"
    return None


_ACTIVATIONS = (
    activations.linear,
    activations.relu,
    activations.relu6,
    activations.leaky_relu,
    activations.elu,
    activations.sigmoid,
    activations.hard_swish,
)


def _none(call: _Call) -> None:
    return None


# What a call must be like, by class. XNNPACK fuses or drops some, such as normalisation and dropout.
_CHECKS: tuple[tuple[Any, Callable[[_Call], str | None]], ...] = (
    (layers.Conv2D, lambda c: _pointwise_problem(c.operation) or _activation_problem(c.operation.activation)),
    (layers.DepthwiseConv2D, _depthwise_problem),
    (layers.ZeroPadding2D, _zero_padding_problem),
    (layers.BatchNormalization, lambda c: None if c.operation.axis in (-1, 3) else _differs(c.operation, axis=-1)),
    (layers.Activation, lambda c: _activation_problem(c.operation.activation)),
    (layers.ReLU, _relu_problem),
    (layers.ELU, lambda c: _differs(c.operation, alpha=1)),
    (layers.GlobalAveragePooling2D, lambda c: _differs(c.operation, keepdims=True, data_format="channels_last")),
    (layers.UpSampling2D, lambda c: _differs(c.operation, interpolation="bilinear", data_format="channels_last")),
    ((Add, Multiply, Subtract), _constants_problem),
    ((layers.Add, layers.Multiply, layers.LeakyReLU), _none),
    ((layers.Dropout, layers.GaussianDropout, layers.GaussianNoise, layers.Identity), _none),
)
