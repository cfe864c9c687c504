"""Which TensorRT this stands in for. Read by plans, timing caches, the package and its distribution."""

RELEASE = "11.4.0"
VERSION = f"{RELEASE}+nogpu"
