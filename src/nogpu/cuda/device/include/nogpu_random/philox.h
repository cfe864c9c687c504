// Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011, section 3.3.
#pragma once

struct __align__(16) curandStatePhilox4_32_10 {
  unsigned counter[4], output[4], key[2];  // `output` is what the counter, encrypted with the key, gives
  unsigned position;                       // of the next number in `output`
  nogpu::Kept kept, kept_double;
  float kept_value;
  double kept_double_value;
};
typedef curandStatePhilox4_32_10 curandStatePhilox4_32_10_t;

namespace nogpu {

NOGPU_INLINE void encrypt(curandStatePhilox4_32_10* state) {
  unsigned x = state->counter[0], y = state->counter[1], z = state->counter[2], w = state->counter[3];
  unsigned key0 = state->key[0], key1 = state->key[1];
  for (int round = 0; round < 10; round++) {
    const uint64_t a = uint64_t(0xD2511F53) * x, b = uint64_t(0xCD9E8D57) * z;
    x = static_cast<unsigned>(b >> 32) ^ y ^ key0;
    y = static_cast<unsigned>(b);
    z = static_cast<unsigned>(a >> 32) ^ w ^ key1;
    w = static_cast<unsigned>(a);
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  const unsigned output[4] = {x, y, z, w};
  for (int i = 0; i < 4; i++) state->output[i] = output[i];
}

// Adds `count` to the counter, of 128 bits, from its word `first` on: 0, or 2 for the upper half.
NOGPU_INLINE void count_on(curandStatePhilox4_32_10* state, unsigned long long count, int first) {
  uint64_t carry = 0;
  for (int i = first; i < 4; i++, count >>= 32) {
    carry += uint64_t(state->counter[i]) + static_cast<unsigned>(count);
    state->counter[i] = static_cast<unsigned>(carry);
    carry >>= 32;
  }
}

}  // namespace nogpu

NOGPU_INLINE unsigned curand(curandStatePhilox4_32_10* state) {
  const unsigned position = state->position, number = state->output[position];
  state->position = (position + 1) % 4;
  if (position == 3) {
    nogpu::count_on(state, 1, 0);
    nogpu::encrypt(state);
  }
  return number;
}

NOGPU_INLINE uint4 curand4(curandStatePhilox4_32_10* state) {
  unsigned numbers[4];
  for (int i = 0; i < 4; i++) numbers[i] = curand(state);
  return make_uint4(numbers[0], numbers[1], numbers[2], numbers[3]);
}

NOGPU_INLINE void skipahead(unsigned long long count, curandStatePhilox4_32_10* state) {
  const unsigned position = state->position + static_cast<unsigned>(count % 4);
  state->position = position % 4;
  nogpu::count_on(state, count / 4 + position / 4, 0);
  nogpu::encrypt(state);
}

// A sequence has 2^66 numbers: all values of the counter's lower half, with four numbers each.
NOGPU_INLINE void skipahead_sequence(unsigned long long count, curandStatePhilox4_32_10* state) {
  nogpu::count_on(state, count, 2);
  nogpu::encrypt(state);
}

NOGPU_INLINE void curand_init(
    unsigned long long seed, unsigned long long sequence, unsigned long long offset, curandStatePhilox4_32_10* state) {
  *state = {{}, {}, {static_cast<unsigned>(seed), static_cast<unsigned>(seed >> 32)}};
  nogpu::count_on(state, sequence, 2);
  skipahead(offset, state);
}
