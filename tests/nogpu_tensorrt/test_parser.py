"""The ONNX parser: what it reads computes what the file says, shapes are torch's, errors are NVIDIA's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from corpus import Case, good
from corpus_building import FLOAT, HALF, INT64, graph, model, node, one, ones, tensor, value
from onnx import TensorProto, helper

import coursekit  # noqa: F401  (before torchvision, beside a CPU build of torch)
from nogpu.tensorrt.enumerations import ErrorCode, OnnxParserFlag, Severity
from nogpu.tensorrt.logger import ILogger
from nogpu.tensorrt.parser import REFUSED_AT_BUILD, read
from nogpu.tensorrt.parser.onnx_parser import OnnxParser

NUMPY = {
    "FLOAT": np.float32,
    "FLOAT16": np.float16,
    "INT64": np.int64,
    "INT32": np.int32,
    "BOOL": np.bool_,
    "UINT8": np.uint8,
}


class Listener(ILogger):
    """Keeps what it is told."""

    def __init__(self) -> None:
        ILogger.__init__(self)
        self.heard: list[tuple[Severity, str]] = []

    def log(self, severity: Severity, msg: str) -> None:
        self.heard.append((severity, msg))


class Network:
    """Stands for a network: takes the model that the parser hands over."""

    def __init__(self) -> None:
        self.model: ir.Model | None = None

    def _adopt(self, model: ir.Model) -> None:
        self.model = model


def parse(data: bytes, **more: Any) -> tuple[bool, OnnxParser]:
    parser = OnnxParser(Network(), Listener())
    return parser.parse(data, **more), parser


def shapes(reading_model: ir.Model) -> list[list[int]]:
    return [[size if isinstance(size, int) else -1 for size in out.shape or ()] for out in reading_model.graph.outputs]


# What comes out computes what went in.


def inputs_for(session: onnxruntime.InferenceSession) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    made = {}
    for given in session.get_inputs():
        shape = [size if isinstance(size, int) else 2 for size in given.shape]
        if given.type == "tensor(bool)":
            made[given.name] = rng.integers(0, 2, shape).astype(bool)
        elif "int" in given.type:
            made[given.name] = rng.integers(0, 3, shape).astype(given.type[7:-1])
        else:
            made[given.name] = (rng.uniform(0.1, 0.9, shape)).astype(np.float16 if "16" in given.type else np.float32)
    return made


def comparable() -> list[Any]:
    """The good models that ONNX Runtime runs as they are: not where NVIDIA reads a file otherwise than ONNX."""
    otherwise = (
        "double",
        "bfloat16",
        "declared_",
        "initializer_among",
        "attribute_that",
        "dynamic_height",
        "standard_operator",
        "random_normal",
    )
    quantized = ("quantize_without_anything", "quantize_uint8", "quantize_without_zero_point")
    shapes_from_inputs = ("shape_tensor_as_input", "resize_to_another_tensors_size")
    skipped = (*otherwise, *quantized, *shapes_from_inputs)
    return [pytest.param(case, id=case.name) for case in good() if not any(word in case.name for word in skipped)]


@pytest.mark.parametrize("case", comparable())
def test_the_model_that_is_read_computes_what_the_file_computes(case: Case) -> None:
    reading = read(case.model)
    assert reading.model is not None, reading.errors
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        before = onnxruntime.InferenceSession(case.model, options)
    except Exception as error:
        pytest.skip(f"ONNX Runtime has no kernel for the file as it is: {str(error)[:80]}")
    after = onnxruntime.InferenceSession(ir.to_proto(reading.model).SerializeToString(), options)
    feeds = inputs_for(before)
    wanted = before.run(None, feeds)
    got = after.run(None, {given.name: feeds[given.name] for given in after.get_inputs()})
    for a, b in zip(wanted, got, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in good()])
def test_every_value_has_a_type_and_a_shape_and_the_model_one_opset(case: Case) -> None:
    made = read(case.model).model
    assert made is not None and made.opset_imports in ({"": 22}, {"": 24}) and not made.functions
    for one_node in made.graph:
        assert one_node.domain == "" and one_node.name
        for out in one_node.outputs:
            assert out.name == "" or (out.dtype is not None and out.shape is not None)
    for out in made.graph.outputs:
        assert out.dtype is not None and out.dtype is not ir.DataType.DOUBLE and out.shape is not None


# Networks as torch exports them.


def exported(make: Any, example: Any, opset: int = 20, optimize: bool = True) -> tuple[bytes, list[tuple[int, ...]]]:
    import torch

    torch.manual_seed(0)
    network = make().eval()
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.onnx.export(
        network,
        (example,),
        dynamo=True,
        dynamic_shapes=({0: batch},),
        opset_version=opset,
        optimize=optimize,
        verbose=False,
    )
    with torch.no_grad():
        out = network(example)
    outs = out if isinstance(out, (tuple, list)) else [out]
    return program.model_proto.SerializeToString(), [tuple(each.shape) for each in outs]


def image(size: int = 64) -> Any:
    import torch

    return torch.randn(2, 3, size, size)


def check_export(make: Any, example: Any, **how: Any) -> None:
    data, wanted = exported(make, example, **how)
    reading = read(data)
    assert reading.model is not None, [str(error) for error in reading.errors]
    assert not reading.model.meta[REFUSED_AT_BUILD]
    assert shapes(reading.model) == [[-1, *shape[1:]] for shape in wanted]


@pytest.mark.parametrize("opset", [18, 22])
def test_resnet_18_as_torch_exports_it(opset: int) -> None:
    from torchvision import models

    check_export(models.resnet18, image(), opset=opset)


def check_that_axes_are_refused(make: Any, example: Any, **how: Any) -> None:
    """Without optimisation the axes of a mean are Reshape(Constant, -1), which NVIDIA's parser does not fold."""
    errors = read(exported(make, example, optimize=False, **how)[0]).errors
    assert [(error.operator, error.function) for error in errors] == [("ReduceMean", "getReduceAxisMask")]


