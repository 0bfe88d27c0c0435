#include "ppm.hpp"

#include <fstream>
#include <limits>
#include <stdexcept>

#include "tpgan/types.h"

namespace {

// The next number of a header, in which lines from # on are comments.
int header_number(std::istream& file) {
  while ((file >> std::ws).peek() == '#') {
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  int number = 0;
  return file >> number ? number : -1;
}

std::size_t bytes_of(const Ppm& picture) {
  return std::size_t{3} * static_cast<std::size_t>(picture.width) *
         static_cast<std::size_t>(picture.height);
}

bool valid_side(std::int32_t side) { return side >= 1 && side <= TPGAN_MAX_SIDE; }

}  // namespace

Ppm read_ppm(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw std::runtime_error("no picture at " + path);
  }
  char magic[2] = {};
  file.read(magic, 2);
  Ppm picture;
  picture.width = header_number(file);
  picture.height = header_number(file);
  const int levels = header_number(file);
  if (magic[0] != 'P' || magic[1] != '6' || !valid_side(picture.width) ||
      !valid_side(picture.height) || levels != 255) {
    throw std::runtime_error(path + " is not a binary PPM with 8 bits a channel; convert it: "
                                    "magick PHOTO " + path);
  }
  file.get();  // the one blank after the header
  picture.rgb.resize(bytes_of(picture));
  if (!file.read(reinterpret_cast<char*>(picture.rgb.data()),
                 static_cast<std::streamsize>(picture.rgb.size()))) {
    throw std::runtime_error(path + " is truncated");
  }
  return picture;
}

void write_ppm(const std::string& path, const Ppm& picture) {
  std::ofstream file(path, std::ios::binary);
  file << "P6\n" << picture.width << ' ' << picture.height << "\n255\n";
  file.write(reinterpret_cast<const char*>(picture.rgb.data()),
             static_cast<std::streamsize>(picture.rgb.size()));
  if (!file.flush()) {
    throw std::runtime_error(path + " cannot be written");
  }
}
