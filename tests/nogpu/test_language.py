"""The device language: each part of CUDA C++ that a kernel may use, against what CUDA's documentation says it does."""

# ruff: noqa: E501 - a line of a kernel stays one line

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pycuda.driver as drv
import pytest
from pycuda.compiler import SourceModule

Run = Callable[..., None]
Values = Callable[..., np.ndarray]


def test_built_in_variables(run: Run) -> None:
    out = np.zeros((2 * 3 * 2 * 4 * 3 * 2, 7), np.int32)
    run(
        "__global__ void k(int* out) {\n"
        "  int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;\n"
        "  int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;\n"
        "  int* o = out + 7 * (block * blockDim.x * blockDim.y * blockDim.z + thread);\n"
        "  o[0] = blockIdx.x; o[1] = blockIdx.y; o[2] = blockIdx.z; o[3] = threadIdx.x; o[4] = threadIdx.y;\n"
        "  o[5] = threadIdx.z; o[6] = warpSize; }",
        drv.Out(out),
        block=(4, 3, 2),
        grid=(2, 3, 2),
    )
    expected = [
        (bx, by, bz, x, y, z, 32)
        for bz in range(2) for by in range(3) for bx in range(2) for z in range(2) for y in range(3) for x in range(4)
    ]  # fmt: skip
    assert np.array_equal(out, expected)


def test_vector_types(values: Values) -> None:
    sizes = "sizeof(float4), alignof(float4), sizeof(float3), alignof(float3), sizeof(uchar4), alignof(uchar4), "\
        "sizeof(double2), alignof(double2), sizeof(short3), sizeof(longlong4), sizeof(char1), sizeof(dim3)"  # fmt: skip
    assert list(values(*sizes.split(", "), dtype="i4")) == [16, 16, 12, 4, 4, 4, 16, 16, 6, 32, 1, 12]
    assert list(values("make_int4(1, 2, 3, 4).z", "make_uchar2(7, 300).y", "dim3(5).z", dtype="i4")) == [3, 44, 1]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("__popc(0xf0f0)", 8), ("__popcll(-1ll)", 64), ("__clz(1)", 31), ("__clz(0)", 32), ("__clzll(1ll)", 63),
        ("__ffs(8)", 4), ("__ffs(0)", 0), ("__brev(1u) == 0x80000000u", 1), ("__brevll(1ull) == 1ull << 63", 1),
        ("__byte_perm(0x33221100, 0x77665544, 0x7531) == 0x77553311", 1), ("__mulhi(1 << 30, 8)", 2),
        ("__umulhi(0xffffffffu, 2u)", 1), ("__mul24(3, -5)", -15), ("__sad(3, -4, 10)", 17), ("__hadd(3, 6)", 4),
        ("__rhadd(3, 6)", 5), ("__funnelshift_l(0x80000000u, 1u, 1)", 3), ("__dp4a(0x01020304, 0x01010101, 5)", 15),
        ("__dp4a(int(0xff000000), 0x02000000, 0)", -2), ("__float2int_rn(2.5f)", 2), ("__float2int_rz(-2.9f)", -2),
        ("__float2int_ru(2.1f)", 3), ("__float2int_rd(-2.1f)", -3), ("__float2int_rz(1e20f)", 2**31 - 1),
        ("__float2int_rn(nanf(\"\"))", 0), ("__float_as_int(1.0f)", 0x3F800000), ("__fns(0xff00u, 0, 3)", 10),
        ("min(3, 7u)", 3), ("max(-1, 1)", 1), ("__double2hiint(1.0)", 0x3FF00000), ("__int2float_rn(7) == 7.f", 1),
        ("sizeof(__shfl_sync(~0u, 1.0, 0))", 8), ("__CUDA_ARCH__", 750), ("warpSize", 32),
    ],
)  # fmt: skip
def test_integer_intrinsics(values: Values, expression: str, expected: int) -> None:
    assert values(expression, dtype="i4")[0] == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("__expf(1.5f)", math.exp(1.5)), ("__logf(3.0f)", math.log(3)), ("__powf(2.f, 0.5f)", 2**0.5),
        ("__sinf(1.f)", math.sin(1)), ("__fdividef(1.f, 3.f)", 1 / 3), ("__saturatef(1.7f)", 1), ("rsqrtf(4.f)", 0.5),
        ("__saturatef(-3.f)", 0), ("rcbrt(8.0)", 0.5), ("sinpi(0.5)", 1), ("cospif(1.f)", -1), ("exp10(2.0)", 100),
        ("erfinv(0.5)", 0.476936276204469873), ("erfcinv(0.5)", 0.476936276204469873), ("normcdf(0.0)", 0.5),
        ("normcdfinv(0.975)", 1.959963984540054), ("erfcx(1.0)", 0.427583576155807), ("norm3d(2.0, 3.0, 6.0)", 7),
        ("fminf(nanf(\"\"), 2.f)", 2), ("max(1.5f, 2.5)", 2.5), ("fmaf(2.f, 3.f, 4.f)", 10), ("hypot(3.0, 4.0)", 5),
        ("__frcp_rn(4.f)", 0.25), ("__fsqrt_rn(9.f)", 3), ("__fadd_ru(1.f, 1e-10f) > 1.f", 1), ("tgamma(5.0)", 24),
        ("__fadd_rd(1.f, 1e-10f) == 1.f", 1), ("__fmul_rz(1.f, 3.f)", 3), ("CUDART_PI", math.pi), ("cbrt(27.0)", 3),
    ],
)  # fmt: skip
def test_mathematical_functions(values: Values, expression: str, expected: float) -> None:
    assert values(expression, preamble="#include <math_constants.h>")[0] == pytest.approx(expected, rel=2e-7, abs=1e-12)


