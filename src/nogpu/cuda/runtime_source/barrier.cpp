// The calls by which a kernel's threads wait for each other: barriers of a block, the end of a thread, giving way.
#include "block.h"

using namespace nogpu;

extern "C" {

void nogpu_thread_finished() {  // called by the kernel's loop, once threads of this block have waited
  Worker* worker = current_worker();
  RuntimeSection section(worker);
  worker->live--;
  Warp& warp = worker->warps[nogpu_context.linear / 32];
  warp.live &= ~(1u << (nogpu_context.linear & 31));
  if (warp.latest)
    for (auto& exchange : warp.exchanges) complete_exchange(exchange.get(), warp.live);
  if (worker->arrived && worker->arrived == worker->live) release_barrier(worker);
}

// Wait for the rest of the block. The usual case takes as few steps and as little stack as can be: all threads are
// started, and the next one in the ring can go on.
static inline __attribute__((always_inline)) void barrier(Worker* worker, int line) {
  ThreadContext& context = nogpu_context;
  if (__builtin_expect(!context.waited, 0)) begin_waiting(worker);
  if (++worker->arrived == worker->live) {
    release_barrier(worker);
    return;
  }
  Fiber* self = worker->current;
  self->generation = worker->generation;
  Fiber* const* ring = worker->ring.data();
  size_t size = worker->ring.size(), position = worker->position, next = position + 1 < size ? position + 1 : 0;
  bool usual = position < size && ring[position] == self && ring[next]->wait == Wait::Barrier &&
               ring[next]->generation != worker->generation;
  if (__builtin_expect(!usual || worker->launch->stop.load(std::memory_order_relaxed), 0)) {
    wait_here(worker, Wait::Barrier, line);
    return;
  }
  self->wait = Wait::Barrier;
  self->line = line;
  self->linear = context.linear;
  self->thread = context.thread;
  worker->position = next;
  worker->current = ring[next];
  if (next + 2 < size) {  // what the switches after this one will touch
    __builtin_prefetch(ring[next + 2]);
    const char* stack = static_cast<const char*>(ring[next + 1]->stack_pointer);
    __builtin_prefetch(stack);
    __builtin_prefetch(stack + 64);
    __builtin_prefetch(stack + 128);
  }
  nogpu_switch(&self->stack_pointer, ring[next]->stack_pointer);
  resume(current_worker());
}

__attribute__((visibility("hidden"), used)) void nogpu_barrier_body(int line) {
  current_worker()->in_kernel = 0;
  barrier(current_worker(), line);
  current_worker()->in_kernel = 1;
  if (__builtin_expect(current_worker()->interrupted, 0)) abandon_block();
}

#if defined(__x86_64__)
// void nogpu_barrier(int line): back into the kernel by a jump, not by `ret`. The fiber that goes on has usually waited
// at another barrier than the one that was just called, so that the processor would predict each return wrongly: the
// tiled matrix product of benchmarks/nogpu_cuda.py takes a fifth longer with `ret`.
asm(R"(
.text
.globl nogpu_barrier
.type nogpu_barrier,@function
nogpu_barrier:
  subq $8, %rsp
  call nogpu_barrier_body
  addq $8, %rsp
  popq %rcx
  jmp *%rcx
.size nogpu_barrier, .-nogpu_barrier
)");
#else
void nogpu_barrier(int line) { nogpu_barrier_body(line); }
#endif

int nogpu_barrier_count(int line, int predicate) {
  Worker* worker = current_worker();
  RuntimeSection section(worker);
  worker->votes += predicate != 0;
  barrier(worker, line);
  return static_cast<int>(worker->vote_result);
}

int nogpu_barrier_and(int line, int predicate) {
  Worker* worker = current_worker();
  RuntimeSection section(worker);
  worker->votes += predicate != 0;
  barrier(worker, line);
  return worker->vote_result == worker->vote_voters;
}

unsigned nogpu_active_mask(int line) {
  Worker* worker = current_worker();
  RuntimeSection section(worker);
  Fiber* self = worker->current;
  self->active_mask = 0;
  wait_here(worker, Wait::ActiveMask, line);
  return self->active_mask;
}

void nogpu_yield() {
  Worker* worker = current_worker();
  if (!worker || !worker->current) return;
  RuntimeSection section(worker);
  wait_here(worker, Wait::Turn, 0);
}

void nogpu_spin() {
  if ((++current_worker()->spins & 63) == 0) nogpu_yield();
}

}  // extern "C"
