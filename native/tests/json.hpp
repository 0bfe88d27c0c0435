// Reads the case files. Tests only: an error ends the program with its place.
#pragma once

#include <string>
#include <vector>

#include "engine/json.hpp"

namespace json {

class Value {
 public:
  using Array = std::vector<Value>;

  explicit Value(tpgan::json::Value held) : held_(std::move(held)) {}

  double number() const { return held_.number(); }
  int integer() const { return static_cast<int>(number()); }
  bool truth() const { return held_.as<bool>(); }
  const std::string& text() const { return held_.as<std::string>(); }
  bool is_null() const { return held_.is<std::nullptr_t>(); }
  bool has(const std::string& key) const;
  Array items() const;
  Value operator[](const std::string& key) const { return Value(held_[key]); }
  std::vector<double> numbers() const;

 private:
  tpgan::json::Value held_;
};

// The value in a file. Throws std::runtime_error.
Value read(const std::string& path);

}  // namespace json
