// Numbers as JSON spells them.
#pragma once

#include <cstddef>
#include <string_view>

#include "json.hpp"

namespace tpgan::json {

// The number that begins at `at`, whatever the locale; gives its end, or `at` where there is none.
std::size_t read_number(std::string_view text, std::size_t at, Value& result);

}  // namespace tpgan::json
