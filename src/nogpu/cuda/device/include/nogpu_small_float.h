// What __half and __nv_bfloat16 have in common: 16 bits, arithmetic done in float and rounded after each operation.
// That is the exactly rounded result of + - * / and sqrt, for float has more than twice the bits (Figueroa, 1995).
#pragma once

namespace nogpu {

// binary16: 1 sign, 5 exponent, 10 fraction bits (IEEE 754-2008).
struct Half {
  static inline uint16_t from_float(float value) {
    uint32_t bits = same_bits<uint32_t>(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) return static_cast<uint16_t>(0x7fff);             // CUDA's not-a-number
    if (magnitude >= 0x477ff000) return static_cast<uint16_t>(sign | 0x7c00);     // rounds to infinity
    if (magnitude < 0x38800000) {                                                 // subnormal: the FPU rounds
      float scaled = same_bits<float>(magnitude) + 0.5f;
      return static_cast<uint16_t>(sign | (same_bits<uint32_t>(scaled) - 0x3f000000));
    }
    magnitude += 0xfff + (magnitude >> 13 & 1) - (112u << 23);
    return static_cast<uint16_t>(sign | magnitude >> 13);
  }
  static inline float to_float(uint16_t half) {
    uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, magnitude = half & 0x7fff;
    if (magnitude >= 0x7c00) return same_bits<float>(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
    if (magnitude < 0x400) return same_bits<float>(same_bits<uint32_t>(static_cast<float>(magnitude) * 0x1p-24f) | sign);
    return same_bits<float>(sign | ((magnitude << 13) + (112u << 23)));
  }
};

// bfloat16: the upper half of a float.
struct Bfloat {
  static inline uint16_t from_float(float value) {
    uint32_t bits = same_bits<uint32_t>(value);
    if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fff;
    return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  }
  static inline float to_float(uint16_t bits) { return same_bits<float>(static_cast<uint32_t>(bits) << 16); }
};

template <class Format>
struct __align__(2) SmallFloat {
  uint16_t bits;

  SmallFloat() = default;
  SmallFloat(float value) : bits(Format::from_float(value)) {}
  SmallFloat(double value) : bits(Format::from_float(static_cast<float>(value))) {}
  SmallFloat(int value) : bits(Format::from_float(static_cast<float>(value))) {}
  SmallFloat(unsigned value) : bits(Format::from_float(static_cast<float>(value))) {}
  SmallFloat(long long value) : bits(Format::from_float(static_cast<float>(value))) {}
  operator float() const { return Format::to_float(bits); }
  static SmallFloat of_bits(uint16_t bits) {
    SmallFloat result;
    result.bits = bits;
    return result;
  }
  float value() const { return Format::to_float(bits); }
  SmallFloat operator-() const { return of_bits(bits ^ 0x8000); }
  SmallFloat operator+() const { return *this; }
  SmallFloat& operator+=(SmallFloat other) { return *this = SmallFloat(value() + other.value()); }
  SmallFloat& operator-=(SmallFloat other) { return *this = SmallFloat(value() - other.value()); }
  SmallFloat& operator*=(SmallFloat other) { return *this = SmallFloat(value() * other.value()); }
  SmallFloat& operator/=(SmallFloat other) { return *this = SmallFloat(value() / other.value()); }
  friend SmallFloat operator+(SmallFloat a, SmallFloat b) { return a += b; }
  friend SmallFloat operator-(SmallFloat a, SmallFloat b) { return a -= b; }
  friend SmallFloat operator*(SmallFloat a, SmallFloat b) { return a *= b; }
  friend SmallFloat operator/(SmallFloat a, SmallFloat b) { return a /= b; }
  friend bool operator==(SmallFloat a, SmallFloat b) { return a.value() == b.value(); }
  friend bool operator!=(SmallFloat a, SmallFloat b) { return a.value() != b.value(); }
  friend bool operator<(SmallFloat a, SmallFloat b) { return a.value() < b.value(); }
  friend bool operator>(SmallFloat a, SmallFloat b) { return a.value() > b.value(); }
  friend bool operator<=(SmallFloat a, SmallFloat b) { return a.value() <= b.value(); }
  friend bool operator>=(SmallFloat a, SmallFloat b) { return a.value() >= b.value(); }
};

template <class Format>
struct __align__(4) SmallFloat2 {
  SmallFloat<Format> x, y;

