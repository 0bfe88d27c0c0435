// The text of a sidecar as an EngineInfo.
#pragma once

#include <string>
#include <string_view>

#include "tpgan/engine_file.hpp"

namespace tpgan {

// `path` is for the message. Throws EngineFileError.
EngineInfo parse_sidecar(const std::string& path, std::string_view text);

}  // namespace tpgan
