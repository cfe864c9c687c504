"""The plugin registry, without creators: plugins are CUDA libraries, and there is no GPU to run them on.

NVIDIA's parser makes a few of ONNX's operators, those that end a detector, from the plugins which
`init_libnvinfer_plugins` registers: after that call they are here too, as ordinary layers. Looking for a plugin finds
none, and registering one is refused by name.
"""

from __future__ import annotations

from typing import Any

from nogpu.tensorrt.enumerations import Severity
from nogpu.tensorrt.native import not_implemented
from nogpu.tensorrt.reporting import Reporter, Reporting

STANDARD_OPERATORS = frozenset({"NonMaxSuppression", "NonZero", "RoiAlign"})
_registered: set[str] = set()


def registered_operators() -> frozenset[str]:
    """Return the operators that the parser takes because their plugins were registered."""
    return frozenset(_registered)


class IPluginRegistry(Reporting):
    """Knows all plugins: none."""

    def __init__(self, *_arguments: Any) -> None:
        raise TypeError("tensorrt.IPluginRegistry: No constructor defined!")

    @classmethod
    def _make(cls) -> IPluginRegistry:
        made = cls.__new__(cls)
        made._reporter = Reporter(None)  # type: ignore[arg-type]  # it says nothing
        made._parent_search_enabled = True
        return made

    @property
    def all_creators(self) -> list[Any]:
        """The plugin creators: none."""
        return []

    @property
    def all_creators_recursive(self) -> list[Any]:
        """The plugin creators here and in parent registries: none."""
        return []

    @property
    def parent_search_enabled(self) -> bool:
        """Whether parent registries are searched, too: taken note of."""
        return self._parent_search_enabled

    @parent_search_enabled.setter
    def parent_search_enabled(self, value: bool) -> None:
        self._parent_search_enabled = bool(value)

    def get_creator(self, type: str, version: str, plugin_namespace: str = "") -> Any:
        """Return None: there is no such plugin."""
        return None

    def register_creator(self, creator: Any, plugin_namespace: str = "") -> bool:
        """Refuse."""
        raise not_implemented("IPluginRegistry.register_creator", "plugins run on a GPU only")

    def deregister_creator(self, creator: Any) -> bool:
        """Return False: it was not registered."""
        return False

    def load_library(self, plugin_path: str) -> Any:
        """Refuse."""
        raise not_implemented("IPluginRegistry.load_library", "plugins run on a GPU only")

    def deregister_library(self, handle: Any) -> None:
        """Refuse."""
        raise not_implemented("IPluginRegistry.deregister_library", "plugins run on a GPU only")

    def acquire_plugin_resource(self, key: str, resource: Any) -> Any:
        """Refuse."""
        raise not_implemented("IPluginRegistry.acquire_plugin_resource", "plugins run on a GPU only")

    def release_plugin_resource(self, key: str) -> int:
        """Refuse."""
        raise not_implemented("IPluginRegistry.release_plugin_resource", "plugins run on a GPU only")


_registry = IPluginRegistry._make()


def get_plugin_registry() -> IPluginRegistry:
    """Return the registry."""
    return _registry


def get_builder_plugin_registry(arg0: Any) -> IPluginRegistry:
    """Return the registry for an engine capability: the same one."""
    return _registry


def init_libnvinfer_plugins(logger: Any, namespace: str) -> bool:
    """Have the parser take the operators that NVIDIA makes from its standard plugins; return True."""
    _registered.update(STANDARD_OPERATORS)
    if logger is not None:
        names = ", ".join(sorted(STANDARD_OPERATORS))
        logger.log(Severity.VERBOSE, f"The parser takes {names} now; the CPU stand-in has no other plugins.")
    return True


def get_nv_onnx_parser_version() -> int:
    """Return the parser's version as a number: 11.4.0."""
    return 110400
