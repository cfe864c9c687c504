// memcheck: accesses that lie in no array. And what is done once for each instruction: finding the array it accesses.
#include "dispatch.h"

namespace nogpu {

namespace {

// An access in the strip of memory around an array does no harm: the kernel goes on, and more can be found.
bool is_harmless(const Array& array, uintptr_t address, unsigned size) {
  return array.base - address <= array.guard || address + size - (array.base + array.size) <= array.guard;
}

}  // namespace

Instruction* new_site(Inspection* in, uintptr_t return_address, unsigned size, unsigned how) {
  RuntimeSection section(current_worker());
  uint32_t index = static_cast<uint32_t>(in->sites.size());
  if (index > MAXIMUM_SITES) index = MAXIMUM_SITES;
  else in->sites.emplace_back();
  Instruction& site = in->sites[index];
  site.offset = return_address - in->module;
  site.index = index;
  site.size = size;
  site.how = how;
  in->site_of[return_address - in->text] = static_cast<uint16_t>(index);
  return &site;
}

bool locate(Inspection* in, Instruction& site, uintptr_t address, unsigned size, unsigned how) {
  Worker* worker = current_worker();
  if (address - reinterpret_cast<uintptr_t>(stack_of(worker->current)) < STACK_BYTES) return false;
  if (address - reinterpret_cast<uintptr_t>(&nogpu_context) < sizeof nogpu_context) return false;  // threadIdx
  const std::vector<char>& parameters = in->launch->arguments;
  if (address - reinterpret_cast<uintptr_t>(parameters.data()) < parameters.size()) return false;
  const Array* array = find_array(in, address);
  if (array && address + size <= array->base + array->size && !array->freed) {
    site.base = array->base;
    site.limit = array->size >= site.size ? array->size - site.size + 1 : 0;
    if (!site.size) site.limit = 0;
    site.cells = array->cells;
    site.array = array;
    site.profiled = 0;
    return true;
  }
  if (address - in->module < in->module_size) return false;  // a constant that the compiler keeps, say
  RuntimeSection section(worker);
  return outside(in, site, array, address, size, how);
}

bool outside(Inspection* in, Instruction& site, const Array* array, uintptr_t address, unsigned size, unsigned how) {
  if (!array && site.array) array = site.array;  // where the same instruction of another thread has been
  if (!array) array = nearest_array(in, address);
  Defect defect = !array ? Defect::BadAddress : array->freed ? Defect::UseAfterFree : Defect::OutOfBounds;
  Finding finding = finding_here(in, defect);
  finding.array = array ? array->id : -1;
  finding.site = site.index;
  finding.how = how;
  finding.address = address;
  finding.size = size;
  if (array) finding.offset = static_cast<int64_t>(address - array->base);
  report(in, finding);
  if (!array || !is_harmless(*array, address, size)) stop_inspected();
  return false;
}

// A GPU cannot load eight bytes from an address that is no multiple of eight.
void misaligned(Inspection* in, Instruction& site, uintptr_t address, unsigned size, unsigned how) {
  RuntimeSection section(current_worker());
  Finding finding = finding_here(in, Defect::Misaligned);
  finding.array = site.array ? site.array->id : -1;
  finding.site = site.index;
  finding.how = how;
  finding.address = address;
  finding.size = size;
  if (site.array) finding.offset = static_cast<int64_t>(address - site.array->base);
  report(in, finding);
  stop_inspected();
}

}  // namespace nogpu
