// Engine files, good and bad, judged with Python's sentences; then sidecars with random damage.
#include <filesystem>
#include <fstream>
#include <random>

#include "engine/sha256.hpp"
#include "engine/sidecar.hpp"
#include "expect.hpp"
#include "folder.hpp"
#include "tpgan/engine_file.hpp"

namespace {

namespace fs = std::filesystem;

constexpr int kRounds = 20000;

void write_or_remove(const std::string& path, const json::Value& text) {
  if (text.is_null()) {
    fs::remove(path);
  } else {
    std::ofstream(path, std::ios::binary) << text.text();
  }
}

void replace_all(std::string& text, const std::string& mark, const std::string& by) {
  for (auto at = text.find(mark); at != text.npos; at = text.find(mark, at + by.size())) {
    text.replace(at, mark.size(), by);
  }
}

tpgan::EngineTarget target_of(const json::Value& value) {
  tpgan::EngineTarget target;
  if (value.has("runtime")) {
    const auto pair = value["runtime"].items();
    target.runtime = {pair[0].text(), pair[1].text()};
  }
  if (value.has("sm")) {
    target.sm = value["sm"].integer();
  }
  if (value.has("onnx_sha256")) {
    target.onnx_sha256 = value["onnx_sha256"].text();
  }
  return target;
}

// Empty: accepted.
std::string said_of(const std::string& engine, const tpgan::EngineTarget& target) {
  try {
    tpgan::check_engine_fits(engine, tpgan::check_engine_file(engine), target);
  } catch (const tpgan::EngineFileError& error) {
    return error.what();
  }
  return "";
}

void check_case(const json::Value& test, const Folder& folder) {
  const std::string engine = folder.place(test["file"].text());
  write_or_remove(engine, test["engine"]);
  write_or_remove(engine + ".json", test["sidecar"]);
  std::string wanted = test["message"].is_null() ? "" : test["message"].text();
  replace_all(wanted, "{engine}", engine);
  replace_all(wanted, "{folder}", folder.name());
  std::string found = said_of(engine, target_of(test["target"]));
  if (test["begins"].truth()) {
    found = found.substr(0, wanted.size());
  }
  expect(found == wanted,
         test["name"].text() + ":\n  said     " + found + "\n  expected " + wanted);
}

void test_sha256() {
  // FIPS 180-4's examples, and a length on each side of a block's padding.
  const auto sum = [](const std::string& text) {
    return tpgan::sha256_of({text.begin(), text.end()});
  };
  expect(sum("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "abc");
  expect(sum("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "nothing");
  expect(sum("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
             "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
         "two blocks");
  expect(sum(std::string(1000000, 'a')) ==
             "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
         "a million letters");
}

void expect_not_a_sidecar(const std::string& text, const std::string& what) {
  try {
    tpgan::parse_sidecar("s", text);
    expect(false, what + " is taken for a sidecar");
  } catch (const tpgan::EngineFileError& error) {
    expect(std::string(error.what()).find("s is not an engine's sidecar: ") == 0, what);
  }
}

// Every entry in turn with a value of another type.
void test_types(const std::string& good) {
  const std::string entries[] = {
      "model", "onnx_sha256", "graph_sha256", "sha256", "size", "runtime", "runtime_version",
      "precision", "sm", "batch", "inputs", "outputs", "gpu", "cuda", "parity", "build_seconds",
      "command", "details"};
  for (const std::string& entry : entries) {
    std::string text = good;
    text.insert(text.rfind('}'), ", \"" + entry + "\": [true]");
    expect_not_a_sidecar(text, entry + " of another type");
  }
}

// Bytes changed, removed and doubled: an answer or an EngineFileError, never anything else.
void fuzz(const std::string& good) {
  std::mt19937 random{6};
  for (int round = 0; round < kRounds; ++round) {
    std::string text = good;
    for (auto changes = 1 + random() % 4; changes > 0 && !text.empty(); --changes) {
      const auto at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, 1 + random() % 40);
          break;
        case 2:
          text.insert(at, text.substr(random() % text.size(), random() % 40));
          break;
        default:
          text.insert(at, std::string(random() % 200, "[{\"\\"[random() % 4]));
      }
    }
    try {
      tpgan::parse_sidecar("s", text);
    } catch (const tpgan::EngineFileError&) {
    }
  }
}

}  // namespace

void test_engine() {
  test_sha256();
  const Folder folder;
  const auto tests = cases("engine_files");
  for (const json::Value& test : tests) {
    check_case(test, folder);
  }
  const std::string good = tests[0]["sidecar"].text();
  expect_not_a_sidecar(std::string(100000, '['), "deep nesting");
  expect_not_a_sidecar("\"\xC0\xAF\"", "an overlong form");
  expect_not_a_sidecar("\"\xED\xA0\x80\"", "a surrogate");
  test_types(good);
  fuzz(good);
}
