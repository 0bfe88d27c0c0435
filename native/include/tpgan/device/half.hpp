// FP16 as its 16 bits, rounded to nearest even, on either processor.
#pragma once

#include <cstdint>
#include <cstring>

#include "tpgan/device/fixed.hpp"

#ifdef __CUDACC__
#include <cuda_fp16.h>
#endif

namespace tpgan {

struct Half {
  std::uint16_t bits;
};

namespace host {

inline std::uint32_t float_bits(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float float_from(std::uint32_t bits) {
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline Half to_half(float value) {
  const std::uint32_t bits = float_bits(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  std::uint32_t half = 0;
  if (magnitude > 0x7F800000U) {
    half = 0x7E00U;  // NaN
  } else if (magnitude >= 0x477FF000U) {
    half = 0x7C00U;  // rounds to infinity
  } else if (magnitude < 0x38800000U) {
    // Subnormal: adding 0.5 leaves the rounded multiple of 2^-24 in the lowest bits.
    half = float_bits(float_from(magnitude) + 0.5F) - float_bits(0.5F);
  } else {
    const std::uint32_t odd = (magnitude >> 13) & 1U;
    half = (magnitude - 0x38000000U + 0xFFFU + odd) >> 13;
  }
  return Half{static_cast<std::uint16_t>(sign | half)};
}

inline float from_half(Half value) {
  const std::uint32_t sign = (value.bits & 0x8000U) * 0x10000U;
  const std::uint32_t magnitude = value.bits & 0x7FFFU;
  if (magnitude >= 0x7C00U) {
    return float_from(sign | 0x7F800000U | (magnitude & 0x3FFU) << 13);
  }
  const float scaled = float_from(magnitude << 13) * 5.192296858534828e33F;  // times 2^112
  return float_from(sign | float_bits(scaled));
}

}  // namespace host

TPGAN_HD inline void store(float* place, float value) { *place = value; }
TPGAN_HD inline float load(const float* place) { return *place; }

TPGAN_HD inline void store(Half* place, float value) {
#ifdef __CUDA_ARCH__
  place->bits = __half_as_ushort(__float2half_rn(value));
#else
  *place = host::to_half(value);
#endif
}
TPGAN_HD inline float load(const Half* place) {
#ifdef __CUDA_ARCH__
  return __half2float(__ushort_as_half(place->bits));
#else
  return host::from_half(*place);
#endif
}

}  // namespace tpgan
