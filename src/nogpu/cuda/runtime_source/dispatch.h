// The way of one memory access through the sanitizer: accesses.cpp calls it for each. What happens nearly always is
// here, to be compiled into the caller; the rest is in memcheck.cpp.
#pragma once
#include "shadow.h"

namespace nogpu {

Instruction* new_site(Inspection* in, uintptr_t return_address, unsigned size, unsigned how);
// The access does not lie in the array that its instruction accessed last: find the array. False: it is the thread's
// own stack, or memory of the runtime, and nothing more is to be done. Leaves the kernel if it must not happen.
bool locate(Inspection* in, Instruction& site, uintptr_t address, unsigned size, unsigned how);
void misaligned(Inspection* in, Instruction& site, uintptr_t address, unsigned size, unsigned how);
// The access lies in no array; `array` is the one that it begins in, or null. Always false, if it returns.
bool outside(Inspection* in, Instruction& site, const Array* array, uintptr_t address, unsigned size, unsigned how);

NOGPU_FAST Instruction& site_at(Inspection* in, uintptr_t return_address, unsigned size, unsigned how) {
  uint16_t index = in->site_of[return_address - in->text];
  if (__builtin_expect(index == 0, 0)) return *new_site(in, return_address, size, how);
  return in->sites[index];
}

// An access of an instruction that the profile does not know yet, or counts as several.
inline void profile_site(Instruction& site, uintptr_t address, unsigned size, unsigned how, uintptr_t return_address) {
  if (site.array->space == Space::Constant) return;
  bool shared = site.array->space == Space::Shared;
  SiteKind kind = how & ATOMIC ? SiteKind::Atomic : how & WRITE ? SiteKind::Store : SiteKind::Load;
  if (size > 16 || (size & (size - 1))) return profile_range(return_address, address, size, kind, shared);
  site.profiled = profile_number(return_address, size, kind, shared);
  if (site.profiled) profile_access(site.profiled, address);
}

NOGPU_FAST void dispatch(Inspection* in, uintptr_t address, unsigned size, unsigned how, uintptr_t return_address) {
  Instruction& site = site_at(in, return_address, size, how);
  if (__builtin_expect(address - site.base >= site.limit, 0) && !locate(in, site, address, size, how)) return;
  in->last_site = site.index;
  check_shadow(in, site, address, size, how);
  if (__builtin_expect(!profile.on, 0)) return;
  if (__builtin_expect(!site.profiled, 0)) profile_site(site, address, size, how, return_address);
  else profile_access(site.profiled, address);
}

}  // namespace nogpu
