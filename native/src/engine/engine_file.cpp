#include "tpgan/engine_file.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "sha256.hpp"
#include "sidecar.hpp"
#include "words.hpp"

namespace tpgan {
namespace {

namespace fs = std::filesystem;
using words::joined;
using words::name_of;

std::vector<char> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> data{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) {
    throw EngineFileError(path + " cannot be read; check its permissions");
  }
  return data;
}

bool is_file(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

// A serialized ModelProto begins with ir_version (field 1, varint), then the producer's name
// (field 2) or the graph (7) or the opset (8).
bool begins_as_onnx(const std::vector<char>& data) {
  return data.size() >= 3 && data[0] == 0x08 && data[1] >= 0 && data[1] < 32 &&
         (data[2] == 0x12 || data[2] == 0x3A || data[2] == 0x42);
}

void check_kind(const std::string& engine, const std::vector<char>& data) {
  if (data.empty()) {
    throw EngineFileError(engine + " is empty; build it again: " + words::rebuild_line(engine));
  }
  const fs::path path = engine;
  if (path.extension() == ".onnx" || begins_as_onnx(data)) {
    const std::string target = fs::path(path).replace_extension(".engine").string();
    throw EngineFileError(
        engine + " is an ONNX, not an engine; build one from it: " +
        words::command({"tpgan", "build-engine", "--onnx", engine, "--output", target}));
  }
}

EngineInfo read_sidecar(const std::string& engine) {
  const std::string path = sidecar_path(engine);
  if (!is_file(path)) {
    throw EngineFileError(engine + " has no sidecar " + name_of(path) +
                          " beside it, so nothing tells what it is; an engine is code: build it "
                          "with `tpgan build-engine`, or trust it explicitly");
  }
  const std::vector<char> text = read_file(path);
  return parse_sidecar(path, {text.data(), text.size()});
}

void check_whole(const std::string& engine, const std::vector<char>& data,
                 const EngineInfo& info) {
  const std::string again = "; rebuild it: " + words::rebuild_line(engine, &info);
  if (static_cast<std::int64_t>(data.size()) < info.size) {
    throw EngineFileError(engine + " is truncated: " + std::to_string(data.size()) + " bytes of " +
                          std::to_string(info.size) + again);
  }
  const std::string found = sha256_of(data);
  if (found != info.sha256) {
    throw EngineFileError(engine + " is not the file that " + name_of(sidecar_path(engine)) +
                          " describes (SHA-256 " + found.substr(0, 12) + ", the sidecar says " +
                          info.sha256.substr(0, 12) +
                          "): damaged, or the sidecar of another engine" + again);
  }
}

std::string runtime_text(const std::string& name, const std::string& version) {
  return (name == "rtx" ? "TensorRT-RTX " : "TensorRT ") + version;
}

}  // namespace

std::string sidecar_path(const std::string& engine) { return engine + ".json"; }

EngineInfo check_engine_file(const std::string& engine, std::vector<char>* data) {
  if (!is_file(engine)) {
    throw EngineFileError("no engine at " + engine +
                          "; build it: " + words::rebuild_line(engine));
  }
  std::vector<char> found = read_file(engine);
  check_kind(engine, found);
  EngineInfo info = read_sidecar(engine);
  check_whole(engine, found, info);
  if (data != nullptr) {
    *data = std::move(found);
  }
  return info;
}

void check_engine_fits(const std::string& engine, const EngineInfo& info,
                       const EngineTarget& target) {
  const std::string again = "; build it here: " + words::rebuild_line(engine, &info);
  const auto& runtime = target.runtime;
  if (runtime && *runtime != std::pair(info.runtime, info.runtime_version)) {
    throw EngineFileError(engine + " was built by " +
                          runtime_text(info.runtime, info.runtime_version) + ", here is " +
                          runtime_text(runtime->first, runtime->second) +
                          "; an engine runs only on the version that built it" + again);
  }
  if (target.sm && std::count(info.sm.begin(), info.sm.end(), *target.sm) == 0) {
    throw EngineFileError(engine + " was built for SM " + joined(info.sm, ", ") +
                          (info.gpu && !info.gpu->empty() ? " (" + *info.gpu + ")" : "") +
                          ", the GPU here is SM " + std::to_string(*target.sm) + again);
  }
  if (target.onnx_sha256 && *target.onnx_sha256 != info.onnx_sha256) {
    throw EngineFileError(engine + " was built from another model (ONNX " +
                          info.onnx_sha256.substr(0, 12) + ", the model here is " +
                          target.onnx_sha256->substr(0, 12) + ")" + again);
  }
}

}  // namespace tpgan
