// Stacks for fibers, and the calls that leave one stack and go on with another.
#include "fiber.h"

#include <sys/mman.h>

// A fiber goes on by a jump, not by `ret`: it has usually waited at another place of the kernel than the one that was
// just called, and the processor would predict each return wrongly. A fresh fiber is a direct jump, for the same reason.
#if defined(__x86_64__)
asm(R"(
.macro nogpu_save
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
.endm

.macro nogpu_go_on  # with the stack pointer in rsp and the result in rax
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  popq %rcx
  jmp *%rcx
.endm

.macro nogpu_waiting_call name, step, argument  # the step's last argument: our stack pointer
.text
.p2align 4
.type \name,@function
\name:
  nogpu_save
  movq %rsp, %\argument
  subq $8, %rsp
  call \step
  testq %rax, %rax
  jz 1f
  movq %rax, %rsp
  movq %rdx, %rax
  nogpu_go_on
1:
  movq %rdx, %rsp
  jmp nogpu_fiber_main
.size \name, .-\name
.endm

.globl nogpu_barrier
.globl nogpu_exchange
.globl nogpu_wait
.hidden nogpu_wait
nogpu_waiting_call nogpu_barrier, nogpu_barrier_step, rsi
nogpu_waiting_call nogpu_exchange, nogpu_exchange_step, rcx
nogpu_waiting_call nogpu_wait, nogpu_wait_step, rdx

.globl nogpu_enter
.hidden nogpu_enter
.type nogpu_enter,@function
nogpu_enter:
  nogpu_save
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  jmp nogpu_fiber_main
.size nogpu_enter, .-nogpu_enter

.globl nogpu_leave
.hidden nogpu_leave
.type nogpu_leave,@function
nogpu_leave:
  movq %rdi, %rsp
  movq %rsi, %rax
  nogpu_go_on
.size nogpu_leave, .-nogpu_leave
)");
#elif defined(__aarch64__)
asm(R"(
.macro nogpu_save
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
.endm

.macro nogpu_go_on  // with the stack pointer in sp and the result in x0
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  br x30
.endm

.macro nogpu_waiting_call name, step, argument  // the step's last argument: our stack pointer
.text
.p2align 4
.type \name,%function
\name:
  nogpu_save
  mov \argument, sp
  bl \step
  cbz x0, 1f
  mov sp, x0
  mov x0, x1
  nogpu_go_on
1:
  mov sp, x1
  b nogpu_fiber_main
.size \name, .-\name
.endm

.globl nogpu_barrier
.globl nogpu_exchange
.globl nogpu_wait
.hidden nogpu_wait
nogpu_waiting_call nogpu_barrier, nogpu_barrier_step, x1
nogpu_waiting_call nogpu_exchange, nogpu_exchange_step, x3
nogpu_waiting_call nogpu_wait, nogpu_wait_step, x2

.globl nogpu_enter
.hidden nogpu_enter
.type nogpu_enter,%function
nogpu_enter:
  nogpu_save
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  b nogpu_fiber_main
.size nogpu_enter, .-nogpu_enter

.globl nogpu_leave
.hidden nogpu_leave
.type nogpu_leave,%function
nogpu_leave:
  mov sp, x0
  mov x0, x1
  nogpu_go_on
.size nogpu_leave, .-nogpu_leave
)");
#else
#error "nogpu has fibers for x86-64 and arm64 only"
#endif

namespace nogpu {

Fiber* new_fiber() {
  size_t bytes = STACK_BYTES + GUARD_BYTES;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  mprotect(memory, GUARD_BYTES, PROT_NONE);
  Fiber* fiber = new Fiber();
  // Stack tops at equal distances would all fall into the same cache sets: shift each by a few lines.
  size_t colour = 64 * ((reinterpret_cast<uintptr_t>(memory) / bytes) % 61);
  void** top = reinterpret_cast<void**>(static_cast<char*>(memory) + bytes - 64 - colour);
  *--top = nullptr;
#if defined(__x86_64__)
  *--top = nullptr;
  *--top = nullptr;  // where a call would have left its return address: nogpu_fiber_main never returns
#else
  *--top = nullptr;
#endif
  fiber->top = top;
  return fiber;
}

bool in_guard_page(const Fiber* fiber, const void* address) {
  const char* byte = static_cast<const char*>(address);
  const char* stack = stack_of(fiber);
  return byte >= stack - GUARD_BYTES && byte < stack;
}

}  // namespace nogpu
