// The call behind shuffles, votes and matches: lanes of a warp hand in a value and wait until all that the mask names
// have done so.
#include "inspection.h"

using namespace nogpu;

extern "C" {

Step nogpu_exchange_step(unsigned mask, uint64_t value, int line, void* stack_pointer) {
  Worker* worker = current_worker();
  worker->in_kernel = 0;
  if (!nogpu_context.waited) begin_waiting(worker);
  Warp& warp = worker->warps[nogpu_context.linear / 32];
  unsigned lane = nogpu_context.linear & 31;
  Exchange* exchange = nullptr;
  Exchange* unused = nullptr;
  auto fits = [&](const Exchange* each) { return each->open && each->mask == mask && !(each->arrived >> lane & 1); };
  if (warp.latest && fits(warp.latest)) {
    exchange = warp.latest;
  } else {
    for (auto& each : warp.exchanges) {
      if (fits(each.get())) exchange = each.get();
      else if (!each->open && each->readers == 0) unused = each.get();
    }
  }
  if (!exchange) {
    if (!unused) {
      warp.exchanges.push_back(std::make_unique<Exchange>());
      unused = warp.exchanges.back().get();
    }
    exchange = unused;
    exchange->mask = mask;
    exchange->arrived = 0;
    exchange->open = true;
    warp.latest = exchange;
  }
  exchange->value[lane] = value;
  exchange->arrived |= 1u << lane;
  complete_exchange(exchange, warp.live);
  worker->current->exchange = exchange;
  if (inspection && !exchange->open) inspect_exchange(inspection, nogpu_context.linear / 32, exchange->arrived);
  if (exchange->open) return nogpu_wait_step(Wait::Exchange, line, stack_pointer);
  enter_kernel(worker);
  return {stack_pointer, exchange};
}

}  // extern "C"
