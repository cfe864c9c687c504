#include "requests.h"

#include <algorithm>

// These loops gain by the CPU's wide registers, where it has them; the runtime itself is for any CPU.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define NOGPU_WIDE_REGISTERS __attribute__((optimize("O3"), target_clones("arch=x86-64-v3", "default")))
#else
#define NOGPU_WIDE_REGISTERS
#endif

namespace nogpu {
namespace profiling {

constexpr unsigned BANKS = 32, SECTOR_SHIFT = 5;  // a sector has 32 bytes, a bank's word 4
constexpr unsigned CHUNK = 64;                    // rows that are counted together

Row row_of(const Table& table, uint32_t k) {
  Row row;
  for (unsigned i = 0; i < table.columns; i++)
    if (k < table.rows[i]) {
      row.address[row.lanes] = table.column[i][k];
      row.lane[row.lanes++] = table.lane[i];
    }
  return row;
}

// Distinct sectors, in whatever order the lanes ask for them.
static unsigned sectors_of(const Row& row, unsigned bytes) {
  uint64_t seen[2 * LANES];
  unsigned count = 0;
  for (unsigned i = 0; i < row.lanes; i++) {
    seen[count++] = row.address[i] >> SECTOR_SHIFT;
    uint64_t end = (row.address[i] + bytes - 1) >> SECTOR_SHIFT;  // a misaligned access may touch two
    if (end != seen[count - 1]) seen[count++] = end;
  }
  std::sort(seen, seen + count);
  return static_cast<unsigned>(std::unique(seen, seen + count) - seen);
}

// The wavefronts for entries [first, last) of a row: the bank that is asked for the most distinct words decides.
static unsigned degree(const Row& row, unsigned first, unsigned last, unsigned bytes) {
  uint64_t words[LANES * 5];
  unsigned count = 0, of_bank[BANKS] = {}, most = 0;
  for (unsigned i = first; i < last; i++)
    for (uint64_t word = row.address[i] >> 2; word <= (row.address[i] + bytes - 1) >> 2; word++) words[count++] = word;
  std::sort(words, words + count);
  count = static_cast<unsigned>(std::unique(words, words + count) - words);
  for (unsigned i = 0; i < count; i++) most = std::max(most, ++of_bank[words[i] % BANKS]);
  return most;
}

// Whether lanes whose numbers differ only in this bit ask for the same address.
static bool pairs_agree(const Row& row, unsigned bit) {
  uint64_t address[LANES];
  unsigned present = 0;
  for (unsigned i = 0; i < row.lanes; i++) address[row.lane[i]] = row.address[i], present |= 1u << row.lane[i];
  for (unsigned lane = 0; lane < LANES; lane++) {
    unsigned other = lane ^ bit;
    if ((present >> lane & 1) && (present >> other & 1) && address[lane] != address[other]) return false;
  }
  return true;
}

// A request of 8 or 16 bytes a lane is served in 2 or 4 phases, of 16 or 8 lanes each; in half as many where
// neighbouring lanes ask for the same (inspection/profile.py names the sources).
static void add_wavefronts(Tally* tally, const Row& row) {
  unsigned bytes = tally->bytes;
  unsigned width = bytes <= 4 ? LANES : bytes <= 8 ? LANES / 2 : LANES / 4;
  if (width < LANES && (pairs_agree(row, 1) || pairs_agree(row, 2))) width *= 2;
  for (unsigned i = 0; i < row.lanes;) {
    unsigned first = i, phase = row.lane[i] / width;
    while (i < row.lanes && row.lane[i] / width == phase) i++;
    unsigned waves = degree(row, first, i, bytes);
    tally->units += waves;
    tally->conflicts += waves - 1;
  }
}

// Rows [0, table.shortest), in which every lane takes part, many rows at a time. Most warps ask in ascending order:
// sectors are counted by their changes. Others nearly always stay within 64 sectors: a bit for each. The rest is
// sorted.
NOGPU_WIDE_REGISTERS static void add_sectors(Tally* tally, const Table& table) {
  uint64_t previous[CHUNK], least[CHUNK], seen[CHUNK];
  uint64_t changes[CHUNK], falls[CHUNK];
  for (uint32_t start = 0; start < table.shortest; start += CHUNK) {
    unsigned rows = std::min<uint32_t>(CHUNK, table.shortest - start);
    uint64_t fallen = 0;
    for (unsigned k = 0; k < rows; k++) {
      least[k] = previous[k] = table.column[0][start + k] >> SECTOR_SHIFT;
      changes[k] = 1;
      falls[k] = 0;
    }
    for (unsigned i = 1; i < table.columns; i++) {
      const uint64_t* column = table.column[i] + start;
      for (unsigned k = 0; k < rows; k++) {
        uint64_t sector = column[k] >> SECTOR_SHIFT;
        changes[k] += sector != previous[k];
        falls[k] |= sector < previous[k];
        least[k] = sector < least[k] ? sector : least[k];
        previous[k] = sector;
      }
    }
    for (unsigned k = 0; k < rows; k++) fallen |= falls[k];
    if (fallen) {
      for (unsigned k = 0; k < rows; k++) seen[k] = 0;
      for (unsigned i = 0; i < table.columns; i++) {
        const uint64_t* column = table.column[i] + start;
        for (unsigned k = 0; k < rows; k++) {
          uint64_t distance = (column[k] >> SECTOR_SHIFT) - least[k];
          seen[k] |= distance < 64 ? uint64_t(1) << distance : 0;
          falls[k] |= distance < 64 ? 0 : 2;
        }
      }
      for (unsigned k = 0; k < rows; k++)
        if (falls[k] == 3) changes[k] = sectors_of(row_of(table, start + k), tally->bytes);
        else if (falls[k] == 1) changes[k] = static_cast<uint64_t>(__builtin_popcountll(seen[k]));
    }
    for (unsigned k = 0; k < rows; k++) tally->units += changes[k];
  }
}

// The same for wavefronts: lanes that ask for words within one window of 32 are not in each other's way.
NOGPU_WIDE_REGISTERS static void add_wavefronts(Tally* tally, const Table& table) {
  uint64_t least[CHUNK], most[CHUNK];
  for (uint32_t start = 0; start < table.shortest; start += CHUNK) {
    unsigned rows = std::min<uint32_t>(CHUNK, table.shortest - start);
    for (unsigned k = 0; k < rows; k++) least[k] = most[k] = table.column[0][start + k] >> 2;
    for (unsigned i = 1; i < table.columns; i++) {
      const uint64_t* column = table.column[i] + start;
      for (unsigned k = 0; k < rows; k++) {
        uint64_t word = column[k] >> 2;
        least[k] = word < least[k] ? word : least[k];
        most[k] = word > most[k] ? word : most[k];
      }
    }
    for (unsigned k = 0; k < rows; k++) {
      if (tally->bytes <= 4 && most[k] - least[k] < BANKS) tally->units++;
      else add_wavefronts(tally, row_of(table, start + k));
    }
  }
}

void add_request(Tally* tally, const Row& row) {
  if (tally->shared) add_wavefronts(tally, row);
  else tally->units += sectors_of(row, tally->bytes);
}

void add_requests(Tally* tally, const Table& table) {
  if (tally->shared) add_wavefronts(tally, table);
  else add_sectors(tally, table);
  for (uint32_t k = table.shortest; k < table.longest; k++) add_request(tally, row_of(table, k));  // some have stopped
}

}  // namespace profiling
}  // namespace nogpu
