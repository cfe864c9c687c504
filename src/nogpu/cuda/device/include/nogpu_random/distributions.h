// From random bits to uniform, normal and log-normal numbers, in the way and in the order that cuRAND's documentation and
// results show. Functions for all generators are templates; those that cuRAND has for Philox only are not.
#pragma once

namespace nogpu {

template <class State> struct IsGenerator : std::false_type {};
template <> struct IsGenerator<curandStateXORWOW> : std::true_type {};
template <> struct IsGenerator<curandStatePhilox4_32_10> : std::true_type {};
template <> struct IsGenerator<curandStateMRG32k3a> : std::true_type {};
template <class State, class Result> using Drawn = typename std::enable_if<IsGenerator<State>::value, Result>::type;

// (0, 1]: 0 is left out, so that a logarithm can be taken.
NOGPU_INLINE float unit(unsigned bits) { return bits * 0x1p-32f + 0x1p-33f; }
NOGPU_INLINE double unit(unsigned low, unsigned high) { return (low ^ uint64_t(high) << 21) * 0x1p-53 + 0x1p-54; }

template <class State> NOGPU_INLINE double wide_unit(State* state) {
  const unsigned low = curand(state), high = curand(state);
  return unit(low, high);
}

constexpr double MRG_UNIT = 2.3283065498378288e-10;  // 1 / MRG_MODULUS1

}  // namespace nogpu

template <class State> NOGPU_INLINE nogpu::Drawn<State, float> curand_uniform(State* state) { return nogpu::unit(curand(state)); }
NOGPU_INLINE float curand_uniform(curandStateMRG32k3a* state) {
  return static_cast<float>(static_cast<double>(nogpu::draw(state)) * nogpu::MRG_UNIT);
}
NOGPU_INLINE float4 curand_uniform4(curandStatePhilox4_32_10* state) {
  const uint4 bits = curand4(state);
  return make_float4(nogpu::unit(bits.x), nogpu::unit(bits.y), nogpu::unit(bits.z), nogpu::unit(bits.w));
}

NOGPU_INLINE double curand_uniform_double(curandStateXORWOW* state) { return nogpu::wide_unit(state); }
NOGPU_INLINE double curand_uniform_double(curandStatePhilox4_32_10* state) { return curand(state) * 0x1p-32 + 0x1p-32; }
NOGPU_INLINE double curand_uniform_double(curandStateMRG32k3a* state) {
  return static_cast<double>(nogpu::draw(state)) * nogpu::MRG_UNIT;
}
NOGPU_INLINE double2 curand_uniform2_double(curandStatePhilox4_32_10* state) {
  const double x = nogpu::wide_unit(state), y = nogpu::wide_unit(state);
  return make_double2(x, y);
}
NOGPU_INLINE double4 curand_uniform4_double(curandStatePhilox4_32_10* state) {
  const double2 first = curand_uniform2_double(state), second = curand_uniform2_double(state);
  return make_double4(first.x, first.y, second.x, second.y);
}

// Two independent normal numbers from two uniform ones: Box and Muller, "A Note on the Generation of Random Normal
// Deviates", Annals of Mathematical Statistics 29 (2), 1958. A GPU's __sincosf is coarser than the one here.
namespace nogpu {

NOGPU_INLINE float2 box_muller(float u, float angle) {
  const float radius = sqrtf(-2 * logf(u));
  float s, c;
  __sincosf(angle, &s, &c);
  return make_float2(radius * s, radius * c);
}
NOGPU_INLINE double2 box_muller_double(double u, double angle_over_pi) {
  const double radius = sqrt(-2 * log(u));
  double s, c;
  sincospi(angle_over_pi, &s, &c);
  return make_double2(radius * s, radius * c);
}

constexpr float TWO_PI = 6.2831855f;

template <class State> NOGPU_INLINE Drawn<State, float2> normal_pair(State* state) {
  const unsigned x = curand(state), y = curand(state);
  return box_muller(unit(x), fmaf(y, 0x1p-32f * TWO_PI, 0x1p-33f * TWO_PI));
}
NOGPU_INLINE float2 normal_pair(curandStateMRG32k3a* state) {
  const float x = curand_uniform(state), y = curand_uniform(state);
  return box_muller(x, y * TWO_PI);
}
template <class State> NOGPU_INLINE Drawn<State, double2> normal_pair_double(State* state) {
  const double x = wide_unit(state), y = wide_unit(state);
  return box_muller_double(x, 2 * y);
}
NOGPU_INLINE double2 normal_pair_double(curandStateMRG32k3a* state) {
  const double x = curand_uniform_double(state), y = curand_uniform_double(state);
  return box_muller_double(x, 2 * y);
}

}  // namespace nogpu

