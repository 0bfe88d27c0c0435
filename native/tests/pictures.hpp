// Pictures of noise, the same as those of tests/native/oracle.py, and buffers to hold them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tpgan/types.h"

inline std::uint32_t noise(std::uint32_t seed, std::uint32_t x, std::uint32_t y,
                           std::uint32_t channel) {
  std::uint32_t value =
      x * 0x9E3779B1U ^ y * 0x85EBCA77U ^ (channel + 1) * 0xC2B2AE3DU ^ seed * 0x27D4EB2FU;
  value ^= value >> 15;
  value *= 0x2C1B3C6DU;
  value ^= value >> 12;
  return value;
}

inline std::uint8_t noise_byte(std::uint32_t seed, std::uint32_t x, std::uint32_t y,
                               std::uint32_t channel) {
  return static_cast<std::uint8_t>(noise(seed, x, y, channel) >> 8);
}

// A picture that ends with its last pixel, not with its last row's padding, so that a sanitizer
// sees every byte too far.
struct Picture {
  std::int32_t width, height, format;
  std::int32_t pitch, chroma_pitch;
  std::vector<std::uint8_t> bytes, chroma;

  Picture(std::int32_t width, std::int32_t height, std::int32_t format, std::int32_t padding);

  // Noise of three channels R, G, B from `seed`; NV12: luma from `seed`, U and V from the next.
  void fill(std::uint32_t seed);
  std::uint8_t* pixel(std::int32_t x, std::int32_t y);
  // 0 is red, whatever the format; not for NV12.
  std::uint8_t& channel(std::int32_t x, std::int32_t y, std::int32_t index);
  tpgan_frame frame(std::int32_t yuv = TPGAN_BT601_LIMITED) const;
  tpgan_image image();
};

std::int32_t format_named(const std::string& name);
std::int32_t yuv_named(const std::string& name);
