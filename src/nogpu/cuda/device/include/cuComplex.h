// CUDA's C interface to complex numbers.
#pragma once

typedef float2 cuFloatComplex;
typedef double2 cuDoubleComplex;
typedef cuFloatComplex cuComplex;

#define NOGPU_COMPLEX(C, R, SUFFIX, MAKE, HYPOT)                                                             \
  NOGPU_DEVICE R cuCreal##SUFFIX(C z) { return z.x; }                                                        \
  NOGPU_DEVICE R cuCimag##SUFFIX(C z) { return z.y; }                                                        \
  NOGPU_DEVICE C cuConj##SUFFIX(C z) { return MAKE(z.x, -z.y); }                                             \
  NOGPU_DEVICE C cuCadd##SUFFIX(C a, C b) { return MAKE(a.x + b.x, a.y + b.y); }                             \
  NOGPU_DEVICE C cuCsub##SUFFIX(C a, C b) { return MAKE(a.x - b.x, a.y - b.y); }                             \
  NOGPU_DEVICE C cuCmul##SUFFIX(C a, C b) { return MAKE(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x); }     \
  NOGPU_DEVICE C cuCdiv##SUFFIX(C a, C b) {                                                                  \
    R d = b.x * b.x + b.y * b.y;                                                                             \
    return MAKE((a.x * b.x + a.y * b.y) / d, (a.y * b.x - a.x * b.y) / d);                                   \
  }                                                                                                          \
  NOGPU_DEVICE C cuCfma##SUFFIX(C a, C b, C c) { return cuCadd##SUFFIX(cuCmul##SUFFIX(a, b), c); }           \
  NOGPU_DEVICE R cuCabs##SUFFIX(C z) { return HYPOT(z.x, z.y); }
NOGPU_DEVICE cuFloatComplex make_cuFloatComplex(float x, float y) { return make_float2(x, y); }
NOGPU_DEVICE cuFloatComplex make_cuComplex(float x, float y) { return make_float2(x, y); }
NOGPU_DEVICE cuDoubleComplex make_cuDoubleComplex(double x, double y) { return make_double2(x, y); }
NOGPU_COMPLEX(cuFloatComplex, float, f, make_cuFloatComplex, hypotf)
NOGPU_COMPLEX(cuDoubleComplex, double, , make_cuDoubleComplex, hypot)
