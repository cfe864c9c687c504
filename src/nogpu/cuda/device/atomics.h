// Atomic functions, for the types for which CUDA has them. Blocks run on several CPU threads, so they are real atomics.
// CUDA C++ Programming Guide, "Atomic Functions". All are relaxed in memory order, as there.
#pragma once

namespace nogpu {

template <class T> struct Same { using type = T; };  // keeps a parameter out of the deduction of T

#ifdef NOGPU_INSPECTING
// One CPU thread runs all blocks of an inspected launch. The access is told of in the learner's own line.
template <class T, class Operation>
NOGPU_UNSEEN static T update(T* address, Operation operation) {
  T old = *address;
  *address = operation(old);
  return old;
}
template <class T, class Operation>
NOGPU_INLINE T atomic_update(T* address, Operation operation) {
  nogpu_atomic_access(address, sizeof(T));
  return update(address, operation);
}
#else
template <class T, class Operation>
static inline T atomic_update(T* address, Operation operation) {
  T old, changed;
  __atomic_load(address, &old, __ATOMIC_RELAXED);
  do {
    changed = operation(old);
  } while (!__atomic_compare_exchange(address, &old, &changed, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
  return old;
}
#endif

// A kernel that waits by asking again and again must let the thread run for which it waits.
template <class T>
static inline T waited_for(T old, bool nothing_changed) {
  if (__builtin_expect(nothing_changed, 0)) nogpu_spin();
  return old;
}

}  // namespace nogpu

#ifdef NOGPU_INSPECTING
#define NOGPU_FETCH(BUILTIN, address, value) \
  nogpu::atomic_update(address, [value](T before) { T copy = before; BUILTIN(&copy, value, __ATOMIC_RELAXED); return copy; })
#else
#define NOGPU_FETCH(BUILTIN, address, value) BUILTIN(address, value, __ATOMIC_SEQ_CST)
#endif
#define NOGPU_ATOMIC_INTEGER(NAME, BUILTIN)                                                    \
  template <class T>                                                                           \
  NOGPU_INLINE typename std::enable_if<std::is_integral<T>::value, T>::type NAME(              \
      T* address, typename nogpu::Same<T>::type value) {                                       \
    static_assert(sizeof(T) >= 4, #NAME ": CUDA has it for 32 and 64 bits");                   \
    T old = NOGPU_FETCH(BUILTIN, address, value);                                              \
    return nogpu::waited_for(old, value == T(0));                                              \
  }
#define NOGPU_ATOMIC_UPDATE(NAME, CONDITION, EXPRESSION)                                       \
  template <class T>                                                                           \
  NOGPU_INLINE typename std::enable_if<CONDITION, T>::type NAME(                               \
      T* address, typename nogpu::Same<T>::type value) {                                       \
    return nogpu::atomic_update(address, [value](T old) { return static_cast<T>(EXPRESSION); }); \
  }

NOGPU_ATOMIC_INTEGER(atomicAdd, __atomic_fetch_add)
NOGPU_ATOMIC_INTEGER(atomicSub, __atomic_fetch_sub)
NOGPU_ATOMIC_INTEGER(atomicOr, __atomic_fetch_or)
NOGPU_ATOMIC_INTEGER(atomicXor, __atomic_fetch_xor)
NOGPU_ATOMIC_UPDATE(atomicAdd, !std::is_integral<T>::value, old + value)  // float, double, half, half2, bfloat16
NOGPU_ATOMIC_UPDATE(atomicAnd, std::is_integral<T>::value, old & value)
NOGPU_ATOMIC_UPDATE(atomicMin, std::is_integral<T>::value, value < old ? value : old)
NOGPU_ATOMIC_UPDATE(atomicMax, std::is_integral<T>::value, old < value ? value : old)

NOGPU_INLINE unsigned atomicInc(unsigned* address, unsigned limit) {
  return nogpu::atomic_update(address, [limit](unsigned old) { return old >= limit ? 0u : old + 1; });
}
NOGPU_INLINE unsigned atomicDec(unsigned* address, unsigned limit) {
  return nogpu::atomic_update(address, [limit](unsigned old) { return old == 0 || old > limit ? limit : old - 1; });
}

template <class T>
NOGPU_INLINE T atomicExch(T* address, typename nogpu::Same<T>::type value) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "atomicExch: CUDA has it for 32 and 64 bits");
#ifdef NOGPU_INSPECTING
  T old = nogpu::atomic_update(address, [value](T) { return value; });
#else
  T old;
  __atomic_exchange(address, &value, &old, __ATOMIC_SEQ_CST);
#endif
  return nogpu::waited_for(old, memcmp(&old, &value, sizeof(T)) == 0);
}

template <class T>
NOGPU_INLINE T atomicCAS(T* address, typename nogpu::Same<T>::type expected, typename nogpu::Same<T>::type value) {
  static_assert(sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8, "atomicCAS: CUDA has it for 16, 32 and 64 bits");
#ifdef NOGPU_INSPECTING
  T old = nogpu::atomic_update(address, [expected, value](T old) { return old == expected ? value : old; });
  bool exchanged = old == expected;
  expected = old;
#else
  bool exchanged = __atomic_compare_exchange(address, &expected, &value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
#endif
  return nogpu::waited_for(expected, !exchanged);
}

#define NOGPU_SCOPED_ATOMIC(NAME)                                                              \
  template <class T, class... V>                                                               \
  NOGPU_INLINE T NAME##_block(T* address, V... values) { return NAME(address, values...); }   \
  template <class T, class... V>                                                               \
  NOGPU_INLINE T NAME##_system(T* address, V... values) { return NAME(address, values...); }
NOGPU_SCOPED_ATOMIC(atomicAdd)
NOGPU_SCOPED_ATOMIC(atomicSub)
NOGPU_SCOPED_ATOMIC(atomicAnd)
NOGPU_SCOPED_ATOMIC(atomicOr)
NOGPU_SCOPED_ATOMIC(atomicXor)
NOGPU_SCOPED_ATOMIC(atomicMin)
NOGPU_SCOPED_ATOMIC(atomicMax)
NOGPU_SCOPED_ATOMIC(atomicInc)
NOGPU_SCOPED_ATOMIC(atomicDec)
NOGPU_SCOPED_ATOMIC(atomicExch)
NOGPU_SCOPED_ATOMIC(atomicCAS)
