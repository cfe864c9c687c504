"""What TensorRT's networks can hold and this stand-in's cannot: each method refuses by name."""

from __future__ import annotations

from typing import Any, NoReturn

from nogpu.tensorrt.enumerations import (
    AttentionNormalizationOp,
    CausalMaskKind,
    CollectiveOperation,
    DataType,
    KVCacheMode,
)
from nogpu.tensorrt.native import not_implemented
from nogpu.tensorrt.network.tensor import ITensor


def _refuse(method: str, instead: str = "") -> NoReturn:
    raise not_implemented(f"INetworkDefinition.{method}", instead)


class Refused:
    """The part of INetworkDefinition that is not there."""

    def add_assertion(self, condition: ITensor, message: str) -> Any:
        """Refuse."""
        _refuse("add_assertion")

    def add_attention(
        self, query: ITensor, key: ITensor, value: ITensor, norm_op: AttentionNormalizationOp, causal: bool
    ) -> Any:
        """Refuse."""
        _refuse("add_attention", "write it as matrix products and a softmax")

    def add_attention_v2(
        self,
        query: ITensor,
        key: ITensor,
        value: ITensor,
        norm_op: AttentionNormalizationOp,
        causal_kind: CausalMaskKind,
    ) -> Any:
        """Refuse."""
        _refuse("add_attention_v2", "write it as matrix products and a softmax")

    def add_dist_collective(
        self, input: ITensor, dist_collective_op: CollectiveOperation, reduce_op: Any, root: Any, groups: Any
    ) -> Any:
        """Refuse."""
        _refuse("add_dist_collective", "there is one device")

    def add_dynamic_quantize(
        self, input: ITensor, axis: int, block_size: int, output_type: DataType, scale_type: DataType
    ) -> Any:
        """Refuse."""
        _refuse("add_dynamic_quantize", "use add_quantize with constant scales")

    def add_dynamic_quantize_v2(
        self, input: ITensor, block_shape: Any, output_type: DataType, scale_type: DataType
    ) -> Any:
        """Refuse."""
        _refuse("add_dynamic_quantize_v2", "use add_quantize with constant scales")

    def add_if_conditional(self) -> Any:
        """Refuse."""
        _refuse("add_if_conditional", "use add_select, or parse an ONNX file with If")

    def add_loop(self) -> Any:
        """Refuse."""
        _refuse("add_loop", "unroll it, or parse an ONNX file with Loop")

    def add_kv_cache_update(
        self, cache: ITensor, update: ITensor, write_indices: ITensor, cache_mode: KVCacheMode
    ) -> Any:
        """Refuse."""
        _refuse("add_kv_cache_update", "use add_scatter")

    def add_moe(
        self, hidden_states: ITensor, selected_experts_for_tokens: ITensor, scores_for_selected_experts: ITensor
    ) -> Any:
        """Refuse."""
        _refuse("add_moe")

    def add_plugin(self, *arguments: Any, **named: Any) -> Any:
        """Refuse."""
        _refuse("add_plugin", "plugins run on a GPU only")

    def add_plugin_v2(self, inputs: Any, plugin: Any) -> Any:
        """Refuse."""
        _refuse("add_plugin_v2", "plugins run on a GPU only")

    def add_plugin_v3(self, inputs: Any, shape_inputs: Any, plugin: Any) -> Any:
        """Refuse."""
        _refuse("add_plugin_v3", "plugins run on a GPU only")

    def add_ragged_softmax(self, input: ITensor, bounds: ITensor) -> Any:
        """Refuse."""
        _refuse("add_ragged_softmax")

    def add_rotary_embedding(
        self, input: ITensor, cos_cache: ITensor, sin_cache: ITensor, interleaved: bool, rotary_embedding_dim: int
    ) -> Any:
        """Refuse."""
        _refuse("add_rotary_embedding", "write it as element-wise layers")

    def are_weights_marked_refittable(self, name: str) -> bool:
        """Return False: engines cannot be refitted here."""
        return False

    def is_debug_tensor(self, tensor: ITensor) -> bool:
        """Return False: there are no debug tensors here."""
        return False

    def mark_debug(self, tensor: ITensor) -> bool:
        """Refuse."""
        _refuse("mark_debug", "use mark_output")

    def unmark_debug(self, tensor: ITensor) -> bool:
        """Refuse."""
        _refuse("unmark_debug")

    def mark_unfused_tensors_as_debug_tensors(self) -> bool:
        """Refuse."""
        _refuse("mark_unfused_tensors_as_debug_tensors", "use mark_output")

    def unmark_unfused_tensors_as_debug_tensors(self) -> bool:
        """Refuse."""
        _refuse("unmark_unfused_tensors_as_debug_tensors")

    def mark_weights_refittable(self, name: str) -> bool:
        """Refuse."""
        _refuse("mark_weights_refittable", "build again: it takes seconds")

    def unmark_weights_refittable(self, name: str) -> bool:
        """Refuse."""
        _refuse("unmark_weights_refittable")

    def set_weights_name(self, weights: Any, name: str) -> bool:
        """Refuse."""
        _refuse("set_weights_name", "names of weights serve refitting, which is not there")
