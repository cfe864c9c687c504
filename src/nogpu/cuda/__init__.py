"""CUDA C without a GPU: the driver and the device language, under the real PyCUDA.

    driver.py          all that PyCUDA's Python layer needs, under PyCUDA's names
    devices, contexts, memory, host_memory, addresses, copies, pools, streams, modules, arguments
                       its parts, one each
    compiler.py        CUDA C in, cubin out; source, rewrite, refusals, nvcc_rules,
                       diagnostics and cubin serve it
    device/            what nvcc knows without an #include, as C++ headers
    runtime_source/    executes kernels: blocks on CPU threads, a block's threads on fibers; runtime.py loads it
    errors.py          CUDA's result codes and PyCUDA's exceptions

A kernel's way: `compiler.compile_cubin` → `modules.Module` → `Function._launch_kernel` → stream.cpp → launch.cpp →
block.cpp → the kernel's own code.
"""
