// Mathematical functions that CUDA has and the C library has not, and the fast intrinsics.
// CUDA Math API. The fast intrinsics are as exact here as the ordinary functions: only a GPU is faster and coarser.
#pragma once

#define CUDART_INF_F __builtin_inff()
#define CUDART_INF __builtin_inf()
#define CUDART_NAN_F __builtin_nanf("")
#define CUDART_NAN __builtin_nan("")

// min and max: CUDA has them for every pair of integer types and for float and double, mixed as well.
#define NOGPU_MIN_MAX(T)                                       \
  NOGPU_DEVICE T min(T a, T b) { return b < a ? b : a; }       \
  NOGPU_DEVICE T max(T a, T b) { return a < b ? b : a; }
NOGPU_MIN_MAX(int)
NOGPU_MIN_MAX(unsigned)
NOGPU_MIN_MAX(long)
NOGPU_MIN_MAX(unsigned long)
NOGPU_MIN_MAX(long long)
NOGPU_MIN_MAX(unsigned long long)
#define NOGPU_MIXED_MIN_MAX(A, B, T)                                                               \
  NOGPU_DEVICE T min(A a, B b) { return min(static_cast<T>(a), static_cast<T>(b)); }               \
  NOGPU_DEVICE T min(B a, A b) { return min(static_cast<T>(a), static_cast<T>(b)); }               \
  NOGPU_DEVICE T max(A a, B b) { return max(static_cast<T>(a), static_cast<T>(b)); }               \
  NOGPU_DEVICE T max(B a, A b) { return max(static_cast<T>(a), static_cast<T>(b)); }
NOGPU_MIXED_MIN_MAX(int, unsigned, unsigned)
NOGPU_MIXED_MIN_MAX(long, unsigned long, unsigned long)
NOGPU_MIXED_MIN_MAX(long long, unsigned long long, unsigned long long)
// IEEE's rule, as fminf: a number wins over not-a-number.
NOGPU_DEVICE float min(float a, float b) { return fminf(a, b); }
NOGPU_DEVICE float max(float a, float b) { return fmaxf(a, b); }
NOGPU_DEVICE double min(double a, double b) { return fmin(a, b); }
NOGPU_DEVICE double max(double a, double b) { return fmax(a, b); }
NOGPU_MIXED_MIN_MAX(float, double, double)
NOGPU_DEVICE unsigned umin(unsigned a, unsigned b) { return min(a, b); }
NOGPU_DEVICE unsigned umax(unsigned a, unsigned b) { return max(a, b); }
NOGPU_DEVICE long long llmin(long long a, long long b) { return min(a, b); }
NOGPU_DEVICE long long llmax(long long a, long long b) { return max(a, b); }

NOGPU_DEVICE float rsqrtf(float x) { return 1.0f / sqrtf(x); }
NOGPU_DEVICE double rsqrt(double x) { return 1.0 / sqrt(x); }
NOGPU_DEVICE float rsqrt(float x) { return rsqrtf(x); }
NOGPU_DEVICE float rcbrtf(float x) { return 1.0f / cbrtf(x); }
NOGPU_DEVICE double rcbrt(double x) { return 1.0 / cbrt(x); }
NOGPU_DEVICE double sinpi(double x) { return sin(M_PI * fmod(x, 2.0)); }
NOGPU_DEVICE double cospi(double x) { return cos(M_PI * fmod(x, 2.0)); }
NOGPU_DEVICE float sinpif(float x) { return static_cast<float>(sinpi(x)); }
NOGPU_DEVICE float cospif(float x) { return static_cast<float>(cospi(x)); }
NOGPU_DEVICE void sincos(float x, float* s, float* c) { sincosf(x, s, c); }
NOGPU_DEVICE void sincospif(float x, float* s, float* c) { *s = sinpif(x), *c = cospif(x); }
NOGPU_DEVICE void sincospi(double x, double* s, double* c) { *s = sinpi(x), *c = cospi(x); }
NOGPU_DEVICE float fdividef(float a, float b) { return a / b; }
NOGPU_DEVICE double normcdf(double x) { return 0.5 * erfc(-x * M_SQRT1_2); }
NOGPU_DEVICE float normcdff(float x) { return static_cast<float>(normcdf(x)); }
NOGPU_DEVICE double erfcx(double x) {
  // Beyond 25 erfc underflows: the first terms of the asymptotic series are exact to rounding (DLMF 7.12.1).
  return x < 25 ? exp(x * x) * erfc(x) : 1 / (x * 1.7724538509055160273) * (1 - 0.5 / (x * x));
}
NOGPU_DEVICE float erfcxf(float x) { return static_cast<float>(erfcx(x)); }
NOGPU_DEVICE double erfinv(double x) {
  if (x <= -1 || x >= 1) return x == 1 ? CUDART_INF : x == -1 ? -CUDART_INF : CUDART_NAN;
  // Giles, "Approximating the erfinv function" (GPU Computing Gems, 2011), in the form of Winitzki's start, then Newton.
  double l = log1p(-x * x), t = 2 / (M_PI * 0.147) + l / 2;
  double y = copysign(sqrt(sqrt(t * t - l / 0.147) - t), x);
  for (int i = 0; i < 4; i++) y -= (erf(y) - x) / (M_2_SQRTPI * exp(-y * y));
  return y;
}
NOGPU_DEVICE float erfinvf(float x) { return static_cast<float>(erfinv(x)); }
NOGPU_DEVICE double erfcinv(double x) { return erfinv(1 - x); }
NOGPU_DEVICE float erfcinvf(float x) { return static_cast<float>(erfcinv(x)); }
NOGPU_DEVICE double normcdfinv(double x) { return M_SQRT2 * erfinv(2 * x - 1); }
NOGPU_DEVICE float normcdfinvf(float x) { return static_cast<float>(normcdfinv(x)); }
NOGPU_DEVICE float norm3df(float a, float b, float c) { return sqrtf(a * a + b * b + c * c); }
NOGPU_DEVICE double norm3d(double a, double b, double c) { return sqrt(a * a + b * b + c * c); }
NOGPU_DEVICE float rnorm3df(float a, float b, float c) { return 1 / norm3df(a, b, c); }
NOGPU_DEVICE double rnorm3d(double a, double b, double c) { return 1 / norm3d(a, b, c); }
NOGPU_DEVICE float norm4df(float a, float b, float c, float d) { return sqrtf(a * a + b * b + c * c + d * d); }
NOGPU_DEVICE double norm4d(double a, double b, double c, double d) { return sqrt(a * a + b * b + c * c + d * d); }
NOGPU_DEVICE float rhypotf(float a, float b) { return 1 / hypotf(a, b); }
NOGPU_DEVICE double rhypot(double a, double b) { return 1 / hypot(a, b); }

