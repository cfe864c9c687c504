// The watchdog ends kernels that run too long, and those that the learner interrupts.
//
// It works by a signal: its handler (fault.cpp) leaves the learner's code wherever it is. A thread that happens to be
// in the runtime instead notices at its next step; so the signal is repeated until nobody is left inside.
#include <pthread.h>

#include <thread>
#include <vector>

#include "block.h"
#include "fault.h"
#include "launch.h"

namespace nogpu {

namespace {

using Clock = std::chrono::steady_clock;

struct Inside {
  pthread_t thread;
  Launch* launch;
};

struct Running {
  Launch* launch;
  Clock::time_point deadline;
  bool has_deadline, ended;
};

struct Watchdog {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Running> running;
  std::vector<Inside> inside;
  bool started = false;
  Clock::time_point wakes = Clock::time_point::min();  // when it will look next
};

Watchdog& watchdog() {
  static Watchdog* instance = new Watchdog();  // never destroyed: its thread outlives main()
  return *instance;
}

void end_launch(Running& running, FaultKind kind) {
  if (!running.ended) {
    running.ended = true;
    running.launch->ending = static_cast<int>(kind);
    running.launch->stop = true;
  }
  for (const Inside& each : watchdog().inside)
    if (each.launch == running.launch) pthread_kill(each.thread, interrupt_signal());
}

void watchdog_main() {
  Watchdog& dog = watchdog();
  std::unique_lock<std::mutex> lock(dog.mutex);
  for (;;) {
    bool ending = false;
    auto now = Clock::now(), earliest = now + std::chrono::hours(1);
    for (Running& running : dog.running) {
      if (running.ended || (running.has_deadline && running.deadline <= now)) {
        end_launch(running, FaultKind::Timeout);
        ending = true;
      } else if (running.has_deadline && running.deadline < earliest) {
        earliest = running.deadline;
      }
    }
    dog.wakes = ending ? now + std::chrono::milliseconds(10) : earliest;
    dog.changed.wait_until(lock, dog.wakes);
  }
}

}  // namespace

void watch(Launch* launch) {
  Watchdog& dog = watchdog();
  std::lock_guard<std::mutex> lock(dog.mutex);
  auto limit = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(launch->limit_seconds));
  auto deadline = Clock::now() + limit;
  dog.running.push_back({launch, deadline, launch->limit_seconds > 0, false});
  if (launch->limit_seconds > 0 && deadline < dog.wakes) dog.changed.notify_all();
  if (!dog.started) {
    dog.started = true;
    std::thread(watchdog_main).detach();
  }
}

void unwatch(Launch* launch) {
  Watchdog& dog = watchdog();
  std::lock_guard<std::mutex> lock(dog.mutex);
  for (size_t i = 0; i < dog.running.size(); i++)
    if (dog.running[i].launch == launch) {
      dog.running.erase(dog.running.begin() + static_cast<long>(i));
      break;
    }
}

void enter_watch(Launch* launch) {
  Watchdog& dog = watchdog();
  std::lock_guard<std::mutex> lock(dog.mutex);
  dog.inside.push_back({pthread_self(), launch});
}

void leave_watch() {
  Watchdog& dog = watchdog();
  std::lock_guard<std::mutex> lock(dog.mutex);
  for (size_t i = 0; i < dog.inside.size(); i++)
    if (pthread_equal(dog.inside[i].thread, pthread_self())) {
      dog.inside.erase(dog.inside.begin() + static_cast<long>(i));
      break;
    }
}

void cancel_all(int fault_kind) {
  Watchdog& dog = watchdog();
  std::lock_guard<std::mutex> lock(dog.mutex);
  for (Running& running : dog.running) end_launch(running, static_cast<FaultKind>(fault_kind));
  dog.changed.notify_all();
}

}  // namespace nogpu
