"""The layer at the end of a detector: which boxes stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt.enumerations import BoundingBoxFormat, DataType, LayerType
from nogpu.tensorrt.network.emission import Emission, shape_of
from nogpu.tensorrt.network.layer import ILayer, Parameter

FLOAT = int(ir.DataType.FLOAT)


class INMSLayer(ILayer):
    """Non-maximum suppression: of boxes that overlap, the one with the highest score.

    Inputs: boxes (batch, boxes, 4), scores (batch, boxes, classes), the largest number of boxes for each class (a
    scalar), and, by `set_input(3 or 4, tensor)`, the overlap (intersection over union) above which a box goes, and the
    score that it must exceed; both are 0 otherwise. Outputs: a row (batch, class, box) for each box that stays, whose
    number only the run tells, and that number.
    """

    _kind, _word, _output_count = LayerType.NMS, "NMS", 2
    bounding_box_format = Parameter(BoundingBoxFormat, "CORNER_PAIRS (two opposite corners) or CENTER_SIZES.")
    topk_box_limit = Parameter(int, "How many boxes of a class are looked at on a GPU: taken note of.")
    indices_type = Parameter(DataType, "The type of the rows: int32 or int64.")

    def _emit(self, emission: Emission, inputs: list[Any]) -> list[ir.Value]:
        boxes, scores, most, overlap, least = [*inputs, None, None][:5]
        for what, value in (("boxes", boxes), ("scores", scores)):
            if len(shape_of(value)) != 3:
                raise self._fail(f"{what} must have 3 dimensions, and have the shape {list(shape_of(value))}")
        found = emission.op(
            "NonMaxSuppression",
            self._float(emission, boxes),
            emission.op("Transpose", self._float(emission, scores), perm=[0, 2, 1]),
            emission.op("Reshape", emission.int64(most), emission.integers(1)),
            self._float(emission, overlap),
            self._float(emission, least),
            center_point_box=int(self._bounding_box_format == BoundingBoxFormat.CENTER_SIZES),
        )
        number = emission.op("Gather", emission.op("Shape", found), emission.constant(np.array(0)))
        if self._indices_type != DataType.INT64:
            found = emission.op("Cast", found, to=int(ir.DataType.INT32))
        return [found, emission.op("Cast", number, to=int(ir.DataType.INT32))]

    @staticmethod
    def _float(emission: Emission, value: ir.Value | None) -> ir.Value:
        """Return the numbers as float32, which ONNX wants; 0 where there are none."""
        if value is None:
            return emission.constant(np.zeros(1, np.float32))
        return value if value.dtype == ir.DataType.FLOAT else emission.op("Cast", value, to=FLOAT)
