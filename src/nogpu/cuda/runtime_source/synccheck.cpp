// synccheck: barriers that not all threads reach together, warp operations that wait for lanes which never come.
#include "inspection.h"

namespace nogpu {

// All that live have met. Are they at the same __syncthreads()? And did anybody end without it?
void inspect_barrier(Inspection* in, Worker* worker, int line) {
  for (const Fiber* fiber : worker->ring) {
    if (fiber->wait != Wait::Barrier || fiber->generation != worker->generation) continue;
    if (!line) line = fiber->line;
    in->passed[fiber->linear] |= uint64_t(1) << (fiber->line & 63);
    if (fiber->line == line) continue;
    Finding finding = finding_here(in, Defect::DivergentBarrier);
    finding.line = line;
    finding.other_line = fiber->line;
    finding.other_thread = fiber->linear;
    finding.other_block = in->block;
    report(in, finding);
  }
  for (const Ended& ended : in->ended) {
    Finding finding = finding_here(in, Defect::EarlyExit);
    finding.line = line;
    finding.thread = ended.thread;
    finding.site = 0;
    finding.other_site = ended.last_site;
    finding.how = in->passed[ended.thread] >> (line & 63) & 1;  // it has been there: a loop that it left before others
    finding.other_thread = nogpu_context.linear;
    finding.other_block = in->block;
    report(in, finding);
  }
  in->ended.clear();
  in->passed[nogpu_context.linear] |= uint64_t(1) << (line & 63);
  in->barrier_first = ++in->tick;
  profile_barrier_released(line);
}

// Nobody of the block can go on.
void inspect_deadlock(Inspection* in, const Fiber* lane, unsigned missing, const Fiber* barrier) {
  Finding finding = finding_here(in, lane ? Defect::MissingLane : Defect::Deadlock);
  const Fiber* first = lane ? lane : barrier;
  finding.line = first->line;
  finding.thread = first->linear;
  finding.extra = missing;
  if (lane && missing) finding.other_thread = lane->linear / 32 * 32 + static_cast<unsigned>(__builtin_ctz(missing));
  if (lane && barrier) finding.other_line = barrier->line;
  finding.other_block = in->block;
  report(in, finding);
}

}  // namespace nogpu

using namespace nogpu;

extern "C" {
#pragma GCC visibility push(default)

void nogpu_thread_ended() {
  Inspection* in = inspection;
  if (!in) return;
  in->ended.push_back({nogpu_context.linear, in->last_site});
}

// A lane reads from one that takes no part in the shuffle; the mask names it or not.
void nogpu_missing_lane(unsigned source, int line) {
  Inspection* in = inspection;
  if (!in) return;
  RuntimeSection section(current_worker());
  Finding finding = finding_here(in, Defect::MissingLane);
  finding.line = line;
  finding.extra = 1u << source;
  finding.other_thread = nogpu_context.linear / 32 * 32 + source;
  finding.other_block = in->block;
  finding.how = WRITE;  // it went on: nobody waits
  report(in, finding);
}

#pragma GCC visibility pop
}
