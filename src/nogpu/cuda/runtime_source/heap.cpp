// malloc and free in an inspected kernel: each piece is an array of its own, and a freed one is not used again before the
// launch ends, so that who still uses it is seen. What is not freed lives on for the launches that keep it (those through
// the driver: a later kernel may use it).
#include <algorithm>
#include <cstdlib>

#include "device_heap.h"
#include "dispatch.h"

namespace nogpu {

namespace {

constexpr size_t HEAP_GUARD = 64;
constexpr int HEAP_ID = 1 << 24;  // HEAP in inspection/launch.py

std::vector<Array*>& kept() {
  static auto* instance = new std::vector<Array*>();
  return *instance;
}

size_t bytes_in_use(const Inspection* in) {
  size_t bytes = 0;
  for (const Array* array : in->heap)
    if (!array->freed) bytes += array->size;
  return bytes;
}

void release(Array* array) {
  free(array->cells);
  free(reinterpret_cast<char*>(array->base) - HEAP_GUARD);
  delete array;
}

bool starts_before(const Array* a, const Array* b) { return a->base < b->base; }

}  // namespace

void* inspect_malloc(Inspection* in, size_t bytes, int line) {
  if (bytes > heap_limit() || bytes_in_use(in) + bytes > heap_limit()) return nullptr;
  auto* memory = static_cast<char*>(malloc(bytes + 2 * HEAP_GUARD));
  if (!memory) return nullptr;
  auto base = reinterpret_cast<uintptr_t>(memory) + HEAP_GUARD;
  auto* array = new Array{base, bytes, nullptr, Space::Heap, HEAP_ID, false, true, HEAP_GUARD, line};
  array->cells = static_cast<Cell*>(calloc(bytes / 4 + 2, sizeof(Cell)));
  std::fill(array->cells, array->cells + bytes / 4 + 1, Cell{NOT_WRITTEN, 0, 0});
  in->heap.push_back(array);
  in->arrays.insert(std::upper_bound(in->arrays.begin(), in->arrays.end(), array, starts_before), array);
  return reinterpret_cast<void*>(base);
}

void inspect_free(Inspection* in, void* pointer, int line) {
  if (!pointer) return;
  auto address = reinterpret_cast<uintptr_t>(pointer);
  for (Array* array : in->heap)
    if (array->base == address && !array->freed) {
      array->freed = true;
      for (Instruction& site : in->sites)
        if (site.array == array) site.limit = 0;  // the next access looks again
      return;
    }
  Finding finding = finding_here(in, Defect::DoubleFree);
  finding.line = line;
  finding.address = address;
  report(in, finding);
}

// What the kernel did not free, one finding for each malloc() in the source.
void report_leaks(Inspection* in) {
  for (const Array* array : in->heap) {
    if (array->freed || array->is_old) continue;
    Finding finding = finding_here(in, Defect::Leak);
    finding.line = array->line;
    finding.thread = 0;
    for (const Array* other : in->heap)
      if (other->line == array->line && !other->freed && !other->is_old) finding.size += other->size;
    report(in, finding);
  }
}

void adopt_heap(Inspection* in) {
  if (!in->keeps_heap) return;
  in->heap.swap(kept());
  in->arrays.insert(in->arrays.end(), in->heap.begin(), in->heap.end());
}

void release_heap(Inspection* in) {
  for (Array* array : in->heap) {
    if (array->freed || !in->keeps_heap) {
      release(array);
    } else {
      array->is_old = true;
      kept().push_back(array);
    }
  }
  in->heap.clear();
}

}  // namespace nogpu
