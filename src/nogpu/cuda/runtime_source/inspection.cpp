// The life of an inspected launch, and the functions by which Python prepares one and reads what was found.
#include "inspection.h"

#include <link.h>

#include <algorithm>
#include <cstring>
#include <cstdlib>
#include <memory>
#include <unordered_map>

#include "dispatch.h"
#include "stream.h"

extern "C" void* __tls_get_addr(size_t*);

namespace nogpu {

__thread Inspection* inspection __attribute__((tls_model("initial-exec")));

namespace {

constexpr size_t MAXIMUM_FINDINGS = 200;

// Every array that Python has told of, by its address. Shared by all inspected launches, which run one at a time.
std::vector<Array*>& known_arrays() {
  static auto* instance = new std::vector<Array*>();
  return *instance;
}

// A __shared__ variable: its place in the thread-local memory of the module.
struct SharedVariable {
  uint64_t offset, size;
  int id;
};

struct Prepared {
  Inspection in;
  std::vector<SharedVariable> shared;
};

// Nothing is known of what is in it.
void forget_contents(Array* array) {
  Cell blank{NOT_WRITTEN, 0, 0};
  std::fill(array->cells, array->cells + array->size / 4 + 1, blank);
}

bool lies_before(const Array* a, const Array* b) { return a->base < b->base; }

// Time goes on from launch to launch, for shadow memory outlives them; it is set back before it overflows.
uint32_t time_now = 1;
constexpr uint32_t TIME_IS_LATE = 3u << 30;

void restart_time() {
  for (Array* array : known_arrays())
    for (size_t i = 0; i <= array->size / 4; i++)
      array->cells[i] = {array->cells[i].written & NOT_WRITTEN, 0, 0};
  time_now = 1;
}

struct Loaded {
  uintptr_t inside;  // an address in the module
  Inspection* in;
  size_t tls_module = 0;
};

int find_module(dl_phdr_info* info, size_t, void* data) {
  auto* loaded = static_cast<Loaded*>(data);
  bool found = false;
  uintptr_t end = 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const auto& part = info->dlpi_phdr[i];
    uintptr_t start = info->dlpi_addr + part.p_vaddr;
    if (part.p_type != PT_LOAD) continue;
    end = std::max(end, static_cast<uintptr_t>(start + part.p_memsz));
    if ((part.p_flags & PF_X) && loaded->inside - start < part.p_memsz) {
      found = true;
      loaded->in->text = start;
      loaded->in->text_size = part.p_memsz;
    }
  }
  if (!found) return 0;
  loaded->in->module = info->dlpi_addr;
  loaded->in->module_size = end - info->dlpi_addr;
  for (int i = 0; i < info->dlpi_phnum; i++)
    if (info->dlpi_phdr[i].p_type == PT_TLS) loaded->tls_module = info->dlpi_tls_modid;
  return 1;
}

}  // namespace

const Array* find_array(const Inspection* in, uintptr_t address) {
  Array key{};
  key.base = address;
  auto next = std::upper_bound(in->arrays.begin(), in->arrays.end(), &key, lies_before);
  if (next == in->arrays.begin()) return nullptr;
  const Array* array = *std::prev(next);
  return address - array->base < array->size ? array : nullptr;
}

const Array* nearest_array(const Inspection* in, uintptr_t address) {
  Array key{};
  key.base = address;
  auto next = std::upper_bound(in->arrays.begin(), in->arrays.end(), &key, lies_before);
  const Array* behind = next != in->arrays.end() ? *next : nullptr;
  const Array* ahead = next != in->arrays.begin() ? *std::prev(next) : nullptr;
  uintptr_t to_behind = behind ? behind->base - address : ~uintptr_t(0);
  uintptr_t from_ahead = ahead ? address - (ahead->base + ahead->size) : ~uintptr_t(0);
  if (ahead && from_ahead <= ahead->guard && from_ahead <= to_behind) return ahead;
  return behind && to_behind <= behind->guard ? behind : nullptr;
}

Finding finding_here(const Inspection* in, Defect defect) {
  Finding finding{};
  finding.defect = static_cast<int>(defect);
  finding.array = -1;
  finding.thread = nogpu_context.linear;
  finding.block = in->block;
  finding.count = 1;
  return finding;
}

uint64_t key_of(Defect defect, uint32_t site, uint32_t other_site, int line, int other_line, int array) {
  return static_cast<uint64_t>(defect) << 56 ^ static_cast<uint64_t>(array + 1) << 48 ^ static_cast<uint64_t>(site) << 36 ^
         static_cast<uint64_t>(other_site) << 24 ^ static_cast<uint64_t>(line) << 12 ^ static_cast<uint64_t>(other_line);
}

