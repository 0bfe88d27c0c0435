// A folder of a test's own, removed with all that is in it.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

class Folder {
 public:
  Folder() {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("tpgan_test_" + std::to_string(getpid()) + "_" + std::to_string(count++));
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string place(const std::string& name) const { return (path_ / name).string(); }
  std::string name() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};
