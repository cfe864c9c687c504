// The calls by which a kernel's threads wait for each other: barriers of a block, the end of a thread, giving way.
#include "inspection.h"

using namespace nogpu;

namespace {

// All that live have met: the barrier opens. `line` is that of the last to come, 0 where the last one ended instead.
inline void open_barrier(Worker* worker, int line) {
  if (__builtin_expect(inspection != nullptr, 0)) inspect_barrier(inspection, worker, line);
  release_barrier(worker);
}

__attribute__((noinline)) Step first_at_barrier(Worker* worker, int line, void* stack_pointer) {
  begin_waiting(worker);
  return nogpu_barrier_step(line, stack_pointer);
}

__attribute__((noinline)) Step last_at_barrier(Worker* worker, int line, void* stack_pointer) {
  open_barrier(worker, line);
  enter_kernel(worker);
  return {stack_pointer, nullptr};
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

// Wait for the rest of the block. What is unusual lies in functions of its own and is called last, so that the usual
// case needs none of the fiber's stack: each line of it is one more that the cache has to hold for each thread.
Step nogpu_barrier_step(int line, void* stack_pointer) {
  Worker* worker = current_worker();
  worker->in_kernel = 0;
  if (__builtin_expect(!nogpu_context.waited, 0)) return first_at_barrier(worker, line, stack_pointer);
  if (++worker->arrived == worker->live) return last_at_barrier(worker, line, stack_pointer);
  Fiber* self = worker->current;
  self->generation = worker->generation;
  Fiber* other = ready_neighbour(worker);
  if (__builtin_expect(!other, 0)) return nogpu_wait_step(Wait::Barrier, line, stack_pointer);
  self->stack_pointer = stack_pointer;
  self->wait = Wait::Barrier;
  self->line = line;
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
