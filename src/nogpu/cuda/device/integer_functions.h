// Integer intrinsics and the reinterpretations between number types.
// CUDA Math API, "Integer Intrinsics" and "Type Casting Intrinsics".
#pragma once

#define NOGPU_DEVICE NOGPU_INLINE

NOGPU_DEVICE int __popc(unsigned x) { return __builtin_popcount(x); }
NOGPU_DEVICE int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
NOGPU_DEVICE int __clz(int x) { return x ? __builtin_clz(static_cast<unsigned>(x)) : 32; }
NOGPU_DEVICE int __clzll(long long x) { return x ? __builtin_clzll(static_cast<unsigned long long>(x)) : 64; }
NOGPU_DEVICE int __ffs(int x) { return __builtin_ffs(x); }
NOGPU_DEVICE int __ffsll(long long x) { return __builtin_ffsll(x); }
NOGPU_DEVICE unsigned __brev(unsigned x) {
  x = (x >> 1 & 0x55555555u) | (x & 0x55555555u) << 1;
  x = (x >> 2 & 0x33333333u) | (x & 0x33333333u) << 2;
  x = (x >> 4 & 0x0f0f0f0fu) | (x & 0x0f0f0f0fu) << 4;
  return __builtin_bswap32(x);
}
NOGPU_DEVICE unsigned long long __brevll(unsigned long long x) {
  return static_cast<unsigned long long>(__brev(static_cast<unsigned>(x))) << 32 | __brev(static_cast<unsigned>(x >> 32));
}
NOGPU_DEVICE unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  unsigned long long bytes = static_cast<unsigned long long>(y) << 32 | x;
  unsigned result = 0;
  for (int i = 0; i < 4; i++) result |= static_cast<unsigned>(bytes >> 8 * (selector >> 4 * i & 7) & 0xff) << 8 * i;
  return result;
}
NOGPU_DEVICE unsigned __fns(unsigned mask, unsigned base, int offset) {
  if (offset == 0) return mask >> (base & 31) & 1 ? base : ~0u;
  int step = offset > 0 ? 1 : -1, left = offset > 0 ? offset : -offset;
  for (int bit = static_cast<int>(base); bit >= 0 && bit < 32; bit += step)
    if ((mask >> bit & 1) && --left == 0) return static_cast<unsigned>(bit);
  return ~0u;
}
NOGPU_DEVICE unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  return static_cast<unsigned>((static_cast<uint64_t>(high) << 32 | low) << (shift & 31) >> 32);
}
NOGPU_DEVICE unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  return static_cast<unsigned>((static_cast<uint64_t>(high) << 32 | low) >> (shift & 31));
}
NOGPU_DEVICE int __mul24(int a, int b) { return (a << 8 >> 8) * (b << 8 >> 8); }
NOGPU_DEVICE unsigned __umul24(unsigned a, unsigned b) { return (a & 0xffffff) * (b & 0xffffff); }
NOGPU_DEVICE int __mulhi(int a, int b) { return static_cast<int>(static_cast<int64_t>(a) * b >> 32); }
NOGPU_DEVICE unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>(static_cast<uint64_t>(a) * b >> 32); }
NOGPU_DEVICE long long __mul64hi(long long a, long long b) { return static_cast<long long>(static_cast<__int128>(a) * b >> 64); }
NOGPU_DEVICE unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return static_cast<unsigned long long>(static_cast<unsigned __int128>(a) * b >> 64);
}
NOGPU_DEVICE unsigned __sad(int a, int b, unsigned c) {
  return (a > b ? static_cast<unsigned>(a) - static_cast<unsigned>(b) : static_cast<unsigned>(b) - static_cast<unsigned>(a)) + c;
}
NOGPU_DEVICE unsigned __usad(unsigned a, unsigned b, unsigned c) { return (a > b ? a - b : b - a) + c; }
NOGPU_DEVICE int __hadd(int a, int b) { return static_cast<int>((static_cast<int64_t>(a) + b) >> 1); }
NOGPU_DEVICE int __rhadd(int a, int b) { return static_cast<int>((static_cast<int64_t>(a) + b + 1) >> 1); }
NOGPU_DEVICE unsigned __uhadd(unsigned a, unsigned b) { return static_cast<unsigned>((static_cast<uint64_t>(a) + b) >> 1); }
NOGPU_DEVICE unsigned __urhadd(unsigned a, unsigned b) { return static_cast<unsigned>((static_cast<uint64_t>(a) + b + 1) >> 1); }
// Four signed or unsigned bytes at once, with accumulation: the heart of INT8 inference.
NOGPU_DEVICE int __dp4a(int a, int b, int c) {
  for (int i = 0; i < 4; i++) c += static_cast<signed char>(a >> 8 * i) * static_cast<signed char>(b >> 8 * i);
  return c;
}
NOGPU_DEVICE unsigned __dp4a(unsigned a, unsigned b, unsigned c) {
  for (int i = 0; i < 4; i++) c += (a >> 8 * i & 0xff) * (b >> 8 * i & 0xff);
  return c;
}