def test_resnet_18_exported_without_optimisation_is_refused_as_by_nvidia() -> None:
    from torchvision import models

    check_that_axes_are_refused(models.resnet18, image())


def test_digitnet_exported_without_optimisation_keeps_its_batch_normalisation() -> None:
    import torch

    from coursekit.models import DigitNet

    data, _ = exported(DigitNet, torch.zeros(2, 1, 8, 8), optimize=False)
    made = read(data).model
    assert made is not None and shapes(made) == [[-1, 10]]
    assert sum(each.op_type == "BatchNormalization" for each in made.graph) == 2


@pytest.mark.parametrize(("opset", "optimize"), [(17, True), (20, False)])
def test_a_small_transformer_as_torch_exports_it(opset: int, optimize: bool) -> None:
    import torch
    from small_networks import Transformer

    check_export(Transformer, torch.randint(0, 100, (2, 16)), opset=opset, optimize=optimize)


@pytest.mark.parametrize("opset", [18, 22])
def test_a_yolo_head_as_torch_exports_it(opset: int) -> None:
    from small_networks import Detector

    check_export(Detector, image(), opset=opset)


CLASSIFIERS = ("resnet50", "mobilenet_v3_small", "efficientnet_b0", "convnext_tiny", "regnet_y_400mf", "vit_b_16")


@pytest.mark.full
@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("opset", [17, 20, 22])
def test_torchvisions_classifiers_as_torch_exports_them(name: str, opset: int) -> None:
    from torchvision import models

    check_export(models.get_model_builder(name), image(224 if name == "vit_b_16" else 64), opset=opset)


@pytest.mark.full
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_torchvisions_classifiers_exported_without_optimisation(name: str) -> None:
    from torchvision import models

    make, example = models.get_model_builder(name), image(224 if name == "vit_b_16" else 64)
    if name == "vit_b_16":  # takes no mean over axes
        check_export(make, example, optimize=False)
    else:
        check_that_axes_are_refused(make, example)


@pytest.mark.full
def test_the_ssdlite_backbone_and_head_as_torch_exports_them() -> None:
    from small_networks import SsdLite

    check_export(SsdLite, image(128))


# Shapes that are computed.


