// The calls by which a kernel's threads wait for each other: barriers of a block, the end of a thread, giving way.
#include "inspection.h"

using namespace nogpu;

namespace {

// All that live have met: the barrier opens. `line` is that of the last to come, 0 where the last one ended instead.
inline void open_barrier(Worker* worker, int line) {
  if (__builtin_expect(inspection != nullptr, 0)) inspect_barrier(inspection, worker, line);
  release_barrier(worker);
}

}  // namespace

extern "C" {

void nogpu_thread_finished() {  // called by the kernel's loop, once threads of this block have waited
  Worker* worker = current_worker();
  worker->in_kernel = 0;
  worker->live--;
  Warp& warp = worker->warps[nogpu_context.linear / 32];
  warp.live &= ~(1u << (nogpu_context.linear & 31));
  if (warp.latest)
    for (auto& exchange : warp.exchanges) {
      bool open = exchange->open;
      complete_exchange(exchange.get(), warp.live);
      if (inspection && open && !exchange->open)
        inspect_exchange(inspection, nogpu_context.linear / 32, exchange->arrived);
    }
  if (worker->arrived && worker->arrived == worker->live) open_barrier(worker, 0);
  if (nogpu_context.next == nogpu_context.count) finish_fiber();  // it waited itself: all others were started meanwhile
  enter_kernel(worker);
}

// Wait for the rest of the block. The usual case takes as few steps and as little stack as can be: all threads are
// started, and the next one in the ring can go on.
Step nogpu_barrier_step(int line, void* stack_pointer) {
  Worker* worker = current_worker();
  worker->in_kernel = 0;
  Fiber* self = worker->current;
  if (__builtin_expect(!nogpu_context.waited, 0)) begin_waiting(worker);
  if (++worker->arrived == worker->live) {
    open_barrier(worker, line);
    enter_kernel(worker);
    return {stack_pointer, nullptr};
  }
  self->generation = worker->generation;
  // A fiber in the ring belongs to one thread, whose index it knows; one that is not has the position behind the last.
  Fiber* const* ring = worker->ring.data();
  size_t size = worker->ring.size(), position = worker->position, next = position + 1 < size ? position + 1 : 0;
  Fiber* other = position < size ? ring[next] : nullptr;
  if (__builtin_expect(!other || other->wait != Wait::Barrier || other->generation == worker->generation ||
                           worker->launch->stop.load(std::memory_order_relaxed), 0))
    return nogpu_wait_step(Wait::Barrier, line, stack_pointer);
  self->stack_pointer = stack_pointer;
  self->wait = Wait::Barrier;
  self->line = line;
  worker->position = next;
  if (next + 2 < size) {  // what the switches after this one will touch
    __builtin_prefetch(ring[next + 2]);
    __builtin_prefetch(ring[next + 1]->stack_pointer);
  }
  return go_on_with(worker, other);
}

int nogpu_barrier_count(int line, int predicate) {
  current_worker()->votes += predicate != 0;
  nogpu_barrier(line);
  return static_cast<int>(current_worker()->vote_result);
}

int nogpu_barrier_and(int line, int predicate) {
  current_worker()->votes += predicate != 0;
  nogpu_barrier(line);
  return current_worker()->vote_result == current_worker()->vote_voters;
}

unsigned nogpu_active_mask(int line) {
  Fiber* self = current_worker()->current;
  self->active_mask = 0;
  nogpu_wait(Wait::ActiveMask, line);
  return self->active_mask;
}

void nogpu_yield() {
  Worker* worker = current_worker();
  if (worker && worker->current) nogpu_wait(Wait::Turn, 0);
}

void nogpu_spin() {
  if ((++current_worker()->spins & 63) == 0) nogpu_yield();
}

}  // extern "C"
