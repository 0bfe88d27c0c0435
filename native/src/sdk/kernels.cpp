#include "kernels.hpp"

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <vector>

#include "engine/json.hpp"
#include "engine/sha256.hpp"
#include "failure.hpp"

namespace tpgan {
namespace {

constexpr std::int64_t kFormat = 1, kInterface = 2;
constexpr Grid kBlock = {256, 1}, kTile = {32, 8};

std::vector<char> read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> data{std::istreambuf_iterator<char>(file), {}};
  if (data.empty()) {
    throw Failure(TPGAN_BAD_KERNELS,
                  path + " cannot be read, or is empty; expected what the CMake target "
                         "tpgan_kernels wrote");
  }
  return data;
}

std::string sidecar_of(const std::string& fatbin) {
  return fatbin.substr(0, fatbin.rfind(".fatbin")) + ".json";
}

// Major times ten plus minor. Throws std::logic_error.
std::int32_t version_number(const std::string& text) {
  const std::size_t point = text.find('.');
  if (point == text.npos) {
    throw std::invalid_argument(text);
  }
  return 10 * std::stoi(text.substr(0, point)) + std::stoi(text.substr(point + 1));
}

// The rule of tpgan_sdk.native.why_unfit: machine code within a major capability under drivers of
// the toolkit's major version, PTX for newer GPUs under drivers as new as the toolkit.
void check_runs(const std::string& fatbin, const json::Value& sidecar, const Gpu& gpu) {
  const std::string& built_with = sidecar["cuda"].as<std::string>();
  const std::int32_t toolkit = version_number(built_with);
  if (gpu.cuda() / 10 < toolkit / 10) {
    throw Failure(TPGAN_BAD_KERNELS, fatbin + " was built with CUDA " + built_with +
                                         ", which this driver is too old for: update it, or build "
                                         "the kernels with an older toolkit");
  }
  for (const json::Value& item : sidecar["sm"].as<json::Value::Array>()) {
    const auto sm = item.as<std::int64_t>();
    if (sm / 10 == gpu.sm() / 10 && sm <= gpu.sm()) {
      return;
    }
  }
  if (gpu.sm() < sidecar["ptx"].as<std::int64_t>() || gpu.cuda() < toolkit) {
    throw Failure(TPGAN_BAD_KERNELS, fatbin + " holds no code for SM " + std::to_string(gpu.sm()) +
                                         " that this driver can use: build it with -DTPGAN_SM=" +
                                         std::to_string(gpu.sm()));
  }
}

void check(const std::string& fatbin, const std::vector<char>& code, const Gpu& gpu) {
  const std::vector<char> text = read(sidecar_of(fatbin));
  try {
    const json::Value sidecar = json::parse({text.data(), text.size()});
    if (sidecar["format"].as<std::int64_t>() != kFormat ||
        sidecar["interface"].as<std::int64_t>() != kInterface) {
      throw Failure(TPGAN_BAD_KERNELS,
                    fatbin + " is of another version of this SDK: build it again");
    }
    if (sidecar["sha256"].as<std::string>() != sha256_of(code)) {
      throw Failure(TPGAN_BAD_KERNELS,
                    fatbin + " is not the file that its sidecar describes: build it again");
    }
    check_runs(fatbin, sidecar, gpu);
  } catch (const json::Error& error) {
    throw Failure(TPGAN_BAD_KERNELS,
                  sidecar_of(fatbin) + " is not the sidecar of kernels: " + error.what());
  } catch (const std::logic_error&) {  // of version_number
    throw Failure(TPGAN_BAD_KERNELS, sidecar_of(fatbin) + " names no CUDA version");
  }
}

unsigned blocks(std::int32_t threads, unsigned size) {
  return (static_cast<unsigned>(threads) + size - 1) / size;
}

}  // namespace

Kernels::Kernels(const std::string& fatbin, const Gpu& gpu) {
  const std::vector<char> code = read(fatbin);
  check(fatbin, code, gpu);
  module_ = Gpu::load(code.data());
  try {
    align_ = Gpu::function(module_, "tpgan_align_fp32");
    finish_ = Gpu::function(module_, "tpgan_finish_fp32");
    match_ = Gpu::function(module_, "tpgan_match");
    paste_ = Gpu::function(module_, "tpgan_paste");
  } catch (...) {
    Gpu::unload(module_);
    throw;
  }
}

void Kernels::align(AlignBatch& batch, tpgan_stream stream) {
  void* arguments[] = {&batch};
  const auto faces = static_cast<unsigned>(batch.count);
  Gpu::launch(align_, {blocks(pixels_of_face(batch), kBlock.x), faces}, kBlock, arguments, stream);
}

void Kernels::finish(FinishBatch& batch, tpgan_stream stream) {
  void* arguments[] = {&batch};
  const auto faces = static_cast<unsigned>(batch.count);
  Gpu::launch(finish_, {blocks(kCropPixels, kBlock.x), faces}, kBlock, arguments, stream);
}

void Kernels::paste(PastePlan& plan, DevicePointer shift, tpgan_stream stream) {
  const std::int32_t width = plan.right - plan.left, height = plan.bottom - plan.top;
  if (width <= 0 || height <= 0) {
    return;  // the crop does not touch the frame
  }
  void* arguments[] = {&plan, &shift};
  Gpu::launch(match_, {1, 1}, kBlock, arguments, stream);
  Gpu::launch(paste_, {blocks(width, kTile.x), blocks(height, kTile.y)}, kTile, arguments, stream);
}

}  // namespace tpgan
