// Binary PPM (P6, 8 bits a channel): the one picture format that needs no library.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

struct Ppm {
  std::int32_t width = 0, height = 0;
  std::vector<std::uint8_t> rgb;  // rows from the top, 3 bytes a pixel
};

// Both throw std::runtime_error.
Ppm read_ppm(const std::string& path);
void write_ppm(const std::string& path, const Ppm& picture);