// Macros, because the C library declares some of these names for itself.
#define __expf(x) expf(x)
#define __exp10f(x) exp10f(x)
#define __logf(x) logf(x)
#define __log2f(x) log2f(x)
#define __log10f(x) log10f(x)
#define __sinf(x) sinf(x)
#define __cosf(x) cosf(x)
#define __tanf(x) tanf(x)
#define __tanhf(x) tanhf(x)
#define __powf(x, y) powf((x), (y))
#define __sincosf(x, s, c) sincosf((x), (s), (c))
#define __fdividef(a, b) ((a) / (b))
#define __saturatef(x) fminf(fmaxf((x), 0.0f), 1.0f)
#define __frsqrt_rn(x) rsqrtf(x)

// Arithmetic with the rounding named: to nearest here is what the processor does; the others are done with care.
namespace nogpu {
static inline float exact_or(float nearest, double exact, int direction) {
  if (direction == 0 || static_cast<double>(nearest) == exact) return nearest;
  if (direction == 2) direction = exact > 0 ? -1 : 1;
  if (direction > 0) return static_cast<double>(nearest) < exact ? nextafterf(nearest, CUDART_INF_F) : nearest;
  return static_cast<double>(nearest) > exact ? nextafterf(nearest, -CUDART_INF_F) : nearest;
}
}  // namespace nogpu
#define NOGPU_ROUNDED(NAME, PARAMETERS, NEAREST, EXACT)                                                           \
  NOGPU_DEVICE float NAME##_rn PARAMETERS { return nogpu::exact_or(NEAREST, EXACT, 0); }                          \
  NOGPU_DEVICE float NAME##_ru PARAMETERS { return nogpu::exact_or(NEAREST, EXACT, 1); }                          \
  NOGPU_DEVICE float NAME##_rd PARAMETERS { return nogpu::exact_or(NEAREST, EXACT, -1); }                         \
  NOGPU_DEVICE float NAME##_rz PARAMETERS { return nogpu::exact_or(NEAREST, EXACT, 2); }
NOGPU_ROUNDED(__fadd, (float a, float b), a + b, static_cast<double>(a) + b)
NOGPU_ROUNDED(__fsub, (float a, float b), a - b, static_cast<double>(a) - b)
NOGPU_ROUNDED(__fmul, (float a, float b), a * b, static_cast<double>(a) * b)
NOGPU_ROUNDED(__fdiv, (float a, float b), a / b, static_cast<double>(a) / b)
NOGPU_ROUNDED(__fmaf, (float a, float b, float c), fmaf(a, b, c), static_cast<double>(a) * b + c)
NOGPU_ROUNDED(__fsqrt, (float a), sqrtf(a), sqrt(static_cast<double>(a)))
NOGPU_ROUNDED(__frcp, (float a), 1.0f / a, 1.0 / static_cast<double>(a))
NOGPU_DEVICE double __dadd_rn(double a, double b) { return a + b; }
NOGPU_DEVICE double __dsub_rn(double a, double b) { return a - b; }
NOGPU_DEVICE double __dmul_rn(double a, double b) { return a * b; }
NOGPU_DEVICE double __ddiv_rn(double a, double b) { return a / b; }
NOGPU_DEVICE double __drcp_rn(double a) { return 1 / a; }
NOGPU_DEVICE double __dsqrt_rn(double a) { return sqrt(a); }
NOGPU_DEVICE double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