  friend SmallFloat2 operator+(SmallFloat2 a, SmallFloat2 b) { return {a.x + b.x, a.y + b.y}; }
  friend SmallFloat2 operator-(SmallFloat2 a, SmallFloat2 b) { return {a.x - b.x, a.y - b.y}; }
  friend SmallFloat2 operator*(SmallFloat2 a, SmallFloat2 b) { return {a.x * b.x, a.y * b.y}; }
  friend SmallFloat2 operator/(SmallFloat2 a, SmallFloat2 b) { return {a.x / b.x, a.y / b.y}; }
  friend bool operator==(SmallFloat2 a, SmallFloat2 b) { return a.x == b.x && a.y == b.y; }
};

}  // namespace nogpu

// The intrinsics that both types have, for one value (T) and for two (T2).
#define NOGPU_SMALL_FLOAT_FUNCTIONS(T, T2)                                                               \
  NOGPU_DEVICE T __hadd(T a, T b) { return a + b; }                                                      \
  NOGPU_DEVICE T __hsub(T a, T b) { return a - b; }                                                      \
  NOGPU_DEVICE T __hmul(T a, T b) { return a * b; }                                                      \
  NOGPU_DEVICE T __hdiv(T a, T b) { return a / b; }                                                      \
  NOGPU_DEVICE T __hneg(T a) { return -a; }                                                              \
  NOGPU_DEVICE T __habs(T a) { return T::of_bits(a.bits & 0x7fff); }                                     \
  NOGPU_DEVICE T __hfma(T a, T b, T c) { return T(fmaf(a.value(), b.value(), c.value())); }              \
  NOGPU_DEVICE T __hmax(T a, T b) { return T(fmaxf(a.value(), b.value())); }                             \
  NOGPU_DEVICE T __hmin(T a, T b) { return T(fminf(a.value(), b.value())); }                             \
  NOGPU_DEVICE bool __heq(T a, T b) { return a == b; }                                                   \
  NOGPU_DEVICE bool __hne(T a, T b) { return a != b; }                                                   \
  NOGPU_DEVICE bool __hlt(T a, T b) { return a < b; }                                                    \
  NOGPU_DEVICE bool __hle(T a, T b) { return a <= b; }                                                   \
  NOGPU_DEVICE bool __hgt(T a, T b) { return a > b; }                                                    \
  NOGPU_DEVICE bool __hge(T a, T b) { return a >= b; }                                                   \
  NOGPU_DEVICE bool __hisnan(T a) { return a.value() != a.value(); }                                     \
  NOGPU_DEVICE int __hisinf(T a) { return __builtin_isinf(a.value()) ? (a.value() < 0 ? -1 : 1) : 0; }   \
  NOGPU_DEVICE T hexp(T a) { return T(expf(a.value())); }                                                \
  NOGPU_DEVICE T hlog(T a) { return T(logf(a.value())); }                                                \
  NOGPU_DEVICE T hsin(T a) { return T(sinf(a.value())); }                                                \
  NOGPU_DEVICE T hcos(T a) { return T(cosf(a.value())); }                                                \
  NOGPU_DEVICE T hsqrt(T a) { return T(sqrtf(a.value())); }                                              \
  NOGPU_DEVICE T hrsqrt(T a) { return T(1.0f / sqrtf(a.value())); }                                      \
  NOGPU_DEVICE T hrcp(T a) { return T(1.0f / a.value()); }                                               \
  NOGPU_DEVICE T hfloor(T a) { return T(floorf(a.value())); }                                            \
  NOGPU_DEVICE T hceil(T a) { return T(ceilf(a.value())); }                                              \
  NOGPU_DEVICE T hrint(T a) { return T(rintf(a.value())); }                                              \
  NOGPU_DEVICE T2 __hadd2(T2 a, T2 b) { return a + b; }                                                  \
  NOGPU_DEVICE T2 __hsub2(T2 a, T2 b) { return a - b; }                                                  \
  NOGPU_DEVICE T2 __hmul2(T2 a, T2 b) { return a * b; }                                                  \
  NOGPU_DEVICE T2 __h2div(T2 a, T2 b) { return a / b; }                                                  \
  NOGPU_DEVICE T2 __hneg2(T2 a) { return {-a.x, -a.y}; }                                                 \
  NOGPU_DEVICE T2 __hfma2(T2 a, T2 b, T2 c) { return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)}; }   \
  NOGPU_DEVICE T2 __hmax2(T2 a, T2 b) { return {__hmax(a.x, b.x), __hmax(a.y, b.y)}; }                   \
  NOGPU_DEVICE T2 __hmin2(T2 a, T2 b) { return {__hmin(a.x, b.x), __hmin(a.y, b.y)}; }