@pytest.mark.parametrize("kind", ["int", "unsigned", "unsigned long long", "float", "double", "__half"])
def test_atomic_add_from_all_blocks(run: Run, kind: str) -> None:
    dtype = {"int": "i4", "unsigned": "u4", "unsigned long long": "u8", "float": "f4", "double": "f8", "__half": "f2"}
    total = np.zeros(1, dtype[kind])
    source = f'#include <cuda_fp16.h>\nextern "C" __global__ void k({kind}* a) {{ atomicAdd(a, ({kind})2); }}'
    run(source, drv.InOut(total), block=(64, 1, 1), grid=(8, 1), no_extern_c=True)
    assert total[0] == 1024


def test_the_other_atomics(run: Run) -> None:
    values = np.array([100, 7, 7, 0b1100, 0b1100, 0b1100, 5, 0, 3, 50], np.int32)
    old = np.zeros(10, np.int32)
    run(
        "__global__ void k(int* a, int* o) {\n"
        "  o[0] = atomicSub(a, 1); o[1] = atomicMin(a + 1, 3); o[2] = atomicMax(a + 2, 9); o[3] = atomicAnd(a + 3, 10);\n"
        "  o[4] = atomicOr(a + 4, 3); o[5] = atomicXor(a + 5, 5); o[6] = atomicExch(a + 6, 8);\n"
        "  o[7] = atomicDec((unsigned*)a + 7, 4); o[8] = atomicInc((unsigned*)a + 8, 3); o[9] = atomicCAS(a + 9, 50, 60);"
        "}",
        drv.InOut(values),
        drv.Out(old),
    )
    assert list(old) == [100, 7, 7, 12, 12, 12, 5, 0, 3, 50]
    assert list(values) == [99, 3, 9, 8, 15, 9, 8, 4, 0, 60]


