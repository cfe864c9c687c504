// racecheck and initcheck: two accesses that nothing orders, and reads of what nobody wrote. Called by shadow.h where
// its quick tests find something; here is the whole truth.
//
// What orders two accesses of a block: a barrier between them; for lanes of one warp, an exchange of the warp in which
// both took part (__syncwarp, a shuffle, a vote); and the pattern of locks and "last block" reductions: __threadfence,
// then an atomic function (or a volatile store) by the one, later an atomic function (or a volatile load) by the other.
// CUDA C++ Programming Guide, "Memory Fence Functions" and "Synchronization Functions"; PTX ISA, "Memory Consistency
// Model", for volatile as a strong operation.
#include "shadow.h"

#include <algorithm>

namespace nogpu {

namespace {

// Which block wrote a record: the one that ran at its tick.
const BlockTime& block_of(const Inspection* in, uint32_t tick) {
  auto next = std::upper_bound(in->blocks.begin(), in->blocks.end(), tick,
                               [](uint32_t t, const BlockTime& block) { return t < block.first; });
  return *std::prev(next);
}

// What came before the fence is handed over, and so is the atomic function itself that releases.
bool handed_over(Record earlier, const Release& release, uint32_t acquired) {
  bool covered = release.fence > tick_of(earlier) || ((earlier & RECORD_ATOMIC) && release.at + 1 >= tick_of(earlier));
  return release.at && covered && acquired > release.at;
}

}  // namespace

void maybe_race(Inspection* in, const Instruction& site, Record earlier, bool earlier_wrote, Record now, uintptr_t address) {
  if (!(mask_of(earlier) & mask_of(now))) return;
  if (earlier & now & (RECORD_ATOMIC | RECORD_VOLATILE)) return;  // both atomic, or both volatile
  uint32_t tick = tick_of(earlier);
  unsigned thread = thread_of(now), other = thread_of(earlier);
  bool same_block = tick >= in->block_first;
  if (same_block) {
    bool same_warp = thread / 32 == other / 32;
    if (same_warp && in->exchanged[thread] > tick && in->exchanged[other] > tick) return;
    if (handed_over(earlier, in->releases[other], in->acquired[thread])) return;
  } else if (handed_over(earlier, block_of(in, tick).release, in->block_acquired)) {
    return;
  }
  if (counted(in, key_of(Defect::Race, site.index, site_of(earlier), 0, 0, site.array->id), thread)) return;
  Finding finding = finding_here(in, Defect::Race);
  finding.array = site.array->id;
  finding.site = site.index;
  finding.other_site = site_of(earlier);
  finding.how = site.how;
  finding.other_how = (earlier_wrote ? WRITE : READ) | (earlier & RECORD_ATOMIC ? ATOMIC : 0u);
  finding.other_thread = other;
  finding.other_block = same_block ? in->block : block_of(in, tick).number;
  finding.offset = static_cast<int64_t>(address - site.base);
  finding.address = address;
  finding.size = site.size;
  report(in, finding);
}

void not_written(Inspection* in, const Instruction& site, Cell& cell, unsigned mask, uintptr_t address) {
  Finding finding = finding_here(in, Defect::Uninitialized);
  finding.array = site.array->id;
  finding.site = site.index;
  finding.how = site.how;
  finding.offset = static_cast<int64_t>(address - site.base);
  finding.address = address;
  finding.size = site.size;
  report(in, finding);
  if (site.array->space == Space::Global) cell.written &= ~static_cast<Record>(mask);  // once for each element
}

void atomic_orders(Inspection* in) {
  unsigned thread = nogpu_context.linear;
  uint32_t now = ++in->tick;
  if (in->fenced[thread]) {
    in->releases[thread] = {in->fenced[thread], now};
    in->blocks.back().release = {in->fenced[thread], now};
  }
  in->acquired[thread] = in->block_acquired = ++in->tick;
}

void inspect_fence(Inspection* in) { in->fenced[nogpu_context.linear] = ++in->tick; }

void inspect_exchange(Inspection* in, unsigned warp, unsigned lanes) {
  uint32_t now = ++in->tick;
  for (unsigned lane = 0; lane < 32; lane++)
    if (lanes >> lane & 1) in->exchanged[warp * 32 + lane] = now;
  in->tick++;
}

}  // namespace nogpu
