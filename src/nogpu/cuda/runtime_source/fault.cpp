// Turns what would kill the process (a wild pointer, runaway recursion, a division by zero) into a recorded fault.
#include "fault.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cstdio>
#include <mutex>

#include "inspection.h"

namespace nogpu {

namespace {

#if defined(__x86_64__)
const int SIGNALS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
#else
const int SIGNALS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};  // the last: what the compiler knows to be wrong
#endif
struct sigaction before[65];  // who handled each signal before us, indexed by its number

std::mutex& fault_mutex() {
  static std::mutex* instance = new std::mutex();
  return *instance;
}
Fault first_fault;
std::atomic<bool> pending{false};

// Where the signal came, for an inspected launch: Python finds the line by it.
void remember_place(void* machine_context) {
  if (!inspection) return;
  const mcontext_t& machine = static_cast<ucontext_t*>(machine_context)->uc_mcontext;
#if defined(__x86_64__)
  inspection->stopped_at = static_cast<uintptr_t>(machine.gregs[REG_RIP]);
#else
  inspection->stopped_at = machine.pc;
#endif
}

// The watchdog's signal. Only the learner's own code may be left at any instruction.
void on_interrupt(int, siginfo_t*, void* machine_context) {
  Worker* worker = current_worker();
  if (!worker || !worker->launch || !worker->launch->stop) return;
  if (!worker->interrupted) remember_place(machine_context);
  worker->interrupted = 1;
  if (worker->in_kernel && worker->current) abandon_block();
}

void describe(int signal, siginfo_t* info, const Worker* worker) {
  char text[200];
  // For an address that no processor can form, the system does not tell which it was.
  auto address = info->si_code == SI_KERNEL ? ~uint64_t(0) : reinterpret_cast<uint64_t>(info->si_addr);
  if (signal == SIGFPE) {
    fault_here(FaultKind::Arithmetic, "integer division by zero (or of the most negative integer by -1)");
  } else if (signal == SIGILL || signal == SIGTRAP) {
    fault_here(FaultKind::IllegalInstruction, "the kernel reached code that cannot be executed");
  } else if (in_guard_page(worker->current, info->si_addr)) {
    snprintf(text, sizeof text, "the thread's stack of %zu KiB is used up: endless recursion, or too large local arrays",
             STACK_BYTES >> 10);
    fault_here(FaultKind::StackOverflow, text, address);
  } else {
    fault_here(FaultKind::IllegalAddress, "", address);
  }
}

void on_fault(int signal, siginfo_t* info, void* machine_context) {
  Worker* worker = current_worker();
  if (worker && worker->current && worker->in_kernel) {
    worker->in_kernel = 0;
    remember_place(machine_context);
    describe(signal, info, worker);
    abandon_block();
  }
  // Not ours: hand it to whoever was here before (Python's faulthandler, say), or die of it as usual.
  const struct sigaction& other = before[signal];
  if (other.sa_flags & SA_SIGINFO) {
    other.sa_sigaction(signal, info, machine_context);
  } else if (other.sa_handler != SIG_DFL && other.sa_handler != SIG_IGN) {
    other.sa_handler(signal);
  } else {
    sigaction(signal, &other, nullptr);  // the instruction runs again, now without us
  }
}

}  // namespace

void record_fault(const Fault& fault) {
  std::lock_guard<std::mutex> lock(fault_mutex());
  if (pending) return;
  first_fault = fault;
  pending = true;
}

bool fault_pending() { return pending; }

bool take_fault(Fault* fault) {
  std::lock_guard<std::mutex> lock(fault_mutex());
  if (!pending) return false;
  *fault = first_fault;
  pending = false;
  return true;
}

int interrupt_signal() { return SIGRTMIN + 9; }

void install_fault_handlers() {
  struct sigaction action {};
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  action.sa_sigaction = on_fault;
  for (int signal : SIGNALS) sigaction(signal, &action, &before[signal]);
  action.sa_flags |= SA_RESTART;
  action.sa_sigaction = on_interrupt;
  sigaction(interrupt_signal(), &action, nullptr);
}

void prepare_thread_for_faults() {
  constexpr size_t bytes = 64 << 10;
  stack_t stack{};
  stack.ss_sp = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack.ss_size = bytes;
  sigaltstack(&stack, nullptr);
  sigset_t ours;
  sigemptyset(&ours);
  for (int signal : SIGNALS) sigaddset(&ours, signal);
  sigaddset(&ours, interrupt_signal());
  pthread_sigmask(SIG_UNBLOCK, &ours, nullptr);
}

}  // namespace nogpu

#if !defined(__x86_64__)
// Arm divides by zero without a signal, so the compiler tests each divisor (toolchain.py) and calls this.
extern "C" __attribute__((visibility("default"))) void __ubsan_handle_divrem_overflow_abort(void*, void*, void*) {
  using namespace nogpu;
  RuntimeSection section(current_worker());
  if (inspection) inspection->stopped_at = reinterpret_cast<uintptr_t>(__builtin_return_address(0)) - 1;
  fault_here(FaultKind::Arithmetic, "integer division by zero");
  abandon_block();
}
#endif
