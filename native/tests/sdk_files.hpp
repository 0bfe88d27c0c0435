// An engine of the fake TensorRT and kernels of the fake driver, as files.
#pragma once

#include <NvInfer.h>

#include <fstream>
#include <string>

#include "engine/sha256.hpp"
#include "folder.hpp"
#include "tpgan/c_api.h"

inline const int kTensorRt = getInferLibMajorVersion();

inline std::string digest(const std::string& text) {
  return tpgan::sha256_of({text.begin(), text.end()});
}

// Each with its sidecar.
struct Files {
  Folder folder;
  std::string engine = folder.place("e.engine"), kernels = folder.place("tpgan_kernels.fatbin");

  Files() {
    write_engine("{\"psnr\": 60}", kTensorRt);
    write(kernels, "device code");
    write_kernels("13.0", "[86, 87]");
  }

  static void write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }

  void write_engine(const std::string& parity, int tensorrt, const std::string& sm = "87",
                    const std::string& text = "ENGINE 2 4",
                    const std::string& details = "{\"features\": {\"refit\": true}}") const {
    write(engine, text);
    const std::string hash = "\"" + digest(text) + "\"", model(64, 'a');
    write(engine + ".json",
          "{\"format\": 1, \"model\": \"edge\", \"onnx_sha256\": \"" + model +
              "\", \"graph_sha256\": \"\", \"sha256\": " + hash +
              ", \"size\": " + std::to_string(text.size()) +
              ", \"runtime\": \"tensorrt\", \"runtime_version\": \"" + std::to_string(tensorrt) +
              ".3.0\", \"precision\": \"fp32\", \"sm\": [" + sm +
              "], \"batch\": [2, 2, 4], \"inputs\": {}, \"outputs\": {}, \"gpu\": null, "
              "\"cuda\": null, \"parity\": " +
              parity + ", \"build_seconds\": 1, \"command\": \"\", \"details\": " + details + "}");
  }

  void write_kernels(const std::string& cuda, const std::string& sm,
                     const std::string& code = "device code") const {
    write(folder.place("tpgan_kernels.json"),
          "{\"format\": 1, \"interface\": 2, \"sha256\": \"" + digest(code) + "\", \"cuda\": \"" +
              cuda + "\", \"sm\": " + sm + ", \"ptx\": 120}");
  }

  tpgan_options options() const {
    tpgan_options result = {};
    result.engine = engine.c_str();
    result.kernels = kernels.c_str();
    return result;
  }
};
