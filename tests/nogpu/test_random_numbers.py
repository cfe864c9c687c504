"""curand_kernel.h: NVIDIA's numbers, laws of generators, statistics, the sanitizer, and PyCUDA's classes above it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pycuda.driver as drv
import pycuda.gpuarray as gpuarray
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycuda import curandom
from pycuda.compiler import SourceModule
from record_curand_answers import COMMON, STATES, TARGET, function, questions

import nogpu
from nogpu.cuda import unsupported

RECORDED = json.loads(TARGET.read_text())
INCLUDE = "#include <curand_kernel.h>\n"
NORMALS = """
extern "C" __global__ void draw(
    float* normal, double* normal_double, float* uniform, unsigned* poisson, double mean, int each) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  STATE state;
  curand_init(99, i, 0, &state);
  for (int k = i * each; k < (i + 1) * each; k++) {
    normal[k] = curand_normal(&state);
    normal_double[k] = curand_normal_double(&state);
    uniform[k] = curand_uniform(&state);
    poisson[k] = curand_poisson(&state, mean);
  }
}
"""


def kernel(source: str, name: str) -> Any:
    return SourceModule(INCLUDE + source, no_extern_c=True).get_function(name)


@pytest.mark.parametrize("state", STATES)
def test_nvidias_numbers(state: str) -> None:
    """Whole numbers and uniform ones are NVIDIA's, bit for bit; the others but for the rounding of log, sin and exp."""
    source = f"""
#define DEVICE __device__ inline
{COMMON}{function(state)}
extern "C" __global__ void answer(double* out, int* counts) {{
  counts[threadIdx.x] = answer_{state}(threadIdx.x, out + 16 * threadIdx.x);
}}"""
    asked = questions(state)
    numbers, counts = np.zeros((len(asked), 16)), np.zeros(len(asked), "i4")
    kernel(source, "answer")(drv.Out(numbers), drv.Out(counts), block=(len(asked), 1, 1))
    for (expression, seeds), row, count, wanted in zip(asked, numbers, counts, RECORDED["answers"][state], strict=True):
        place = f"{expression} with {seeds}"
        if "normal" in expression and "poisson" not in expression:
            tolerance = 1e-13 if "_double" in expression else 2e-6
            np.testing.assert_allclose(row[:count], wanted, rtol=tolerance, atol=tolerance, err_msg=place)
        else:
            np.testing.assert_array_equal(row[:count], wanted, err_msg=place)


