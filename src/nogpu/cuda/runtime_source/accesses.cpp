// Called by kernels whose memory accesses the compiler reports (compiler.py says when). The names are those that GCC's
// and clang's -fsanitize=thread emits; libtsan itself is not linked. In the fast build only volatile accesses matter:
// code without barriers among the lanes of a warp relies on their happening in lock-step. In the inspecting build every
// access goes to the sanitizer.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dispatch.h"

using namespace nogpu;

#define NOGPU_CALLER reinterpret_cast<uintptr_t>(__builtin_return_address(0))

namespace {

inline void accessed(const volatile void* address, unsigned size, unsigned how, uintptr_t caller) {
  if (Inspection* in = inspection) dispatch(in, reinterpret_cast<uintptr_t>(address), size, how, caller);
}

// The same for an access whose type says that its address is a multiple of its size.
NOGPU_FAST void accessed_aligned(const volatile void* address, unsigned size, unsigned how, uintptr_t caller) {
  Inspection* in = inspection;
  if (!in) return;
  auto place = reinterpret_cast<uintptr_t>(address);
  dispatch(in, place, size, how, caller);
  if (__builtin_expect(place & (size - 1), 0)) misaligned(in, site_at(in, caller, size, how), place, size, how);
}

inline void volatile_access(const volatile void* address, unsigned size, unsigned how, uintptr_t caller) {
  nogpu_yield();
  if (inspection) atomic_orders(inspection);
  accessed(address, size, how | VOLATILE, caller);
}

// A copy of any length is one access.
void accessed_range(const void* start, size_t bytes, unsigned how, uintptr_t caller) {
  if (!inspection) return;
  auto size = static_cast<unsigned>(bytes < UINT32_MAX ? bytes : UINT32_MAX);
  if (size) accessed(start, size, how, caller);
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
// The pointer to an object's table of virtual functions: written by its constructor, read by a call.
void __tsan_vptr_update(void** a, void*) { accessed_aligned(a, sizeof *a, WRITE, NOGPU_CALLER); }
void __tsan_vptr_read(void** a) { accessed_aligned(a, sizeof *a, READ, NOGPU_CALLER); }
void __tsan_read_range(void* start, size_t bytes) { accessed_range(start, bytes, READ, NOGPU_CALLER); }
void __tsan_write_range(void* start, size_t bytes) { accessed_range(start, bytes, WRITE, NOGPU_CALLER); }
void* __tsan_memcpy(void* to, const void* from, size_t bytes) {
  accessed_range(from, bytes, READ, NOGPU_CALLER);
  accessed_range(to, bytes, WRITE, NOGPU_CALLER);
  return memcpy(to, from, bytes);
}
void* __tsan_memmove(void* to, const void* from, size_t bytes) {
  accessed_range(from, bytes, READ, NOGPU_CALLER);
  accessed_range(to, bytes, WRITE, NOGPU_CALLER);
  return memmove(to, from, bytes);
}
void* __tsan_memset(void* to, int value, size_t bytes) {
  accessed_range(to, bytes, WRITE, NOGPU_CALLER);
  return memset(to, value, bytes);
}

// -Wl,--wrap: the same where code calls memcpy and its relatives itself.
void* __wrap_memcpy(void* to, const void* from, size_t bytes) {
  accessed_range(from, bytes, READ, NOGPU_CALLER);
  accessed_range(to, bytes, WRITE, NOGPU_CALLER);
  return memcpy(to, from, bytes);
}
void* __wrap_memmove(void* to, const void* from, size_t bytes) {
  accessed_range(from, bytes, READ, NOGPU_CALLER);
  accessed_range(to, bytes, WRITE, NOGPU_CALLER);
  return memmove(to, from, bytes);
}
void* __wrap_memset(void* to, int value, size_t bytes) {
  accessed_range(to, bytes, WRITE, NOGPU_CALLER);
  return memset(to, value, bytes);
}

#define NOGPU_ACCESS(BYTES)                                                                                      \
  void __tsan_read##BYTES(void* a) { accessed_aligned(a, BYTES, READ, NOGPU_CALLER); }                                    \
  void __tsan_write##BYTES(void* a) { accessed_aligned(a, BYTES, WRITE, NOGPU_CALLER); }                                  \
  void __tsan_read_write##BYTES(void* a) {                                                                        \
    accessed(a, BYTES, READ, NOGPU_CALLER);                                                                       \
    accessed(a, BYTES, WRITE, NOGPU_CALLER);                                                                      \
  }                                                                                                               \
  void __tsan_unaligned_read##BYTES(void* a) { accessed(a, BYTES, READ, NOGPU_CALLER); }                          \
  void __tsan_unaligned_write##BYTES(void* a) { accessed(a, BYTES, WRITE, NOGPU_CALLER); }                        \
  void __tsan_volatile_read##BYTES(void* a) { volatile_access(a, BYTES, READ, NOGPU_CALLER); }                    \
  void __tsan_volatile_write##BYTES(void* a) { volatile_access(a, BYTES, WRITE, NOGPU_CALLER); }                  \
  void __tsan_unaligned_volatile_read##BYTES(void* a) { volatile_access(a, BYTES, READ, NOGPU_CALLER); }          \
  void __tsan_unaligned_volatile_write##BYTES(void* a) { volatile_access(a, BYTES, WRITE, NOGPU_CALLER); }
NOGPU_ACCESS(1)
NOGPU_ACCESS(2)
NOGPU_ACCESS(4)
NOGPU_ACCESS(8)
NOGPU_ACCESS(16)

void __tsan_atomic_thread_fence(int) {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  if (inspection) inspect_fence(inspection);
}
void __tsan_atomic_signal_fence(int) {}

#define NOGPU_FETCH(BITS, T, NAME)                                              \
  T __tsan_atomic##BITS##_fetch_##NAME(volatile T* address, T value, int) {     \
    return __atomic_fetch_##NAME(address, value, __ATOMIC_SEQ_CST);             \
  }