bool counted(Inspection* in, uint64_t key, unsigned thread) {
  size_t count = in->keys.size(), i = in->last_key;
  if (i >= count || in->keys[i] != key)
    for (i = 0; i < count && in->keys[i] != key; i++) {}
  if (i == count) return false;
  in->last_key = i;
  Finding& known = in->findings[i];
  if (known.block == in->block && thread < known.thread) return false;  // the first thread is the one to tell of
  known.count++;
  return true;
}

void report(Inspection* in, const Finding& f) {
  uint64_t key = key_of(static_cast<Defect>(f.defect), f.site, f.other_site, f.line, f.other_line, f.array);
  for (size_t i = 0; i < in->keys.size(); i++)
    if (in->keys[i] == key) {
      uint64_t count = in->findings[i].count + 1;
      if (f.block == in->findings[i].block && f.thread < in->findings[i].thread) in->findings[i] = f;
      in->findings[i].count = count;
      return;
    }
  if (in->findings.size() >= MAXIMUM_FINDINGS) {
    in->dropped++;
    return;
  }
  in->keys.push_back(key);
  in->findings.push_back(f);
  profile_keep_block();
}

void stop_inspected() {
  current_worker()->launch->stop = true;
  abandon_block();
}

void inspect_launch_begins(Inspection* in, Launch* launch) {
  auto* prepared = reinterpret_cast<Prepared*>(in);
  in->launch = launch;
  Loaded loaded{reinterpret_cast<uintptr_t>(launch->kernel->run), in};
  dl_iterate_phdr(find_module, &loaded);
  in->site_of.assign(in->text_size + 1, 0);
  in->sites.reserve(MAXIMUM_SITES + 1);
  in->sites.resize(1);
  in->arrays = known_arrays();
  adopt_heap(in);
  if (loaded.tls_module) {
    size_t index[2] = {loaded.tls_module, 0};
    auto* memory = static_cast<char*>(__tls_get_addr(index));
    for (const SharedVariable& variable : prepared->shared) {
      auto* array = new Array{reinterpret_cast<uintptr_t>(memory + variable.offset), variable.size, nullptr,
                              Space::Shared, variable.id, false, true, shared_guard(variable.size)};
      array->cells = static_cast<Cell*>(calloc(variable.size / 4 + 2, sizeof(Cell)));
      in->owned.push_back(array);
      in->addresses.emplace_back(array->id, array->base);
      in->arrays.push_back(array);
    }
  }
  std::sort(in->arrays.begin(), in->arrays.end(), lies_before);
  if (time_now > TIME_IS_LATE) restart_time();
  in->tick = time_now;
  in->launch_first = ++in->tick;
  inspect_order(in);
  inspection = in;
  profile_begin_launch(in->text, in->text_size);
}

uint64_t inspect_block_begins(Inspection* in, uint64_t number) {
  in->block = in->block_order.empty() ? number : in->block_order[number];
  in->block_first = in->barrier_first = ++in->tick;
  in->blocks.push_back({in->tick, in->block, {}});
  in->ended.clear();
  in->last_site = in->block_acquired = 0;
  unsigned threads = nogpu_context.count < MAXIMUM_THREADS ? nogpu_context.count : MAXIMUM_THREADS;
  for (unsigned i = 0; i < threads; i++) in->exchanged[i] = in->fenced[i] = in->acquired[i] = 0, in->passed[i] = 0, in->releases[i] = {};
  for (Array* array : in->owned) forget_contents(array);
  profile_begin_block(static_cast<uint32_t>(in->block));
  return in->block;
}

void inspect_block_ends(Inspection*) { profile_end_block(); }

void inspect_launch_ends(Inspection* in) {
  if (!in->launch->stop) report_leaks(in);
  in->last_block = profile.place;
  profile_end_launch();
  inspection = nullptr;
  time_now = in->tick + 1;
  for (Array* array : in->owned) {
    free(array->cells);
    delete array;
  }
  in->owned.clear();
  release_heap(in);
}

}  // namespace nogpu

using namespace nogpu;

