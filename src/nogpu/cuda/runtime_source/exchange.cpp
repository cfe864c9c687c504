// The call behind shuffles, votes and matches: lanes of a warp hand in a value and wait until all that the mask names
// have done so.
#include "inspection.h"

using namespace nogpu;

namespace {

inline bool fits(const Exchange* exchange, unsigned mask, unsigned lane) {
  return exchange->open && exchange->mask == mask && !(exchange->arrived >> lane & 1);
}

__attribute__((noinline)) Step first_in_exchange(Worker* worker, unsigned mask, uint64_t value, int line, void* stack_pointer) {
  begin_waiting(worker);
  return nogpu_exchange_step(mask, value, line, stack_pointer);
}

// The exchange last opened is not the lane's: make the one that it looks for, or a new one, the warp's latest.
__attribute__((noinline)) Step in_another_exchange(Warp* warp, unsigned mask, uint64_t value, int line, void* stack_pointer) {
  unsigned lane = nogpu_context.linear & 31;
  Exchange* found = nullptr;
  Exchange* unused = nullptr;
  for (auto& each : warp->exchanges) {
    if (fits(each.get(), mask, lane)) found = each.get();
    else if (!each->open && each->readers == 0) unused = each.get();
  }
  if (!found) {
    if (!unused) {
      warp->exchanges.push_back(std::make_unique<Exchange>());
      unused = warp->exchanges.back().get();
    }
    found = unused;
    found->mask = mask;
    found->arrived = 0;
    found->open = true;
  }
  warp->latest = found;
  return nogpu_exchange_step(mask, value, line, stack_pointer);
}

__attribute__((noinline)) Step last_in_exchange(Worker* worker, Exchange* exchange, unsigned live, void* stack_pointer) {
  complete_exchange(exchange, live);
  if (inspection) inspect_exchange(inspection, nogpu_context.linear / 32, exchange->arrived);
  enter_kernel(worker);
  return {stack_pointer, exchange};
}

}  // namespace

extern "C" {

// As with barriers, the usual case needs none of the fiber's stack.
Step nogpu_exchange_step(unsigned mask, uint64_t value, int line, void* stack_pointer) {
  Worker* worker = current_worker();
  worker->in_kernel = 0;
  if (__builtin_expect(!nogpu_context.waited, 0)) return first_in_exchange(worker, mask, value, line, stack_pointer);
  Warp& warp = worker->warps[nogpu_context.linear / 32];
  unsigned lane = nogpu_context.linear & 31;
  Exchange* exchange = warp.latest;
  if (__builtin_expect(!exchange || !fits(exchange, mask, lane), 0))
    return in_another_exchange(&warp, mask, value, line, stack_pointer);
  exchange->value[lane] = value;
  exchange->arrived |= 1u << lane;
  Fiber* self = worker->current;
  self->exchange = exchange;
  if (is_complete(exchange, warp.live)) return last_in_exchange(worker, exchange, warp.live, stack_pointer);
  Fiber* other = ready_neighbour(worker);
  if (__builtin_expect(!other, 0)) return nogpu_wait_step(Wait::Exchange, line, stack_pointer);
  self->stack_pointer = stack_pointer;
  self->wait = Wait::Exchange;
  self->line = line;
  return go_on_with(worker, other);
}

}  // extern "C"