def test_a_float_maximum_by_compare_and_swap(run: Run) -> None:
    data, best = np.random.default_rng(0).standard_normal(1000).astype(np.float32), np.full(1, -1e9, np.float32)
    run(
        "__global__ void k(float* best, const float* x, int n) {\n"
        "  int i = blockIdx.x * blockDim.x + threadIdx.x; if (i >= n) return;\n"
        "  int* a = (int*)best; int old = *a, seen;\n"
        "  do { seen = old; if (__int_as_float(seen) >= x[i]) break;\n"
        "       old = atomicCAS(a, seen, __float_as_int(x[i])); } while (old != seen); }",
        drv.InOut(best), drv.In(data), np.int32(1000), block=(128, 1, 1), grid=(8, 1),
    )  # fmt: skip
    assert best[0] == data.max()


LANES = np.arange(32)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("__shfl_sync(~0u, lane * 10, 5)", np.full(32, 50)),
        ("__shfl_sync(~0u, lane, 3, 8)", LANES // 8 * 8 + 3),
        ("__shfl_up_sync(~0u, lane, 2)", np.where(LANES < 2, LANES, LANES - 2)),
        ("__shfl_down_sync(~0u, lane, 3)", np.where(LANES > 28, LANES, LANES + 3)),
        ("__shfl_down_sync(~0u, lane, 1, 4)", np.where(LANES % 4 == 3, LANES, LANES + 1)),
        ("__shfl_xor_sync(~0u, lane, 7)", LANES ^ 7),
        ("__ballot_sync(~0u, lane % 4 == 1) == 0x22222222", np.ones(32)),
        ("__any_sync(~0u, lane == 9)", np.ones(32)),
        ("__all_sync(~0u, lane < 31)", np.zeros(32)),
        ("__match_any_sync(~0u, lane / 16) == (lane < 16 ? 0xffffu : 0xffff0000u)", np.ones(32)),
        ("__reduce_add_sync(~0u, lane)", np.full(32, 496)),
        ("__reduce_max_sync(~0u, -lane)", np.zeros(32)),
        ("__reduce_xor_sync(~0u, 1u << lane) == ~0u", np.ones(32)),
        ("__syncthreads_count(lane < 10)", np.full(32, 10)),
        ("__syncthreads_and(lane >= 0)", np.ones(32)),
        ("__syncthreads_or(lane > 99)", np.zeros(32)),
        ("__activemask() == ~0u", np.ones(32)),
        ("(lane < 12 ? __popc(__activemask()) : 0)", np.where(LANES < 12, 12, 0)),
        ("(lane & 1 ? __shfl_sync(0xaaaaaaaa, lane, 3) : __shfl_sync(0x55555555, lane, 2))", np.where(LANES % 2, 3, 2)),
    ],
)
def test_warp_functions(run: Run, expression: str, expected: np.ndarray) -> None:
    out = np.zeros(32, np.int32)
    run(
        f"__global__ void k(int* out) {{ int lane = threadIdx.x; out[lane] = {expression}; }}",
        drv.Out(out), block=(32, 1, 1),
    )  # fmt: skip
    assert np.array_equal(out, expected)


def test_shuffles_of_wide_types_in_many_warps(run: Run) -> None:
    out = np.zeros(100)
    run(
        "__global__ void k(double* out) { double v = threadIdx.x + 0.5;\n"
        "  for (int o = 16; o; o /= 2) v += __shfl_xor_sync(__activemask(), v, o); out[threadIdx.x] = v; }",
        drv.Out(out), block=(96, 1, 1),
    )  # fmt: skip
    assert np.array_equal(out[:96], np.repeat([(np.arange(32) + 0.5 + 32 * w).sum() for w in range(3)], 32))


def test_templates_classes_lambdas_and_operators(run: Run) -> None:
    out = np.zeros(4, np.float32)
    run(
        "struct Complex { float re, im;\n"
        "  __host__ __device__ Complex(float r, float i) : re(r), im(i) {}\n"
        "  __device__ Complex operator*(const Complex& o) const { return Complex(re * o.re - im * o.im, re * o.im + im * o.re); } };\n"
        "template <typename T, typename F> __device__ __forceinline__ T apply(T x, F f) { return f(x); }\n"
        "template <int N> struct Power { template <typename T> static __device__ T of(T x) { return x * Power<N - 1>::of(x); } };\n"
        "template <> struct Power<0> { template <typename T> static __device__ T of(T) { return T(1); } };\n"
        "namespace inner { extern \"C\" __global__ void k(float* out) {\n"
        "  Complex z = Complex(1, 2) * Complex(3, -1); out[0] = z.re; out[1] = z.im;\n"
        "  auto twice = [] __device__ (float x) { return 2 * x; };\n"
        "  out[2] = apply(21.0f, twice); out[3] = Power<5>::of(2.0f); } }",
        drv.Out(out), no_extern_c=True,
    )  # fmt: skip
    assert list(out) == [5, 5, 42, 32]


