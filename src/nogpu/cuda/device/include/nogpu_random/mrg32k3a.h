// MRG32k3a: L'Ecuyer, "Good Parameters and Implementations for Combined Multiple Recursive Random Number Generators",
// Operations Research 47 (1), 1999.
#pragma once

struct curandStateMRG32k3a {
  unsigned s1[3], s2[3];
  nogpu::Kept kept, kept_double;
  float kept_value;
  unsigned unused;  // as in curandStateXORWOW
  double kept_double_value;
};
typedef curandStateMRG32k3a curandStateMRG32k3a_t;

namespace nogpu {

constexpr uint64_t MRG_MODULUS1 = 4294967087, MRG_MODULUS2 = 4294944443;

// A whole number from 1 to the first modulus.
NOGPU_INLINE uint64_t draw(curandStateMRG32k3a* state) {
  const uint64_t p1 = (1403580ull * state->s1[1] + 810728ull * (MRG_MODULUS1 - state->s1[0])) % MRG_MODULUS1;
  const uint64_t p2 = (527612ull * state->s2[2] + 1370589ull * (MRG_MODULUS2 - state->s2[0])) % MRG_MODULUS2;
  for (int i = 0; i < 2; i++) {
    state->s1[i] = state->s1[i + 1];
    state->s2[i] = state->s2[i + 1];
  }
  state->s1[2] = static_cast<unsigned>(p1);
  state->s2[2] = static_cast<unsigned>(p2);
  return p1 > p2 ? p1 - p2 : p1 + MRG_MODULUS1 - p2;
}

NOGPU_INLINE void jump(curandStateMRG32k3a* state, unsigned long long count, int log2_step) {
  if (count == 0) return;
  uint32_t first[3], second[3];
  for (int i = 0; i < 3; i++) first[i] = state->s1[i], second[i] = state->s2[i];
  nogpu_jump_mrg32k3a(first, second, count, log2_step);
  for (int i = 0; i < 3; i++) state->s1[i] = first[i], state->s2[i] = second[i];
}

}  // namespace nogpu

// Stretched to 32 bits, by cuRAND's factor: a few values do not occur.
NOGPU_INLINE unsigned curand(curandStateMRG32k3a* state) {
  return __double2uint_rz(static_cast<double>(nogpu::draw(state)) * 1.000000048662);
}

NOGPU_INLINE void skipahead(unsigned long long count, curandStateMRG32k3a* state) { nogpu::jump(state, count, 0); }
NOGPU_INLINE void skipahead_subsequence(unsigned long long count, curandStateMRG32k3a* state) { nogpu::jump(state, count, 76); }
NOGPU_INLINE void skipahead_sequence(unsigned long long count, curandStateMRG32k3a* state) { nogpu::jump(state, count, 127); }

NOGPU_INLINE void curand_init(
    unsigned long long seed, unsigned long long subsequence, unsigned long long offset, curandStateMRG32k3a* state) {
  // L'Ecuyer's starting values, multiplied by the two halves of the seed as cuRAND does.
  const uint64_t start = 12345;
  const uint64_t low = seed ? static_cast<unsigned>(seed) ^ 0x55555555u : 1;
  const uint64_t high = seed ? static_cast<unsigned>(seed >> 32) ^ 0xAAAAAAAAu : 1;
  const unsigned low1 = start * low % nogpu::MRG_MODULUS1, high1 = start * high % nogpu::MRG_MODULUS1;
  const unsigned low2 = start * low % nogpu::MRG_MODULUS2, high2 = start * high % nogpu::MRG_MODULUS2;
  *state = {{low1, high1, low1}, {high2, low2, high2}};
  skipahead_subsequence(subsequence, state);
  skipahead(offset, state);
}
