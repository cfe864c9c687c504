"""Layers that treat each element by itself: activations, element-wise and unary functions, scale, cast, select."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt import datatypes
from nogpu.tensorrt.datatypes import FLOATING, word
from nogpu.tensorrt.enumerations import (
    ActivationType,
    DataType,
    ElementWiseOperation,
    LayerType,
    ScaleMode,
    UnaryOperation,
)
from nogpu.tensorrt.network.emission import Emission, shape_of
from nogpu.tensorrt.network.layer import ILayer, Numbers, Parameter

_ANY_FLOAT = "Float, Half, BFloat16, FP8, E8M0, FP4, Int4, or Int8"
A, E, U = ActivationType, ElementWiseOperation, UnaryOperation
_PLAIN_ACTIVATIONS = {
    A.RELU: "Relu", A.SIGMOID: "Sigmoid", A.TANH: "Tanh", A.SOFTSIGN: "Softsign",
}  # fmt: skip
_LARGEST = float(np.finfo(np.float32).max)
DEFAULTS = {  # alpha and beta of a new layer, read off NVIDIA's builder; both are 0 for the others
    A.LEAKY_RELU: (0.01, 0.0), A.ELU: (1.0, 0.0), A.SELU: (1.6732631921768188, 1.0507010221481323),
    A.SOFTPLUS: (1.0, 1.0), A.CLIP: (-_LARGEST, _LARGEST), A.HARD_SIGMOID: (0.2, 0.5), A.SCALED_TANH: (1.0, 1.0),
    A.THRESHOLDED_RELU: (1.0, 0.0),
}  # fmt: skip
_ELEMENTWISE = {
    E.SUM: "Add", E.PROD: "Mul", E.MAX: "Max", E.MIN: "Min", E.SUB: "Sub", E.DIV: "Div", E.POW: "Pow", E.AND: "And",
    E.OR: "Or", E.XOR: "Xor", E.EQUAL: "Equal", E.GREATER: "Greater", E.LESS: "Less",
}  # fmt: skip
_UNARY = {
    **{op: op.name.capitalize() for op in U},
    U.RECIP: "Reciprocal", U.ISINF: "IsInf", U.ISNAN: "IsNaN",
}  # fmt: skip


class IActivationLayer(ILayer):
    """An activation function; `alpha` and `beta` are what it needs of numbers."""

    _kind, _word = LayerType.ACTIVATION, "Activation"
    type = Parameter(ActivationType, "Which function.")
    alpha = Parameter(float, "The function's first number.")
    beta = Parameter(float, "The function's second number.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        x, kind, alpha, beta = inputs[0], datatypes.from_onnx(inputs[0].dtype), self._alpha, self._beta
        floating = kind in (*FLOATING, DataType.INT8)
        if not floating and not (self._type == A.RELU and kind in (DataType.INT32, DataType.INT64)):
            raise self._fail(f"input has type {word(kind)} but must have type {_ANY_FLOAT}.")
        if not floating:
            return [emission.op("Max", x, emission.constant(np.zeros([1] * len(shape_of(x))), kind))]
        if self._type in _PLAIN_ACTIVATIONS:
            return [emission.op(_PLAIN_ACTIVATIONS[self._type], x)]

        def number(value: float) -> ir.Value:
            with np.errstate(over="ignore"):  # CLIP's own bounds are infinite in FP16
                return emission.constant(np.array(value), kind)

        if self._type == A.LEAKY_RELU:
            return [emission.op("LeakyRelu", x, alpha=alpha)]
        if self._type == A.ELU:
            return [emission.op("Elu", x, alpha=alpha)]
        if self._type == A.SELU:
            return [emission.op("Selu", x, alpha=alpha, gamma=beta)]
        if self._type == A.HARD_SIGMOID:
            return [emission.op("HardSigmoid", x, alpha=alpha, beta=beta)]
        if self._type == A.THRESHOLDED_RELU:
            return [emission.op("ThresholdedRelu", x, alpha=alpha)]
        if self._type == A.CLIP:
            return [emission.op("Clip", x, number(alpha), number(beta))]
        if self._type in (A.GELU_ERF, A.GELU_TANH):
            return [emission.op("Gelu", x, approximate="none" if self._type == A.GELU_ERF else "tanh")]
        inner = emission.op("Mul", x, number(beta))
        if self._type == A.SCALED_TANH:
            return [emission.op("Mul", emission.op("Tanh", inner), number(alpha))]
        return [emission.op("Mul", emission.op("Softplus", inner), number(alpha))]  # SOFTPLUS


class IElementWiseLayer(ILayer):
    """A function of two tensors of the same rank; sizes of 1 are stretched."""

    _kind, _word = LayerType.ELEMENTWISE, "ElementWise"
    op = Parameter(ElementWiseOperation, "Which function.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        x, y = inputs
        kinds = [datatypes.from_onnx(value.dtype) for value in inputs]
        if kinds[0] != kinds[1]:
            names = " and ".join(tensor.name for tensor in self._inputs if tensor is not None)
            words = [word(kind) for kind in kinds]
            self._network._reporter.warn(
                f"IElementWiseLayer with inputs {names}: first input has type {words[0]} but second input has "
                f"type {words[1]}."
            )
            raise self._fail(
                f"ElementWiseOperation {self._op.name} must have same input types. But they are of types "
                f"{words[0]} and "
                f"{words[1]}."
            )
        if len(shape_of(x)) != len(shape_of(y)):
            pair = [
                f"{t.name} [{','.join(map(str, shape_of(v)))}]" for t, v in zip(self._inputs, inputs, strict=True) if t
            ]
            raise self._fail(
                f"Assertion x.nbDims == y.nbDims failed. mismatched inputs: {pair[0]} and {pair[1]}",
                2,
                "Internal Error",
            )
        if self._op in (E.AND, E.OR, E.XOR) and kinds[0] != DataType.BOOL:
            text = f"ElementWiseOperation {self._op.name} requires boolean inputs. Input type is {word(kinds[0])}."
            raise self._fail(text)
        if self._op != E.FLOOR_DIV:
            return [emission.op(_ELEMENTWISE[self._op], x, y)]
        if kinds[0] in FLOATING:
            return [emission.op("Floor", emission.op("Div", x, y))]
        return [self._floor_of_integers(emission, x, y, kinds[0])]

    def _floor_of_integers(self, emission: Emission, x: Any, y: Any, kind: DataType) -> ir.Value:
        quotient = emission.op("Div", x, y)  # towards zero
        zero, one = emission.constant(np.array(0), kind), emission.constant(np.array(1), kind)
        inexact = emission.op("Not", emission.op("Equal", emission.op("Mul", quotient, y), x))
        signs_differ = emission.op("Xor", emission.op("Less", x, zero), emission.op("Less", y, zero))
        down = emission.op("And", inexact, signs_differ)
        return emission.op("Sub", quotient, emission.op("Where", down, one, zero))


class IUnaryLayer(ILayer):
    """A function of each element."""

    _kind, _word = LayerType.UNARY, "Unary"
    op = Parameter(UnaryOperation, "Which function.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        kind = datatypes.from_onnx(inputs[0].dtype)
        if self._op == U.NOT:
            if kind != DataType.BOOL:
                raise self._fail(f"input has type {word(kind)} but must have type Bool.")
        elif kind not in FLOATING and not (self._op in (U.ABS, U.NEG, U.SIGN) and kind != DataType.BOOL):
            raise self._fail(f"input has type {word(kind)} but must have type {_ANY_FLOAT}.")
        return [emission.op(_UNARY[self._op], inputs[0])]


class IScaleLayer(ILayer):
    """(x * scale + shift) ** power, with one number for all, one per channel, or one per element."""

    _kind, _word = LayerType.SCALE, "Scale"
    mode = Parameter(ScaleMode, "UNIFORM, CHANNEL or ELEMENTWISE.")
    channel_axis = Parameter(int, "Which dimension is the channel.")
    shift = Numbers("What is added; nothing where empty.")
    scale = Numbers("What is multiplied with; 1 where empty.")
    power = Numbers("The exponent; 1 where empty.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        value = inputs[0]
        shape = shape_of(value)
        wanted: tuple[int, ...] = ()
        if self._mode == ScaleMode.CHANNEL:
            wanted = tuple(n if axis == self._channel_axis else 1 for axis, n in enumerate(shape))
        elif self._mode == ScaleMode.ELEMENTWISE:
            wanted = (1, *shape[1:])
        kind = datatypes.from_onnx(value.dtype)
        for operator, weights in (("Mul", self._scale), ("Add", self._shift), ("Pow", self._power)):
            if weights.size:
                if weights.size != datatypes.volume(wanted):
                    what = {"Mul": "scale", "Add": "shift", "Pow": "power"}[operator]
                    text = f"{what} weights has count {weights.size} but {datatypes.volume(wanted)} was expected"
                    raise self._fail(text)
                if weights.dtype != kind:
                    raise self._fail(f"input has type {word(kind)} but weights have type {word(weights.dtype)}.")
                value = emission.op(operator, value, emission.constant(weights.numpy().reshape(wanted)))
        return [value if value is not inputs[0] else emission.op("Identity", value)]


class IParametricReLULayer(ILayer):
    """x where it is positive, slope * x elsewhere."""

    _kind, _word = LayerType.PARAMETRIC_RELU, "Parametric ReLU"

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        return [emission.op("PRelu", *inputs)]


class ICastLayer(ILayer):
    """Another element type."""

    _kind, _word = LayerType.CAST, "Cast"
    to_type = Parameter(DataType, "The new element type.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        return [emission.op("Cast", inputs[0], to=int(datatypes.to_onnx(self._to_type)))]


class IIdentityLayer(ILayer):
    """The same again."""

    _kind, _word = LayerType.IDENTITY, "Identity"

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        return [emission.op("Identity", inputs[0])]


class ISelectLayer(ILayer):
    """Elements of the second input where the first is True, of the third elsewhere."""

    _kind, _word = LayerType.SELECT, "Select"

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        kind = datatypes.from_onnx(inputs[0].dtype)
        if kind != DataType.BOOL:
            raise self._fail(f"condition input has type {word(kind)} but must have type Bool.")
        return [emission.op("Where", *inputs)]
