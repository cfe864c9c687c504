// float4, int2, uchar3, dim3 and their relatives, with CUDA's alignment, and the make_ functions.
// CUDA C++ Programming Guide, "Built-in Vector Types".
#pragma once

#define NOGPU_VECTOR1(T, NAME)                                       \
  struct NAME##1 { T x; };                                           \
  static inline NAME##1 make_##NAME##1(T x) { return NAME##1{x}; }
#define NOGPU_VECTOR2(T, NAME, ALIGNMENT)                            \
  struct __align__(ALIGNMENT) NAME##2 { T x, y; };                   \
  static inline NAME##2 make_##NAME##2(T x, T y) { return NAME##2{x, y}; }
#define NOGPU_VECTOR3(T, NAME)                                       \
  struct NAME##3 { T x, y, z; };                                     \
  static inline NAME##3 make_##NAME##3(T x, T y, T z) { return NAME##3{x, y, z}; }
#define NOGPU_VECTOR4(T, NAME, ALIGNMENT)                            \
  struct __align__(ALIGNMENT) NAME##4 { T x, y, z, w; };             \
  static inline NAME##4 make_##NAME##4(T x, T y, T z, T w) { return NAME##4{x, y, z, w}; }
#define NOGPU_VECTORS(T, NAME)               \
  NOGPU_VECTOR1(T, NAME)                     \
  NOGPU_VECTOR2(T, NAME, 2 * sizeof(T))      \
  NOGPU_VECTOR3(T, NAME)                     \
  NOGPU_VECTOR4(T, NAME, (4 * sizeof(T) > 16 ? 16 : 4 * sizeof(T)))

NOGPU_VECTORS(signed char, char)
NOGPU_VECTORS(unsigned char, uchar)
NOGPU_VECTORS(short, short)
NOGPU_VECTORS(unsigned short, ushort)
NOGPU_VECTORS(int, int)
NOGPU_VECTOR1(unsigned int, uint)
NOGPU_VECTOR2(unsigned int, uint, 8)
NOGPU_VECTOR4(unsigned int, uint, 16)
static inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return uint3{x, y, z}; }
NOGPU_VECTORS(long, long)
NOGPU_VECTORS(unsigned long, ulong)
NOGPU_VECTORS(long long, longlong)
NOGPU_VECTORS(unsigned long long, ulonglong)
NOGPU_VECTORS(float, float)
NOGPU_VECTORS(double, double)

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
  constexpr operator uint3() const { return uint3{x, y, z}; }
};
