#include "launch.h"

#include <pthread.h>

#include <deque>
#include <thread>

#include "inspection.h"

namespace nogpu {

namespace {

// The pool is never destroyed: its threads may still wait here when the process ends.
struct Pool {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Launch*> wanted;
  int threads = 0;
  std::atomic<int> limit{static_cast<int>(std::thread::hardware_concurrency())};
};

Pool& pool() {
  static Pool* instance = new Pool();
  return *instance;
}

void leave(Launch* launch) {
  std::lock_guard<std::mutex> lock(launch->mutex);
  if (--launch->working == 0) launch->idle.notify_all();
}

void helper_main() {
  Pool& p = pool();
  for (;;) {
    Launch* launch;
    {
      std::unique_lock<std::mutex> lock(p.mutex);
      p.wake.wait(lock, [&] { return !p.wanted.empty(); });
      launch = p.wanted.front();
      p.wanted.pop_front();
    }
    work_on(launch);
    leave(launch);
  }
}

Worker* worker_of_this_thread() {
  if (!nogpu_context.worker) {
    nogpu_context.worker = new Worker();
    prepare_thread_for_faults();
  }
  return current_worker();
}

}  // namespace

void set_worker_count(int threads) { pool().limit = threads < 1 ? 1 : threads; }
int worker_count() { return pool().limit; }

void work_on(Launch* launch) {
  Worker* worker = worker_of_this_thread();
  worker->launch = launch;
  ThreadContext& context = nogpu_context;
  context.block_size = launch->block;
  context.grid_size = launch->grid;
  context.count = launch->block.x * launch->block.y * launch->block.z;
  Inspection* in = launch->inspection;
  if (in) inspect_launch_begins(in, launch);
  enter_watch(launch);
  const uint64_t columns = launch->grid.x, rows = launch->grid.y;
  while (!launch->stop) {
    uint64_t first = launch->next.fetch_add(launch->chunk), last = first + launch->chunk;
    if (first >= launch->blocks) break;
    if (last > launch->blocks) last = launch->blocks;
    for (uint64_t number = first; number < last && !launch->stop; number++) {
      const uint64_t block = in ? inspect_block_begins(in, number) : number;
      context.block = {static_cast<unsigned>(block % columns), static_cast<unsigned>(block / columns % rows),
                       static_cast<unsigned>(block / (columns * rows))};
      if (!run_block(worker)) launch->stop = true;
      if (in) inspect_block_ends(in);
    }
  }
  leave_watch();
  if (in) inspect_launch_ends(in);
  if (launch->ending) fault_of_ending(launch);  // unless a thread that was left in the middle has told already
  worker->interrupted = 0;
  worker->launch = nullptr;
}

void run_launch(Launch* launch) {
  Pool& p = pool();
  launch->blocks = uint64_t(launch->grid.x) * launch->grid.y * launch->grid.z;
  uint64_t helpers = static_cast<uint64_t>(p.limit - 1);
  if (helpers > launch->blocks - 1) helpers = launch->blocks - 1;
  if (launch->inspection) helpers = 0;  // its blocks run one after the other
  launch->chunk = launch->blocks / ((helpers + 1) * 8) + 1;
  launch->working = static_cast<int>(helpers);
  watch(launch);
  if (helpers) {
    std::lock_guard<std::mutex> lock(p.mutex);
    for (; p.threads < static_cast<int>(helpers); p.threads++) std::thread(helper_main).detach();
    for (uint64_t i = 0; i < helpers; i++) p.wanted.push_back(launch);
    p.wake.notify_all();
  }
  work_on(launch);
  if (helpers) {
    {  // helpers that have not come yet need not come any more
      std::lock_guard<std::mutex> lock(p.mutex);
      int absent = 0;
      for (auto it = p.wanted.begin(); it != p.wanted.end();)
        if (*it == launch) it = p.wanted.erase(it), absent++;
        else ++it;
      std::lock_guard<std::mutex> launch_lock(launch->mutex);
      launch->working -= absent;
    }
    std::unique_lock<std::mutex> lock(launch->mutex);
    launch->idle.wait(lock, [&] { return launch->working == 0; });
  }
  unwatch(launch);
}

}  // namespace nogpu
