#include "arguments.hpp"

#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

const char* const kUsage =
    "tpgan_cli --engine E.engine --kernels tpgan_kernels.fatbin --image PHOTO.ppm\n"
    "          --landmarks 'X Y X Y X Y X Y X Y' --output FRONTAL.ppm\n"
    "\n"
    "  --landmarks NUMBERS     px of left eye, right eye, nose, left and right mouth corner;\n"
    "                          left is the left of the picture\n"
    "  --landmarks-file FILE   the same ten numbers in a file\n"
    "  --pasted FILE.ppm       also the photo with the frontal face in its place\n"
    "  --template NAME         of the model: official (default) or seed\n"
    "  --device N              of cuda:N (default 0)\n"
    "  --allow-unverified      take an engine that was never compared with ONNX Runtime\n";

namespace {

std::array<double, 10> numbers(const std::string& text) {
  std::string words = text;
  for (char& c : words) {
    c = c == ',' ? ' ' : c;
  }
  std::istringstream stream(words);
  std::array<double, 10> result = {};
  for (double& number : result) {
    if (!(stream >> number)) {
      throw std::runtime_error("expected ten numbers for the landmarks, found '" + text + "'");
    }
  }
  std::string more;
  if (stream >> more) {
    throw std::runtime_error("more than ten numbers for the landmarks");
  }
  return result;
}

std::string content(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    throw std::runtime_error("no landmarks at " + path);
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

Arguments parse_arguments(int count, char** words) {
  Arguments result;
  bool landmarks = false;
  for (int i = 1; i < count; ++i) {
    const std::string name = words[i];
    if (name == "--allow-unverified") {
      result.allow_unverified = true;
      continue;
    }
    if (++i == count) {
      throw std::runtime_error(name + " is unknown, or lacks its value\n\n" + kUsage);
    }
    const std::string value = words[i];
    if (name == "--engine") {
      result.engine = value;
    } else if (name == "--kernels") {
      result.kernels = value;
    } else if (name == "--image") {
      result.image = value;
    } else if (name == "--output") {
      result.output = value;
    } else if (name == "--pasted") {
      result.pasted = value;
    } else if (name == "--template") {
      result.template_name = value;
    } else if (name == "--device") {
      std::istringstream number(value);
      if (!(number >> result.device) || !number.eof() || result.device < 0) {
        throw std::runtime_error("--device is '" + value + "'; expected a GPU's number, as 0");
      }
    } else if (name == "--landmarks" || name == "--landmarks-file") {
      result.landmarks = numbers(name == "--landmarks" ? value : content(value));
      landmarks = true;
    } else {
      throw std::runtime_error("unknown argument " + name + "\n\n" + kUsage);
    }
  }
  if (!landmarks || result.engine.empty() || result.kernels.empty() || result.image.empty() ||
      result.output.empty()) {
    throw std::runtime_error(
        std::string("--engine, --kernels, --image, --landmarks and --output are needed\n\n") +
        kUsage);
  }
  return result;
}