def test_template_kernels_have_mangled_names() -> None:
    module = SourceModule(
        "template <typename T> __global__ void scale(T* a, T by) { a[threadIdx.x] *= by; }\n"
        "template __global__ void scale<float>(float*, float);\ntemplate __global__ void scale<int>(int*, int);",
        no_extern_c=True,
    )
    for kind, name in ((np.float32, "_Z5scaleIfEvPT_S0_"), (np.int32, "_Z5scaleIiEvPT_S0_")):
        data = np.arange(4, dtype=kind)
        module.get_function(name)(drv.InOut(data), kind(3), block=(4, 1, 1))
        assert list(data) == [0, 3, 6, 9]
    with pytest.raises(
        drv.LogicError, match=r"named symbol not found - scale is a C\+\+ function, here called _Z5scale"
    ):
        module.get_function("scale")


def test_kernels_made_by_macros_and_switched_by_the_preprocessor() -> None:
    module = SourceModule(
        "#define KERNEL(name, op) __global__ void name(int* a) { a[0] = a[0] op 2; }\n"
        "KERNEL(plus, +)\nKERNEL(times, *)\n"
        "#if __CUDA_ARCH__ >= 600 && WANTED == 3\n__global__ __launch_bounds__(32 * WANTED, 2) void here(int* a) { a[0] = 5; }\n"
        "#else\n__global__ void gone(int* a) {}\n#endif",
        options=["-DWANTED=3", "--use_fast_math", "-lineinfo"],
    )
    data = np.array([5], np.int32)
    module.get_function("plus")(drv.InOut(data), block=(1, 1, 1))
    module.get_function("times")(drv.InOut(data), block=(1, 1, 1))
    assert data[0] == 14
    with pytest.raises(drv.LogicError, match="the module has: plus, times, here"):
        module.get_function("gone")
    assert module.get_function("here").max_threads_per_block == 96
    with pytest.raises(drv.LaunchError, match="__launch_bounds__"):
        module.get_function("here")(drv.InOut(data), block=(97, 1, 1))


def test_shared_memory(run: Run) -> None:
    out = np.zeros(3, np.int32)
    source = (
        "extern __shared__ __align__(16) unsigned char raw[];\n"
        "__global__ void k(int* out) { __shared__ int a[8], b; __shared__ volatile float c[2][2];\n"
        "  int* words = (int*)raw; float* rest = (float*)(words + blockDim.x);\n"
        "  words[threadIdx.x] = threadIdx.x; if (threadIdx.x == 0) { b = 5; a[7] = 1; c[1][1] = 3; rest[1] = 4; }\n"
        "  __syncthreads();\n"
        "  if (threadIdx.x == 9) { out[0] = words[63]; out[1] = b + a[7]; out[2] = c[1][1] + rest[1]; } }"
    )
    run(source, drv.Out(out), block=(64, 1, 1), shared=64 * 4 + 16)
    assert list(out) == [63, 6, 7]
    kernel = SourceModule(source).get_function("k")
    assert kernel.shared_size_bytes == 8 * 4 + 4 + 16
    with pytest.raises(drv.LogicError, match="52 bytes of static and 50000 of dynamic shared memory"):
        kernel(drv.Out(out), block=(64, 1, 1), shared=50000)
    kernel.set_attribute(drv.function_attribute.MAX_DYNAMIC_SHARED_SIZE_BYTES, 60000)
    kernel(drv.Out(out), block=(64, 1, 1), shared=50000)


