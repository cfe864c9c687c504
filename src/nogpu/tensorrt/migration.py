"""What became of names that older TensorRT releases had: most scripts on the web still use them.

`missing` makes the AttributeError for any name that TensorRT 11 lacks; where the name is one of the old ones, the
message says what to write today. Called by `native`, `enumerations` and the package's `__getattr__`.
"""

from __future__ import annotations

_HALF = (
    "TensorRT 11 networks are strongly typed, so the model itself decides: convert it to FP16 or BF16 before the build "
    "(modelopt.onnx.autocast, onnxconverter-common, or model.half() before the export)"
)
_INT8 = (
    "calibration is gone: put QuantizeLinear/DequantizeLinear pairs into the model (onnxruntime.quantization, "
    "modelopt.onnx.quantization) and build it as it is"
)
_TYPED = "networks are strongly typed: use network.add_cast or convert the model"
_WORKSPACE = "use config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, bytes)"
_BATCH = "the batch is a dimension like any other: make it -1 and set an optimization profile"
_NAMES = "tensors go by name: "
_BUILD = "use builder.build_serialized_network(network, config), then trt.Runtime(logger).deserialize_cuda_engine(plan)"
_DEVICE = "there is no such question any more: TensorRT 11 supports only GPUs that have it"
_ALGORITHM = "algorithm selectors are gone: use an editable timing cache (trt.BuilderFlag.EDITABLE_TIMING_CACHE)"

