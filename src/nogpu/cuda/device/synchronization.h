// Barriers, fences, clocks, sleeping: how threads of a block wait for each other.
#pragma once
#include <time.h>

// Macros, because a barrier is known by the line in which it stands.
#define __syncthreads() nogpu_barrier(__LINE__)
#define __syncthreads_count(predicate) nogpu_barrier_count(__LINE__, (predicate))
#define __syncthreads_and(predicate) nogpu_barrier_and(__LINE__, (predicate))
#define __syncthreads_or(predicate) (nogpu_barrier_count(__LINE__, (predicate)) != 0)

static inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline void __threadfence_system() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

// CPU time, not GPU cycles: differences say something, absolute values do not.
static inline long long clock64() {
#if defined(__x86_64__)
  return static_cast<long long>(__builtin_ia32_rdtsc());
#else
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000ll + now.tv_nsec;
#endif
}
#define clock() static_cast<clock_t>(clock64())
static inline void __nanosleep(unsigned) { nogpu_yield(); }
static inline unsigned long long nogpu_globaltimer() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000ull + now.tv_nsec;
}
