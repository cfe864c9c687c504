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

// The fibers of a block whose threads have waited at least once, in the order in which they run. One whose thread has
// finished stays until somebody looks for the next to run and passes it.
struct Ring {
  struct Iterator {
    const Ring* ring;
    Fiber* fiber;  // null behind the last
    Fiber* operator*() const { return fiber; }
    bool operator!=(const Iterator& other) const { return fiber != other.fiber; }
    Iterator& operator++() { return fiber = fiber == ring->last ? nullptr : fiber->next, *this; }
  };
  Fiber* last = nullptr;  // its `next` is the first; null for an empty ring
  Iterator begin() const { return {this, last ? last->next : nullptr}; }
  Iterator end() const { return {this, nullptr}; }
  void append(Fiber* fiber) {
    fiber->next = last ? last->next : fiber;
    if (last) last->next = fiber;
    last = fiber;
  }
  void remove_behind(Fiber* before) {
    Fiber* fiber = before->next;
    before->next = fiber->next;
    if (fiber == last) last = fiber == before ? nullptr : before;
  }
};

struct Worker {
  Fiber* current = nullptr;
  Ring ring;
  unsigned live = 0;        // threads of the block that have not finished
  unsigned arrived = 0;     // of them, at the barrier
  uint32_t generation = 0;  // barriers that were passed
  unsigned votes = 0, vote_result = 0, vote_voters = 0;
  Launch* launch = nullptr;

  // Signals: `in_kernel` says that the learner's code runs, so that it may be left at any instruction.
  volatile sig_atomic_t in_kernel = 0;
  volatile sig_atomic_t interrupted = 0;

  std::vector<Fiber*> fibers;  // all that there ever were; the block has used the first `used`
  size_t used = 0;
  std::vector<Warp> warps;
  void* main_stack_pointer = nullptr;
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

inline bool is_complete(const Exchange* exchange, unsigned live) {
  return (exchange->arrived & exchange->mask & live) == (exchange->mask & live);
}

inline void complete_exchange(Exchange* exchange, unsigned live) {
  if (exchange->open && is_complete(exchange, live)) {
    exchange->open = false;
    exchange->readers = __builtin_popcount(exchange->arrived);
  }
}

// Whether the fiber, which waits, can go on; for the two usual ways to wait only.
inline bool is_ready(const Worker* worker, const Fiber* fiber) {
  if (fiber->wait == Wait::Barrier) return fiber->generation != worker->generation;
  return fiber->wait == Wait::Exchange && !fiber->exchange->open;
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

// The usual case of a switch, which takes as few steps and as little stack as can be: the running fiber is in the ring,
// and the one behind it can go on. Return that one, else null: nogpu_wait_step or finish_fiber finds out.
inline Fiber* ready_neighbour(Worker* worker) {
  Fiber* other = worker->current->next;
  if (__builtin_expect(!other || !is_ready(worker, other), 0)) return nullptr;
  if (__builtin_expect(worker->launch->stop.load(std::memory_order_relaxed), 0)) return nullptr;
  Fiber* later = other->next;  // what the switches after this one will touch
  __builtin_prefetch(later->next);
  __builtin_prefetch(later->stack_pointer);
  return other;
}

}  // namespace nogpu
