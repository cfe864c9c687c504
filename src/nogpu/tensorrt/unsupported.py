"""The classes of TensorRT 11.4 that this stand-in does not have: their names and members are there, and refuse by name.

Plugins, loops and conditionals of the layer API, refitting, attention and mixture-of-experts layers.
The table was read off the real bindings: "Class(Base): method(parameter, optional=) property".
"""

from __future__ import annotations

import inspect
import re
from typing import Any

from nogpu.tensorrt.native import not_implemented
from nogpu.tensorrt.network.layer import ILayer

_TABLE = """
DimsExprs: __getitem__(arg0) __len__()
DynamicPluginTensorDesc: desc max min opt
FallbackString:
IAssertionLayer(ILayer): message
IAttention: causal causal_kind decomposable get_input(index) get_output(index) key_value_form key_value_lengths mask
    metadata name norm_op normalization_quantize_scale normalization_quantize_to_type num_inputs num_outputs
    num_ranks query_form query_lengths set_input(index,tensor)
IAttentionBoundaryLayer(ILayer): attention
IAttentionInputLayer(IAttentionBoundaryLayer):
IAttentionOutputLayer(IAttentionBoundaryLayer):
IIfConditionalBoundaryLayer(ILayer): conditional
IConditionLayer(IIfConditionalBoundaryLayer):
IDebugListener: process_debug_tensor(addr,location,type,shape,name,stream)
IDimensionExpr: get_constant_value() is_constant() is_size_tensor()
IDistCollectiveLayer(ILayer):
IDynamicQuantizeLayer(ILayer): axis block_shape block_size scale_type to_type
IExprBuilder: constant(arg0) declare_size_tensor(arg0,arg1,arg2) operation(arg0,arg1,arg2)
IVersionedInterface: api_language interface_info
IGpuAllocator(IVersionedInterface): allocate(size,alignment,flags) allocate_async(size,alignment,flags,stream)
    deallocate(memory) deallocate_async(memory,stream) reallocate(address,alignment,new_size)
IGpuAsyncAllocator(IGpuAllocator): allocate(size,alignment,flags) allocate_async(size,alignment,flags,stream)
    deallocate(memory) deallocate_async(memory,stream)
IIfConditional: add_input(input) add_output(true_subgraph_output,false_subgraph_output) name
    set_condition(condition)
IIfConditionalInputLayer(IIfConditionalBoundaryLayer):
IIfConditionalOutputLayer(IIfConditionalBoundaryLayer):
ILoopBoundaryLayer(ILayer): loop
IIteratorLayer(ILoopBoundaryLayer): axis reverse
IKVCacheUpdateLayer(ILayer): cache_mode set_input(index,tensor) update_form update_lengths
ILoop: add_iterator(tensor,axis=,reverse=) add_loop_output(tensor,kind,axis=) add_recurrence(initial_value)
    add_trip_limit(tensor,kind) name
ILoopOutputLayer(ILoopBoundaryLayer): axis kind set_input(index,tensor)
IMoELayer(ILayer): activation_type dyn_q_output_scale_type quantization_block_shape quantization_to_type
    set_gated_biases(fc_gate_biases,fc_up_biases,fc_down_biases)
    set_gated_weights(fc_gate_weights,fc_up_weights,fc_down_weights,activation_type) set_input(index,tensor)
    set_quantization_dynamic_dbl_q(fc_down_activation_dbl_q_scale,data_type,block_shape,dyn_q_output_scale_type)
    set_quantization_static(fc_down_activation_scale,data_type) set_swiglu_params(limit,alpha,beta)
    swiglu_param_alpha swiglu_param_beta swiglu_param_limit
IPluginCapability(IVersionedInterface):
IPluginCreatorInterface(IVersionedInterface):
IPluginCreator(IPluginCreatorInterface): create_plugin(name,field_collection)
    deserialize_plugin(name,serialized_plugin) field_names name plugin_namespace plugin_version
IPluginCreatorV3One(IPluginCreatorInterface): create_plugin(name,field_collection,phase) field_names name
    plugin_namespace plugin_version
IPluginCreatorV3Quick(IPluginCreatorInterface): create_plugin(name,namespace,field_collection,phase,quickPluginType)
    field_names name plugin_namespace plugin_version
IPluginResource(IVersionedInterface): clone() release()
IPluginResourceContext: error_recorder gpu_allocator
IPluginV2: clone() configure_with_format(input_shapes,output_shapes,dtype,format,max_batch_size) destroy()
    execute_async(batch_size,inputs,outputs,workspace,stream_handle) get_output_shape(index,input_shapes)
    get_workspace_size(max_batch_size) initialize() num_outputs plugin_namespace plugin_type plugin_version
    serialization_size serialize() supports_format(dtype,format) tensorrt_version terminate()
IPluginV2DynamicExtBase(IPluginV2):
IPluginV2DynamicExt(IPluginV2DynamicExtBase): FORMAT_COMBINATION_LIMIT clone() configure_plugin(pos,in_out)
    destroy() enqueue(input_desc,output_desc,inputs,outputs,workspace,stream) get_output_datatype(index,input_types)
    get_output_dimensions(output_index,inputs,expr_builder) get_serialization_size() get_workspace_size(in,out)
    initialize() serialize() supports_format_combination(pos,in_out,num_inputs) terminate()
IPluginV2Ext(IPluginV2): attach_to_context(cudnn,cublas,allocator) clone()
    configure_plugin(input_shapes,output_shapes,input_types,output_types,input_is_broadcasted,output_is_broacasted,format,max_batch_size)
    detach_from_context() get_output_data_type(index,input_types)
IPluginV2Layer(ILayer): plugin
IPluginV3(IVersionedInterface): clone() destroy() get_capability_interface(type)
IPluginV3Layer(ILayer): plugin
IPluginV3OneBuild(IPluginCapability): DEFAULT_FORMAT_COMBINATION_LIMIT configure_plugin(in,out)
    format_combination_limit get_output_data_types(input_types) get_output_shapes(inputs,shape_inputs,expr_builder)
    get_valid_tactics() get_workspace_size(in,out) metadata_string num_outputs
    supports_format_combination(pos,in_out,num_inputs) timing_cache_id
IPluginV3OneBuildV2(IPluginV3OneBuild): get_aliased_input()
IPluginV3OneCore(IPluginCapability): plugin_name plugin_namespace plugin_version
IPluginV3OneRuntime(IPluginCapability): attach_to_context(resource_context)
    enqueue(input_desc,output_desc,inputs,outputs,workspace,stream) get_fields_to_serialize()
    on_shape_change(in,out) set_tactic(tactic)
IPluginV3QuickBuild(IPluginCapability):
IPluginV3QuickAOTBuild(IPluginV3QuickBuild):
IPluginV3QuickCore(IPluginCapability): plugin_name plugin_namespace plugin_version
IPluginV3QuickRuntime(IPluginCapability):
IRaggedSoftMaxLayer(ILayer):
IRecurrenceLayer(ILoopBoundaryLayer): set_input(index,tensor)
IRotaryEmbeddingLayer(ILayer): interleaved rotary_embedding_dim set_input(index,tensor)
ISymExpr: dtype expr type
ISymExprs: __getitem__(arg0) __len__() nbSymExprs
ITripLimitLayer(ILoopBoundaryLayer): kind
InterfaceInfo: kind major minor
KernelLaunchParams: block_x block_y block_z grid_x grid_y grid_z shared_mem
NodeIndices: __getitem__(s) __iter__() __len__() append(x) clear() count(x) extend(L) insert(i,x) pop(i=) remove(x)
OnnxParserRefitter: clear_errors() get_error(index) load_initializer(name,data,size) load_model_proto(model,path=)
    num_errors refit_from_bytes(model,path=) refit_from_file(model) refit_model_proto()
PluginField: data name size type
PluginFieldCollection: __getitem__(s) __iter__() __len__() append(x) clear() extend(L) insert(i,x) pop(i=)
PluginFieldCollection_: __getitem__(arg0) __len__()
PluginTensorDesc: dims format scale type
Refitter: error_recorder get_all() get_all_weights() get_missing() get_missing_weights()
    get_named_weights(weights_name) get_weights_location(weights_name) get_weights_prototype(weights_name) logger
    max_threads refit_cuda_engine() refit_cuda_engine_async(stream_handle) release_refit_resources()
    set_named_weights(name,weights,location=) set_weights(layer_name,role,weights) unset_named_weights(weights_name)
    weights_validation
"""


