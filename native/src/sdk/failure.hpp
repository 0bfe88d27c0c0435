// What the SDK's parts throw; c_api.cpp turns it into a status and a message.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "tpgan/types.h"

namespace tpgan {

class Failure : public std::runtime_error {
 public:
  Failure(std::int32_t status, const std::string& message)
      : std::runtime_error(message), status_(status) {}

  // A tpgan_status.
  std::int32_t status() const noexcept { return status_; }

 private:
  std::int32_t status_;
};

}  // namespace tpgan
