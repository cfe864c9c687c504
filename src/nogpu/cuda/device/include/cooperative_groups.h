// Cooperative groups: thread_block, tiles of a warp, coalesced groups, and thread_group, which may be any of them.
// CUDA C++ Programming Guide, "Cooperative Groups". Of the grid only ranks and sizes; cluster groups are left out.
#pragma once

namespace cooperative_groups {

class thread_block {
 public:
  void sync() const { nogpu_barrier(0); }
  static unsigned thread_rank() { return nogpu_context.linear; }
  static unsigned size() { return nogpu_context.count; }
  static unsigned num_threads() { return nogpu_context.count; }
  static dim3 group_index() { return nogpu_context.block; }
  static dim3 thread_index() { return nogpu_context.thread; }
  static dim3 group_dim() { return nogpu_context.block_size; }
  static dim3 dim_threads() { return nogpu_context.block_size; }
};

static inline thread_block this_thread_block() { return thread_block(); }

// All blocks of a launch. A barrier for them wants a launch that PyCUDA does not have.
class grid_group {
 public:
  __attribute__((error("the CPU stand-in leaves out barriers of the whole grid: end the kernel and launch another")))
  void sync() const;
  static unsigned long long block_rank() {
    const uint3 block = nogpu_context.block, blocks = nogpu_context.grid_size;
    return (static_cast<unsigned long long>(block.z) * blocks.y + block.y) * blocks.x + block.x;
  }
  static unsigned long long num_blocks() {
    const uint3 blocks = nogpu_context.grid_size;
    return static_cast<unsigned long long>(blocks.x) * blocks.y * blocks.z;
  }
  static unsigned long long thread_rank() { return block_rank() * nogpu_context.count + nogpu_context.linear; }
  static unsigned long long size() { return num_blocks() * nogpu_context.count; }
  static unsigned long long num_threads() { return size(); }
};

static inline grid_group this_grid() { return grid_group(); }

// Any lanes of one warp; `mask` says which. Ranks count them from the lowest.
class warp_lanes {
 public:
  explicit warp_lanes(unsigned mask) : mask_(mask) {}
  unsigned size() const { return static_cast<unsigned>(__builtin_popcount(mask_)); }
  unsigned num_threads() const { return size(); }
  unsigned thread_rank() const { return static_cast<unsigned>(__builtin_popcount(mask_ & ((1u << nogpu::lane()) - 1))); }
  void sync() const { nogpu::sync_warp(0, mask_); }
  template <class T>
  T shfl(T value, unsigned rank) const { return nogpu::shuffle(mask_, value, nogpu::Shuffle::Index, lane_of(rank), 32, 0); }
  template <class T>
  T shfl_down(T value, unsigned by) const {
    unsigned rank = thread_rank() + by;
    return shfl(value, rank < size() ? rank : thread_rank());
  }
  template <class T>
  T shfl_up(T value, unsigned by) const { return shfl(value, thread_rank() >= by ? thread_rank() - by : thread_rank()); }
  template <class T>
  T shfl_xor(T value, unsigned lanes) const {
    unsigned rank = thread_rank() ^ lanes;
    return shfl(value, rank < size() ? rank : thread_rank());
  }
  int any(int predicate) const { return nogpu::ballot(mask_, predicate, 0) != 0; }
  int all(int predicate) const { return nogpu::all(mask_, predicate, 0); }
  unsigned ballot(int predicate) const { return ranks_of(nogpu::ballot(mask_, predicate, 0)); }
  template <class T>
  unsigned match_any(T value) const { return ranks_of(nogpu::match_any(mask_, value, 0)); }

 protected:
  unsigned mask_;