@pytest.mark.parametrize(
    "declaration", ["static __shared__ int", "__shared__ static int", "static volatile __shared__ int"]
)
def test_shared_memory_may_be_called_static(run: Run, declaration: str) -> None:
    out = np.zeros(32, np.int32)
    run(
        f"__device__ int last(int x) {{ {declaration} s[32]; s[threadIdx.x] = x; __syncthreads(); return s[31]; }}\n"
        "__global__ void k(int* o) { o[threadIdx.x] = last(threadIdx.x); }",
        drv.Out(out), block=(32, 1, 1),
    )  # fmt: skip
    assert (out == 31).all()


def test_dynamic_shared_memory_in_templates() -> None:
    """As in NVIDIA's samples: a class that turns into the array, for each type."""
    module = SourceModule(
        "template<class T> struct Shared { __device__ operator T*() { extern __shared__ int words[]; return (T*)words; } };\n"
        "template<> struct Shared<double> { __device__ operator double*() { extern __shared__ double numbers[]; return numbers; } };\n"
        "template<class T> __global__ void reverse(T* x) { T* s = Shared<T>(); int t = threadIdx.x, n = blockDim.x;\n"
        "  s[t] = x[t]; __syncthreads(); x[t] = s[n - 1 - t]; }\n"
        "template<class T> __device__ T first(T x) { extern __shared__ __align__(16) T own[]; if (!threadIdx.x) own[0] = x;\n"
        "  __syncthreads(); return own[0]; }\n"
        "template __global__ void reverse<float>(float*); template __global__ void reverse<double>(double*);\n"
        'extern "C" __global__ void broadcast(short* x) { x[threadIdx.x] = first<short>(x[threadIdx.x]); }',
        no_extern_c=True,
    )
    for name, dtype in (("_Z7reverseIfEvPT_", np.float32), ("_Z7reverseIdEvPT_", np.float64)):
        x = np.arange(40, dtype=dtype)
        module.get_function(name)(drv.InOut(x), block=(40, 1, 1), shared=x.nbytes)
        assert np.array_equal(x, np.arange(40)[::-1])
    few = np.arange(7, 47, dtype=np.int16)
    module.get_function("broadcast")(drv.InOut(few), block=(40, 1, 1), shared=16)
    assert (few == 7).all()


def test_objects_with_virtual_functions_from_new(run: Run) -> None:
    out = np.zeros(32, np.int32)
    run(
        "struct Shape { int a; __device__ Shape(int x) : a(x) {} __device__ virtual int area() const = 0; __device__ virtual ~Shape() {} };\n"
        "struct Square : Shape { using Shape::Shape; __device__ int area() const override { return a * a; } };\n"
        "struct Line : Shape { using Shape::Shape; __device__ int area() const override { return 0; } };\n"
        "extern \"C\" __global__ void k(int* o) { int i = threadIdx.x;\n"
        "  Shape* s = i & 1 ? (Shape*)new Square(i) : (Shape*)new Line(i); o[i] = s->area(); delete s; }",
        drv.Out(out), block=(32, 1, 1), no_extern_c=True,
    )  # fmt: skip
    i = np.arange(32)
    assert np.array_equal(out, np.where(i & 1, i * i, 0))


def test_modules_have_variables_of_their_own() -> None:
    source = "__device__ int count = 3; __constant__ float c[2];\n"\
        "__global__ void k(int* o) { o[0] = ++count; o[1] = (int)c[1]; }"  # fmt: skip
    first, second = SourceModule(source), SourceModule(source)
    address, size = first.get_global("c")
    assert size == 8
    drv.memcpy_htod(address, np.array([0, 9], np.float32))
    out = np.zeros(2, np.int32)
    seen = []
    for module in (first, first, second):
        module.get_function("k")(drv.Out(out), block=(1, 1, 1))
        seen.append(list(out))
    assert seen == [[4, 9], [5, 9], [4, 0]]
    with pytest.raises(drv.LogicError, match="no variable 'd'; the module has: c, count"):
        first.get_global("d")


