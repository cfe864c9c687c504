// Half precision: __half and __half2, their conversions and arithmetic. CUDA Math API, "Half Precision Intrinsics".
#pragma once
#include "nogpu_small_float.h"

using __half = nogpu::SmallFloat<nogpu::Half>;
using __half2 = nogpu::SmallFloat2<nogpu::Half>;
using half = __half;
using half2 = __half2;

NOGPU_SMALL_FLOAT_FUNCTIONS(__half, __half2)

NOGPU_DEVICE __half __float2half(float x) { return __half(x); }
NOGPU_DEVICE __half __float2half_rn(float x) { return __half(x); }
NOGPU_DEVICE __half __double2half(double x) { return __half(x); }
NOGPU_DEVICE float __half2float(__half x) { return x.value(); }
NOGPU_DEVICE __half __int2half_rn(int x) { return __half(x); }
NOGPU_DEVICE int __half2int_rn(__half x) { return __float2int_rn(x.value()); }
NOGPU_DEVICE int __half2int_rz(__half x) { return __float2int_rz(x.value()); }
NOGPU_DEVICE unsigned short __half_as_ushort(__half x) { return x.bits; }
NOGPU_DEVICE short __half_as_short(__half x) { return static_cast<short>(x.bits); }
NOGPU_DEVICE __half __ushort_as_half(unsigned short bits) { return __half::of_bits(bits); }
NOGPU_DEVICE __half __short_as_half(short bits) { return __half::of_bits(static_cast<unsigned short>(bits)); }
NOGPU_DEVICE __half2 make_half2(__half x, __half y) { return {x, y}; }
NOGPU_DEVICE __half2 __halves2half2(__half x, __half y) { return {x, y}; }
NOGPU_DEVICE __half2 __half2half2(__half x) { return {x, x}; }
NOGPU_DEVICE __half2 __float2half2_rn(float x) { return {__half(x), __half(x)}; }
NOGPU_DEVICE __half2 __floats2half2_rn(float x, float y) { return {__half(x), __half(y)}; }
NOGPU_DEVICE __half2 __float22half2_rn(float2 v) { return {__half(v.x), __half(v.y)}; }
NOGPU_DEVICE float2 __half22float2(__half2 v) { return make_float2(v.x.value(), v.y.value()); }
NOGPU_DEVICE __half __low2half(__half2 v) { return v.x; }
NOGPU_DEVICE __half __high2half(__half2 v) { return v.y; }
NOGPU_DEVICE float __low2float(__half2 v) { return v.x.value(); }
NOGPU_DEVICE float __high2float(__half2 v) { return v.y.value(); }
