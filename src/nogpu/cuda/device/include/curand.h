// CUDA code includes this beside curand_kernel.h; it declares functions for the host, which kernels cannot call.
#pragma once