_OLD: dict[str, dict[str, str]] = {
    "BuilderFlag": {
        "FP16": _HALF, "BF16": _HALF, "INT8": _INT8, "FP8": _INT8, "INT4": _INT8, "FP4": _INT8,
        "OBEY_PRECISION_CONSTRAINTS": _TYPED, "PREFER_PRECISION_CONSTRAINTS": _TYPED, "STRICT_TYPES": _TYPED,
        "REJECT_EMPTY_ALGORITHMS": _ALGORITHM, "ENABLE_TACTIC_HEURISTIC": "use config.builder_optimization_level",
        "WEIGHTLESS": "use trt.BuilderFlag.STRIP_PLAN",
    },
    "NetworkDefinitionCreationFlag": {
        "EXPLICIT_BATCH": "every network has an explicit batch: call builder.create_network(0)",
        "EXPLICIT_PRECISION": "every network is strongly typed: call builder.create_network(0)",
    },
    "TacticSource": dict.fromkeys(("CUBLAS", "CUBLAS_LT", "CUDNN"), "TensorRT 11 does not use that library"),
    "MemoryPoolType": {},
    "Builder": {
        "max_batch_size": _BATCH, "max_workspace_size": _WORKSPACE, "build_engine": _BUILD, "build_cuda_engine": _BUILD,
        "fp16_mode": _HALF, "int8_mode": _INT8, "int8_calibrator": _INT8, "strict_type_constraints": _TYPED,
        "platform_has_fast_fp16": _DEVICE, "platform_has_fast_int8": _DEVICE, "platform_has_tf32": _DEVICE,
        "refittable": "use config.set_flag(trt.BuilderFlag.REFIT)", "debug_sync": "set it on the execution context",
    },
    "IBuilderConfig": {
        "max_workspace_size": _WORKSPACE, "int8_calibrator": _INT8, "set_calibration_profile": _INT8,
        "get_calibration_profile": _INT8, "quantization_flags": _INT8, "set_quantization_flag": _INT8,
        "get_quantization_flag": _INT8, "clear_quantization_flag": _INT8, "algorithm_selector": _ALGORITHM,
        "min_timing_iterations": "use config.avg_timing_iterations",
    },
    "INetworkDefinition": {
        "add_convolution": "use add_convolution_nd", "add_deconvolution": "use add_deconvolution_nd",
        "add_pooling": "use add_pooling_nd", "add_padding": "use add_padding_nd",
        "add_fully_connected": "use add_matrix_multiply, and add_elementwise for the bias",
        "add_rnn_v2": "use add_loop, or export the network to ONNX",
        "has_explicit_precision": "every network is strongly typed", "max_batch_size": _BATCH,
    },
    "ILayer": {
        "precision": _TYPED, "precision_is_set": _TYPED, "reset_precision": _TYPED, "set_output_type": _TYPED,
        "output_type_is_set": _TYPED, "reset_output_type": _TYPED,
    },
    "IConvolutionLayer": {
        "stride": "use stride_nd", "padding": "use padding_nd", "dilation": "use dilation_nd",
        "kernel_size": "use kernel_size_nd",
    },
    "IPoolingLayer": {"stride": "use stride_nd", "padding": "use padding_nd", "window_size": "use window_size_nd"},
    "ITensor": {
        "dynamic_range": _INT8, "set_dynamic_range": _INT8, "reset_dynamic_range": _INT8,
        "get_dynamic_range": _INT8,
    },
    "ICudaEngine": {
        "num_bindings": "use num_io_tensors", "get_binding_name": _NAMES + "use get_tensor_name(index)",
        "get_binding_shape": _NAMES + "use get_tensor_shape(name)",
        "get_binding_dtype": _NAMES + "use get_tensor_dtype(name)",
        "get_binding_index": _NAMES + "there are no binding numbers; loop over get_tensor_name(index)",
        "binding_is_input": _NAMES + "use get_tensor_mode(name) == trt.TensorIOMode.INPUT",
        "get_location": _NAMES + "use get_tensor_location(name)",
        "get_profile_shape": _NAMES + "use get_tensor_profile_shape(name, profile_index)",
        "get_profile_shape_input": _NAMES + "use get_tensor_profile_values",
        "is_shape_binding": _NAMES + "use is_shape_inference_io(name)",
        "is_execution_binding": _NAMES + "use get_tensor_location(name)",
        "get_binding_format": _NAMES + "use get_tensor_format(name)",
        "get_binding_format_desc": _NAMES + "use get_tensor_format_desc(name)",
        "max_batch_size": _BATCH, "has_implicit_batch_dimension": "there is no implicit batch any more",
        "device_memory_size": "use device_memory_size_v2",
        "get_device_memory_size_for_profile": "use get_device_memory_size_for_profile_v2",
        "max_workspace_size": "use device_memory_size_v2",
        "create_execution_context_without_device_memory":
            "use create_execution_context(trt.ExecutionContextAllocationStrategy.USER_MANAGED)",
        "weight_streaming_budget": "use weight_streaming_budget_v2",
        "minimum_weight_streaming_budget": "it is always 0",
    },
    "IExecutionContext": {
        "execute": "set each address by set_tensor_address(name, address), then call execute_async_v3(stream.handle); "
                   "or execute_v2(bindings)",
        "execute_async": "set each address by set_tensor_address(name, address), then execute_async_v3(stream.handle)",
        "execute_async_v2": "set each address by set_tensor_address(name, address), then "
        "execute_async_v3(stream.handle)",
        "set_binding_shape": "use set_input_shape(name, shape)", "get_binding_shape": "use get_tensor_shape(name)",
        "get_strides": "use get_tensor_strides(name)", "set_shape_input": "use set_tensor_address with host memory",
        "get_shape": "use get_tensor_shape(name)", "all_shape_inputs_specified": "use infer_shapes(), which "
        "lists names",
        "set_optimization_profile": "use set_optimization_profile_async(index, stream_handle)",
    },
    "Runtime": {"deserialize_engine": "use deserialize_cuda_engine(plan)"},
    "OnnxParser": {"supports_model": "use supports_model_v2, then num_subgraphs and is_subgraph_supported"},
    "tensorrt": {
        "UffParser": "UFF is gone: export the model to ONNX", "CaffeParser": "Caffe is gone: convert the model to ONNX",
        "QuantizationFlag": _INT8, "CalibrationAlgoType": _INT8, "LayerPrecision": _TYPED,
        "IAlgorithmSelector": _ALGORITHM, "IAlgorithm": _ALGORITHM, "AlgorithmSelectorType": _ALGORITHM,
        "IFullyConnectedLayer": "use IMatrixMultiplyLayer", "IRNNv2Layer": "export the network to ONNX",
        "float": "use trt.float32", "half": "use trt.float16", "bf16": "use trt.bfloat16",
        "DimsCHW": "use trt.Dims3", "DimsNCHW": "use trt.Dims4", "TensorDType": "use trt.DataType",
        "infer": "that was TensorRT 3: use trt.Builder and trt.Runtime", "IStreamReader": "use trt.IStreamReaderV2",
    },
}  # fmt: skip
_OLD["IDeconvolutionLayer"] = _OLD["IConvolutionLayer"]
_CALIBRATORS = ("IInt8Calibrator", "IInt8EntropyCalibrator", "IInt8EntropyCalibrator2", "IInt8LegacyCalibrator")
_OLD["tensorrt"] |= dict.fromkeys((*_CALIBRATORS, "IInt8MinMaxCalibrator"), _INT8)
# What older releases let a script set.
READ_ONLY = {
    ("IExecutionContext", "active_optimization_profile"): "use set_optimization_profile_async(index, stream_handle)",
    ("ITensor", "dtype"): _TYPED,
}


def replacement(owner: str, name: str) -> str:
    """Return what to use instead of an old `name` of the class `owner` ("tensorrt": the module); "" if not known."""
    found = _OLD.get(owner, {}).get(name, "")
    if not found and owner.startswith("I") and owner.endswith("Layer"):
        found = _OLD["ILayer"].get(name, "")
    return found


def missing(owner: str, name: str) -> AttributeError:
    """Return the error for the attribute `name` that `owner` does not have."""
    what = (
        f"module 'tensorrt' has no attribute {name!r}" if owner == "tensorrt" else f"{owner} has no attribute {name!r}"
    )
    advice = replacement(owner, name)
    return AttributeError(f"{what} in TensorRT 11: {advice}." if advice else f"{what}.", name=name)
