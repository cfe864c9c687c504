// Inside the profile: what one warp's addresses cost (requests.cpp), and which executions of its lanes belong together
// (warp_counts.cpp). Used by profile.cpp.
#pragma once
#include "profile.h"

namespace nogpu {
namespace profiling {

constexpr unsigned LANES = 32;
constexpr uint32_t LONGEST_COLUMN = 1 << 18;  // executions of one instruction that are kept for each thread

// One warp's columns of one instruction, of the lanes that take part.
struct Table {
  const uint64_t* column[LANES];
  uint32_t rows[LANES];  // of each column
  unsigned lane[LANES];
  unsigned columns = 0;
  uint32_t shortest = 0, longest = 0;
};

// The addresses of one row: one request.
struct Row {
  uint64_t address[LANES];
  unsigned lane[LANES];
  unsigned lanes = 0;
};

Row row_of(const Table& table, uint32_t k);

// Add the table's rows, each of them a request, to the tally of their instruction.
void add_requests(Tally* tally, const Table& table);
void add_request(Tally* tally, const Row& row);

void flush();  // count what all warps have written down, and empty it

// Where `Profile::turns` has those of a lane's executions of a basic block.
inline uint64_t turns_key(unsigned slot, unsigned lane, unsigned block) {
  return (uint64_t(slot) * LANES + lane) << 16 | block;
}

}  // namespace profiling
}  // namespace nogpu