def test_the_version_is_that_of_the_recorded_answers() -> None:
    version = RECORDED["oracle"].removeprefix("NVIDIA cuRAND ").split(",")[0]
    major, minor, patch, _ = map(int, version.split("."))
    number = major * 1000 + minor * 100 + patch  # what curandGetVersion answers; PyCUDA takes it apart so:
    assert unsupported.get_curand_version() == (number // 1000, number % 1000 // 10, number % 10)


def test_philox_against_its_inventors() -> None:
    """The known answers in Random123's kat_vectors, for philox4x32 with 10 rounds: counter, key, numbers."""
    source = """
extern "C" __global__ void k(unsigned* out) {
  curandStatePhilox4_32_10_t s;
  curand_init(0, 0, 0, &s);
  for (int i = 0; i < 4; i++) *out++ = curand(&s);
  curand_init(~0ull, ~0ull, 0, &s);  // the counter's lower half becomes n by four times n numbers
  for (int i = 0; i < 4; i++) skipahead(~0ull, &s);
  for (int i = 0; i < 4; i++) *out++ = curand(&s);
  curand_init(0x299f31d0a4093822ull, 0x0370734413198a2eull, 0, &s);
  for (int i = 0; i < 4; i++) skipahead(0x85a308d3243f6a88ull, &s);
  for (int i = 0; i < 4; i++) *out++ = curand(&s);
}"""
    out = np.zeros((3, 4), "u4")
    kernel(source, "k")(drv.Out(out), block=(1, 1, 1))
    assert [" ".join(f"{number:08x}" for number in row) for row in out] == [
        "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
        "408f276d 41c83b0e a20bc7c6 6d5451fd",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ]


LAWS = """
template <class State> __device__ void laws(unsigned long long seed, unsigned n, unsigned m, unsigned* out) {
  State s;
  curand_init(seed, m, n, &s);  // at once
  out[0] = curand(&s);
  curand_init(seed, 0, 0, &s);  // in steps: a sequence is a jump, and jumps add up
  for (unsigned i = 0; i < m % 4; i++) NEXT(1, &s);
  NEXT(m - m % 4, &s);
  for (unsigned i = 0; i < n % 1000; i++) curand(&s);
  skipahead(n - n % 1000, &s);
  out[1] = curand(&s);
}
extern "C" __global__ void k(unsigned long long seed, unsigned n, unsigned m, unsigned* out) {
  laws<curandState>(seed, n, m, out);
  laws<curandStatePhilox4_32_10_t>(seed, n, m, out + 2);
  laws<curandStateMRG32k3a_t>(seed, n, m, out + 4);
}"""
NEXT = """
__device__ void NEXT(unsigned long long n, curandState* s) { skipahead_sequence(n, s); }
__device__ void NEXT(unsigned long long n, curandStatePhilox4_32_10_t* s) { skipahead_sequence(n, s); }
__device__ void NEXT(unsigned long long n, curandStateMRG32k3a_t* s) { skipahead_subsequence(n, s); }
"""


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**64 - 1), n=st.integers(0, 2**32 - 1), m=st.integers(0, 2**32 - 1))
def test_jumps_are_many_steps(seed: int, n: int, m: int) -> None:
    out = np.zeros((3, 2), "u4")
    kernel(NEXT + LAWS, "k")(np.uint64(seed), np.uint32(n), np.uint32(m), drv.Out(out), block=(1, 1, 1))
    assert (out[:, 0] == out[:, 1]).all()


def test_a_state_does_not_depend_on_who_was_made_before() -> None:
    """The runtime remembers its last jump, for neighbours: no order of threads and seeds may show that."""
    source = """
extern "C" __global__ void k(int order, unsigned* out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, n = blockDim.x * gridDim.x;
  int number = order == 0 ? i : order == 1 ? n - 1 - i : i * 1021 % n;
  curandState state;
  curand_init(number % 3 / 2, number, number % 5 == 0, &state);
  out[number] = curand(&state);
}"""
    draw, out = kernel(source, "k"), np.zeros((3, 4096), "u4")
    for order in range(3):
        draw(np.int32(order), drv.Out(out[order]), block=(256, 1, 1), grid=(16, 1))
    assert (out[0] == out[1]).all() and (out[0] == out[2]).all() and np.unique(out[0]).size == 4096


def test_states_have_cuRANDs_sizes(values: Callable[..., np.ndarray]) -> None:
    """Scripts allocate them from Python."""
    assert list(values(*(f"sizeof({state})" for state in STATES), preamble=INCLUDE, dtype="i4")) == [48, 64, 48]


def distance(sample: np.ndarray, distribution: np.ndarray) -> float:
    """Return Kolmogorov's and Smirnov's statistic times √n; `distribution` is F at the sorted sample."""
    n = sample.size
    steps = np.arange(n + 1) / n
    return float(max((steps[1:] - distribution).max(), (distribution - steps[:-1]).max()) * math.sqrt(n))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("mean", [13.0, 200.0, 5000.0])
