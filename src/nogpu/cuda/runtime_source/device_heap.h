// The memory that kernels take by malloc and new. Thread-safe; the memory outlives the launch, as on a GPU.
#pragma once
#include <cstddef>

namespace nogpu {

void set_heap_limit(size_t bytes);
size_t heap_limit();
void* heap_allocate(size_t bytes);  // null when there is no room
bool heap_free(void* pointer);      // false for what no kernel has

}  // namespace nogpu
