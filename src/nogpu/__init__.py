"""CPU stand-ins for the CUDA driver and for TensorRT.

This is the ground floor: it knows nothing of the course. `coursekit` and `coursegrade` build on it.
"""
