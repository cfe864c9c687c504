"""Stands where PyCUDA has its C extension of this name: it packs a kernel's arguments, and remembers their types."""

from nogpu.cuda.arguments import calcsize, error, pack, unpack  # noqa: F401
