// XORWOW, cuRAND's usual generator: Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (14), 2003, page 5.
#pragma once

struct curandStateXORWOW {
  unsigned d, v[5];  // Marsaglia's names
  nogpu::Kept kept, kept_double;
  float kept_value;
  unsigned unused;  // not left to the compiler: a copy of the whole would read what nobody has written
  double kept_double_value;
};
typedef curandStateXORWOW curandStateXORWOW_t;
typedef curandStateXORWOW curandState;
typedef curandStateXORWOW curandState_t;

NOGPU_INLINE unsigned curand(curandStateXORWOW* state) {
  const unsigned first = state->v[0], last = state->v[4], t = first ^ first >> 2;
  for (int i = 0; i < 3; i++) state->v[i] = state->v[i + 1];
  state->v[3] = last;
  const unsigned next = last ^ last << 4 ^ t ^ t << 1, d = state->d + 362437;
  state->v[4] = next;
  state->d = d;
  return next + d;
}

namespace nogpu {
NOGPU_INLINE void jump(curandStateXORWOW* state, unsigned long long count, int log2_step) {
  if (count == 0) return;
  uint32_t words[5];
  for (int i = 0; i < 5; i++) words[i] = state->v[i];
  nogpu_jump_xorwow(words, count, log2_step);
  for (int i = 0; i < 5; i++) state->v[i] = words[i];
}
}  // namespace nogpu

NOGPU_INLINE void skipahead(unsigned long long count, curandStateXORWOW* state) {
  nogpu::jump(state, count, 0);
  state->d += 362437 * static_cast<unsigned>(count);
}

// A sequence has 2^67 numbers: a multiple of 2^32, after which d is the same again.
NOGPU_INLINE void skipahead_sequence(unsigned long long count, curandStateXORWOW* state) { nogpu::jump(state, count, 67); }

NOGPU_INLINE void curand_init(
    unsigned long long seed, unsigned long long sequence, unsigned long long offset, curandStateXORWOW* state) {
  // Marsaglia's starting values, changed by the two halves of the seed as cuRAND changes them.
  const unsigned low = 1099087573u * (static_cast<unsigned>(seed) ^ 0xaad26b49u);
  const unsigned high = 2591861531u * (static_cast<unsigned>(seed >> 32) ^ 0xf7dcefddu);
  *state = {6615241u + low + high,
            {123456789u + low, 362436069u ^ low, 521288629u + high, 88675123u ^ high, 5783321u + low}};
  skipahead_sequence(sequence, state);
  skipahead(offset, state);
}
