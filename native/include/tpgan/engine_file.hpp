// Engine files as tpgan_sdk/backends/tensorrt/engine_file.py writes and checks them: a TensorRT engine and the JSON
// sidecar that says what it is. Everything is checked before a runtime is given a byte: an engine
// is code. Needs no TensorRT. The sentences are Python's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tpgan {

// An engine file is refused; what() says why and gives the line that builds another.
class EngineFileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The sidecar's entries that decide whether and how an engine runs here; the others are checked
// to be there.
struct EngineInfo {
  std::string model;
  std::string onnx_sha256;      // of the model's ONNX, 64 hexadecimal digits
  std::string sha256;           // of the engine file
  std::int64_t size = 0;        // of the engine file, bytes
  std::string runtime;          // "tensorrt" or "rtx"
  std::string runtime_version;  // of the TensorRT that built it
  std::string precision;
  std::vector<std::int64_t> sm;     // compute capabilities times ten that it runs on
  std::vector<std::int64_t> batch;  // smallest, optimal and largest, in faces
  std::map<std::string, std::vector<std::int64_t>> inputs, outputs;  // -1 for the batch
  std::optional<std::string> gpu;     // that it was built on
  std::vector<std::string> features;  // names under details.features: what it is beside fast
  bool verified = false;              // its pictures were compared with ONNX Runtime's
};

// "e.engine" has its sidecar in "e.engine.json".
std::string sidecar_path(const std::string& engine);

// The sidecar of a file that is whole and its own; `data`, where not null, receives the file.
// Throws EngineFileError.
EngineInfo check_engine_file(const std::string& engine, std::vector<char>* data = nullptr);

// What the engine is to run on; what is empty is not compared.
struct EngineTarget {
  std::optional<std::pair<std::string, std::string>> runtime;  // name and version
  std::optional<std::int64_t> sm;
  std::optional<std::string> onnx_sha256;
};

// Throws EngineFileError naming both sides.
void check_engine_fits(const std::string& engine, const EngineInfo& info,
                       const EngineTarget& target);

}  // namespace tpgan
