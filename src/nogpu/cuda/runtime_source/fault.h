// What went wrong in a kernel, kept until Python asks for it.
#pragma once
#include <atomic>

#include "kernel_interface.h"

namespace nogpu {

// The numbers are shared with FaultKind in runtime.py.
enum class FaultKind : int {
  None = 0,
  IllegalAddress = 1,
  StackOverflow = 2,
  Arithmetic = 3,
  Timeout = 4,
  Cancelled = 5,
  Assertion = 6,
  Deadlock = 7,
  OutOfMemory = 8,
  IllegalInstruction = 9,
  Trap = 10,
};

struct Fault {
  FaultKind kind;
  uint3 thread, block;
  uint64_t address;
  char kernel[160];
  char message[512];
};

void record_fault(const Fault& fault);  // the first one is kept; kernels are skipped until it is taken
bool fault_pending();
bool take_fault(Fault* fault);

struct Launch;
void install_fault_handlers();         // once for the process
void prepare_thread_for_faults();      // once for each thread that runs kernels
int interrupt_signal();                // the signal that ends a kernel which does not end by itself

}  // namespace nogpu
