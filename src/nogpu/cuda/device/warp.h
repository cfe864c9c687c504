// Shuffles, votes, matches and reductions among the 32 lanes of a warp.
// CUDA C++ Programming Guide, "Warp Shuffle Functions", "Warp Vote Functions", "Warp Match Functions".
#pragma once

namespace nogpu {

enum class Shuffle { Index, Up, Down, Xor };

static inline unsigned lane() { return nogpu_running.linear & 31; }

template <class T>
NOGPU_UNSEEN static inline T shuffle(unsigned mask, T value, Shuffle kind, int operand, int width, int line) {
  static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes: shuffle the members of a struct one by one");
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof(T));
  Exchange* exchange = nogpu_exchange(mask, bits, line);
  int self = static_cast<int>(lane()), first = self & ~(width - 1), source = self;
  switch (kind) {
    case Shuffle::Index: source = first + (operand & (width - 1)); break;
    case Shuffle::Up: source = self - operand < first ? self : self - operand; break;
    case Shuffle::Down: source = self + operand >= first + width ? self : self + operand; break;
    case Shuffle::Xor: source = (self ^ operand) >= first + width ? self : self ^ operand; break;
  }
  T result = value;  // what a lane reads from one that does not take part is undefined: its own value here
  if (exchange->arrived >> source & 1) memcpy(&result, &exchange->value[source], sizeof(T));
#ifdef NOGPU_INSPECTING
  else nogpu_missing_lane(static_cast<unsigned>(source), line);
  if (!(mask >> self & 1)) nogpu_missing_lane(static_cast<unsigned>(self), line);
#endif
  exchange->readers--;
  return result;
}

NOGPU_UNSEEN static inline unsigned ballot(unsigned mask, int predicate, int line) {
  Exchange* exchange = nogpu_exchange(mask, predicate != 0, line);
  unsigned votes = 0;
  for (unsigned i = 0; i < 32; i++)
    if ((exchange->arrived >> i & 1) && exchange->value[i]) votes |= 1u << i;
  exchange->readers--;
  return votes;
}

NOGPU_UNSEEN static inline void sync_warp(int line, unsigned mask = ~0u) { nogpu_exchange(mask, 0, line)->readers--; }

NOGPU_INLINE bool all(unsigned mask, int predicate, int line) { return ballot(mask, !predicate, line) == 0; }

template <class T>
NOGPU_UNSEEN static inline unsigned match_any(unsigned mask, T value, int line) {
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof(T));
  Exchange* exchange = nogpu_exchange(mask, bits, line);
  unsigned same = 0;
  for (unsigned i = 0; i < 32; i++)
    if ((exchange->arrived >> i & 1) && exchange->value[i] == bits) same |= 1u << i;
  exchange->readers--;
  return same;
}

template <class T>
NOGPU_UNSEEN static inline unsigned match_all(unsigned mask, T value, int* predicate, int line) {
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof(T));
  Exchange* exchange = nogpu_exchange(mask, bits, line);
  bool equal = true;
  for (unsigned i = 0; i < 32; i++)
    if ((exchange->arrived >> i & 1) && exchange->value[i] != bits) equal = false;
  unsigned arrived = exchange->arrived;
  exchange->readers--;
  *predicate = equal;
  return equal ? arrived : 0;
}

template <class T, class Operation>
NOGPU_UNSEEN static inline T reduce(unsigned mask, T value, int line, Operation operation) {
  Exchange* exchange = nogpu_exchange(mask, static_cast<uint64_t>(value), line);
  bool first = true;
  T result = value;
  for (unsigned i = 0; i < 32; i++) {
    if (!(exchange->arrived >> i & 1)) continue;
    T other = static_cast<T>(exchange->value[i]);
    result = first ? other : operation(result, other);
    first = false;
  }
  exchange->readers--;
  return result;
}

// The width may be left out in CUDA: it is the last, optional argument of each shuffle.
template <class T>
NOGPU_INLINE T shuffle_with(int line, Shuffle kind, unsigned mask, T value, int operand, int width = 32) {
  return shuffle(mask, value, kind, operand, width, line);
}

}  // namespace nogpu

#define __shfl_sync(...) nogpu::shuffle_with(__LINE__, nogpu::Shuffle::Index, __VA_ARGS__)
#define __shfl_up_sync(...) nogpu::shuffle_with(__LINE__, nogpu::Shuffle::Up, __VA_ARGS__)
#define __shfl_down_sync(...) nogpu::shuffle_with(__LINE__, nogpu::Shuffle::Down, __VA_ARGS__)
#define __shfl_xor_sync(...) nogpu::shuffle_with(__LINE__, nogpu::Shuffle::Xor, __VA_ARGS__)
#define __ballot_sync(mask, predicate) nogpu::ballot((mask), (predicate), __LINE__)
#define __any_sync(mask, predicate) (nogpu::ballot((mask), (predicate), __LINE__) != 0)
#define __all_sync(mask, predicate) static_cast<int>(nogpu::all((mask), (predicate), __LINE__))
#define __match_any_sync(mask, value) nogpu::match_any((mask), (value), __LINE__)
#define __match_all_sync(mask, value, predicate) nogpu::match_all((mask), (value), (predicate), __LINE__)
#define __syncwarp(...) nogpu::sync_warp(__LINE__, ##__VA_ARGS__)
#define __activemask() nogpu_active_mask(__LINE__)
#define NOGPU_REDUCE(mask, value, expression) \
  nogpu::reduce((mask), (value), __LINE__, [](auto a, auto b) { return static_cast<decltype(a)>(expression); })
#define __reduce_add_sync(mask, value) NOGPU_REDUCE(mask, value, a + b)
#define __reduce_min_sync(mask, value) NOGPU_REDUCE(mask, value, b < a ? b : a)
#define __reduce_max_sync(mask, value) NOGPU_REDUCE(mask, value, a < b ? b : a)
#define __reduce_and_sync(mask, value) NOGPU_REDUCE(mask, value, a & b)
#define __reduce_or_sync(mask, value) NOGPU_REDUCE(mask, value, a | b)
#define __reduce_xor_sync(mask, value) NOGPU_REDUCE(mask, value, a ^ b)
