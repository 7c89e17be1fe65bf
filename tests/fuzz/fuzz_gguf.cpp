// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: any bytes as a GGUF file, with its model and its tokenizer. An accepted file must be safe to read.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "check.hpp"
#include "model/gguf/gguf_config.hpp"
#include "model/gguf/gguf_file.hpp"
#include "model/gguf/gguf_weights.hpp"
#include "model/weights_storage.hpp"
#include "text/gguf_tokenizer.hpp"

namespace inferbench::fuzz {
namespace {

// As any error, but with what a message may quote of the input.
template <typename Action>
void guarded(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    check_error(error);
  }
}

void check_header(const GgufFile& file, std::size_t size) {
  std::uint64_t end = 0;
  for (const GgufTensor& tensor : file.tensors()) {
    require(tensor.begin >= end && tensor.n_bytes <= size && tensor.begin <= size - tensor.n_bytes,
            "tensors are apart");
    end = tensor.begin + tensor.n_bytes;
  }
  std::size_t n_bytes = 0;
  for (const auto& [key, value] : file.header().metadata) {
    for (const std::string_view text : value.texts()) n_bytes += text.size();
    if (value.count > 0) static_cast<void>(value.number_at(value.count - 1));
  }
  require(n_bytes <= size, "strings are in the file");
}

void check_model(const GgufFile& file, std::span<const std::byte> bytes) {
  const ModelConfig config = read_gguf_config(file);
  check_gguf_tensors(file, config);
  const auto storage = gguf_storage(GgufFile::borrow(bytes, "fuzz"), config);
  for (const ib_tensor& tensor : storage->tensors()) {
    require(tensor.data != nullptr && tensor.n_bytes > 0, "every tensor has its bytes");
  }
}

}  // namespace
}  // namespace inferbench::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace inferbench;
  const auto bytes = std::as_bytes(std::span(data, size));
  fuzz::guarded([&] {
    const GgufFile file = GgufFile::borrow(bytes, "fuzz");
    fuzz::check_header(file, size);
    fuzz::guarded([&] { fuzz::check_model(file, bytes); });
    fuzz::guarded([&] { read_gguf_tokenizer(file, 1 << 20)->encode("a b", false); });
  });
  return 0;
}
