#include "sidecar.hpp"

#include "json.hpp"

namespace tpgan {
namespace {

using json::Value;

constexpr std::int64_t kFormat = 1;

bool is_text(const Value& value) { return value.is<std::string>(); }
bool is_text_or_none(const Value& value) { return is_text(value) || value.is<std::nullptr_t>(); }
bool is_integer(const Value& value) { return value.is<std::int64_t>(); }
bool is_number(const Value& value) { return is_integer(value) || value.is<double>(); }
bool is_object(const Value& value) { return value.is<Value::Object>(); }
bool is_parity(const Value& value) { return is_text(value) || is_object(value); }

bool is_integers(const Value& value) {
  if (!value.is<Value::Array>()) {
    return false;
  }
  for (const Value& item : value.as<Value::Array>()) {
    if (!is_integer(item)) {
      return false;
    }
  }
  return true;
}

bool is_batch(const Value& value) {
  return is_integers(value) && value.as<Value::Array>().size() == 3;
}

bool is_shapes(const Value& value) {
  if (!is_object(value)) {
    return false;
  }
  for (const auto& [name, shape] : value.as<Value::Object>()) {
    if (!is_integers(shape)) {
      return false;
    }
  }
  return true;
}

struct Entry {
  const char* name;
  bool (*fits)(const Value&);
  bool needed = true;
};

// The fields of EngineInfo in Python.
constexpr Entry kEntries[] = {
    {"model", is_text},          {"onnx_sha256", is_text},
    {"graph_sha256", is_text},   {"sha256", is_text},
    {"size", is_integer},        {"runtime", is_text},
    {"runtime_version", is_text}, {"precision", is_text},
    {"sm", is_integers},         {"batch", is_batch},
    {"inputs", is_shapes},       {"outputs", is_shapes},
    {"gpu", is_text_or_none},    {"cuda", is_text_or_none},
    {"parity", is_parity},       {"build_seconds", is_number},
    {"command", is_text},        {"details", is_object, false},
    {"format", is_integer, false},
};

// As Python's repr.
std::string shown(const Value& value) {
  if (value.is<std::nullptr_t>()) {
    return "None";
  }
  if (value.is<bool>()) {
    return value.as<bool>() ? "True" : "False";
  }
  if (value.is<std::string>()) {
    return "'" + value.as<std::string>() + "'";
  }
  return is_integer(value) ? std::to_string(value.as<std::int64_t>()) : "that is no whole number";
}

void check_format(const std::string& path, const Value& value) {
  const auto& members = value.as<Value::Object>();
  const auto found = members.find("format");
  const Value format = found == members.end() ? Value{} : found->second;
  if (!is_integer(format) || format.as<std::int64_t>() != kFormat) {
    throw EngineFileError(path + " has format " + shown(format) + ", this SDK reads 1; build the "
                          "engine again with this version, or upgrade tpgan-sdk");
  }
}

void check_names(const std::string& path, const Value& value) {
  std::string unknown;
  for (const auto& [name, ignored] : value.as<Value::Object>()) {
    bool known = false;
    for (const Entry& entry : kEntries) {
      known = known || name == entry.name;
    }
    if (!known) {
      unknown += (unknown.empty() ? "" : ", ") + name;
    }
  }
  if (!unknown.empty()) {
    throw EngineFileError(path + " holds unknown entries: " + unknown);
  }
}

void check_types(const Value& value) {
  std::string wrong;
  for (const Entry& entry : kEntries) {
    const bool there = value.as<Value::Object>().count(entry.name) != 0;
    // A needed entry that is missing throws here.
    if ((there || entry.needed) && !entry.fits(value[entry.name])) {
      wrong += (wrong.empty() ? "" : ", ") + std::string(entry.name);
    }
  }
  if (!wrong.empty()) {
    throw json::Error("wrong type of " + wrong);
  }
}

std::vector<std::int64_t> integers(const Value& value) {
  std::vector<std::int64_t> result;
  for (const Value& item : value.as<Value::Array>()) {
    result.push_back(item.as<std::int64_t>());
  }
  return result;
}

std::map<std::string, std::vector<std::int64_t>> shapes(const Value& value) {
  std::map<std::string, std::vector<std::int64_t>> result;
  for (const auto& [name, shape] : value.as<Value::Object>()) {
    result[name] = integers(shape);
  }
  return result;
}

// Of the sidecar's details; both may be missing.
std::vector<std::string> features(const Value& value) {
  std::vector<std::string> result;
  const auto& members = value.as<Value::Object>();
  const auto details = members.find("details");
  if (details == members.end() || details->second.as<Value::Object>().count("features") == 0) {
    return result;
  }
  const Value& found = details->second["features"];
  if (is_object(found)) {
    for (const auto& [name, ignored] : found.as<Value::Object>()) {
      result.push_back(name);
    }
  }
  return result;
}

EngineInfo info_of(const Value& value) {
  const auto text = [&value](const char* name) { return value[name].as<std::string>(); };
  EngineInfo info;
  info.model = text("model");
  info.onnx_sha256 = text("onnx_sha256");
  info.sha256 = text("sha256");
  info.size = value["size"].as<std::int64_t>();
  info.runtime = text("runtime");
  info.runtime_version = text("runtime_version");
  info.precision = text("precision");
  info.sm = integers(value["sm"]);
  info.batch = integers(value["batch"]);
  info.inputs = shapes(value["inputs"]);
  info.outputs = shapes(value["outputs"]);
  if (is_text(value["gpu"])) {
    info.gpu = text("gpu");
  }
  info.features = features(value);
  info.verified = is_object(value["parity"]);
  return info;
}

}  // namespace

EngineInfo parse_sidecar(const std::string& path, std::string_view text) {
  try {
    const Value value = json::parse(text);
    check_format(path, value);
    check_names(path, value);
    check_types(value);
    return info_of(value);
  } catch (const json::Error& error) {
    throw EngineFileError(path + " is not an engine's sidecar: " + error.what());
  }
}

}  // namespace tpgan