#define NOGPU_ATOMICS(BITS, T)                                                                               \
  T __tsan_atomic##BITS##_load(const volatile T* address, int) {                                             \
    return __atomic_load_n(address, __ATOMIC_SEQ_CST);                                                       \
  }                                                                                                          \
  void __tsan_atomic##BITS##_store(volatile T* address, T value, int) {                                      \
    __atomic_store_n(address, value, __ATOMIC_SEQ_CST);                                                      \
  }                                                                                                          \
  T __tsan_atomic##BITS##_exchange(volatile T* address, T value, int) {                                      \
    return __atomic_exchange_n(address, value, __ATOMIC_SEQ_CST);                                            \
  }                                                                                                          \
  int __tsan_atomic##BITS##_compare_exchange_strong(volatile T* address, T* expected, T value, int, int) {   \
    return __atomic_compare_exchange_n(address, expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
  }                                                                                                          \
  int __tsan_atomic##BITS##_compare_exchange_weak(volatile T* address, T* expected, T value, int, int) {     \
    return __atomic_compare_exchange_n(address, expected, value, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);  \
  }                                                                                                          \
  T __tsan_atomic##BITS##_compare_exchange_val(volatile T* address, T expected, T value, int, int) {         \
    __atomic_compare_exchange_n(address, &expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);       \
    return expected;                                                                                         \
  }                                                                                                          \
  NOGPU_FETCH(BITS, T, add)                                                                                  \
  NOGPU_FETCH(BITS, T, sub)                                                                                  \
  NOGPU_FETCH(BITS, T, and)                                                                                  \
  NOGPU_FETCH(BITS, T, or)                                                                                   \
  NOGPU_FETCH(BITS, T, xor)                                                                                  \
  NOGPU_FETCH(BITS, T, nand)
NOGPU_ATOMICS(8, uint8_t)
NOGPU_ATOMICS(16, uint16_t)
NOGPU_ATOMICS(32, uint32_t)
NOGPU_ATOMICS(64, uint64_t)

}  // extern "C"
#pragma GCC visibility pop

extern "C" __attribute__((visibility("default"))) void nogpu_atomic_access(const volatile void* address, unsigned bytes) {
  accessed(address, bytes, READ | WRITE | ATOMIC, NOGPU_CALLER);
}