  int lane_of(unsigned rank) const {
    unsigned left = mask_;
    for (; rank; rank--) left &= left - 1;
    return left ? __builtin_ctz(left) : static_cast<int>(nogpu::lane());
  }
  unsigned ranks_of(unsigned lanes) const {
    unsigned ranks = 0, rank = 0;
    for (unsigned i = 0; i < 32; i++)
      if (mask_ >> i & 1) ranks |= (lanes >> i & 1) << rank++;
    return ranks;
  }
};

template <unsigned Size, class Parent = void>
class thread_block_tile : public warp_lanes {
  static_assert(Size && Size <= 32 && (Size & (Size - 1)) == 0, "a tile has 1, 2, 4, 8, 16 or 32 threads");

 public:
  thread_block_tile() : warp_lanes(mask_here()) {}
  template <class Other>
  thread_block_tile(const thread_block_tile<Size, Other>& other) : warp_lanes(other) {}
  static constexpr unsigned size() { return Size; }
  static constexpr unsigned num_threads() { return Size; }
  static unsigned thread_rank() { return nogpu_context.linear & (Size - 1); }
  static unsigned meta_group_rank() { return nogpu_context.linear / Size; }
  static unsigned meta_group_size() { return (nogpu_context.count + Size - 1) / Size; }

 private:
  static unsigned mask_here() {  // without lanes beyond the block's end
    unsigned first = nogpu::lane() & ~(Size - 1), base = nogpu_context.linear - nogpu::lane();
    unsigned mask = (Size == 32 ? ~0u : (1u << (Size & 31)) - 1) << first;
    unsigned present = nogpu_context.count - base;
    return present >= 32 ? mask : mask & ((1u << present) - 1);
  }
};

class coalesced_group : public warp_lanes {
 public:
  using warp_lanes::warp_lanes;
};

static inline coalesced_group coalesced_threads() { return coalesced_group(nogpu_active_mask(0)); }

// A block or some lanes of a warp: what a function takes that works with either.
class thread_group {
 public:
  thread_group(const thread_block&) : lanes_(0), is_block_(true) {}
  thread_group(const warp_lanes& lanes) : lanes_(lanes), is_block_(false) {}
  unsigned size() const { return is_block_ ? thread_block::size() : lanes_.size(); }
  unsigned num_threads() const { return size(); }
  unsigned thread_rank() const { return is_block_ ? thread_block::thread_rank() : lanes_.thread_rank(); }
  void sync() const {
    if (is_block_) nogpu_barrier(0);
    else lanes_.sync();
  }

 private:
  warp_lanes lanes_;
  bool is_block_;
};

// `size` is a power of two up to 32.
static inline thread_group tiled_partition(const thread_group&, unsigned size) {
  const unsigned here = nogpu::lane(), left = nogpu_context.count - (nogpu_context.linear - here);
  const unsigned tile = (size >= 32 ? ~0u : (1u << size) - 1) << (here & ~(size - 1));
  return warp_lanes(left >= 32 ? tile : tile & ((1u << left) - 1));
}

template <unsigned Size, class Group>
static inline thread_block_tile<Size, Group> tiled_partition(const Group&) { return thread_block_tile<Size, Group>(); }

template <class Group>
static inline void sync(const Group& group) { group.sync(); }

template <class T> struct plus { T operator()(T a, T b) const { return a + b; } };
template <class T> struct less { T operator()(T a, T b) const { return b < a ? b : a; } };
template <class T> struct greater { T operator()(T a, T b) const { return a < b ? b : a; } };

// Every thread of the group gets the result.
template <class Group, class T, class Operation>
static inline T reduce(const Group& group, T value, Operation operation) {
  T result = group.shfl(value, 0);
  for (unsigned rank = 1; rank < group.size(); rank++) result = operation(result, group.shfl(value, rank));
  return result;
}
template <class Group, class T, class Operation>
static inline T inclusive_scan(const Group& group, T value, Operation operation) {
  T result = group.shfl(value, 0);
  for (unsigned rank = 1; rank < group.size(); rank++) {
    T other = group.shfl(value, rank);
    if (rank <= group.thread_rank()) result = operation(result, other);
  }
  return result;
}

}  // namespace cooperative_groups
