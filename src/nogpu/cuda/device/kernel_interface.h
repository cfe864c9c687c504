// The border between a compiled kernel and the runtime that executes it: every name here exists on both sides.
// Included by nogpu_device.h (kernels) and by the files of runtime_source (the runtime).
#pragma once
#include <stddef.h>
#include <stdint.h>

struct uint3 {
  unsigned x, y, z;
};

namespace nogpu {

// What a running CUDA thread can know about itself. One per worker: a worker runs one CUDA thread at a time.
struct ThreadContext {
  uint3 thread;
  unsigned linear;  // index of the running thread within its block, x fastest
  uint3 block, block_size, grid_size;
  unsigned next;      // first thread of the block that has not been started
  unsigned count;     // threads in the block
  unsigned waited;    // not 0 once a thread of this block has had to wait
  uint3 next_thread;  // threadIdx of `next`
  void* worker;       // the runtime's own state of this CPU thread
};

// How a kernel is described to the driver. `kinds` has one letter a parameter, that of Python's struct module,
// 'P' for a pointer and 'S' for anything else. Offsets and sizes are in bytes.
struct Kernel {
  const char* name;
  void (*run)(const char* arguments);
  void* address;
  const char* kinds;
  const unsigned* offsets;
  const unsigned* sizes;
  unsigned count;
  unsigned maximum_threads;  // of __launch_bounds__, or 0
};

// What lanes of a warp hand to each other in one shuffle, vote or match.
struct Exchange {
  uint64_t value[32];
  unsigned mask, arrived;  // lanes expected, lanes here
  unsigned readers;        // lanes that have not read their result yet
  bool open;
};

}  // namespace nogpu

#pragma GCC visibility push(default)
extern "C" {
extern __attribute__((tls_model("initial-exec"))) __thread nogpu::ThreadContext nogpu_context;

void nogpu_thread_finished();
void nogpu_next_thread();  // inspecting build only: begin the next thread of the block
void nogpu_thread_ended();  // inspecting build only
void nogpu_missing_lane(unsigned source, int line);  // inspecting build only: a shuffle reads from who is not there
void nogpu_atomic_access(const volatile void* address, unsigned bytes);  // inspecting build only: before an atomic function
void nogpu_barrier(int line);
int nogpu_barrier_count(int line, int predicate);
int nogpu_barrier_and(int line, int predicate);
nogpu::Exchange* nogpu_exchange(unsigned mask, uint64_t value, int line);
unsigned nogpu_active_mask(int line);
void nogpu_yield();  // let the other threads of the block run; used where code waits by looking
void nogpu_spin();   // the same, after many calls; used where code may be waiting by looking
int nogpu_printf(const char* format, ...) __attribute__((format(printf, 1, 2)));
void nogpu_assert_failed(const char* expression, const char* file, int line, const char* function);
void nogpu_trap(const char* what);
void* nogpu_device_malloc(size_t bytes, int line);
void nogpu_device_free(void* pointer, int line);
// Jumps of random number generators, by count * 2^log2_step steps: for curand_kernel.h.
void nogpu_jump_xorwow(uint32_t* words, uint64_t count, int log2_step);
void nogpu_jump_mrg32k3a(uint32_t* first, uint32_t* second, uint64_t count, int log2_step);
}
#pragma GCC visibility pop
