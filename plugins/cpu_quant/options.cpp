// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <string>
#include <string_view>

#include "inferbench/backend.hpp"

namespace inferbench::cpu_quant {
namespace {

// A null ends each list of choices; a choice's place is the code of its enumeration.
constexpr const char* kIsaChoices[] = {"auto", "generic", "avx2", "avxvnni", "avx512vnni", "amx", nullptr};
constexpr const char* kKvChoices[] = {"f32", "f16", "int8", "auto", nullptr};
constexpr const char* kHeadChoices[] = {"int8", "int5", "auto", nullptr};
constexpr std::int32_t kKvAuto = 3;

constexpr std::int64_t kMostChunk = 65536;

}  // namespace

constexpr ib_option_info kOptionSchema[] = {
    {"isa", IB_OPTION_CHOICE, 0, "auto", 0, 0, kIsaChoices,
     "instruction set of the kernels; auto takes the best that the machine runs, another one it must run"},
    {"kv", IB_OPTION_CHOICE, 0, "auto", 0, 0, kKvChoices,
     "format of the KV cache; int8 has a scale per position and head; auto: f16 beside int8 weights, int8 beside int4"},
    {"head", IB_OPTION_CHOICE, 0, "auto", 0, 0, kHeadChoices,
     "format of the output head; auto: int5 beside int4 weights from a vocabulary of 65536 on, else int8"},
    {"chunk", IB_OPTION_INT, 0, "512", 1, kMostChunk, nullptr,
     "most rows (tokens of all sequences together) that go through the layers at once; bounds the scratch memory"},
};

namespace {

std::int32_t choice_index(const OptionReader& reader, const char* key, const char* const* choices) {
  const std::string_view text = reader.text(key);
  for (std::int32_t i = 0; choices[i] != nullptr; ++i) {
    if (text == choices[i]) return i;
  }
  throw Failure(IB_INVALID_ARGUMENT, "option '" + std::string(key) + "' cannot be '" + std::string(text) + "'");
}

}  // namespace

Options read_options(const ib_model_params& params) {
  const OptionReader reader(params);
  const std::int64_t chunk = reader.integer("chunk");
  require(chunk >= 1 && chunk <= kMostChunk, "option 'chunk' must be 1 to 65536");
  Options options;
  options.isa = static_cast<Isa>(choice_index(reader, "isa", kIsaChoices));
  options.kv_type = choice_index(reader, "kv", kKvChoices);
  // The error of 8-bit keys and values is small compared with that of 4-bit weights, but not with that of 8-bit ones.
  const bool int4 = params.precision != nullptr && std::string_view(params.precision) == "int4";
  if (options.kv_type == kKvAuto) options.kv_type = int4 ? kKvInt8 : kKvF16;
  options.head = choice_index(reader, "head", kHeadChoices);
  options.chunk = static_cast<std::int32_t>(chunk);
  return options;
}

}  // namespace inferbench::cpu_quant
