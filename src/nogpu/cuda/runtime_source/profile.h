// Counts what a GPU would do with a kernel's memory accesses: requests, sectors, bank conflicts, divergence.
// The inspecting build's accesses, basic blocks, barriers and blocks call it; profile.cpp counts.
//
// The lanes of a warp run one after the other here, so each thread's accesses are only written down, one column of
// addresses for each instruction. When a warp's lanes have all passed, its columns are laid side by side: row k holds
// what the lanes asked for at their k-th execution of that instruction since the last __syncthreads(), and that row is
// one request. Where lanes left out different turns of a loop, rows are formed by turns instead.
// inspection/profile.py says what is counted, in whose words.
#pragma once
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "kernel_interface.h"

namespace nogpu {

enum class SiteKind : uint8_t { Load, Store, Atomic };

// One instruction, or the beginning of one basic block, and what it did in the launch. Read by Python
// (inspection/profile_recording.py).
struct Tally {
  uint64_t offset = 0;     // from the start of the text to after the call that told us
  uint64_t threads = 0;    // executions by threads
  uint64_t warps = 0;      // executions by warps; of an access, the requests
  uint64_t units = 0;      // global memory: sectors; shared memory: wavefronts
  uint64_t conflicts = 0;  // wavefronts that only bank conflicts make necessary
  uint32_t bytes = 0;      // of one thread's access; 0: a basic block
  SiteKind kind = SiteKind::Load;
  uint8_t shared = 0;
  uint8_t estimated = 0;  // it ran more often between two barriers than is kept: units are extrapolated
  uint16_t block = 0;     // of an access: the basic block in which it stands
};

// How often a thread has entered a basic block since the last barrier, and in which turn of the block's loop first.
struct Steps {
  uint32_t count = 0, first = 0;
};

// The addresses that one thread asked for by one instruction since the last barrier: where the next one goes, and where
// there is no more room.
struct Column {
  uint64_t* next = nullptr;
  uint64_t* end = nullptr;
};

// The rest of a column, which is seldom looked at.
struct ColumnStart {
  uint64_t* first = nullptr;
  uint64_t uncounted = 0;  // addresses that found no room
};

// One request that is kept for pictures.
struct KeptRequest {
  uint64_t offset;
  uint64_t address[32];
  uint64_t block;  // linear
  uint32_t warp, occurrence, lanes, bytes;  // lanes: which ones take part, a bit for each
  SiteKind kind;
  uint8_t shared;
};

// Where the innermost loop around an address begins and ends, and the address that its first basic block reports. All
// from the start of the text.
struct Loop {
  uint64_t begin, end, header;
};

// A warp's executions of one basic block.
struct BlockSum {
  uint64_t threads = 0;  // by all lanes
  uint32_t most = 0;     // by the lane that did most
  uint32_t least_first = UINT32_MAX, most_first = 0;
  bool disagree = false;  // the k-th executions are not of the same turn in all lanes
};

struct Profile {
  bool wanted = false, on = false, shuffled = false;
  unsigned linear = ~0u;    // the thread to which `columns` and `steps` belong; no thread at all after a barrier
  unsigned warp = ~0u;
  Column* columns = nullptr;  // one for each instruction that accesses memory
  Steps* steps = nullptr;  // one for each basic block
  uint64_t text = 0, text_bytes = 0;
  uint64_t place = 0;  // where the basic block begins that was entered last, also where nothing is counted
  std::vector<uint16_t> access_at;  // by twice the distance from `text`, one more for shared memory: 0, or the access
  std::vector<uint32_t> block_at;   // by distance from `text`: 0, or the basic block, and above it `header_of` it

  std::vector<Tally> accesses, basic_blocks;
  std::vector<Column> all_columns;  // [slot][lane][access]
  std::vector<ColumnStart> all_starts;
  std::vector<Steps> all_steps;  // [slot][lane][basic block]
  unsigned access_capacity = 0, start_capacity = 0, step_capacity = 0;
  std::vector<int> slot_of_warp;  // -1: this warp has written nothing down
  std::vector<unsigned> free_slots;
  unsigned slots = 0;
  uint64_t stored_bytes = 0;

  // In a loop, a branch may be taken by different lanes in different turns. A turn begins with the loop's first basic
  // block; lanes whose executions of a block began in the same turn, and left none out, agree. For the others:
  std::vector<Loop> loops;
  std::vector<BlockSum> block_sums;  // of the warp that is being counted
  std::vector<uint16_t> header_of;  // of each basic block: its innermost loop's first one; 0: none, or of no use
  std::unordered_map<uint64_t, std::vector<uint32_t>> turns;  // by slot, lane and block: the turn of each execution

  uint32_t block = 0;
  bool keep_block = false;  // keep this block's requests for pictures
  unsigned found_blocks = 0;
  std::vector<KeptRequest> kept;
  std::vector<uint8_t> kept_of;                // [access][warp]: requests of this block that are kept
  std::unordered_map<int, uint64_t> barriers;  // line -> times that a block passed it
};
extern Profile profile;

void profile_begin_launch(uint64_t text, uint64_t text_bytes);  // where the kernel's machine code lies
void profile_end_launch();
void profile_begin_block(uint32_t block);  // the block's linear index
void profile_end_block();
void profile_barrier_released(int line);  // all threads of the block have come to __syncthreads(), none has gone on
void profile_keep_block();                // something was found in this block: keep its requests for pictures

void profile_change_thread();
void profile_skipped(unsigned block, uint32_t turn);
void profile_grow(Column* column);

// The number of an instruction that accesses global or shared memory, from 1; 0: no more are counted. `pc` is the
// return address of the call by which the compiler tells of the access.
uint16_t profile_number(uint64_t pc, unsigned bytes, SiteKind kind, bool shared);

// The running thread accesses `address`, which is valid memory, by the instruction of that number.
inline void profile_access(uint16_t number, uint64_t address) {
  Profile& p = profile;
  if (__builtin_expect(p.linear != nogpu_context.linear, 0)) profile_change_thread();
  Column& column = p.columns[number];
  if (__builtin_expect(column.next == column.end, 0)) {
    profile_grow(&column);
    if (column.next == column.end) return;
  }
  *column.next++ = address;
}

// An access of a size that no instruction has, such as a struct of three floats: one instruction for each part.
void profile_range(uint64_t pc, uint64_t address, unsigned bytes, SiteKind kind, bool shared);

}  // namespace nogpu
