// One kernel launch: which kernel, over which grid, and how far it has come. The threads of the worker pool and
// the launching stream's thread take blocks from it until none is left.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "kernel_interface.h"

namespace nogpu {

struct Inspection;

struct Launch {
  const Kernel* kernel = nullptr;
  std::vector<char> arguments;
  uint3 grid{}, block{};
  size_t shared_bytes = 0;
  double limit_seconds = 0;  // 0: none
  Inspection* inspection = nullptr;  // not null: the kernel is of the inspecting build

  uint64_t blocks = 0, chunk = 1;
  std::atomic<uint64_t> next{0};
  std::atomic<bool> stop{false};
  std::atomic<int> ending{0};  // the FaultKind for which the watchdog ends it, or 0
  std::mutex mutex;
  std::condition_variable idle;
  int working = 0;  // threads inside, guarded by mutex
};

void run_launch(Launch* launch);  // returns when every block is done or the launch was stopped
void work_on(Launch* launch);     // take part in it with the calling thread

void set_worker_count(int threads);  // CPU threads that one launch may use, the launching one included
int worker_count();

// Ends launches that take too long, by a signal to the threads that are in the learner's code.
void watch(Launch* launch);
void unwatch(Launch* launch);
void enter_watch(Launch* launch);  // the calling thread works on it from now on
void leave_watch();
void cancel_all(int fault_kind);   // stop every running launch now

}  // namespace nogpu
