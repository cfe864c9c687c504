#include "profile.h"

#include <algorithm>
#include <cstdlib>

#include "block.h"
#include "inspection.h"
#include "requests.h"

namespace nogpu {

Profile profile;

namespace profiling {  // a name, since all files of the runtime are one translation unit

constexpr uint64_t MOST_BYTES = 256 << 20;  // in all columns together
constexpr unsigned KEPT_BLOCKS = 4;         // with a finding, for pictures

template <class T>
void widen(std::vector<T>* all, unsigned* capacity, unsigned wider) {
  size_t rows = size_t(profile.slots) * LANES;
  std::vector<T> more(rows * wider);
  for (size_t row = 0; row < rows; row++) std::copy_n(&(*all)[row * *capacity], *capacity, &more[row * wider]);
  all->swap(more);
  *capacity = wider;
  profile.linear = ~0u;  // `columns` and `steps` have moved
}

unsigned take_slot() {
  Profile& p = profile;
  if (p.free_slots.empty()) {
    p.free_slots.push_back(p.slots++);
    p.all_columns.resize(size_t(p.slots) * LANES * p.access_capacity);
    p.all_starts.resize(size_t(p.slots) * LANES * p.access_capacity);
    p.all_steps.resize(size_t(p.slots) * LANES * p.step_capacity);
  }
  unsigned slot = p.free_slots.back();
  p.free_slots.pop_back();
  return slot;
}

void forget_columns() {
  for (ColumnStart& start : profile.all_starts) free(start.first);
  profile.all_columns.clear();
  profile.all_starts.clear();
}

// The number of the basic block that reports this address; 0: there are too many.
unsigned new_block(uint64_t offset) {
  Profile& p = profile;
  if (p.block_at[offset]) return p.block_at[offset] & UINT16_MAX;
  size_t block = p.basic_blocks.size();
  if (block > UINT16_MAX) return 0;
  if (block >= p.step_capacity) widen(&p.all_steps, &p.step_capacity, p.step_capacity * 2);
  p.block_at[offset] = static_cast<uint32_t>(block);
  p.basic_blocks.emplace_back();
  p.basic_blocks[block].offset = offset;
  p.header_of.push_back(0);
  const Loop* innermost = nullptr;
  for (const Loop& loop : p.loops)
    if (loop.begin < offset && offset <= loop.end &&
        (!innermost || loop.end - loop.begin < innermost->end - innermost->begin))
      innermost = &loop;
  if (innermost && innermost->header != offset) {
    unsigned header = new_block(innermost->header);
    p.header_of[block] = static_cast<uint16_t>(header);
    p.block_at[offset] |= header << 16;
  }
  return static_cast<unsigned>(block);
}

void change_thread() {
  Profile& p = profile;
  unsigned linear = nogpu_context.linear, warp = linear / LANES;
  if (warp != p.warp) {
    // While nobody has waited, and unless threads are shuffled, a new warp begins when the one before it has ended.
    if (!nogpu_context.waited && !p.shuffled) flush();
    if (warp >= p.slot_of_warp.size()) p.slot_of_warp.resize(warp + 1, -1);
    if (p.slot_of_warp[warp] < 0) p.slot_of_warp[warp] = static_cast<int>(take_slot());
    p.warp = warp;
  }
  size_t row = size_t(p.slot_of_warp[warp]) * LANES + linear % LANES;
  p.linear = linear;
  p.columns = &p.all_columns[row * p.access_capacity];
  p.steps = &p.all_steps[row * p.step_capacity];
}

}  // namespace profiling

void profile_change_thread() {
  RuntimeSection section(current_worker());
  profiling::change_thread();
}

// The running thread enters a block of a loop, and left it out in turns before this one.
void profile_skipped(unsigned block, uint32_t turn) {
  RuntimeSection section(current_worker());
  Profile& p = profile;
  unsigned lane = p.linear % profiling::LANES, slot = static_cast<unsigned>(p.slot_of_warp[p.warp]);
  const Steps& steps = p.steps[block];
  std::vector<uint32_t>& turns = p.turns[profiling::turns_key(slot, lane, block)];
  for (uint32_t k = static_cast<uint32_t>(turns.size()); k < steps.count; k++) turns.push_back(steps.first + k);
  if (turn <= turns.back() || turns.size() >= profiling::LONGEST_COLUMN) {  // not once a turn, such as a loop's test
    p.header_of[block] = 0;
    p.block_at[p.basic_blocks[block].offset] &= UINT16_MAX;
  } else {
    turns.push_back(turn);
  }
}

uint16_t profile_number(uint64_t pc, unsigned bytes, SiteKind kind, bool shared) {
  Profile& p = profile;
  // One call of memcpy both loads and stores. No call ends where another one's last byte lies.
  uint16_t& known = p.access_at[(pc - p.text - (kind == SiteKind::Store)) * 2 + shared];
  if (known) return known;
  RuntimeSection section(current_worker());
  size_t number = p.accesses.size();
  if (number > UINT16_MAX) return 0;
  if (number >= p.access_capacity) {
    profiling::widen(&p.all_starts, &p.start_capacity, p.access_capacity * 2);
    profiling::widen(&p.all_columns, &p.access_capacity, p.access_capacity * 2);
  }
  Tally tally;
  tally.offset = pc - p.text;
  tally.bytes = bytes;
  tally.kind = kind;
  tally.shared = shared;
  p.accesses.push_back(tally);
  known = static_cast<uint16_t>(number);
  return known;
}

void profile_grow(Column* column) {
  RuntimeSection section(current_worker());
  Profile& p = profile;
  ColumnStart& start = p.all_starts[column - p.all_columns.data()];
  uint64_t used = column->next - start.first, capacity = used ? used * 2 : 32;
  uint64_t more = (capacity - used) * sizeof(uint64_t);
  uint64_t* first = nullptr;
  if (capacity <= profiling::LONGEST_COLUMN && p.stored_bytes + more <= profiling::MOST_BYTES)
    first = static_cast<uint64_t*>(realloc(start.first, capacity * sizeof(uint64_t)));
  if (!first) {
    start.uncounted++;
    return;
  }
  start.first = first;
  column->next = first + used;
  column->end = first + capacity;
  p.stored_bytes += more;
}

void profile_range(uint64_t pc, uint64_t address, unsigned bytes, SiteKind kind, bool shared) {
  unsigned part = bytes % 16 == 0 ? 16 : bytes % 8 == 0 ? 8 : bytes % 4 == 0 ? 4 : bytes % 2 == 0 ? 2 : 1;
  uint16_t number = profile_number(pc, part, kind, shared);
  for (unsigned i = 0; i < bytes; i += part) profile_access(number, address + i);
}

void profile_begin_launch(uint64_t text, uint64_t text_bytes) {
  Profile& p = profile;
  if (!p.wanted) return;
  profiling::forget_columns();
  std::vector<Loop> loops = std::move(p.loops);
  p = Profile();
  p.loops = std::move(loops);
  p.on = true;
  p.shuffled = inspection && inspection->order == 2;
  p.text = text;
  p.text_bytes = text_bytes;
  p.access_at.assign(text_bytes * 2 + 2, 0);
  p.block_at.assign(text_bytes + 1, 0);
  p.accesses.resize(1);  // number 0 is none
  p.basic_blocks.resize(1);
  p.header_of.resize(1);
  p.access_capacity = p.start_capacity = 32;
  p.step_capacity = 32;
}

void profile_begin_block(uint32_t block) {
  Profile& p = profile;
  if (!p.on) return;
  const uint3& grid = nogpu_context.grid_size;
  p.block = block;
  p.linear = p.warp = ~0u;
  p.keep_block = block == 0 || block == uint64_t(grid.x) * grid.y * grid.z - 1;
  std::fill(p.kept_of.begin(), p.kept_of.end(), 0);
}

void profile_barrier_released(int line) {
  if (!profile.on) return;
  for (const Fiber* fiber : current_worker()->ring)  // the last thread may have ended instead: others know the line
    if (!line && fiber->wait == Wait::Barrier) line = fiber->line;
  profile.barriers[line]++;
  profiling::flush();
}

void profile_keep_block() {
  Profile& p = profile;
  if (!p.on || p.keep_block || p.found_blocks == profiling::KEPT_BLOCKS) return;
  p.keep_block = true;
  p.found_blocks++;
}

void profile_end_block() {
  if (profile.on) profiling::flush();
}

void profile_end_launch() {
  if (!profile.on) return;
  profile.on = false;
  profiling::forget_columns();
}

}  // namespace nogpu

