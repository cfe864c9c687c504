"""Pictures of an engine: which ONNX node is in which layer, read from the inspector's JSON alone."""

from __future__ import annotations

import json
from typing import Any

import matplotlib.pyplot as plt
import onnx
import pytest
from onnx import TensorProto, helper

from coursekit.engine_view import DOMAIN, draw_fusion, engine_graph, engine_layers


def model() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="conv"),
        helper.make_node("BatchNormalization", ["a", "s", "s", "s", "s"], ["b"], name="bn"),
        helper.make_node("Relu", ["b"], ["c"], name="relu"),
        helper.make_node("Abs", ["c"], ["d"], name="abs"),
        helper.make_node("Neg", ["d"], ["e"], name="neg"),
        helper.make_node("Identity", ["e"], ["f"], name="same"),
        helper.make_node("Softmax", ["f"], ["y"], name="softmax"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in "xy"]
    return helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:]))


def tensor(name: str, kind: str = "Float") -> dict[str, Any]:
    return {"Name": name, "Location": "Device", "Dimensions": [-1, 4], "Format/Datatype": kind}


def layer(name: str, start: str, end: str, metadata: str = "") -> dict[str, Any]:
    return {
        "Name": name, "LayerType": "Some", "Inputs": [tensor(start)], "Outputs": [tensor(end)], "Metadata": metadata,
    }  # fmt: skip


def information() -> dict[str, Any]:
    """As a GPU's inspector writes it: a foreign name with its nodes in Metadata, and names that tell by themselves."""
    metadata = "[ONNX Layer: relu]\x1e[ONNX Layer: bn]\x1e[ONNX Layer: conv]"
    return {
        "Layers": [
            layer("{ForeignNode[conv...relu]}", "x", "c", metadata),
            layer("PWN(abs, neg)", "c", "f"),
            layer("softmax", "f", "y"),
        ]
    }


def test_nodes_are_found_by_metadata_and_by_names_in_the_graphs_order() -> None:
    found = engine_layers(model(), json.dumps(information()))
    assert [each.nodes for each in found] == [("conv", "bn", "relu"), ("abs", "neg"), ("softmax",)]
    assert [each.number for each in found] == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "nodes"),
    [("conv + relu", ("conv", "relu")), ("abs || neg", ("abs", "neg")), ("PWN(PWN(abs), neg)", ("abs", "neg"))],
)
def test_every_form_of_a_fused_name_is_read(name: str, nodes: tuple[str, ...]) -> None:
    assert engine_layers(model(), {"Layers": [layer(name, "x", "y")]})[0].nodes == nodes


def test_names_alone_are_refused_with_the_cure() -> None:
    with pytest.raises(ValueError, match=r"ProfilingVerbosity\.DETAILED"):
        engine_layers(model(), {"Layers": ["conv + relu"]})


def test_the_engine_becomes_a_graph_that_onnx_can_read_back() -> None:
    graph = onnx.load_model_from_string(engine_graph(model(), information()).SerializeToString()).graph
    assert [node.op_type for node in graph.node] == ["Some"] * 3
    assert {node.domain for node in graph.node} == {DOMAIN}
    assert list(graph.node[0].attribute[0].strings) == [b"conv", b"bn", b"relu"]
    assert [value.name for value in graph.input] == ["x"]
    assert [value.name for value in graph.output] == ["y"]
    assert graph.value_info[0].type.tensor_type.elem_type == TensorProto.FLOAT


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("Half", TensorProto.FLOAT16), ("Row major linear FP32", TensorProto.FLOAT), ("Int8", TensorProto.INT8),
     ("BFloat16", TensorProto.BFLOAT16), ("Row major linear FP16 format", TensorProto.FLOAT16)],
)  # fmt: skip
def test_types_are_read_in_both_spellings(kind: str, expected: int) -> None:
    facts = information()
    facts["Layers"][0]["Outputs"] = [tensor("c", kind)]
    facts["Layers"][1]["Inputs"] = [tensor("c", kind)]
    graph = engine_graph(model(), facts).graph
    assert next(v for v in graph.value_info if v.name == "c").type.tensor_type.elem_type == expected


def test_the_picture_numbers_nodes_by_layer_and_marks_what_is_gone() -> None:
    figure = draw_fusion(model(), information(), title="Some engine")
    left, right = ([text.get_text() for text in axis.texts] for axis in figure.axes)
    assert [text for text in left if text.startswith("layer") or text == "gone"] == [
        "layer 1", "layer 1", "layer 1", "layer 2", "layer 2", "gone", "layer 3"
    ]  # fmt: skip
    assert [text for text in right if text.startswith("layer")] == ["layer 1", "layer 2", "layer 3"]
    plt.close(figure)


def test_an_engine_of_the_course_is_drawn(tmp_path: Any) -> None:
    trt = pytest.importorskip("tensorrt")
    nodes = [helper.make_node("Abs", ["x"], ["a"], name="abs"), helper.make_node("Neg", ["a"], ["y"], name="neg")]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 4]) for name in "xy"]
    imports = [helper.make_opsetid("", 20)]
    proto = helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:]), opset_imports=imports, ir_version=10)
    logger = trt.Logger(trt.Logger.ERROR)
    try:
        builder = trt.Builder(logger)
    except TypeError:
        pytest.skip("the real TensorRT found no GPU")
    network, config = builder.create_network(), builder.create_builder_config()
    assert trt.OnnxParser(network, logger).parse(proto.SerializeToString())
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    plan = builder.build_serialized_network(network, config)
    inspector = trt.Runtime(logger).deserialize_cuda_engine(plan).create_engine_inspector()
    found = engine_layers(proto, inspector.get_engine_information(trt.LayerInformationFormat.JSON))
    assert {name for each in found for name in each.nodes} == {"abs", "neg"}