template <class T>
NOGPU_DEVICE T __ldg(const T* address) { return *address; }
#define NOGPU_CACHED_LOAD(NAME) template <class T> NOGPU_DEVICE T NAME(const T* address) { return *address; }
#define NOGPU_CACHED_STORE(NAME) template <class T> NOGPU_DEVICE void NAME(T* address, T value) { *address = value; }
NOGPU_CACHED_LOAD(__ldca) NOGPU_CACHED_LOAD(__ldcg) NOGPU_CACHED_LOAD(__ldcs) NOGPU_CACHED_LOAD(__ldcv) NOGPU_CACHED_LOAD(__ldlu)
NOGPU_CACHED_STORE(__stwb) NOGPU_CACHED_STORE(__stcg) NOGPU_CACHED_STORE(__stcs) NOGPU_CACHED_STORE(__stwt)

namespace nogpu {
template <class To, class From>
static inline To same_bits(From from) {
  static_assert(sizeof(To) == sizeof(From), "the same number of bytes");
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}

// Rounding by name; out of range saturates, not-a-number is 0, as on a GPU (PTX ISA, cvt).
template <class To, class From>
static inline To saturate(From rounded) {
  if (rounded != rounded) return sizeof(To) == 8 ? std::numeric_limits<To>::min() : To(0);
  if (rounded <= static_cast<From>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
  if (rounded >= static_cast<From>(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
  return static_cast<To>(rounded);
}
}  // namespace nogpu

NOGPU_DEVICE int __float_as_int(float x) { return nogpu::same_bits<int>(x); }
NOGPU_DEVICE unsigned __float_as_uint(float x) { return nogpu::same_bits<unsigned>(x); }
NOGPU_DEVICE float __int_as_float(int x) { return nogpu::same_bits<float>(x); }
NOGPU_DEVICE float __uint_as_float(unsigned x) { return nogpu::same_bits<float>(x); }
NOGPU_DEVICE long long __double_as_longlong(double x) { return nogpu::same_bits<long long>(x); }
NOGPU_DEVICE double __longlong_as_double(long long x) { return nogpu::same_bits<double>(x); }
NOGPU_DEVICE int __double2hiint(double x) { return static_cast<int>(__double_as_longlong(x) >> 32); }
NOGPU_DEVICE int __double2loint(double x) { return static_cast<int>(__double_as_longlong(x)); }
NOGPU_DEVICE double __hiloint2double(int high, int low) {
  return __longlong_as_double(static_cast<long long>(high) << 32 | static_cast<unsigned>(low));
}

#define NOGPU_FLOAT_TO_INTEGER(FROM, FROM_NAME, TO, TO_NAME)                                                        \
  NOGPU_DEVICE TO __##FROM_NAME##2##TO_NAME##_rn(FROM x) { return nogpu::saturate<TO>(__builtin_rint(x)); }         \
  NOGPU_DEVICE TO __##FROM_NAME##2##TO_NAME##_rz(FROM x) { return nogpu::saturate<TO>(__builtin_trunc(x)); }        \
  NOGPU_DEVICE TO __##FROM_NAME##2##TO_NAME##_ru(FROM x) { return nogpu::saturate<TO>(__builtin_ceil(x)); }         \
  NOGPU_DEVICE TO __##FROM_NAME##2##TO_NAME##_rd(FROM x) { return nogpu::saturate<TO>(__builtin_floor(x)); }
NOGPU_FLOAT_TO_INTEGER(float, float, int, int)
NOGPU_FLOAT_TO_INTEGER(float, float, unsigned, uint)
NOGPU_FLOAT_TO_INTEGER(float, float, long long, ll)
NOGPU_FLOAT_TO_INTEGER(float, float, unsigned long long, ull)
NOGPU_FLOAT_TO_INTEGER(double, double, int, int)
NOGPU_FLOAT_TO_INTEGER(double, double, unsigned, uint)
NOGPU_FLOAT_TO_INTEGER(double, double, long long, ll)
NOGPU_FLOAT_TO_INTEGER(double, double, unsigned long long, ull)
NOGPU_DEVICE float __int2float_rn(int x) { return static_cast<float>(x); }
NOGPU_DEVICE float __uint2float_rn(unsigned x) { return static_cast<float>(x); }
NOGPU_DEVICE float __ll2float_rn(long long x) { return static_cast<float>(x); }
NOGPU_DEVICE float __ull2float_rn(unsigned long long x) { return static_cast<float>(x); }
NOGPU_DEVICE double __int2double_rn(int x) { return x; }
NOGPU_DEVICE double __uint2double_rn(unsigned x) { return x; }
NOGPU_DEVICE double __ll2double_rn(long long x) { return static_cast<double>(x); }
NOGPU_DEVICE double __ull2double_rn(unsigned long long x) { return static_cast<double>(x); }
NOGPU_DEVICE float __double2float_rn(double x) { return static_cast<float>(x); }