using namespace nogpu;

extern "C" {
#pragma GCC visibility push(default)

// Called by the compiled kernel at the beginning of each basic block (-fsanitize-coverage=trace-pc).
void __sanitizer_cov_trace_pc() {
  Profile& p = profile;
  p.place = reinterpret_cast<uint64_t>(__builtin_return_address(0));
  if (!p.on) return;
  uint64_t distance = p.place - p.text;
  if (__builtin_expect(distance >= p.text_bytes, 0)) return;
  if (__builtin_expect(!p.block_at[distance], 0)) {
    RuntimeSection section(current_worker());
    if (!profiling::new_block(distance)) return;
  }
  unsigned block = p.block_at[distance] & UINT16_MAX, header = p.block_at[distance] >> 16;
  if (__builtin_expect(p.linear != nogpu_context.linear, 0)) profile_change_thread();
  Steps& steps = p.steps[block];
  if (header) {
    uint32_t turn = p.steps[header].count;
    if (!steps.count) steps.first = turn;
    else if (__builtin_expect(turn - steps.first != steps.count, 0)) profile_skipped(block, turn);
  }
  steps.count++;
}

// The next inspected launch is to be counted; its module has these loops. The counts stay until the next such launch.
void nogpu_profile_want(const Loop* loops, size_t count) {
  profile.wanted = true;
  profile.loops.assign(loops, loops + count);
}

// Each copies at most `most` entries and returns how many there are.
size_t nogpu_profile_accesses(Tally* out, size_t most) {
  std::copy_n(profile.accesses.begin(), std::min(profile.accesses.size(), most), out);
  return profile.accesses.size();
}

size_t nogpu_profile_basic_blocks(Tally* out, size_t most) {
  std::copy_n(profile.basic_blocks.begin(), std::min(profile.basic_blocks.size(), most), out);
  return profile.basic_blocks.size();
}

size_t nogpu_profile_requests(KeptRequest* out, size_t most) {
  std::copy_n(profile.kept.begin(), std::min(profile.kept.size(), most), out);
  return profile.kept.size();
}

size_t nogpu_profile_barriers(int* lines, uint64_t* times, size_t most) {
  size_t i = 0;
  for (const auto& [line, count] : profile.barriers) {
    if (i < most) lines[i] = line, times[i] = count;
    i++;
  }
  return i;
}

#pragma GCC visibility pop
}
