// CUDA C++ for the CPU: what nvcc knows without any #include. The compiler reads it before the learner's source.
//
// Every part defines names that CUDA defines, with CUDA's meaning; our own names start with nogpu.
#pragma once
#pragma GCC system_header
#include <assert.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "kernel_interface.h"

#include "qualifiers.h"
#include "vector_types.h"
#include "synchronization.h"
#include "warp.h"
#include "atomics.h"
#include "integer_functions.h"
#include "math_functions.h"
#include "kernel_table.h"
