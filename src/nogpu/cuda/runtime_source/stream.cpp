#include "stream.h"

#include <algorithm>
#include <chrono>

namespace nogpu {

namespace {

std::mutex& order_mutex() {  // one submission at a time, so that "everything submitted before" means something
  static std::mutex* instance = new std::mutex();
  return *instance;
}

std::vector<Stream*>& all_streams() {
  static auto* instance = new std::vector<Stream*>();
  return *instance;
}

// Looks again and again, for a moment, as CUDA's own cudaDeviceScheduleSpin does: being woken by the system takes longer
// than a small engine's run. Yielding, or two threads on one core wait for each other.
template <typename Condition>
void spin_until(Condition holds) {
  auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(50);
  while (!holds() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
}

void stream_main(Stream* stream) {
  std::unique_lock<std::mutex> lock(stream->mutex);
  for (;;) {
    if (stream->tasks.empty() && !stream->closing) {
      lock.unlock();
      spin_until([&] { return stream->submitted != stream->completed; });
      lock.lock();
    }
    stream->changed.wait(lock, [&] { return !stream->tasks.empty() || stream->closing; });
    if (stream->tasks.empty()) break;
    Stream::Task task = std::move(stream->tasks.front());
    stream->tasks.pop_front();
    lock.unlock();
    for (auto& [other, ticket] : task.after) wait_for(other, ticket, -1);
    task.run();
    lock.lock();
    stream->completed++;
    stream->changed.notify_all();
  }
  lock.unlock();
  std::lock_guard<std::mutex> order(order_mutex());
  auto& streams = all_streams();
  streams.erase(std::remove(streams.begin(), streams.end(), stream), streams.end());
}

}  // namespace

Stream* create_stream(bool blocking) {
  Stream* stream = new Stream();
  stream->blocking = blocking;
  std::lock_guard<std::mutex> lock(order_mutex());
  all_streams().push_back(stream);
  std::thread(stream_main, stream).detach();
  return stream;
}

Stream* default_stream() {
  static Stream* instance = create_stream(true);
  return instance;
}

bool stream_exists(Stream* stream) {
  std::lock_guard<std::mutex> lock(order_mutex());
  auto& streams = all_streams();
  return std::find(streams.begin(), streams.end(), stream) != streams.end();
}

void destroy_stream(Stream* stream) {
  // Its thread does what is left and ends. The object stays, a few hundred bytes: tasks of other streams may name it.
  std::lock_guard<std::mutex> lock(stream->mutex);
  stream->closing = true;
  stream->changed.notify_all();
}

Stream* gathering_stream() {
  static Stream* instance = create_stream(false);
  return instance;
}

uint64_t gather() {
  std::vector<std::pair<Stream*, uint64_t>> all;
  {
    std::lock_guard<std::mutex> order(order_mutex());
    for (Stream* stream : all_streams()) {
      std::lock_guard<std::mutex> lock(stream->mutex);
      if (stream->completed < stream->submitted) all.emplace_back(stream, stream->submitted);
    }
  }
  return all.empty() ? 0 : submit(gathering_stream(), [] {}, std::move(all));
}

uint64_t submit(Stream* stream, std::function<void()> run, std::vector<std::pair<Stream*, uint64_t>> after) {
  Stream* main = default_stream();
  std::lock_guard<std::mutex> order(order_mutex());
  // CUDA's legacy default stream: its work waits for all that came before in every blocking stream, and the other
  // way round (CUDA C++ Programming Guide, "Default Stream").
  if (stream->blocking) {
    auto depend = [&](Stream* other) {
      std::lock_guard<std::mutex> lock(other->mutex);
      if (other != stream && other->completed < other->submitted) after.emplace_back(other, other->submitted);
    };
    if (stream == main) {
      for (Stream* other : all_streams())
        if (other->blocking) depend(other);
    } else {
      depend(main);
    }
  }
  std::lock_guard<std::mutex> lock(stream->mutex);
  stream->tasks.push_back({std::move(run), std::move(after)});
  stream->changed.notify_all();
  return ++stream->submitted;
}

bool wait_for(Stream* stream, uint64_t ticket, int milliseconds) {
  if (milliseconds != 0) spin_until([&] { return stream->completed >= ticket; });
  std::unique_lock<std::mutex> lock(stream->mutex);
  auto done = [&] { return stream->completed >= ticket; };
  if (milliseconds < 0) {
    stream->changed.wait(lock, done);
    return true;
  }
  return stream->changed.wait_for(lock, std::chrono::milliseconds(milliseconds), done);
}

uint64_t record_event(Event* event, Stream* stream) {
  std::lock_guard<std::mutex> lock(event->mutex);
  event->recorded = true;
  event->stream = stream;
  event->ticket = submit(stream, [event] {
    auto now = std::chrono::steady_clock::now().time_since_epoch();
    event->nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  });
  return event->ticket;
}

void stream_wait_event(Stream* stream, Event* event) {
  std::pair<Stream*, uint64_t> mark;
  {
    std::lock_guard<std::mutex> lock(event->mutex);
    if (!event->recorded) return;
    mark = {event->stream, event->ticket};
  }
  submit(stream, [] {}, {mark});
}

}  // namespace nogpu
