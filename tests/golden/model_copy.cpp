// SPDX-License-Identifier: Apache-2.0
#include "golden/model_copy.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstddef>
#include <fstream>
#include <system_error>

#include "golden/fixture.hpp"
#include "support/gguf_of_model.hpp"
#include "support/mlx_folder.hpp"
#include "support/test_paths.hpp"

namespace inferbench::golden {
namespace {

// A layer has seven matrices: the first eight have the same format, so that a backend may join some, and of the next
// eight no two neighbours.
MlxFormat mixed_format(std::size_t matrix) {
  constexpr std::array<unsigned, 5> kBits = {8, 3, 6, 4, 2};
  return {matrix / 8 % 2 == 0 ? 4U : kBits.at(matrix % kBits.size()), 32};
}

}  // namespace

bool changes_weights(const std::string& form) {
  return form == "gguf-q8_0" || form == "mlx";
}

ModelCopy::ModelCopy(const std::string& fixture, const std::string& form)
    : path_(std::filesystem::path(test_paths::kBinaryDir) / fmt::format("golden-{}", ::getpid())) {
  const std::string source = model_reference(fixture);
  if (form == "mlx") {
    std::filesystem::create_directory(path_);
    MlxFolder(source, mixed_format).write(path_);
  } else {
    path_ += ".gguf";
    std::ofstream file(path_, std::ios::binary);
    file << gguf_of_model(source, form == "gguf-q8_0").bytes();
  }
}

ModelCopy::~ModelCopy() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace inferbench::golden
