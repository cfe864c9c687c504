// Stacks for fibers, and the switch between two of them.
#include "fiber.h"

#include <sys/mman.h>

// Save the callee-saved registers on the old stack, take them from the new one. `ret` is predicted well, for nearly
// always the fiber that goes on was left at the same place of the code (with `pop; jmp` each barrier cost twice as much).
#if defined(__x86_64__)
asm(R"(
.text
.globl nogpu_switch
.hidden nogpu_switch
.type nogpu_switch,@function
nogpu_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size nogpu_switch, .-nogpu_switch
)");
constexpr int SAVED_WORDS = 6;  // rbp, rbx, r12 to r15
#elif defined(__aarch64__)
asm(R"(
.text
.globl nogpu_switch
.hidden nogpu_switch
.type nogpu_switch,@function
nogpu_switch:
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
  mov x9, sp
  str x9, [x0]
  mov sp, x1
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
  ret
.size nogpu_switch, .-nogpu_switch
)");
#else
#error "nogpu has a fiber switch for x86-64 and arm64 only"
#endif

namespace nogpu {

Fiber* new_fiber() {
  size_t bytes = STACK_BYTES + GUARD_BYTES;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  mprotect(memory, GUARD_BYTES, PROT_NONE);
  Fiber* fiber = new Fiber();
  fiber->stack = static_cast<char*>(memory) + GUARD_BYTES;
  // Stack tops at equal distances would all fall into the same cache sets: shift each by a few lines.
  size_t colour = 64 * ((reinterpret_cast<uintptr_t>(memory) / bytes) % 61);
  fiber->top = reinterpret_cast<void**>(fiber->stack + STACK_BYTES - 64 - colour);
  return fiber;
}

void prepare_fiber(Fiber* fiber, void (*entry)()) {
  void** top = fiber->top;
#if defined(__x86_64__)
  *--top = nullptr;  // keeps the stack aligned as a call would have left it
  *--top = reinterpret_cast<void*>(entry);
  for (int word = 0; word < SAVED_WORDS; word++) *--top = nullptr;
#else
  top -= 20;
  for (int word = 0; word < 20; word++) top[word] = nullptr;
  top[11] = reinterpret_cast<void*>(entry);
#endif
  fiber->stack_pointer = top;
  fiber->wait = Wait::None;
}

bool in_guard_page(const Fiber* fiber, const void* address) {
  const char* byte = static_cast<const char*>(address);
  return byte >= fiber->stack - GUARD_BYTES && byte < fiber->stack;
}

}  // namespace nogpu
