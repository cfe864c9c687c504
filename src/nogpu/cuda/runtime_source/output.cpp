// What kernels print is kept until the host synchronises, as on a GPU; and the other services a kernel may ask for.
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <string>

#include "device_heap.h"
#include "inspection.h"

using namespace nogpu;

namespace {

constexpr size_t LIMIT = 1 << 20;  // CUDA's default printf buffer, cudaLimitPrintfFifoSize

struct Output {
  std::mutex mutex;
  std::string text;
  size_t dropped = 0;
};

Output& output() {
  static Output* instance = new Output();
  return *instance;
}

}  // namespace

extern "C" {

int nogpu_printf(const char* format, ...) {
  char line[4096];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line, format, arguments);  // still the kernel's: %s of a wild pointer is its fault
  va_end(arguments);
  RuntimeSection section(current_worker());
  if (length < 0) return length;
  Output& out = output();
  std::lock_guard<std::mutex> lock(out.mutex);
  if (out.text.size() + strlen(line) > LIMIT) out.dropped++;
  else out.text += line;
  return length;
}

__attribute__((visibility("default"))) size_t nogpu_take_output(char* buffer, size_t bytes, size_t* dropped) {
  Output& out = output();
  std::lock_guard<std::mutex> lock(out.mutex);
  size_t taken = out.text.size() < bytes ? out.text.size() : bytes;
  memcpy(buffer, out.text.data(), taken);
  out.text.erase(0, taken);
  *dropped = out.dropped;
  out.dropped = 0;
  return taken;
}

void nogpu_assert_failed(const char* expression, const char* file, int line, const char* function) {
  RuntimeSection section(current_worker());
  char message[400];
  snprintf(message, sizeof message, "%s:%d: %s: assertion `%s` failed", file, line, function, expression);
  fault_here(FaultKind::Assertion, message);
  abandon_block();
}

void nogpu_trap(const char* what) {
  RuntimeSection section(current_worker());
  fault_here(FaultKind::Trap, what);
  abandon_block();
}

void* nogpu_device_malloc(size_t bytes, int line) {
  RuntimeSection section(current_worker());
  if (inspection) return inspect_malloc(inspection, bytes, line);
  return heap_allocate(bytes);
}

void nogpu_device_free(void* pointer, int line) {
  RuntimeSection section(current_worker());
  if (inspection) return inspect_free(inspection, pointer, line);
  if (!pointer || heap_free(pointer)) return;
  fault_here(FaultKind::Trap, "free() of what malloc has not returned, or of what was freed before");
  abandon_block();
}

}  // extern "C"