def test_the_name_of_a_dynamic_dimension_survives_shape_arithmetic() -> None:
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s zero", "n"),
        node("Mul", "n one", "m"),
        node("Concat", "m rest", "t", axis=0),
        node("Reshape", "x t", "y"),
    ]
    weights = [tensor("zero", [0], INT64), tensor("one", [1], INT64), tensor("rest", [4, -1], INT64)]
    made = read(model(nodes, [value("x", FLOAT, ("batch", 3, 8))], [value("y", FLOAT, None)], weights)).model
    assert made is not None
    assert [str(size) for size in made.graph.outputs[0].shape or ()] == ["batch", "4", "6"]


def test_a_size_that_depends_on_the_input_is_minus_one() -> None:
    made = read(one("Expand", (1, 3), more=[value("s", INT64, (2,))])).model
    assert made is not None and shapes(made) == [[-1, 3]]


# Errors.


def test_an_error_names_the_node_by_its_place_in_the_file_its_name_and_its_operator() -> None:
    nodes = [node("Exp", "b", "y", "last"), node("Relu", "x", "a", "first"), node("Add", "a h", "b", "mixed")]
    accepted, parser = parse(model(nodes, [value("x"), value("h", HALF)], [value("y")]))
    error = parser.get_error(0)
    assert not accepted and parser.num_errors == 1 and error is not None
    assert (error.node(), error.node_name(), error.node_operator()) == (2, "mixed", "Add")
    assert error.code() is ErrorCode.INVALID_NODE and error.func() == "parseNode"
    assert error.file().endswith(".py") and error.line() > 0 and error.local_function_stack_size() == 0
    assert "ElementWiseOperation SUM must have same input types. But they are of types Float and Half." in error.desc()
    assert str(error).startswith("In node 2 with name: mixed and operator: Add (parseNode): INVALID_NODE: ")


def test_all_unsupported_operators_are_reported_at_once() -> None:
    nodes = [node("Unique", "x", "a", "u"), node("Relu", "a", "b"), node("MyOp", "b", "y", "m", domain="my")]
    accepted, parser = parse(model(nodes, [value("x")], [value("y")]))
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    assert not accepted and [(e.node(), e.node_operator()) for e in errors if e] == [(0, "Unique"), (2, "MyOp")]
    assert str(errors[1]) == (
        "In node 2 with name: m and operator: MyOp (checkFallbackPluginImporter): INVALID_NODE: "
        'creator && "Plugin not found, are the plugin name, version, and namespace correct?"'
    )


def test_an_error_inside_a_local_function_names_the_function() -> None:
    body = [node("Relu", "a", "c"), node("Det", "c", "b", "inner")]
    function = helper.make_function("own", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 20)])
    imports = [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)]
    call = [node("Twice", "x", "y", "call", domain="own")]
    _, parser = parse(model(call, [value("x")], [value("y")], imports=imports, functions=[function]))
    error = parser.get_error(0)
    assert error is not None and (error.node(), error.node_operator()) == (1, "Det")
    assert error.local_function_stack() == ["Twice"]


def test_errors_are_logged_and_can_be_cleared() -> None:
    logger = Listener()
    parser = OnnxParser(Network(), logger)
    assert not parser.parse(one("Det"))
    said = [text for severity, text in logger.heard if severity == Severity.ERROR]
    assert any("While parsing node number 0 [Det" in text for text in said) and any("[8]" in text for text in said)
    parser.clear_errors()
    assert parser.num_errors == 0
    assert parser.get_error(5) is None and parser.num_errors == 1


def test_a_second_parse_is_refused() -> None:
    _, parser = parse(one("Relu"))
    assert not parser.parse(one("Relu"))
    error = parser.get_error(0)
    assert error is not None and error.code() is ErrorCode.MODEL_DESERIALIZE_FAILED


def test_text_instead_of_bytes_is_a_type_error_that_names_the_way() -> None:
    parser = OnnxParser(Network(), Listener())
    with pytest.raises(TypeError, match="parse_from_file"):
        parser.parse("model.onnx")
    with pytest.raises(TypeError, match="network"):
        OnnxParser("network", Listener())


