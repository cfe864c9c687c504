"""The ONNX parser: reads what NVIDIA's parser reads, refuses what it refuses, and says so in its words.

`read` gives a checked model, `OnnxParser` (in `onnx_parser`) is TensorRT's class around it.
"""

from nogpu.tensorrt.parser.problems import Problem
from nogpu.tensorrt.parser.reading import REFUSED_AT_BUILD, Reading, read

__all__ = ["REFUSED_AT_BUILD", "Problem", "Reading", "read"]
