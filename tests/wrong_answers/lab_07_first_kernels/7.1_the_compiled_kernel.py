# expects: should be a string of CUDA C
SAXPY = SourceModule(SAXPY_STARTER).get_function("saxpy")
