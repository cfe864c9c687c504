// Function and variable qualifiers, and the built-in variables threadIdx, blockIdx, blockDim, gridDim, warpSize.
#pragma once

#define __CUDACC__ 1
#define __NVCC__ 1
#define __CUDA_ARCH__ 750
#define __CUDACC_VER_MAJOR__ 13
#define __CUDACC_VER_MINOR__ 0
#define CUDART_VERSION 13000

// In the inspecting build, a kernel is never mixed with the loop that runs it, and what the headers do for themselves is
// not reported as an access of the learner's.
#ifdef NOGPU_INSPECTING
#define __global__ __attribute__((used, visibility("default"), noinline))
#define NOGPU_INLINE static inline __attribute__((unused, always_inline))
#ifdef __clang__
#define NOGPU_UNSEEN __attribute__((noinline, no_sanitize("thread"), no_sanitize("coverage")))
#else
#define NOGPU_UNSEEN __attribute__((noinline, no_sanitize("thread"), no_sanitize_coverage))
#endif
#else
#define __global__ __attribute__((used, visibility("default")))
#define NOGPU_INLINE static inline __attribute__((unused))
#define NOGPU_UNSEEN
#endif
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __inline_hint__ inline
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __maxnreg__(...)
#define __grid_constant__
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __builtin_align__(bytes) __attribute__((aligned(bytes)))
#define __managed__
#define __constant__ __attribute__((used, visibility("default")))
// One copy for each CPU thread: a block runs on one CPU thread from its beginning to its end.
// clang would keep only the elements that it sees used, and the driver tells the arrays' sizes. And a variable that nobody
// writes to is to be read all the same where accesses are inspected.
#if defined(__clang__) || defined(NOGPU_INSPECTING)
#define __shared__ __attribute__((used)) static thread_local
#else
#define __shared__ static thread_local
#endif
// `extern __shared__ T name[];` is rewritten (rewrite.py) to this: one array, seen as many types.
#define NOGPU_DYNAMIC_SHARED(...) extern __thread __VA_ARGS__ __asm__("nogpu_dynamic_shared")
// In a template g++ forgets the other name: there a reference does it.
extern "C" {
extern __attribute__((visibility("default"))) __thread char nogpu_dynamic_shared[];
}
#define NOGPU_DYNAMIC_SHARED_VIEW(name, ...) \
  __VA_ARGS__(&name)[] = reinterpret_cast<__VA_ARGS__(&)[]>(nogpu_dynamic_shared)

#ifdef NOGPU_INSPECTING
// The same variable, as a constant: for one thread it is one, and reading it is then not reported as an access.
extern "C" {
extern const __thread nogpu::ThreadContext nogpu_running __asm__("nogpu_context")
    __attribute__((tls_model("initial-exec"), visibility("default")));
}
#else
#define nogpu_running nogpu_context
#endif
#define threadIdx (nogpu_running.thread)
#define blockIdx (nogpu_running.block)
#define blockDim (nogpu_running.block_size)
#define gridDim (nogpu_running.grid_size)
static constexpr int warpSize = 32;

#define printf nogpu_printf
#undef assert
#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition) \
  ((condition) ? (void)0 : nogpu_assert_failed(#condition, __FILE__, __LINE__, __PRETTY_FUNCTION__))
#endif
#define malloc(bytes) nogpu_device_malloc(bytes, __LINE__)
#define free(pointer) nogpu_device_free(pointer, __LINE__)
NOGPU_UNSEEN void* operator new(size_t bytes) { return nogpu_device_malloc(bytes, 0); }
NOGPU_UNSEEN void* operator new[](size_t bytes) { return nogpu_device_malloc(bytes, 0); }
NOGPU_UNSEEN void operator delete(void* pointer) noexcept { nogpu_device_free(pointer, 0); }
NOGPU_UNSEEN void operator delete(void* pointer, size_t) noexcept { nogpu_device_free(pointer, 0); }
NOGPU_UNSEEN void operator delete[](void* pointer) noexcept { nogpu_device_free(pointer, 0); }
NOGPU_UNSEEN void operator delete[](void* pointer, size_t) noexcept { nogpu_device_free(pointer, 0); }
#define __trap() nogpu_trap("the kernel called __trap()")
#define __brkpt() ((void)0)
#define __builtin_assume(condition) ((void)0)
#define __assume(condition) ((void)0)

using uchar = unsigned char;
using ushort = unsigned short;
using uint = unsigned int;
using ulong = unsigned long;
