// Streams: queues of work, each with a thread that does it in order, so that a launch returns before the kernel ends.
// Events mark places in them.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace nogpu {

struct Stream {
  std::mutex mutex;
  std::condition_variable changed;
  struct Task {
    std::function<void()> run;
    std::vector<std::pair<Stream*, uint64_t>> after;  // tasks of other streams that must be done before
  };
  std::deque<Task> tasks;
  std::atomic<uint64_t> submitted{0}, completed{0};  // written under the mutex only
  bool blocking = true;  // takes part in the default stream's ordering
  bool closing = false;
};

struct Event {
  std::mutex mutex;
  Stream* stream = nullptr;  // where it was recorded last
  uint64_t ticket = 0;
  int64_t nanoseconds = 0;
  bool recorded = false;
};

Stream* create_stream(bool blocking);
void destroy_stream(Stream* stream);  // does not wait: its work is still done
Stream* default_stream();
bool stream_exists(Stream* stream);  // says whether this is a stream at all: no address is followed
uint64_t submit(Stream* stream, std::function<void()> task, std::vector<std::pair<Stream*, uint64_t>> after = {});
bool wait_for(Stream* stream, uint64_t ticket, int milliseconds);  // false when it is not done by then; -1: for ever

// A task that is done when everything submitted so far, to every stream, is done: its ticket, or 0 when all is done.
Stream* gathering_stream();
uint64_t gather();

uint64_t record_event(Event* event, Stream* stream);
void stream_wait_event(Stream* stream, Event* event);

}  // namespace nogpu
