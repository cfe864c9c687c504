// cuRAND's device library: random numbers in kernels. XORWOW, Philox and MRG32k3a give NVIDIA's numbers, bit for bit;
// tests/nogpu/test_random_numbers.py holds them against answers recorded from NVIDIA's headers.
// cuRAND's documentation, "Device API Overview". States have the sizes that they have there.
#pragma once

namespace nogpu {
// Which number of a pair a state keeps for the next call.
enum class Kept : int { Nothing = 0, Normal = 1, LogNormal = 2 };
}  // namespace nogpu

#include "nogpu_random/xorwow.h"
#include "nogpu_random/philox.h"
#include "nogpu_random/mrg32k3a.h"
#include "nogpu_random/distributions.h"
#include "nogpu_random/poisson.h"