def test_a_warning_tells_that_doubles_become_floats() -> None:
    logger = Listener()
    network = Network()
    assert OnnxParser(network, logger).parse(one("Relu", kind=TensorProto.DOUBLE))
    assert network.model is not None and network.model.graph.inputs[0].dtype is ir.DataType.FLOAT
    assert any(severity == Severity.WARNING and "double" in text for severity, text in logger.heard)


# The rest of the class.


def test_flags() -> None:
    parser = OnnxParser(Network(), Listener())
    assert parser.flags == 1 and parser.get_flag(OnnxParserFlag.NATIVE_INSTANCENORM)
    parser.set_flag(OnnxParserFlag.ENABLE_PLUGIN_OVERRIDE)
    parser.clear_flag(OnnxParserFlag.NATIVE_INSTANCENORM)
    assert parser.flags == 1 << int(OnnxParserFlag.ENABLE_PLUGIN_OVERRIDE)


def test_supported_operators_and_parts_of_a_model() -> None:
    parser = OnnxParser(Network(), Listener())
    assert parser.supports_operator("Conv") and not parser.supports_operator("Unique")
    nodes = [node("Relu", "x", "a"), node("Exp", "a", "b"), node("Det", "b", "c"), node("Neg", "x", "y")]
    assert not parser.supports_model_v2(model(nodes, [value("x")], [value("y")]))
    parts = [(parser.get_subgraph_nodes(i), parser.is_subgraph_supported(i)) for i in range(parser.num_subgraphs)]
    assert parts == [([0, 1], True), ([2], False), ([3], True)]


def test_a_model_loaded_first_gets_an_initializer_from_memory() -> None:
    network = Network()
    parser = OnnxParser(network, Listener())
    assert parser.load_model_proto(one("Add", (2, 3), [ones("w", 3)]))
    numbers = np.array([5, 6, 7], np.float32)
    assert parser.load_initializer("w", numbers.ctypes.data, numbers.nbytes)
    assert not parser.load_initializer("v", numbers.ctypes.data, numbers.nbytes)
    assert parser.parse_model_proto() and network.model is not None
    constant = network.model.graph.initializers["w"].const_value
    assert constant is not None and constant.numpy().tolist() == [5, 6, 7]


# External data.


def with_external_data(location: str, offset: int = 0, length: int = 12) -> bytes:
    weight = TensorProto(name="w", data_type=FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    for key, entry in (("location", location), ("offset", str(offset)), ("length", str(length))):
        weight.external_data.add(key=key, value=entry)
    return model([node("Add", "x w", "y")], [value("x", FLOAT, (2, 3))], [value("y", FLOAT, None)], [weight])


def test_external_data_beside_the_model_is_read(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "w.bin").write_bytes(b"????" + np.array([1, 2, 3], np.float32).tobytes())
    (tmp_path / "model.onnx").write_bytes(with_external_data("weights/w.bin", offset=4))
    network = Network()
    parser = OnnxParser(network, Listener())
    assert parser.parse_from_file(str(tmp_path / "model.onnx")), parser.get_error(0)
    (tmp_path / "weights" / "w.bin").unlink()
    assert network.model is not None
    constant = network.model.graph.initializers["w"].const_value
    assert constant is not None and constant.numpy().tolist() == [1, 2, 3]


def test_external_data_needs_the_models_path(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(12))
    data = with_external_data("w.bin")
    assert not parse(data)[0]
    assert parse(data, path=str(tmp_path / "model.onnx"))[0]


def test_a_branch_may_use_values_from_outside() -> None:
    yes = graph([node("Add", "x w", "t")], [], [value("t", FLOAT, None)])
    no = graph([node("Identity", "x", "e")], [], [value("e", FLOAT, None)])
    nodes = [node("If", "c", "y", then_branch=yes, else_branch=no)]
    made = read(model(nodes, [value("x"), value("c", TensorProto.BOOL, ())], [value("y")], [ones("w", 1)])).model
    assert made is not None and shapes(made) == [[1, 3, 4, 4]]
    onnx.checker.check_model(ir.to_proto(made))
