// What the sanitizer and the profile share while a kernel runs on the inspecting build: who accesses what, and where
// in the source. One launch is inspected at a time, on one CPU thread, so nothing here needs a lock.
//
//   accesses.cpp    the compiler's calls, one for each memory access
//   dispatch.h      the way of one access: which instruction, which array, the shadow memory, the profile
//   shadow.h        shadow memory: who wrote and read each word last; races.cpp: whether two accesses are a race
//   memcheck.cpp    accesses that lie in no array
//   synccheck.cpp   barriers and warp operations
//   orders.cpp      the order in which blocks and threads run
//   inspection.cpp  the arrays, the life of an inspected launch, what Python asks
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "block.h"
#include "profile.h"

// Compiled into each of the compiler's calls, where the size and the kind of the access are constants.
#define NOGPU_FAST inline __attribute__((always_inline))

namespace nogpu {

enum class Space : int { Global = 0, Shared = 1, Constant = 2, Heap = 3 };

// The kinds of findings; the numbers are those of KINDS in inspection/library.py.
enum class Defect : int {
  OutOfBounds = 0,
  UseAfterFree = 1,
  HostPointer = 2,
  Misaligned = 3,
  BadAddress = 4,
  Race = 5,
  Uninitialized = 6,
  DivergentBarrier = 7,
  MissingLane = 8,
  Deadlock = 9,
  EarlyExit = 10,
  DoubleFree = 11,
  Leak = 12,
};

// How memory is accessed: bits.
enum : unsigned { READ = 0, WRITE = 1, ATOMIC = 2, VOLATILE = 4 };

// One record in the shadow memory: when, by which instruction, by which thread, which bytes, and how. 0: nobody yet.
using Record = uint64_t;

// The shadow of four bytes.
struct Cell {
  Record written, read, read_before;  // the last write, and the last reads by two different threads
};

// An array that kernels may touch: a buffer, a __shared__ or __constant__ variable. Addresses are the process's own.
struct Array {
  uintptr_t base;
  size_t size;
  Cell* cells;  // one for each four bytes
  Space space;
  int id;        // Python's number for it
  bool freed;
  bool tracked;  // it may have bytes that nobody has written
  size_t guard;  // so many bytes before and behind it belong to nobody, and may be touched
  int line = 0;  // of the malloc() that it comes from; 0 for new
  bool is_old = false;  // from malloc() in an earlier launch
};

// An instruction of the kernel that accesses memory, known by the return address of its call into the runtime.
struct alignas(64) Instruction {
  uintptr_t base = 0;  // the array that it accessed last, so that most accesses need no search
  size_t limit = 0;    // below this distance from `base`, an access lies in that array
  Cell* cells = nullptr;
  const Array* array = nullptr;
  uint64_t offset = 0;  // of the return address in the module: Python finds the line by it
  uint32_t index = 0;   // in Inspection::sites, from 1
  uintptr_t last_offset = 0;  // from `base`, of its last access
  uint32_t size = 0;    // bytes of one access; 0 where it differs from call to call
  unsigned how = 0;     // READ, WRITE, ATOMIC, VOLATILE
  uint16_t profiled = 0;  // the profile's number for it, as long as it accesses memory of the same kind
};

// What is wrong, in numbers; Python makes the sentence. As FindingRecord in inspection/library.py.
struct Finding {
  int defect, array;                // the array's id, or -1
  uint32_t site, other_site;        // numbers of sites, 0: none
  int line, other_line;             // where there is no site: barriers know their lines
  unsigned how, other_how;
  unsigned thread, other_thread;    // linear within the block
  uint64_t block, other_block;      // linear within the grid
  int64_t offset;                   // in bytes, from the array's start
  uint64_t address, size, count, extra;
};

// A release: an atomic function at tick `at`, after a __threadfence() at tick `fence`. What came before is published.
struct Release {
  uint32_t fence = 0, at = 0;
};

struct BlockTime {
  uint32_t first;  // tick
  uint64_t number;
  Release release;
};

struct Ended {
  unsigned thread;
  uint32_t last_site;  // its last memory access
};

constexpr unsigned MAXIMUM_THREADS = 1024;  // of a block

// An inspected launch.
struct Inspection {
  Launch* launch = nullptr;
  uintptr_t module = 0, module_size = 0, text = 0, text_size = 0;  // where the kernel's module lies, and its code
  std::vector<uint16_t> site_of;                  // by distance from `text`: the number of the site, 0 for unknown
  std::vector<Instruction> sites;
  std::vector<Array*> arrays;  // sorted by base
  std::vector<Array*> owned;   // of this launch only: shared memory
  std::vector<Array*> heap;    // what the kernel has from malloc
  bool keeps_heap = false;     // what is not freed is for later launches that say so, too
  std::vector<Finding> findings;
  std::vector<uint64_t> keys;  // of findings: what counts as the same
  size_t last_key = 0;          // of the finding that came last
  uint64_t dropped = 0;
  std::vector<std::pair<int, uintptr_t>> addresses;  // of shared variables, by id: for Python, after the launch
  uint64_t block = 0;          // linear index of the running one
  unsigned order = 0;          // 0 forward, 1 reverse, 2 shuffled
  // Time, in ticks. Everything that orders accesses begins a new one: a launch, a block, a barrier, a warp's exchange.
  uint32_t tick = 1, launch_first = 1, block_first = 1, barrier_first = 1;
  std::vector<BlockTime> blocks;
  // Of the running block's threads: when they last took part in an exchange of their warp, fenced, released, acquired.
  uint32_t exchanged[MAXIMUM_THREADS], fenced[MAXIMUM_THREADS], acquired[MAXIMUM_THREADS], block_acquired = 0;
  Release releases[MAXIMUM_THREADS];
  uint64_t passed[MAXIMUM_THREADS];  // the barriers that each has passed: a bit for each line, modulo 64
  std::vector<Ended> ended;    // threads that are over since the last barrier opened
  uint32_t last_site = 0;      // of the access that happened last
  uintptr_t last_block = 0;    // and the basic block that was entered last, known when it is over
  uintptr_t stopped_at = 0;    // where in the code a signal ended it
  std::vector<unsigned> thread_order, block_order;  // empty: as they come
};
extern __thread Inspection* inspection __attribute__((tls_model("initial-exec")));  // null: nothing is inspected here

// --- the life of an inspected launch (inspection.cpp), called by launch.cpp ---------------------------------------

void inspect_launch_begins(Inspection* in, Launch* launch);
uint64_t inspect_block_begins(Inspection* in, uint64_t number);  // returns which block is the `number`-th to run
void inspect_block_ends(Inspection* in);
void inspect_launch_ends(Inspection* in);
void inspect_order(Inspection* in);  // decides the order of blocks and threads
void inspect_begin_waiting(Inspection* in, Worker* worker);
void inspect_fence(Inspection* in);
void inspect_exchange(Inspection* in, unsigned warp, unsigned lanes);
void inspect_deadlock(Inspection* in, const Fiber* lane, unsigned missing, const Fiber* barrier);
void inspect_barrier(Inspection* in, Worker* worker, int line);  // before it opens; line 0: the last one ended

void* inspect_malloc(Inspection* in, size_t bytes, int line);  // heap.cpp
void inspect_free(Inspection* in, void* pointer, int line);
void report_leaks(Inspection* in);
void adopt_heap(Inspection* in);
void release_heap(Inspection* in);

// Which findings count as the same; and whether one like it is known, which is then counted and need not be reported.
uint64_t key_of(Defect defect, uint32_t site, uint32_t other_site, int line, int other_line, int array);
bool counted(Inspection* in, uint64_t key, unsigned thread);

void report(Inspection* in, const Finding& finding);           // keeps it, or counts it to one that says the same
Finding finding_here(const Inspection* in, Defect defect);     // with the running thread and block
[[noreturn]] void stop_inspected();                            // nothing sensible can follow: leave the kernel
const Array* find_array(const Inspection* in, uintptr_t address);     // that contains it, or null
const Array* nearest_array(const Inspection* in, uintptr_t address);  // that it most likely missed, or null

constexpr unsigned MAXIMUM_SITES = 4095;  // a record has 12 bits for them; more count as one
// Bytes between a __shared__ variable and the next; inspection/redzones.py puts them there.
inline size_t shared_guard(size_t size) { return size < 256 ? 256 : size < 16384 ? size / 16 * 16 : 16384; }

}  // namespace nogpu
