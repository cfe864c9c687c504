// Shadow memory: what is remembered of each four bytes that a kernel can touch, and the check of one access against it.
//
// A record says when (the tick), by which instruction, by which thread of its block, which of the four bytes, and how.
// Ticks are one time line for the launch: each begin of a block, each opening of a barrier, each exchange of a warp
// begins a new one. As blocks run one after the other, a record's tick tells its launch, block and barrier interval.
#pragma once
#include "inspection.h"

namespace nogpu {

constexpr unsigned TICK_SHIFT = 32, SITE_SHIFT = 20, THREAD_SHIFT = 10, MASK_SHIFT = 6;
constexpr Record RECORD_ATOMIC = 1 << 5, RECORD_VOLATILE = 1 << 4;
constexpr Record NOT_WRITTEN = 15;  // lowest bits of `written`: bytes that nobody has written yet

inline uint32_t tick_of(Record r) { return static_cast<uint32_t>(r >> TICK_SHIFT); }
inline uint32_t site_of(Record r) { return static_cast<uint32_t>(r >> SITE_SHIFT) & 4095; }
inline unsigned thread_of(Record r) { return static_cast<unsigned>(r >> THREAD_SHIFT) & 1023; }
inline unsigned mask_of(Record r) { return static_cast<unsigned>(r >> MASK_SHIFT) & 15; }

// In races.cpp. Each decides whether it is a defect after all, and reports it then.
void maybe_race(Inspection* in, const Instruction& site, Record earlier, bool earlier_wrote, Record now, uintptr_t address);
void not_written(Inspection* in, const Instruction& site, Cell& cell, unsigned mask, uintptr_t address);
void atomic_orders(Inspection* in);  // an atomic function was called: it may publish or acquire

// Nothing orders the record's access before one that happens now. (Other threads of a warp: see maybe_race.)
NOGPU_FAST bool unordered(const Inspection* in, Record r, unsigned thread) {
  uint32_t tick = tick_of(r);
  if (tick < in->launch_first) return false;
  if (tick >= in->barrier_first) return thread_of(r) != thread;
  return tick < in->block_first;
}

NOGPU_FAST void check_read(Inspection* in, const Instruction& site, Cell& cell, Record now, uintptr_t address) {
  Record written = cell.written;
  unsigned thread = thread_of(now);
  if (__builtin_expect(written & mask_of(now), 0)) not_written(in, site, cell, mask_of(now), address);
  if (__builtin_expect(unordered(in, written, thread), 0)) maybe_race(in, site, written, true, now, address);
  Record read = cell.read;
  if (unordered(in, read, thread)) cell.read_before = read;
  cell.read = now;
}

NOGPU_FAST void check_write(Inspection* in, const Instruction& site, Cell& cell, Record now, uintptr_t address) {
  Record written = cell.written;
  unsigned thread = thread_of(now);
  if (__builtin_expect(unordered(in, written, thread), 0)) maybe_race(in, site, written, true, now, address);
  if (__builtin_expect(unordered(in, cell.read, thread), 0)) maybe_race(in, site, cell.read, false, now, address);
  if (__builtin_expect(unordered(in, cell.read_before, thread), 0))
    maybe_race(in, site, cell.read_before, false, now, address);
  cell.written = now | (written & NOT_WRITTEN & ~static_cast<Record>(mask_of(now)));
}

// An atomic function reads what must have been written, and writes. It does not replace the thread's own plain store,
// and is remembered as a read as well: an atomic function of another thread, or a plain store, may collide with those.
inline void check_atomic(Inspection* in, const Instruction& site, Cell& cell, Record now, uintptr_t address) {
  Record written = cell.written, read = cell.read;
  unsigned thread = thread_of(now);
  if (__builtin_expect(written & mask_of(now), 0)) not_written(in, site, cell, mask_of(now), address);
  check_write(in, site, cell, now, address);
  if (!(written & RECORD_ATOMIC) && tick_of(written) >= in->barrier_first && thread_of(written) == thread)
    cell.written = written;
  if (unordered(in, read, thread)) cell.read_before = read;
  cell.read = now;
}

NOGPU_FAST void check_cell(Inspection* in, const Instruction& site, Cell& cell, Record now, unsigned how, uintptr_t address) {
  if (__builtin_expect(how & ATOMIC, 0)) {
    check_atomic(in, site, cell, now, address);
  } else if (how & WRITE) {
    check_write(in, site, cell, now, address);
  } else {
    check_read(in, site, cell, now, address);
  }
}

NOGPU_FAST void check_shadow(Inspection* in, Instruction& site, uintptr_t address, unsigned size, unsigned how) {
  if (__builtin_expect(how & ATOMIC, 0)) atomic_orders(in);
  uintptr_t offset = address - site.base;
  // Where this instruction goes next, if it goes on as it did: walks down a column miss the cache otherwise.
  __builtin_prefetch(site.cells + static_cast<intptr_t>(2 * offset - site.last_offset) / 4, 1);
  site.last_offset = offset;
  Record now = static_cast<Record>(in->tick) << TICK_SHIFT | static_cast<Record>(site.index) << SITE_SHIFT |
               static_cast<Record>(nogpu_context.linear) << THREAD_SHIFT;
  if (how & ATOMIC) now |= RECORD_ATOMIC;
  if (how & VOLATILE) now |= RECORD_VOLATILE;
  if (__builtin_expect((size & 3) == 0 && (offset & 3) == 0, 1)) {
    for (unsigned i = 0; i < size; i += 4)
      check_cell(in, site, site.cells[(offset + i) >> 2], now | 15 << MASK_SHIFT, how, address + i);
    return;
  }
  for (unsigned i = 0; i < size;) {  // some bytes of a cell, and of the next
    unsigned first = (offset + i) & 3, count = 4 - first < size - i ? 4 - first : size - i;
    Record mask = ((1u << count) - 1) << first;
    check_cell(in, site, site.cells[(offset + i) >> 2], now | mask << MASK_SHIFT, how, address + i);
    i += count;
  }
}

}  // namespace nogpu