def test_distributions(state: str, mean: float) -> None:
    """Seeds are fixed, so this passes or fails for good: 2.2 is passed by one sample in 10,000 (Kolmogorov's law)."""
    draw = kernel(NORMALS.replace("STATE", state), "draw")
    n = 512 * 100
    normal, wide, uniform, poisson = np.zeros(n, "f4"), np.zeros(n, "f8"), np.zeros(n, "f4"), np.zeros(n, "u4")
    outputs = map(drv.Out, (normal, wide, uniform, poisson))
    draw(*outputs, np.float64(mean), np.int32(100), block=(256, 1, 1), grid=(2, 1))
    phi = np.vectorize(lambda x: 0.5 * math.erfc(-x / math.sqrt(2)))
    for sample in (normal, wide):
        assert distance(sample, phi(np.sort(sample).astype("f8"))) < 2.2
        assert abs(np.mean(sample)) < 4 / math.sqrt(n) and abs(np.var(sample) - 1) < 4 * math.sqrt(2 / n)
        assert abs(np.mean(sample[1:] * sample[:-1])) < 4 / math.sqrt(n)  # neighbours, of pairs too, are independent
    assert uniform.min() > 0 and uniform.max() <= 1 and distance(uniform, np.sort(uniform)) < 2.2
    assert abs(poisson.mean() - mean) < 4 * math.sqrt(mean / n)
    assert abs(poisson.var() / mean - 1) < 4 * math.sqrt(2 / n + 1 / (mean * n))
    numbers = np.arange(poisson.max() + 1)
    chance = np.exp(numbers * math.log(mean) - mean - np.array([math.lgamma(k + 1) for k in numbers]))
    share = np.bincount(poisson, minlength=numbers.size) / n
    assert np.abs(np.cumsum(share) - np.cumsum(chance)).max() * math.sqrt(n) < (2.2 if mean < 4000 else 3)


def test_pi_by_throwing_darts() -> None:
    source = """
extern "C" __global__ void darts(curandState* states, int throws, unsigned* inside) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  curandState state = states[i];
  unsigned hits = 0;
  for (int k = 0; k < throws; k++) {
    float x = curand_uniform(&state), y = curand_uniform(&state);
    hits += x * x + y * y <= 1;
  }
  atomicAdd(inside, hits);
  states[i] = state;
}
extern "C" __global__ void setup(curandState* states, unsigned long long seed) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  curand_init(seed, i, 0, &states[i]);
}"""
    module = SourceModule(INCLUDE + source, no_extern_c=True)
    threads, throws, inside = 1024, 200, np.zeros(1, "u4")
    states = drv.mem_alloc(48 * threads)
    module.get_function("setup")(states, np.uint64(7), block=(256, 1, 1), grid=(4, 1))
    estimates = []
    for _ in range(2):  # the states go on where they were
        inside[:] = 0
        module.get_function("darts")(states, np.int32(throws), drv.InOut(inside), block=(256, 1, 1), grid=(4, 1))
        estimates.append(4 * inside[0] / (threads * throws))
    error = 4 * math.sqrt(math.pi / 4 * (1 - math.pi / 4) / (threads * throws))
    assert all(abs(estimate - math.pi) < 4 * error for estimate in estimates) and estimates[0] != estimates[1]


WALK = """#include <curand_kernel.h>
extern "C" __global__ void walk(STATE* states, float* places) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  SETUP
  STATE state = states[i];
  float place = 0;
  for (int k = 0; k < 5; k++) place += curand_normal(&state) + curand_uniform(&state) + curand_poisson(&state, 100.0);
  places[i] = place;
  states[i] = state;
}"""
INIT = "curand_init(1, i, 2, &states[i]);"


@pytest.mark.parametrize("state", STATES)
def test_the_sanitizer_finds_nothing_in_a_right_kernel(state: str) -> None:
    source = WALK.replace("STATE", state).replace("SETUP", INIT)
    states, places = drv.mem_alloc(64 * 64), drv.mem_alloc(4 * 64)  # what nobody has written is known of these only
    report = nogpu.inspect(source, "walk", states, places, block=32, grid=2)
    assert report.ok, str(report)


@pytest.mark.parametrize("state", STATES)
def test_the_sanitizer_finds_a_state_that_nobody_made(state: str) -> None:
    source = WALK.replace("STATE", state).replace("SETUP", "if (i != 3) " + INIT)
    states, places = drv.mem_alloc(64 * 64), drv.mem_alloc(4 * 64)  # what nobody has written is known of these only
    report = nogpu.inspect(source, "walk", states, places, block=32, grid=2)
    first = report.findings[0]
    assert (first.kind, first.line, first.array, first.thread) == ("uninitialized", 5, "states", (3, 0, 0))


