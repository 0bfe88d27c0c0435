// SHA-256 (FIPS 180-4): tells a damaged or exchanged file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tpgan {

class Sha256 {
 public:
  void add(const void* data, std::size_t size);
  // 64 hexadecimal digits; ends the sum.
  std::string digest();

 private:
  void block(const std::uint8_t* data);

  std::array<std::uint32_t, 8> state_ = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                                         0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};
  std::array<std::uint8_t, 64> pending_ = {};
  std::uint64_t size_ = 0;  // bytes so far
};

inline std::string sha256_of(const std::vector<char>& data) {
  Sha256 sum;
  sum.add(data.data(), data.size());
  return sum.digest();
}

}  // namespace tpgan
