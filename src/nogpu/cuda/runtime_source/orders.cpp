// In which order blocks and threads run: a kernel that is right in one order only is wrong.
#include <numeric>
#include <random>

#include "inspection.h"

namespace nogpu {

namespace {

std::vector<unsigned> permutation(uint64_t count, unsigned order) {
  std::vector<unsigned> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0u);
  if (order == 1) std::reverse(numbers.begin(), numbers.end());
  std::mt19937 random(2026);  // the same shuffle each time: a finding can be looked at again
  if (order == 2)
    for (size_t i = count; i > 1; i--) std::swap(numbers[i - 1], numbers[random() % i]);
  return numbers;
}

}  // namespace

void inspect_order(Inspection* in) {
  in->thread_order.clear();
  in->block_order.clear();
  if (!in->order) return;
  in->thread_order = permutation(nogpu_context.count, in->order);
  in->block_order = permutation(in->launch->blocks, in->order);
}

// The first thread of a block that waits: those that were started before it are over.
void inspect_begin_waiting(Inspection* in, Worker* worker) {
  ThreadContext& context = nogpu_context;
  unsigned finished = context.next - 1, warps = (context.count + 31) / 32;
  worker->live = context.count - finished;
  for (unsigned w = 0; w < warps; w++)
    worker->warps[w].live = context.count - w * 32 >= 32 ? ~0u : (1u << (context.count - w * 32)) - 1;
  for (unsigned i = 0; i < finished; i++) {
    unsigned thread = in->thread_order.empty() ? i : in->thread_order[i];
    worker->warps[thread / 32].live &= ~(1u << (thread & 31));
  }
}

}  // namespace nogpu

extern "C" __attribute__((visibility("default"))) void nogpu_next_thread() {
  nogpu::ThreadContext& context = nogpu_context;
  nogpu::Inspection* in = nogpu::inspection;
  unsigned linear = context.next++;
  if (in && !in->thread_order.empty()) linear = in->thread_order[linear];
  context.linear = linear;
  unsigned columns = context.block_size.x, rows = context.block_size.y;
  context.thread = {linear % columns, linear / columns % rows, linear / (columns * rows)};
  if (in) in->last_site = 0;
}