extern "C" {
#pragma GCC visibility push(default)

// Tell of an array in device memory. The answer is the handle for nogpu_forget_array.
// `written`: its contents are known to be meant. `guard`: so many bytes around it belong to nobody.
void* nogpu_know_array(uint64_t address, uint64_t bytes, int space, int id, uint64_t guard, int written) {
  auto* array = new Array{static_cast<uintptr_t>(address), bytes, nullptr, static_cast<Space>(space), id, false, !written, guard};
  array->cells = static_cast<Cell*>(calloc(bytes / 4 + 2, sizeof(Cell)));
  if (!written) forget_contents(array);
  known_arrays().push_back(array);
  return array;
}

// It stays where it is, and who accesses it is reported.
void nogpu_free_array(void* handle) { static_cast<Array*>(handle)->freed = true; }

// The host has written here.
void nogpu_mark_written(uint64_t address, uint64_t bytes) {
  for (Array* array : known_arrays()) {
    if (!array->tracked || address + bytes <= array->base || address >= array->base + array->size) continue;
    size_t first = address > array->base ? address - array->base : 0;
    size_t last = address + bytes < array->base + array->size ? address + bytes - array->base : array->size;
    for (size_t i = first; i < last; i++) {
      if ((i & 3) == 0 && i + 4 <= last) array->cells[i >> 2].written &= ~NOT_WRITTEN, i += 3;
      else array->cells[i >> 2].written &= ~(Record(1) << (i & 3));
    }
  }
}

void nogpu_forget_array(void* handle) {
  auto& all = known_arrays();
  auto* array = static_cast<Array*>(handle);
  all.erase(std::remove(all.begin(), all.end(), array), all.end());
  free(array->cells);
  delete array;
}

void* nogpu_inspection_new() { return new Prepared(); }

void nogpu_inspection_shared(void* handle, uint64_t offset, uint64_t size, int id) {
  static_cast<Prepared*>(handle)->shared.push_back({offset, size, id});
}

void nogpu_inspection_keep_heap(void* handle) { static_cast<Prepared*>(handle)->in.keeps_heap = true; }

uint64_t nogpu_inspection_launch(void* handle, void* stream, const Kernel* kernel, const char* arguments, size_t bytes,
                                 const unsigned* grid, const unsigned* block, size_t shared_bytes, double limit_seconds,
                                 int order) {
  auto* prepared = static_cast<Prepared*>(handle);
  auto launch = std::make_shared<Launch>();
  launch->kernel = kernel;
  launch->arguments.assign(arguments, arguments + bytes);
  launch->arguments.resize(bytes + 64);
  launch->grid = {grid[0], grid[1], grid[2]};
  launch->block = {block[0], block[1], block[2]};
  launch->shared_bytes = shared_bytes;
  launch->limit_seconds = limit_seconds;
  launch->inspection = &prepared->in;
  prepared->in.order = static_cast<unsigned>(order);
  return submit(static_cast<Stream*>(stream), [launch] { run_launch(launch.get()); });
}

size_t nogpu_inspection_findings(void* handle, const Finding** first) {
  auto* prepared = static_cast<Prepared*>(handle);
  *first = prepared->in.findings.data();
  return prepared->in.findings.size();
}

// The return address of site `index` as a distance from the module's start, or ~0 when there is no such site.
uint64_t nogpu_inspection_site(void* handle, uint32_t index) {
  auto& sites = static_cast<Prepared*>(handle)->in.sites;
  return index < sites.size() && index ? sites[index].offset : ~uint64_t(0);
}

// Where a signal ended the kernel, as a distance from the module's start; 0 where that is not known.
uint64_t nogpu_inspection_stopped_at(void* handle) {
  const Inspection& in = static_cast<Prepared*>(handle)->in;
  return in.stopped_at - in.text < in.text_size ? in.stopped_at - in.module : 0;
}

// The basic block that was entered last, in the same form.
uint64_t nogpu_inspection_last_block(void* handle) {
  const Inspection& in = static_cast<Prepared*>(handle)->in;
  return in.last_block - in.text < in.text_size ? in.last_block - in.module : 0;
}

// The site of the last access, and how it accessed.
uint32_t nogpu_inspection_last_site(void* handle, uint32_t* how) {
  const Inspection& in = static_cast<Prepared*>(handle)->in;
  *how = in.last_site < in.sites.size() ? in.sites[in.last_site].how : 0;
  return in.last_site;
}

uint64_t nogpu_inspection_dropped(void* handle) { return static_cast<Prepared*>(handle)->in.dropped; }

// Where a __shared__ variable lay in the launch.
uint64_t nogpu_inspection_address(void* handle, int id) {
  for (const auto& [known, address] : static_cast<Prepared*>(handle)->in.addresses)
    if (known == id) return address;
  return 0;
}

void nogpu_inspection_delete(void* handle) { delete static_cast<Prepared*>(handle); }

#pragma GCC visibility pop
}
