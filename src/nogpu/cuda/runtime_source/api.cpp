// The functions that Python calls (runtime.py declares them once more for ctypes).
#include <cstring>
#include <memory>

#include "block.h"
#include "device_heap.h"
#include "fault.h"
#include "launch.h"
#include "stream.h"

using namespace nogpu;

namespace {

// A rectangular copy: rows of `width` bytes, `height` rows, `depth` slices.
struct Rectangle {
  char* destination;
  const char* source;
  size_t destination_pitch, source_pitch, destination_slice, source_slice, width, height, depth;
};

void copy_rectangle(const Rectangle& r) {
  for (size_t z = 0; z < r.depth; z++)
    for (size_t y = 0; y < r.height; y++)
      memmove(r.destination + z * r.destination_slice + y * r.destination_pitch,
              r.source + z * r.source_slice + y * r.source_pitch, r.width);
}

void fill(char* destination, const char* pattern, size_t size, size_t count) {
  if (size == 1) {
    memset(destination, *pattern, count);
  } else {
    for (size_t i = 0; i < count; i++) memcpy(destination + i * size, pattern, size);
  }
}

}  // namespace

extern "C" {
#pragma GCC visibility push(default)

void nogpu_start(int threads) {
  install_fault_handlers();
  set_worker_count(threads);
  default_stream();
}

void nogpu_set_heap_limit(size_t bytes) { set_heap_limit(bytes); }

void* nogpu_stream_create(int blocking) { return create_stream(blocking != 0); }
void nogpu_stream_destroy(void* stream) { destroy_stream(static_cast<Stream*>(stream)); }
void* nogpu_stream_default() { return default_stream(); }

void* nogpu_stream_gathering() { return gathering_stream(); }
uint64_t nogpu_gather() { return gather(); }

uint64_t nogpu_stream_submitted(void* stream) {
  Stream* s = static_cast<Stream*>(stream);
  std::lock_guard<std::mutex> lock(s->mutex);
  return s->submitted;
}

int nogpu_stream_wait(void* stream, uint64_t ticket, int milliseconds) {
  return wait_for(static_cast<Stream*>(stream), ticket, milliseconds);
}

uint64_t nogpu_launch(void* stream, const Kernel* kernel, const char* arguments, size_t bytes, const unsigned* grid,
                      const unsigned* block, size_t shared_bytes, double limit_seconds) {
  auto launch = std::make_shared<Launch>();
  launch->kernel = kernel;
  launch->arguments.assign(arguments, arguments + bytes);
  launch->arguments.resize(bytes + 64);
  launch->grid = {grid[0], grid[1], grid[2]};
  launch->block = {block[0], block[1], block[2]};
  launch->shared_bytes = shared_bytes;
  launch->limit_seconds = limit_seconds;
  return submit(static_cast<Stream*>(stream), [launch] {
    if (!fault_pending()) run_launch(launch.get());
  });
}

uint64_t nogpu_copy(void* stream, const Rectangle* rectangle) {
  Rectangle r = *rectangle;
  return submit(static_cast<Stream*>(stream), [r] { copy_rectangle(r); });
}

uint64_t nogpu_fill(void* stream, const Rectangle* rectangle, uint32_t value, size_t size) {
  Rectangle r = *rectangle;
  return submit(static_cast<Stream*>(stream), [r, value, size] {
    for (size_t y = 0; y < r.height; y++)
      fill(r.destination + y * r.destination_pitch, reinterpret_cast<const char*>(&value), size, r.width);
  });
}

void* nogpu_event_create() { return new Event(); }
uint64_t nogpu_event_record(void* event, void* stream) {
  return record_event(static_cast<Event*>(event), static_cast<Stream*>(stream));
}
void nogpu_event_destroy(void* event) {
  Event* e = static_cast<Event*>(event);
  if (e->recorded) wait_for(e->stream, e->ticket, -1);
  delete e;
}
int64_t nogpu_event_nanoseconds(void* event) { return static_cast<Event*>(event)->nanoseconds; }
int nogpu_stream_exists(void* stream) { return stream_exists(static_cast<Stream*>(stream)); }

// Work of the host in a stream's order: the stream's thread calls function(argument).
uint64_t nogpu_host_call(void* stream, void (*function)(uint64_t), uint64_t argument) {
  return submit(static_cast<Stream*>(stream), [=] { function(argument); });
}

void nogpu_stream_wait_event(void* stream, void* event) {
  stream_wait_event(static_cast<Stream*>(stream), static_cast<Event*>(event));
}

int nogpu_fault_pending() { return fault_pending(); }
int nogpu_take_fault(Fault* fault) { return take_fault(fault); }
void nogpu_cancel() { cancel_all(static_cast<int>(FaultKind::Cancelled)); }

#pragma GCC visibility pop
}
