#include "inspection.h"

#include <cstdio>
#include <cstring>

extern "C" {
__attribute__((tls_model("initial-exec"), visibility("default"))) __thread nogpu::ThreadContext nogpu_context;
}

namespace nogpu {

namespace {

Fiber* take_fiber(Worker* worker) {
  if (worker->used == worker->fibers.size()) {
    Fiber* fiber = new_fiber();
    if (!fiber) return nullptr;
    worker->fibers.push_back(fiber);
  }
  Fiber* fiber = worker->fibers[worker->used++];
  fiber->wait = Wait::None;
  fiber->next = nullptr;
  return fiber;
}

bool can_run(const Worker* worker, const Fiber* fiber) {
  switch (fiber->wait) {
    case Wait::Barrier: return fiber->generation != worker->generation;
    case Wait::Exchange: return !fiber->exchange->open;
    case Wait::ActiveMask: return fiber->active_mask != 0;
    case Wait::Finished: return false;
    default: return true;
  }
}

// Nobody can run: the lanes that asked for __activemask() at the same line are then the converged ones.
bool answer_active_mask(Worker* worker) {
  Fiber* first = nullptr;
  for (Fiber* fiber : worker->ring)
    if (fiber->wait == Wait::ActiveMask && fiber->active_mask == 0) { first = fiber; break; }
  if (!first) return false;
  auto same = [first](const Fiber* other) {
    return other->wait == Wait::ActiveMask && other->active_mask == 0 &&
           other->line == first->line && other->linear / 32 == first->linear / 32;
  };
  unsigned mask = 0;
  for (Fiber* fiber : worker->ring)
    if (same(fiber)) mask |= 1u << (fiber->linear & 31);
  std::vector<Fiber*> lanes;
  for (Fiber* fiber : worker->ring)
    if (same(fiber)) lanes.push_back(fiber);
  for (Fiber* fiber : lanes) fiber->active_mask = mask;
  return true;
}

// Nobody in the block can ever run again: say who waits for what.
void record_deadlock(Worker* worker) {
  Fiber* lane = nullptr;
  Fiber* barrier = nullptr;
  for (Fiber* fiber : worker->ring) {
    if (fiber->wait == Wait::Exchange && !lane) lane = fiber;
    if (fiber->wait == Wait::Barrier && !barrier) barrier = fiber;
  }
  if (inspection) {
    unsigned missing = lane ? lane->exchange->mask & worker->warps[lane->linear / 32].live & ~lane->exchange->arrived : 0;
    return inspect_deadlock(inspection, lane, missing, barrier);
  }
  char message[400];
  Fiber* who = lane ? lane : barrier;
  if (lane) {
    Exchange* exchange = lane->exchange;
    unsigned missing = exchange->mask & worker->warps[lane->linear / 32].live & ~exchange->arrived;
    snprintf(message, sizeof message,
             "deadlock: the warp operation in line %d waits for lane %d of mask 0x%08x, which never comes%s",
             lane->line, __builtin_ffs(missing) - 1, exchange->mask,
             barrier ? "; other threads wait at a barrier" : "");
    if (barrier) {
      size_t used = strlen(message);
      snprintf(message + used, sizeof message - used, " in line %d", barrier->line);
    }
  } else {
    snprintf(message, sizeof message, "deadlock: the barrier in line %d is reached by %u of the %u threads alive",
             barrier ? barrier->line : 0, worker->arrived, worker->live);
  }
  if (who) nogpu_context.linear = who->linear, nogpu_context.thread = who->thread;
  fault_here(FaultKind::Deadlock, message);
}

// The running thread was started last, and it waits now: the one behind it is the next to start.
void start_after(ThreadContext& context) {
  context.next = context.linear + 1;
  uint3 next = context.thread;
  if (++next.x == context.block_size.x) {
    next.x = 0;
    if (++next.y == context.block_size.y) next.y = 0, next.z++;
  }
  context.next_thread = next;
}

// Return the next fiber in the ring that can run, or null: then all have finished, or (a fault is recorded) the rest
// can never go on. The running fiber is the last that is asked.
Fiber* next_in_ring(Worker* worker) {
  Ring& ring = worker->ring;
  Fiber* before = worker->current->next ? worker->current : ring.last;
  while (before) {
    bool round = false;
    for (Fiber* end = before; !round;) {
      Fiber* fiber = before->next;
      if (can_run(worker, fiber)) return fiber;
      round = fiber == end;
      if (fiber->wait == Wait::Finished) ring.remove_behind(before);
      else before = fiber;
    }
    if (!ring.last) return nullptr;
    if (!answer_active_mask(worker)) {
      record_deadlock(worker);
      worker->abandoned = true;
      return nullptr;
    }
  }
  return nullptr;
}

}  // namespace

// The first thread of this block that waits: from here on, somebody has to keep account of who is alive.
void begin_waiting(Worker* worker) {
  ThreadContext& context = nogpu_context;
  context.waited = 1;
  unsigned finished = context.linear, warps = (context.count + 31) / 32;
  worker->live = context.count - finished;
  if (worker->warps.size() < warps) worker->warps.resize(warps);
  for (unsigned w = 0; w < warps; w++) {
    unsigned lanes = context.count - w * 32 >= 32 ? ~0u : (1u << (context.count - w * 32)) - 1;
    unsigned gone = finished <= w * 32 ? 0 : finished >= w * 32 + 32 ? ~0u : (1u << (finished - w * 32)) - 1;
    worker->warps[w].live = lanes & ~gone;
    worker->warps[w].latest = nullptr;
    for (auto& exchange : worker->warps[w].exchanges) exchange->open = false, exchange->readers = 0;
  }
  if (inspection) inspect_begin_waiting(inspection, worker);
}

void finish_fiber() {
  Worker* worker = current_worker();
  worker->in_kernel = 0;
  Fiber* self = worker->current;
  self->wait = Wait::Finished;
  Fiber* next = nullptr;
  if (nogpu_context.waited && !worker->launch->stop.load(std::memory_order_relaxed)) {
    next = ready_neighbour(worker);
    if (!next) next = next_in_ring(worker);
  }
  if (!next) nogpu_leave(worker->main_stack_pointer, nullptr);
  Step step = go_on_with(worker, next);
  nogpu_leave(step.stack_pointer, step.value);
}

void fault_here(FaultKind kind, const char* message, uint64_t address) {
  Worker* worker = current_worker();
  Fault fault{};
  fault.kind = kind;
  fault.thread = nogpu_context.thread;
  fault.block = nogpu_context.block;
  fault.address = address;
  snprintf(fault.kernel, sizeof fault.kernel, "%s", worker->launch->kernel->name);
  snprintf(fault.message, sizeof fault.message, "%s", message);
  record_fault(fault);
  worker->launch->stop.store(true);
}

void fault_of_ending(Launch* launch) {
  char message[100] = "";
  if (static_cast<FaultKind>(launch->ending.load()) == FaultKind::Timeout)
    snprintf(message, sizeof message, "still running after %g s", launch->limit_seconds);
  fault_here(static_cast<FaultKind>(launch->ending.load()), message);
}

void abandon_block() {
  Worker* worker = current_worker();
  worker->in_kernel = 0;
  if (worker->launch->ending) fault_of_ending(worker->launch);
  worker->abandoned = true;
  nogpu_leave(worker->main_stack_pointer, nullptr);
}

bool run_block(Worker* worker) {
  worker->ring.last = nullptr;
  worker->used = 0;
  worker->arrived = worker->votes = 0;
  worker->abandoned = false;
  ThreadContext& context = nogpu_context;
  context.next = context.waited = 0;
  context.next_thread = {0, 0, 0};
  Fiber* fiber = take_fiber(worker);
  if (!fiber) {
    fault_here(FaultKind::OutOfMemory, "there is no memory for the stack of a thread");
    return false;
  }
  worker->current = fiber;
  nogpu_enter(&worker->main_stack_pointer, fiber->top);
  worker->current = nullptr;
  return !worker->abandoned && !worker->launch->stop;
}

}  // namespace nogpu