// One number of a pair is kept for the next call of the same function.
template <class State> NOGPU_INLINE nogpu::Drawn<State, float> curand_normal(State* state) {
  if (state->kept == nogpu::Kept::Normal) {
    state->kept = nogpu::Kept::Nothing;
    return state->kept_value;
  }
  const float2 pair = nogpu::normal_pair(state);
  state->kept_value = pair.y;
  state->kept = nogpu::Kept::Normal;
  return pair.x;
}
template <class State> NOGPU_INLINE nogpu::Drawn<State, double> curand_normal_double(State* state) {
  if (state->kept_double == nogpu::Kept::Normal) {
    state->kept_double = nogpu::Kept::Nothing;
    return state->kept_double_value;
  }
  const double2 pair = nogpu::normal_pair_double(state);
  state->kept_double_value = pair.y;
  state->kept_double = nogpu::Kept::Normal;
  return pair.x;
}
template <class State> NOGPU_INLINE nogpu::Drawn<State, float2> curand_normal2(State* state) { return nogpu::normal_pair(state); }
template <class State> NOGPU_INLINE nogpu::Drawn<State, double2> curand_normal2_double(State* state) {
  return nogpu::normal_pair_double(state);
}
NOGPU_INLINE float4 curand_normal4(curandStatePhilox4_32_10* state) {
  const float2 first = nogpu::normal_pair(state), second = nogpu::normal_pair(state);
  return make_float4(first.x, first.y, second.x, second.y);
}
NOGPU_INLINE double4 curand_normal4_double(curandStatePhilox4_32_10* state) {
  const double2 first = nogpu::normal_pair_double(state), second = nogpu::normal_pair_double(state);
  return make_double4(first.x, first.y, second.x, second.y);
}

// The kept number has the mean and the deviation of the call that drew it, as with cuRAND.
template <class State> NOGPU_INLINE nogpu::Drawn<State, float2> curand_log_normal2(State* state, float mean, float stddev) {
  const float2 pair = nogpu::normal_pair(state);
  return make_float2(expf(fmaf(stddev, pair.x, mean)), expf(fmaf(stddev, pair.y, mean)));
}
template <class State> NOGPU_INLINE nogpu::Drawn<State, double2> curand_log_normal2_double(State* state, double mean, double stddev) {
  const double2 pair = nogpu::normal_pair_double(state);
  return make_double2(exp(fma(stddev, pair.x, mean)), exp(fma(stddev, pair.y, mean)));
}
template <class State> NOGPU_INLINE nogpu::Drawn<State, float> curand_log_normal(State* state, float mean, float stddev) {
  if (state->kept == nogpu::Kept::LogNormal) {
    state->kept = nogpu::Kept::Nothing;
    return state->kept_value;
  }
  const float2 pair = curand_log_normal2(state, mean, stddev);
  state->kept_value = pair.y;
  state->kept = nogpu::Kept::LogNormal;
  return pair.x;
}
template <class State> NOGPU_INLINE nogpu::Drawn<State, double> curand_log_normal_double(State* state, double mean, double stddev) {
  if (state->kept_double == nogpu::Kept::LogNormal) {
    state->kept_double = nogpu::Kept::Nothing;
    return state->kept_double_value;
  }
  const double2 pair = curand_log_normal2_double(state, mean, stddev);
  state->kept_double_value = pair.y;
  state->kept_double = nogpu::Kept::LogNormal;
  return pair.x;
}
NOGPU_INLINE float4 curand_log_normal4(curandStatePhilox4_32_10* state, float mean, float stddev) {
  const float2 first = curand_log_normal2(state, mean, stddev), second = curand_log_normal2(state, mean, stddev);
  return make_float4(first.x, first.y, second.x, second.y);
}
NOGPU_INLINE double4 curand_log_normal4_double(curandStatePhilox4_32_10* state, double mean, double stddev) {
  const double2 first = curand_log_normal2_double(state, mean, stddev), second = curand_log_normal2_double(state, mean, stddev);
  return make_double4(first.x, first.y, second.x, second.y);
}
