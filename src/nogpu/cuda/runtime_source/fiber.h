// A fiber is a call stack that can be left and resumed: one for each CUDA thread that waits.
// Used by block.cpp, which decides who runs when.
//
// A kernel leaves its stack inside nogpu_barrier, nogpu_exchange or nogpu_wait (fiber.cpp, in assembly). Each saves the
// registers that a call must keep, asks its *step* (nogpu_barrier_step and so on, in C++) who goes on, and resumes that
// fiber, or starts a fresh one. All bookkeeping is done before the switch, none after it.
#pragma once
#include <vector>

#include "kernel_interface.h"

namespace nogpu {

enum class Wait : int { None, Barrier, Exchange, ActiveMask, Turn, Finished };

// One cache line: a switch touches it, and with hundreds of fibers the lines are what a switch costs.
struct alignas(64) Fiber {
  void* stack_pointer = nullptr;
  Exchange* exchange = nullptr;  // the exchange it waits for; its call returns it
  uint3 thread{};                // the CUDA thread that waits here
  unsigned linear = 0;
  uint32_t generation = 0;  // of the barrier it waits for
  int line = 0;             // of the learner's source, where it waits
  Wait wait = Wait::None;
  unsigned active_mask = 0;  // answer to __activemask()
  void* top = nullptr;       // the stack pointer with which a fresh thread starts; it lies in the stack's highest page
  Fiber* next = nullptr;     // in the ring of those that have waited; null outside
};
static_assert(sizeof(Fiber) == 64, "one cache line");

// Who goes on: the fiber that was left with this stack pointer, whose call returns `value`; or, where the stack pointer
// is null, a fresh one whose stack begins at `value`.
struct Step {
  void* stack_pointer;
  void* value;
};

constexpr size_t STACK_BYTES = 512 << 10;  // CUDA gives a thread at most 512 KiB of local memory
constexpr size_t SMALLEST_PAGE = 4096;
#if defined(__x86_64__)
constexpr size_t GUARD_BYTES = SMALLEST_PAGE;  // below the stack: whole pages
#else
constexpr size_t GUARD_BYTES = 64 << 10;  // Arm has pages of 4, 16 and 64 KiB
#endif

// The lowest address of the fiber's stack.
inline char* stack_of(const Fiber* fiber) {
  return reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(fiber->top) | (SMALLEST_PAGE - 1)) + 1 - STACK_BYTES);
}

Fiber* new_fiber();  // nullptr when the machine has no memory left
bool in_guard_page(const Fiber* fiber, const void* address);

}  // namespace nogpu

extern "C" {
void nogpu_enter(void** saved_stack_pointer, void* top);  // start a fresh fiber; returns at a nogpu_leave to the saved one
[[noreturn]] void nogpu_leave(void* stack_pointer, void* value);  // resume a fiber, and never come back
void nogpu_wait(nogpu::Wait wait, int line);                      // let other threads of the block run until the wait is over

// In block.cpp and barrier.cpp, called from the assembly. `stack_pointer` is the caller's, to come back to.
[[noreturn]] void nogpu_fiber_main();
nogpu::Step nogpu_wait_step(nogpu::Wait wait, int line, void* stack_pointer);
nogpu::Step nogpu_barrier_step(int line, void* stack_pointer);
nogpu::Step nogpu_exchange_step(unsigned mask, uint64_t value, int line, void* stack_pointer);
}
