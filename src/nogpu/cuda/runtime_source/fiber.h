// A fiber is a call stack that can be left and resumed: one for each CUDA thread that waits at a barrier.
// Used by block.cpp, which decides who runs when.
#pragma once
#include <vector>

#include "kernel_interface.h"

extern "C" __attribute__((visibility("hidden"))) void nogpu_switch(void** save_stack_pointer, void* resume_stack_pointer);

namespace nogpu {

enum class Wait : int { None, Barrier, Exchange, ActiveMask, Turn, Finished };

// One cache line: a switch touches it, and with hundreds of fibers the lines are what a switch costs.
struct alignas(64) Fiber {
  void* stack_pointer = nullptr;
  uint3 thread{};        // the CUDA thread that waits here
  unsigned linear = 0;
  uint32_t generation = 0;  // of the barrier it waits for
  int line = 0;             // of the learner's source, where it waits
  Wait wait = Wait::None;
  unsigned active_mask = 0;      // answer to __activemask()
  Exchange* exchange = nullptr;  // the exchange it waits for
  void** top = nullptr;          // where an unused stack begins
  char* stack = nullptr;         // lowest usable address; the page below it is a guard
};
static_assert(sizeof(Fiber) == 64, "one cache line");

constexpr size_t STACK_BYTES = 512 << 10;  // CUDA gives a thread at most 512 KiB of local memory
constexpr size_t GUARD_BYTES = 4096;

Fiber* new_fiber();                  // nullptr when the machine has no memory left
void prepare_fiber(Fiber* fiber, void (*entry)());    // the next switch to it starts `entry`
bool in_guard_page(const Fiber* fiber, const void* address);

}  // namespace nogpu
