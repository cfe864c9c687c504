// malloc and free (new and delete) in a kernel: a heap of its own, as large as CUDA says (cudaLimitMallocHeapSize), so
// that a kernel that uses it wrongly meets an end or an error, and cannot harm Python's memory.
#include "device_heap.h"

#include <sys/mman.h>

#include <map>
#include <mutex>
#include <unordered_map>

namespace nogpu {

namespace {

constexpr size_t ALIGNMENT = 16;

struct Heap {
  std::mutex mutex;
  size_t limit = 8 << 20;
  size_t size = 0;                           // reserved so far
  std::map<char*, size_t> unused;            // stretches of it
  std::unordered_map<char*, size_t> pieces;  // what the kernels have
};

Heap& heap() {
  static Heap* instance = new Heap();
  return *instance;
}

// Reserves the memory at the first use, and more when the limit has grown.
void prepare(Heap& h) {
  if (h.size >= h.limit) return;
  const size_t more = h.limit - h.size;
  void* memory = mmap(nullptr, more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return;
  h.unused[static_cast<char*>(memory)] = more;
  h.size = h.limit;
}

}  // namespace

void set_heap_limit(size_t bytes) {
  std::lock_guard<std::mutex> lock(heap().mutex);
  heap().limit = (bytes + 4095) / 4096 * 4096;
}

size_t heap_limit() {
  std::lock_guard<std::mutex> lock(heap().mutex);
  return heap().limit;
}

void* heap_allocate(size_t bytes) {
  Heap& h = heap();
  std::lock_guard<std::mutex> lock(h.mutex);
  if (bytes > h.limit) return nullptr;
  prepare(h);
  const size_t size = bytes ? (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
  for (auto stretch = h.unused.begin(); stretch != h.unused.end(); ++stretch) {
    auto [start, room] = *stretch;
    if (room < size) continue;
    h.unused.erase(stretch);
    if (room > size) h.unused[start + size] = room - size;
    h.pieces[start] = size;
    return start;
  }
  return nullptr;
}

bool heap_free(void* pointer) {
  Heap& h = heap();
  std::lock_guard<std::mutex> lock(h.mutex);
  auto piece = h.pieces.find(static_cast<char*>(pointer));
  if (piece == h.pieces.end()) return false;
  auto [start, size] = *piece;
  h.pieces.erase(piece);
  auto behind = h.unused.upper_bound(start);
  if (behind != h.unused.end() && start + size == behind->first) {
    size += behind->second;
    behind = h.unused.erase(behind);
  }
  if (behind != h.unused.begin()) {
    auto before = std::prev(behind);
    if (before->first + before->second == start) {
      before->second += size;
      return true;
    }
  }
  h.unused[start] = size;
  return true;
}

}  // namespace nogpu
