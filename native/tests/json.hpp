// Reads the case files. Tests only: an error ends the program with its place.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

namespace json {

class Value {
 public:
  using Array = std::vector<Value>;
  using Object = std::map<std::string, Value>;
  std::variant<std::nullptr_t, bool, double, std::string, Array, Object> held = nullptr;

  double number() const { return std::get<double>(held); }
  int integer() const { return static_cast<int>(number()); }
  bool truth() const { return std::get<bool>(held); }
  const std::string& text() const { return std::get<std::string>(held); }
  const Array& items() const { return std::get<Array>(held); }
  const Value& operator[](const std::string& key) const { return std::get<Object>(held).at(key); }
  std::vector<double> numbers() const;
};

// The value in a file. Throws std::runtime_error.
Value read(const std::string& path);

}  // namespace json
