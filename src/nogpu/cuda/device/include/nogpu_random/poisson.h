// Poisson-distributed numbers. Below a mean of 64 and above 4,000 the method is cuRAND's, and so are the numbers, but for
// the rounding of expf and log. Between, cuRAND has a method of its own; here stands a published one: the same
// distribution, other numbers.
#pragma once

namespace nogpu {

// Knuth, "The Art of Computer Programming", volume 2, section 3.4.1.F, algorithm Q.
template <class State> NOGPU_INLINE unsigned poisson_by_product(State* state, float lambda) {
  unsigned number = 0;
  for (float product = expf(lambda);; number++) {
    product *= curand_uniform(state);
    if (!(product > 1)) return number;
  }
}

// Hörmann, "The Transformed Rejection Method for Generating Poisson Random Variables", Insurance: Mathematics and
// Economics 12, 1993, algorithm PTRS.
template <class State> NOGPU_INLINE unsigned poisson_by_rejection(State* state, double lambda) {
  const double b = 0.931 + 2.53 * sqrt(lambda), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), sure = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = curand_uniform_double(state) - 0.5, v = curand_uniform_double(state);
    const double from_edge = 0.5 - fabs(u), k = floor((2 * a / from_edge + b) * u + lambda + 0.43);
    if (from_edge >= 0.07 && v <= sure) return static_cast<unsigned>(k);
    if (k < 0 || (from_edge < 0.013 && v > from_edge)) continue;
    const double bound = log(v * inverse_alpha / (a / (from_edge * from_edge) + b));
    if (bound <= k * log(lambda) - lambda - lgamma(k + 1)) return static_cast<unsigned>(k);
  }
}

NOGPU_INLINE unsigned poisson_of_normal(double normal, double lambda) {
  return static_cast<unsigned>(sqrt(lambda) * normal + lambda + 0.5);
}

}  // namespace nogpu

template <class State> NOGPU_INLINE nogpu::Drawn<State, unsigned> curand_poisson(State* state, double lambda) {
  if (lambda < 64) return nogpu::poisson_by_product(state, static_cast<float>(lambda));
  if (lambda > 4000) return nogpu::poisson_of_normal(curand_normal_double(state), lambda);
  return nogpu::poisson_by_rejection(state, lambda);
}

NOGPU_INLINE uint4 curand_poisson4(curandStatePhilox4_32_10* state, double lambda) {
  unsigned numbers[4];
  if (lambda > 4000) {  // unlike curand_poisson, which takes a number that was kept
    const double4 normal = curand_normal4_double(state);
    const double normals[4] = {normal.x, normal.y, normal.z, normal.w};
    for (int i = 0; i < 4; i++) numbers[i] = nogpu::poisson_of_normal(normals[i], lambda);
  } else {
    for (int i = 0; i < 4; i++) numbers[i] = curand_poisson(state, lambda);
  }
  return make_uint4(numbers[0], numbers[1], numbers[2], numbers[3]);
}
