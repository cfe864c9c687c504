// What a warp's lanes wrote down, laid side by side and counted (profile.h says how).
#include "profile.h"

#include <algorithm>

#include "requests.h"

namespace nogpu {
namespace profiling {

constexpr unsigned KEPT_REQUESTS = 8, KEPT_WARPS = 8;  // of an instruction and a warp; of a block
constexpr size_t MOST_KEPT = 1536;

// Keep a request for pictures; false when there are enough of this instruction and warp.
static bool keep_request(const Tally& tally, unsigned access, const Row& row, unsigned warp) {
  Profile& p = profile;
  if (warp >= KEPT_WARPS || p.kept.size() >= MOST_KEPT) return false;
  if (p.kept_of.size() <= access * KEPT_WARPS + warp) p.kept_of.resize((access + 1) * KEPT_WARPS);
  uint8_t& kept = p.kept_of[access * KEPT_WARPS + warp];
  if (kept == KEPT_REQUESTS) return false;
  KeptRequest request = {};
  request.offset = tally.offset;
  request.block = p.block;
  request.warp = warp;
  request.occurrence = kept++;
  request.bytes = tally.bytes;
  request.kind = tally.kind;
  request.shared = tally.shared;
  for (unsigned i = 0; i < row.lanes; i++) {
    request.lanes |= 1u << row.lane[i];
    request.address[row.lane[i]] = row.address[i];
  }
  p.kept.push_back(request);
  return true;
}

// The turn of each of one lane's executions of a block.
static std::vector<uint32_t> turns_of(unsigned slot, unsigned lane, unsigned block) {
  Profile& p = profile;
  auto known = p.turns.find(turns_key(slot, lane, block));
  if (known != p.turns.end()) return known->second;
  const Steps& steps = p.all_steps[(size_t(slot) * LANES + lane) * p.step_capacity + block];
  std::vector<uint32_t> turns(steps.count);
  for (uint32_t k = 0; k < steps.count; k++) turns[k] = steps.first + k;
  return turns;
}

// The requests of an access whose lanes take part in different turns; none where the access does not belong to each
// execution of its block.
static std::vector<Row> rows_by_turn(unsigned slot, unsigned block, const Table& table) {
  struct Execution {
    uint32_t turn;
    unsigned lane;
    uint64_t address;
  };
  std::vector<Execution> all;
  for (unsigned i = 0; i < table.columns; i++) {
    std::vector<uint32_t> turns = turns_of(slot, table.lane[i], block);
    if (turns.size() != table.rows[i]) return {};
    for (uint32_t k = 0; k < table.rows[i]; k++) all.push_back({turns[k], table.lane[i], table.column[i][k]});
  }
  std::stable_sort(all.begin(), all.end(), [](const Execution& a, const Execution& b) { return a.turn < b.turn; });
  std::vector<Row> rows;
  for (size_t i = 0; i < all.size(); i++) {
    if (!i || all[i].turn != all[i - 1].turn) rows.emplace_back();
    Row& row = rows.back();
    row.address[row.lanes] = all[i].address;
    row.lane[row.lanes++] = all[i].lane;
  }
  return rows;
}

// The basic block of an access is the one that reported last before it, in the order of addresses.
static unsigned block_of(Tally& access) {
  const std::vector<Tally>& blocks = profile.basic_blocks;
  if (!access.block)
    for (size_t block = 1; block < blocks.size(); block++)
      if (blocks[block].offset <= access.offset &&
          (!access.block || blocks[block].offset > blocks[access.block].offset))
        access.block = static_cast<uint16_t>(block);
  return access.block;
}

static void flush_access(unsigned access, Column* columns, ColumnStart* starts, unsigned slot, unsigned warp) {
  Profile& p = profile;
  Table table;
  uint64_t executions = 0, longest = 0;
  for (unsigned lane = 0; lane < LANES; lane++) {
    Column& column = columns[size_t(lane) * p.access_capacity + access];
    ColumnStart& start = starts[size_t(lane) * p.access_capacity + access];
    uint32_t rows = static_cast<uint32_t>(column.next - start.first);
    if (!rows && !start.uncounted) continue;
    executions += rows + start.uncounted;
    longest = std::max(longest, rows + start.uncounted);
    column.next = start.first;
    start.uncounted = 0;
    if (!rows) continue;
    table.shortest = table.columns ? std::min(table.shortest, rows) : rows;
    table.longest = std::max(table.longest, rows);
    table.column[table.columns] = start.first;
    table.rows[table.columns] = rows;
    table.lane[table.columns++] = lane;
  }
  if (!executions) return;
  Tally& tally = p.accesses[access];
  tally.threads += executions;
  if (!table.columns) {
    tally.warps += longest;
    return;
  }
  unsigned block = block_of(tally);
  if (longest == table.longest && p.block_sums[block].disagree) {
    std::vector<Row> rows = rows_by_turn(slot, block, table);
    if (!rows.empty()) {
      tally.warps += rows.size();
      for (const Row& row : rows) {
        add_request(&tally, row);
        if (p.keep_block) keep_request(tally, access, row, warp);
      }
      return;
    }
  }
  tally.warps += longest;
  uint64_t units = tally.units, conflicts = tally.conflicts;
  add_requests(&tally, table);
  if (p.keep_block)
    for (uint32_t k = 0; k < table.longest && keep_request(tally, access, row_of(table, k), warp); k++) {}
  if (longest > table.longest) {
    double scale = double(longest) / table.longest;
    tally.units = units + static_cast<uint64_t>(double(tally.units - units) * scale + 0.5);
    tally.conflicts = conflicts + static_cast<uint64_t>(double(tally.conflicts - conflicts) * scale + 0.5);
    tally.estimated = 1;
  }
}

// How often the warp executed a block: in how many turns some lane did.
static uint64_t turns_of_warp(unsigned slot, unsigned block) {
  std::vector<uint32_t> all;
  for (unsigned lane = 0; lane < LANES; lane++) {
    std::vector<uint32_t> turns = turns_of(slot, lane, block);
    all.insert(all.end(), turns.begin(), turns.end());
  }
  std::sort(all.begin(), all.end());
  return static_cast<uint64_t>(std::unique(all.begin(), all.end()) - all.begin());
}

// Count a warp's basic blocks, and find those whose k-th executions are not of the same turn in all lanes.
static void count_steps(unsigned slot) {
  Profile& p = profile;
  size_t blocks = p.basic_blocks.size();
  std::vector<BlockSum>& sums = p.block_sums;
  sums.assign(blocks, BlockSum());
  const Steps* steps = &p.all_steps[size_t(slot) * LANES * p.step_capacity];
  for (unsigned lane = 0; lane < LANES; lane++, steps += p.step_capacity)
    for (size_t block = 1; block < blocks; block++) {
      uint32_t count = steps[block].count, first = steps[block].first;
      sums[block].threads += count;
      sums[block].most = std::max(sums[block].most, count);
      sums[block].least_first = count && first < sums[block].least_first ? first : sums[block].least_first;
      sums[block].most_first = count && first > sums[block].most_first ? first : sums[block].most_first;
    }
  for (auto& [key, turns] : p.turns)
    if (key >> 16 >= slot * LANES && key >> 16 < (slot + 1) * LANES) sums[key & UINT16_MAX].most_first = UINT32_MAX;
  for (size_t block = 1; block < blocks; block++) {
    BlockSum& sum = sums[block];
    if (!sum.threads) continue;
    sum.disagree = p.header_of[block] && sum.most_first > sum.least_first;
    p.basic_blocks[block].threads += sum.threads;
    p.basic_blocks[block].warps += sum.disagree ? turns_of_warp(slot, static_cast<unsigned>(block)) : sum.most;
  }
}

static void empty_steps(unsigned slot) {
  Profile& p = profile;
  Steps* steps = &p.all_steps[size_t(slot) * LANES * p.step_capacity];
  for (unsigned lane = 0; lane < LANES; lane++, steps += p.step_capacity)
    std::fill_n(steps, p.basic_blocks.size(), Steps());
}

// Lay each warp's columns side by side, count, and empty them.
void flush() {
  Profile& p = profile;
  for (unsigned warp = 0; warp < p.slot_of_warp.size(); warp++) {
    if (p.slot_of_warp[warp] < 0) continue;
    unsigned slot = static_cast<unsigned>(p.slot_of_warp[warp]);
    size_t first = size_t(slot) * LANES * p.access_capacity;
    count_steps(slot);
    for (unsigned access = 1; access < p.accesses.size(); access++)
      flush_access(access, &p.all_columns[first], &p.all_starts[first], slot, warp);
    empty_steps(slot);
    p.free_slots.push_back(slot);
    p.slot_of_warp[warp] = -1;
  }
  p.turns.clear();
  p.linear = p.warp = ~0u;
}

}  // namespace profiling
}  // namespace nogpu
