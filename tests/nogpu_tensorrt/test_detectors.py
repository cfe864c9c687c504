"""The end of a detector: non-maximum suppression, as a layer and as ONNX's operator."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from corpus_building import FLOAT, HALF, INT64, model, node, tensor, value
from engines import Allocator, Recorder

import nogpu.tensorrt as trt
from nogpu.cuda import streams
from nogpu.tensorrt import enqueue

RNG = np.random.default_rng(3)
CORNERS = RNG.random((2, 30, 2), np.float32)
BOXES = np.concatenate([CORNERS, CORNERS + RNG.random((2, 30, 2), np.float32) / 2], axis=2)
SCORES = RNG.random((2, 30, 3), np.float32)  # as the layer wants them: (batch, boxes, classes)


def run(builder: Any, network: Any, *inputs: np.ndarray) -> list[np.ndarray]:
    """Build, load, run; return the outputs, whatever their size."""
    plan = builder.build_serialized_network(network, builder.create_builder_config())
    assert plan is not None
    engine = trt.Runtime(builder.logger).deserialize_cuda_engine(plan)
    context, names = engine.create_execution_context(), [engine[i] for i in range(engine.num_io_tensors)]
    for name, array in zip(names, inputs, strict=False):
        context.set_tensor_address(name, array.ctypes.data)
    outputs = {name: Allocator() for name in names[len(inputs) :]}
    for name, allocator in outputs.items():
        assert context.set_output_allocator(name, allocator)
    assert context.execute_async_v3(0)
    if enqueue._cuda_in_use():  # by another test of this process: then the work goes into a stream
        streams.wait_all()
    kinds = {name: trt.nptype(engine.get_tensor_dtype(name)) for name in outputs}
    return [
        kept.memory.view(kinds[name])[: trt.volume(kept.shape)].reshape(kept.shape) for name, kept in outputs.items()
    ]


def suppressed(overlap: float, least: float, most: int) -> list[tuple[int, int, int]]:
    """Non-maximum suppression in plain Python: the definition."""
    rows = []
    for batch in range(2):
        for label in range(3):
            scores, kept = SCORES[batch, :, label], []
            for box in np.argsort(-scores, kind="stable"):
                if scores[box] > least and len(kept) < most and all(_iou(batch, box, k) <= overlap for k in kept):
                    kept.append(box)
            rows += [(batch, label, int(box)) for box in kept]
    return rows


def _iou(batch: int, a: int, b: int) -> float:
    (ay0, ax0, ay1, ax1), (by0, bx0, by1, bx1) = BOXES[batch, a], BOXES[batch, b]
    both = max(0, min(ay1, by1) - max(ay0, by0)) * max(0, min(ax1, bx1) - max(ax0, bx0))
    return both / ((ay1 - ay0) * (ax1 - ax0) + (by1 - by0) * (bx1 - bx0) - both)


@pytest.mark.parametrize("kind", [trt.int32, trt.int64])
def test_the_layer_keeps_what_the_definition_keeps(kind: Any) -> None:
    builder = trt.Builder(Recorder())
    network = builder.create_network(0)
    boxes, scores = network.add_input("b", trt.float32, BOXES.shape), network.add_input("s", trt.float32, SCORES.shape)
    constants = [network.add_constant((), np.array(n)).get_output(0) for n in (np.int32(4), np.float32(0.3))]
    layer = network.add_nms(boxes, scores, constants[0], kind)
    layer.set_input(3, constants[1])
    layer.set_input(4, network.add_constant((), np.array(0.2, np.float32)).get_output(0))
    network.mark_output(layer.get_output(0))
    network.mark_output(layer.get_output(1))
    rows, number = run(builder, network, BOXES, SCORES)
    assert rows.dtype == trt.nptype(kind) and number == len(rows)
    assert sorted(map(tuple, rows.tolist())) == sorted(suppressed(0.3, 0.2, 4))


def yolo_head() -> bytes:
    """Boxes that stay, as exporters write it: NonMaxSuppression, its third column, and Gather."""
    nodes = [
        node("NonMaxSuppression", "boxes scores most overlap least", "rows"),
        node("Gather", "rows two", "column", "third", axis=1),
        node("Gather", "boxes zero", "first", "batch", axis=0),
        node("Gather", "first column", "kept", "kept", axis=0),
    ]
    weights = [tensor("most", 4, INT64), tensor("overlap", np.float32(0.3)), tensor("least", np.float32(0.2))]
    weights += [tensor("two", 2, INT64), tensor("zero", 0, INT64)]
    inputs = [value("boxes", shape=(1, 30, 4)), value("scores", shape=(1, 3, 30))]
    return model(nodes, inputs, [value("kept", shape=("n", 4)), value("rows", INT64, ("n", 3))], weights)


def parse(content: bytes, log: Recorder) -> tuple[Any, Any, bool]:
    builder = trt.Builder(log)
    network = builder.create_network(0)
    return builder, network, trt.OnnxParser(network, log).parse(content)


def test_a_detector_s_end_is_parsed_once_the_standard_plugins_are_registered() -> None:
    log = Recorder()
    assert not parse(yolo_head(), log)[2]
    assert "NonMaxSuppression plugin was not found in plugin registry" in log.errors[-1]
    assert trt.init_libnvinfer_plugins(log, "")
    builder, network, parsed = parse(yolo_head(), log)
    assert parsed
    boxes, scores = BOXES[:1], np.ascontiguousarray(SCORES[:1].transpose(0, 2, 1))
    expected = onnxruntime.InferenceSession(yolo_head()).run(None, {"boxes": boxes, "scores": scores})
    for ours, theirs in zip(run(builder, network, boxes, scores), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("opset", "kind"), [(12, FLOAT), (17, FLOAT), (22, FLOAT), (17, HALF)])
def test_regions_are_cut_out_as_onnx_defines_it(opset: int, kind: int) -> None:
    """In opset 12 pixels were taken without the half-pixel shift that is usual today."""
    log = Recorder()
    trt.init_libnvinfer_plugins(log, "")
    inputs = [value("x", kind, (1, 2, 8, 8)), value("rois", kind, (2, 4)), value("batch", INT64, (2,))]
    cut = node("RoiAlign", "x rois batch", "y", output_height=3, output_width=2, sampling_ratio=2)
    content = model([cut], inputs, [value("y", kind, (2, 2, 3, 2))], opset=opset)
    builder, network, parsed = parse(content, log)
    assert parsed, log.errors
    floats = np.float32 if kind == FLOAT else np.float16
    x, rois = RNG.random((1, 2, 8, 8)).astype(floats), np.array([[0, 0, 4, 4], [1, 1, 7, 6]], floats)
    given = {"x": x, "rois": rois, "batch": np.zeros(2, np.int64)}
    older = model([cut], inputs, [value("y", kind, (2, 2, 3, 2))], opset=min(opset, 21))
    expected = onnxruntime.InferenceSession(older).run(None, given)[0]
    np.testing.assert_allclose(run(builder, network, *given.values())[0], expected, rtol=1e-3, atol=1e-5)
