#include "json.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace json {

bool Value::has(const std::string& key) const {
  return held_.as<tpgan::json::Value::Object>().count(key) != 0;
}

Value::Array Value::items() const {
  const auto& held = held_.as<tpgan::json::Value::Array>();
  return Array(held.begin(), held.end());
}

std::vector<double> Value::numbers() const {
  std::vector<double> result;
  for (const Value& item : items()) {
    result.push_back(item.number());
  }
  return result;
}

Value read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    throw std::runtime_error("cannot read " + path);
  }
  return Value(tpgan::json::parse(text.str()));
}

}  // namespace json