def _classes() -> dict[str, type]:
    """Return the classes of the table."""
    made: dict[str, type] = {"ILayer": ILayer}
    for line in re.sub(r"\n {4}", " ", _TABLE).strip().splitlines():
        head, _, members = line.partition(":")
        name, _, base = head.rstrip(")").partition("(")
        body: dict[str, Any] = {"__doc__": f"Not in this CPU stand-in: {name}.", "__module__": __name__}
        body["__init__"] = _refusal(name)
        for member in members.split():
            method, _, parameters = member.partition("(")
            if parameters:
                body[method] = _method(f"{name}.{method}", parameters.rstrip(")"))
            else:
                body[member] = property(_refusal(f"{name}.{member}"), _refusal(f"{name}.{member}"))
        made[name] = type(name, (made[base],) if base else (), body)
    del made["ILayer"]
    return made


def _method(name: str, parameters: str) -> Any:
    refuse = _refusal(name)
    kind, given = inspect.Parameter.POSITIONAL_OR_KEYWORD, [p for p in parameters.split(",") if p]
    signature = [inspect.Parameter("self", kind)]
    for one in given:
        default = None if one.endswith("=") else inspect.Parameter.empty
        signature.append(inspect.Parameter(_python_name(one.rstrip("=")), kind, default=default))
    refuse.__signature__ = inspect.Signature(signature)
    return refuse


def _python_name(parameter: str) -> str:
    return {"in": "in_", "*": "arguments"}.get(parameter, parameter)


def _refusal(name: str) -> Any:
    def refuse(*_arguments: Any, **_named: Any) -> Any:
        raise not_implemented(name)

    return refuse


CLASSES = _classes()