extern "C" {

void nogpu_fiber_main() {
  Worker* worker = current_worker();
  worker->in_kernel = 1;
  worker->launch->kernel->run(worker->launch->arguments.data());
  finish_fiber();
}

// Give the CPU to another thread of the block: one that has not been started, on a fiber of its own, or the next in the
// ring that can run (perhaps the caller itself).
Step nogpu_wait_step(Wait wait, int line, void* stack_pointer) {
  Worker* worker = current_worker();
  worker->in_kernel = 0;
  ThreadContext& context = nogpu_context;
  Fiber* self = worker->current;
  if (!context.waited) begin_waiting(worker);
  if (!self->next) {
    worker->ring.append(self);
    if (!inspection) start_after(context);  // there, nogpu_next_thread counts
  }
  self->stack_pointer = stack_pointer;
  self->wait = wait;
  self->line = line;
  self->linear = context.linear;
  self->thread = context.thread;
  if (context.next < context.count) {
    Fiber* fresh = take_fiber(worker);
    if (!fresh) {
      fault_here(FaultKind::OutOfMemory, "there is no memory for the stacks of the block's threads");
      abandon_block();
    }
    worker->current = fresh;
    return {nullptr, fresh->top};
  }
  if (worker->launch->stop.load(std::memory_order_relaxed)) abandon_block();
  Fiber* next = next_in_ring(worker);
  if (!next) abandon_block();
  return go_on_with(worker, next);
}

}  // extern "C"