def test_the_sanitizer_finds_a_state_that_all_threads_share() -> None:
    source = """#include <curand_kernel.h>
extern "C" __global__ void noise(curandState* state, float* out) {
  if (threadIdx.x == 0) curand_init(1, 0, 0, state);
  __syncthreads();
  out[threadIdx.x] = curand_uniform(state);
}"""
    report = nogpu.inspect(source, "noise", drv.mem_alloc(48), np.zeros(32, "f4"), block=32)
    assert {(finding.kind, finding.line) for finding in report.findings} == {("race", 5)}


@pytest.mark.parametrize("name", ["curandStateSobol32_t", "curandStateMtgp32", "curandStateScrambledSobol64"])
def test_other_generators_are_refused_once(name: str) -> None:
    with pytest.raises(drv.CompileError, match="leaves out cuRAND's Sobol and MTGP32 generators") as caught:
        SourceModule(INCLUDE + f"__device__ {name}* a;\n__device__ {name}* b;", no_extern_c=True)
    assert str(caught.value).count("error:") == 1 and "kernel.cu(2)" in str(caught.value)


@pytest.mark.parametrize("header", ["curand_kernel.h", "cuda_fp16.h", "cooperative_groups.h"])
def test_headers_in_cpp_need_no_extern_c(header: str) -> None:
    """nvcc refuses them in extern "C", too, in dozens of messages."""
    source = f"#include <{header}>\n__global__ void k() {{}}"
    with pytest.raises(drv.CompileError, match=r"kernel.cu\(1\): error: .*no_extern_c=True"):
        SourceModule(source)
    SourceModule(source, no_extern_c=True)


def test_a_wrong_argument_is_told_on_the_learners_line() -> None:
    with pytest.raises(drv.CompileError, match=r"kernel.cu\(3\): error: no .* function .*curand_uniform"):
        SourceModule(INCLUDE + "__global__ void k(int* a) {\n  curand_uniform(a);\n}", no_extern_c=True)


@pytest.mark.parametrize("name", ["XORWOWRandomNumberGenerator", "MRG32k3aRandomNumberGenerator"])
def test_pycudas_generators(name: str) -> None:
    def seeds(count: int) -> gpuarray.GPUArray:
        return gpuarray.to_gpu(np.full(count, 5, "i4"))

    first, second = (getattr(curandom, name)(seeds) for _ in range(2))
    drawn = first.gen_uniform(40_000, np.float32).get()
    assert (drawn == second.gen_uniform(40_000, np.float32).get()).all() and np.unique(drawn).size > 39_000
    assert abs(drawn.mean() - 0.5) < 4 / math.sqrt(12 * drawn.size)
    for dtype in (np.float32, np.float64):
        for size in (40_000, 40_001):  # an odd number is drawn one by one, not in pairs
            normal = first.gen_normal(size, dtype).get()
            assert abs(normal.mean()) < 0.02 and abs(normal.std() - 1) < 0.015
            logarithms = np.log(first.gen_log_normal(size, dtype, 3.0, 0.5).get())
            assert abs(logarithms.mean() - 3) < 0.01 and abs(logarithms.std() - 0.5) < 0.0075
    assert abs(first.gen_poisson(40_000, np.uint32, 13.0).get().mean() - 13) < 4 * math.sqrt(13 / 40_000)
    for generator in (first, second):
        generator.call_skip_ahead(7)
        generator.call_skip_ahead_sequence(2)


def test_pycudas_sobol_generators_are_refused_in_one_sentence() -> None:
    for name in ("Sobol32", "ScrambledSobol32", "Sobol64", "ScrambledSobol64"):
        with pytest.raises(drv.CompileError, match="leaves out cuRAND's Sobol") as caught:
            getattr(curandom, f"{name}RandomNumberGenerator")()
        assert str(caught.value).count("error:") == 1
    with pytest.raises(drv.LogicError, match=r"operation not supported.*XORWOWRandomNumberGenerator"):
        curandom.generate_direction_vectors(1, curandom.direction_vector_set.VECTOR_32)
