// Brain floating point: __nv_bfloat16 and __nv_bfloat162. CUDA Math API, "Bfloat16 Precision Intrinsics".
#pragma once
#include "nogpu_small_float.h"

using __nv_bfloat16 = nogpu::SmallFloat<nogpu::Bfloat>;
using __nv_bfloat162 = nogpu::SmallFloat2<nogpu::Bfloat>;
using nv_bfloat16 = __nv_bfloat16;
using nv_bfloat162 = __nv_bfloat162;

NOGPU_SMALL_FLOAT_FUNCTIONS(__nv_bfloat16, __nv_bfloat162)

NOGPU_DEVICE __nv_bfloat16 __float2bfloat16(float x) { return __nv_bfloat16(x); }
NOGPU_DEVICE __nv_bfloat16 __float2bfloat16_rn(float x) { return __nv_bfloat16(x); }
NOGPU_DEVICE __nv_bfloat16 __double2bfloat16(double x) { return __nv_bfloat16(x); }
NOGPU_DEVICE float __bfloat162float(__nv_bfloat16 x) { return x.value(); }
NOGPU_DEVICE __nv_bfloat16 __int2bfloat16_rn(int x) { return __nv_bfloat16(x); }
NOGPU_DEVICE int __bfloat162int_rn(__nv_bfloat16 x) { return __float2int_rn(x.value()); }
NOGPU_DEVICE unsigned short __bfloat16_as_ushort(__nv_bfloat16 x) { return x.bits; }
NOGPU_DEVICE __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) { return __nv_bfloat16::of_bits(bits); }
NOGPU_DEVICE __nv_bfloat162 make_bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) { return {x, y}; }
NOGPU_DEVICE __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) { return {x, y}; }
NOGPU_DEVICE __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 x) { return {x, x}; }
NOGPU_DEVICE __nv_bfloat162 __floats2bfloat162_rn(float x, float y) { return {__nv_bfloat16(x), __nv_bfloat16(y)}; }
NOGPU_DEVICE float2 __bfloat1622float2(__nv_bfloat162 v) { return make_float2(v.x.value(), v.y.value()); }
NOGPU_DEVICE __nv_bfloat16 __low2bfloat16(__nv_bfloat162 v) { return v.x; }
NOGPU_DEVICE __nv_bfloat16 __high2bfloat16(__nv_bfloat162 v) { return v.y; }
