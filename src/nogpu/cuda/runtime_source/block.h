// Runs one block of CUDA threads on one CPU thread. A Worker is that CPU thread's state.
//
// The threads of a block run one after the other on one fiber as long as none of them waits: a kernel without
// barriers is a plain loop. The first thread that waits keeps its fiber, and the next thread starts on a new one.
#pragma once
#include <csignal>
#include <cstring>
#include <memory>
#include <vector>

#include "fault.h"
#include "fiber.h"
#include "launch.h"

namespace nogpu {

struct Warp {
  unsigned live = 0;           // lanes whose threads have not finished
  Exchange* latest = nullptr;  // the exchange last opened: nearly always the one that the next lane looks for
  std::vector<std::unique_ptr<Exchange>> exchanges;
};

struct Worker {
  Fiber* current = nullptr;
  // Fibers whose threads have waited at least once, in the order in which they run, and the running one's place there.
  std::vector<Fiber*> ring;
  size_t position = 0;
  unsigned live = 0;        // threads of the block that have not finished
  unsigned arrived = 0;     // of them, at the barrier
  uint32_t generation = 0;  // barriers that were passed
  unsigned votes = 0, vote_result = 0, vote_voters = 0;
  Launch* launch = nullptr;

  // Signals: `in_kernel` says that the learner's code runs, so that it may be left at any instruction.
  volatile sig_atomic_t in_kernel = 0;
  volatile sig_atomic_t interrupted = 0;

  std::vector<Fiber*> unused;
  std::vector<Warp> warps;
  void* main_stack_pointer = nullptr;
  unsigned finished_in_ring = 0;
  unsigned spins = 0;
  bool abandoned = false;  // the block is to be left as it is
};

// Null on threads that run no kernels.
inline Worker* current_worker() { return static_cast<Worker*>(nogpu_context.worker); }

bool run_block(Worker* worker);        // false when the launch has to stop
[[noreturn]] void abandon_block();     // from inside a fiber: back to run_block
void fault_here(FaultKind kind, const char* message, uint64_t address = 0);  // record it and stop the launch
void fault_of_ending(Launch* launch);  // the same for a launch that the watchdog ends

// While one lives, the code is the runtime's, and a signal must not leave it half done.
struct RuntimeSection {
  explicit RuntimeSection(Worker* worker) : worker(worker) { worker->in_kernel = 0; }
  ~RuntimeSection() {
    worker->in_kernel = 1;
    if (__builtin_expect(worker->interrupted, 0)) abandon_block();
  }
  Worker* worker;
};

// --- for barrier.cpp and exchange.cpp -----------------------------------------------------------------------------

void begin_waiting(Worker* worker);  // before the first thread of a block waits
[[noreturn]] void finish_fiber();    // the running fiber's thread is over, and no other is to be started on it

inline void release_barrier(Worker* worker) {
  worker->vote_result = worker->votes;
  worker->vote_voters = worker->arrived;
  worker->votes = worker->arrived = 0;
  worker->generation++;
}

inline void complete_exchange(Exchange* exchange, unsigned live) {
  if (exchange->open && (exchange->arrived & exchange->mask & live) == (exchange->mask & live)) {
    exchange->open = false;
    exchange->readers = __builtin_popcount(exchange->arrived);
  }
}

// From here on the learner's code runs again.
inline void enter_kernel(Worker* worker) {
  worker->in_kernel = 1;
  if (__builtin_expect(worker->interrupted, 0)) abandon_block();
}

// Make `fiber`, which can run, the running one.
inline Step go_on_with(Worker* worker, Fiber* fiber) {
  worker->current = fiber;
  fiber->wait = Wait::None;
  memcpy(&nogpu_context.thread, &fiber->thread, sizeof(uint3) + sizeof(unsigned));  // `linear` too
  enter_kernel(worker);
  return {fiber->stack_pointer, fiber->exchange};
}

}  // namespace nogpu
