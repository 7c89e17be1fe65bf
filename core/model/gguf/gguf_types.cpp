// SPDX-License-Identifier: Apache-2.0
#include "model/gguf/gguf_types.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "model/gguf/gguf_blocks.hpp"

namespace inferbench {
namespace {

constexpr std::array<GgufTensorType, 7> kReadable = {{
    {0, "F32", 1, 4, nullptr},
    {1, "F16", 1, 2, nullptr},
    {30, "BF16", 1, 2, nullptr},
    {8, "Q8_0", kSmallBlock, kQ8Bytes, dequantize_q8_0},
    {2, "Q4_0", kSmallBlock, kQ4Bytes, dequantize_q4_0},
    {12, "Q4_K", kSuperBlock, kQ4kBytes, dequantize_q4_k},
    {14, "Q6_K", kSuperBlock, kQ6kBytes, dequantize_q6_k},
}};

struct NamedType {
  std::uint32_t code;
  const char* name;
};

// What people's files have besides, for messages.
constexpr std::array<NamedType, 28> kOthers = {{
    {3, "Q4_1"},   {6, "Q5_0"},     {7, "Q5_1"},    {9, "Q8_1"},     {10, "Q2_K"},  {11, "Q3_K"},   {13, "Q5_K"},
    {15, "Q8_K"},  {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"}, {19, "IQ1_S"}, {20, "IQ4_NL"}, {21, "IQ3_S"},
    {22, "IQ2_S"}, {23, "IQ4_XS"},  {24, "I8"},     {25, "I16"},     {26, "I32"},   {27, "I64"},    {28, "F64"},
    {29, "IQ1_M"}, {34, "TQ1_0"},   {35, "TQ2_0"},  {39, "MXFP4"},   {40, "NVFP4"}, {41, "Q1_0"},   {42, "Q2_0"},
}};

}  // namespace

std::size_t gguf_value_bytes(GgufType type) {
  switch (type) {
    case GgufType::kUint8:
    case GgufType::kInt8:
    case GgufType::kBool:
      return 1;
    case GgufType::kUint16:
    case GgufType::kInt16:
      return 2;
    case GgufType::kUint32:
    case GgufType::kInt32:
    case GgufType::kFloat32:
      return 4;
    case GgufType::kUint64:
    case GgufType::kInt64:
    case GgufType::kFloat64:
      return 8;
    case GgufType::kString:
    case GgufType::kArray:
      return 0;
  }
  return 0;
}

const GgufTensorType* find_gguf_tensor_type(std::uint32_t code) {
  const auto* found =
      std::find_if(kReadable.begin(), kReadable.end(), [code](const auto& type) { return type.code == code; });
  return found == kReadable.end() ? nullptr : found;
}

std::string gguf_tensor_type_name(std::uint32_t code) {
  if (const GgufTensorType* type = find_gguf_tensor_type(code)) return type->name;
  const auto* found =
      std::find_if(kOthers.begin(), kOthers.end(), [code](const auto& type) { return type.code == code; });
  return found == kOthers.end() ? fmt::format("type {}", code) : found->name;
}

std::string readable_gguf_types() {
  std::string names;
  for (const GgufTensorType& type : kReadable) names += fmt::format("{}{}", names.empty() ? "" : ", ", type.name);
  return names;
}

}  // namespace inferbench