def test_printf_comes_when_the_host_synchronises(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(
        '__global__ void k(float x) { printf("thread %d of %u: %.2f %s\\n", threadIdx.x, blockDim.x, x, "ok"); }',
        np.float32(1.5), block=(2, 1, 1),
    )  # fmt: skip
    drv.Context.synchronize()
    assert capsys.readouterr().out == "thread 0 of 2: 1.50 ok\nthread 1 of 2: 1.50 ok\n"


def test_half_precision_rounds_as_numpy_does(run: Run) -> None:
    rng = np.random.default_rng(1)
    floats = np.concatenate([
        rng.standard_normal(2000) * 10.0 ** rng.integers(-9, 6, 2000),
        [0, -0.0, 65504, 65519.99, 65520, 6e-8, 2.9e-8, 2.98e-8, 6.1e-5, np.inf, -np.inf, np.nan, 1 + 2**-11],
    ]).astype(np.float32)  # fmt: skip
    bits, back = np.zeros(floats.size, np.uint16), np.zeros(floats.size, np.float32)
    run(
        "#include <cuda_fp16.h>\nextern \"C\" __global__ void k(const float* x, __half* h, float* y, int n) {\n"
        "  int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) { h[i] = __float2half(x[i]); y[i] = __half2float(h[i]); } }",
        drv.In(floats), drv.Out(bits), drv.Out(back), np.int32(floats.size),
        block=(256, 1, 1), grid=(8, 1), no_extern_c=True,
    )  # fmt: skip
    with np.errstate(over="ignore"):
        expected = floats.astype(np.float16)
    assert np.array_equal(bits.view(np.float16), expected, equal_nan=True)
    assert np.array_equal(back, expected.astype(np.float32), equal_nan=True)


def test_half_and_bfloat16_arithmetic(values: Values) -> None:
    headers = "#include <cuda_fp16.h>\n#include <cuda_bf16.h>"
    got = values(
        "__half2float(__hadd(__float2half(1.0f), __float2half(0.0004f)))",
        "__half2float(__hfma(__float2half(3.f), __float2half(5.f), __float2half(0.5f)))",
        "__low2float(__hmul2(__floats2half2_rn(1.5f, 2.f), __float2half2_rn(2.f)))",
        "__bfloat162float(__float2bfloat16(1.005f))",
        "__half2float(__float2half(2.f) / __float2half(3.f))",
        "(float)(half(3) > half(2))",
        preamble=headers,
    )
    assert got[0] == np.float16(1) + np.float16(0.0004) and got[1] == 15.5 and got[2] == 3
    assert got[3] == 1.0078125 and got[4] == np.float16(2) / np.float16(3) and got[5] == 1


def test_cooperative_groups(run: Run) -> None:
    out = np.zeros((64, 4), np.int32)
    run(
        "#include <cooperative_groups.h>\n#include <cooperative_groups/reduce.h>\nnamespace cg = cooperative_groups;\n"
        "extern \"C\" __global__ void k(int* out) { cg::thread_block block = cg::this_thread_block();\n"
        "  auto tile = cg::tiled_partition<8>(block); int r = block.thread_rank(); block.sync();\n"
        "  out[4 * r] = cg::reduce(tile, r, cg::plus<int>()); out[4 * r + 1] = tile.shfl_down(r, 1);\n"
        "  out[4 * r + 2] = tile.meta_group_rank();\n"
        "  if (r % 3 == 0) { auto some = cg::coalesced_threads(); out[4 * r + 3] = some.size(); } }",
        drv.InOut(out), block=(64, 1, 1), no_extern_c=True,
    )  # fmt: skip
    r = np.arange(64)
    assert np.array_equal(out[:, 0], r.reshape(8, 8).sum(1).repeat(8))
    assert np.array_equal(out[:, 1], np.where(r % 8 == 7, r, r + 1)) and np.array_equal(out[:, 2], r // 8)
    assert np.array_equal(out[:, 3], np.where(r % 3 == 0, 11, 0))


def test_a_function_for_any_cooperative_group(run: Run) -> None:
    """The first example of NVIDIA's introduction to cooperative groups."""
    out = np.zeros(6, np.int32)
    source = (
        "#include <cooperative_groups.h>\nusing namespace cooperative_groups;\n"
        "__device__ int sum(thread_group g, int* s, int x) { int r = g.thread_rank();\n"
        "  for (int i = g.size() / 2; i > 0; i /= 2) { s[r] = x; g.sync(); if (r < i) x += s[r + i]; g.sync(); } return x; }\n"
        "template <int N> __device__ int tile_sum(thread_block_tile<N> t, int x) {\n"
        "  for (int i = t.size() / 2; i > 0; i /= 2) x += t.shfl_down(x, i); return x; }\n"
        'extern "C" __global__ void k(int* out) { extern __shared__ int s[]; auto block = this_thread_block();\n'
        "  int r = block.thread_rank(), all = sum(block, s, r); if (r == 0) out[0] = all; block.sync();\n"
        "  thread_group four = tiled_partition(block, 16); int part = sum(four, s + r / 16 * 16, r);\n"
        "  if (four.thread_rank() == 0) out[1 + r / 16] = part;\n"
        "  int tile = tile_sum<32>(tiled_partition<32>(block), r); if (r == 32) out[5] = tile + this_grid().size(); }"
    )
    run(source, drv.Out(out), block=(64, 1, 1), shared=256, no_extern_c=True)
    assert out.tolist() == [2016, 120, 376, 632, 888, sum(range(32, 64)) + 64]
    with pytest.raises(drv.CompileError, match="leaves out barriers of the whole grid"):
        run(source.replace("this_grid().size()", "(this_grid().sync(), 1)"), no_extern_c=True)


def test_complex_numbers_of_pycuda(run: Run) -> None:
    z = np.array([1 + 2j, -0.5 + 1j], np.complex64)
    out = np.zeros_like(z)
    run(
        "#include <pycuda-complex.hpp>\nextern \"C\" __global__ void k(pycuda::complex<float>* o, pycuda::complex<float>* z,\n"
        "  pycuda::complex<float> by) { int i = threadIdx.x; o[i] = exp(z[i]) * by; }",
        drv.Out(out), drv.In(z), np.array(2 - 1j, np.complex64)[()], block=(2, 1, 1), no_extern_c=True,
    )  # fmt: skip
    np.testing.assert_allclose(out, np.exp(z) * (2 - 1j), rtol=1e-6)


def test_code_without_barriers_in_a_warp_relies_on_volatile(run: Run) -> None:
    x, out = np.arange(64, dtype=np.int32), np.zeros(1, np.int32)
    run(
        "__global__ void k(const int* x, int* out) { __shared__ int s[64]; int t = threadIdx.x; s[t] = x[t] + x[t + 32];\n"
        "  volatile int* v = s; v[t] += v[t + 16]; v[t] += v[t + 8]; v[t] += v[t + 4]; v[t] += v[t + 2]; v[t] += v[t + 1];\n"
        "  if (t == 0) *out = v[0]; }",
        drv.In(x), drv.Out(out), block=(32, 1, 1),
    )  # fmt: skip
    assert out[0] == x.sum()


def test_a_clock_that_advances(values: Values) -> None:
    assert (
        values("[] { long long a = clock64(); for (volatile int i = 0; i < 1000; i++) {} return clock64() - a; }()")[0]
        > 0
    )


def test_early_return_before_a_barrier(run: Run) -> None:
    out = np.zeros(64, np.int32)
    run(
        "__global__ void k(int* o, int n) { if (threadIdx.x >= n) return; __syncthreads(); o[threadIdx.x] = 1; }",
        drv.InOut(out), np.int32(50), block=(64, 1, 1),
    )  # fmt: skip
    assert out.sum() == 50
