// Commands and lists in sentences, quoted as Python's shlex does.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tpgan/engine_file.hpp"

namespace tpgan::words {

inline std::string quoted(const std::string& word) {
  constexpr const char* safe =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  if (!word.empty() && word.find_first_not_of(safe) == word.npos) {
    return word;
  }
  std::string result = "'";
  for (const char c : word) {
    result += c == '\'' ? std::string("'\"'\"'") : std::string(1, c);
  }
  return result + "'";
}

inline std::string command(const std::vector<std::string>& words) {
  std::string result;
  for (const std::string& word : words) {
    result += (result.empty() ? "" : " ") + quoted(word);
  }
  return result;
}

inline std::string joined(const std::vector<std::int64_t>& numbers, const char* between) {
  std::string result;
  for (const std::int64_t number : numbers) {
    result += (result.empty() ? "" : between) + std::to_string(number);
  }
  return result;
}

inline std::string name_of(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

// The command that builds this engine again; `info` may be null.
inline std::string rebuild_line(const std::string& engine, const EngineInfo* info = nullptr) {
  std::vector<std::string> words = {"tpgan", "build-engine"};
  if (info != nullptr) {
    words.insert(words.end(), {"--runtime", info->runtime, "--precision", info->precision,
                               "--batch", joined(info->batch, ":")});
  }
  words.insert(words.end(), {"--output", engine});
  return command(words);
}

}  // namespace tpgan::words
