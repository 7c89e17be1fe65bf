// SPDX-License-Identifier: Apache-2.0
// GGUF files: the same model as in safetensors, quantized blocks, and files that are damaged or of something else.
#include <cmath>
#include <set>

#include "inferbench/backend_values.hpp"
#include "model/gguf/gguf_blocks.hpp"
#include "model/gguf/gguf_file.hpp"
#include "model/model.hpp"
#include "model_gguf_support.hpp"
#include "model_test_support.hpp"
#include "support/gguf_of_model.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

using model_test::add_small_keys;
using model_test::add_small_tensors;
using model_test::error_of;
using model_test::TempFolder;
using model_test::write_file;
using testing::AllOf;
using testing::HasSubstr;

std::vector<float> values_of(const ib_tensor& tensor) {
  std::vector<float> values;
  for (std::int64_t row = 0; row < tensor.shape[0]; ++row) {
    const std::int64_t n = tensor.rank == 2 ? tensor.shape[1] : 1;
    values.resize(values.size() + static_cast<std::size_t>(n));
    read_values(element(tensor, row), tensor.dtype, tensor.rank == 2 ? tensor.strides[1] : 1, n,
                values.data() + values.size() - n);
  }
  return values;
}

const ib_tensor& tensor_named(const Weights& weights, std::string_view name) {
  for (const ib_tensor& tensor : weights.tensors()) {
    if (tensor.name == name) return tensor;
  }
  throw std::runtime_error("no tensor " + std::string(name));
}

class GgufFixture : public testing::TestWithParam<const char*> {};

TEST_P(GgufFixture, IsTheModelOfTheFolder) {
  const TempFolder folder;
  const std::filesystem::path source = std::filesystem::path(test_paths::kData) / GetParam();
  write_file(folder.path() / "copy.gguf", gguf_of_model(source).bytes());
  const Model model = Model::open("copy.gguf", folder.path());
  const Model expected = Model::open(source.string());
  EXPECT_EQ(model.name(), "copy");
  EXPECT_EQ(model.files(), std::vector{folder.path() / "copy.gguf"});
  ModelConfig config = model.config();
  // Factors and scales are float32 there.
  ASSERT_EQ(config.rotary_frequencies.size(), expected.config().rotary_frequencies.size());
  for (std::size_t i = 0; i < config.rotary_frequencies.size(); ++i) {
    EXPECT_NEAR(config.rotary_frequencies[i] / expected.config().rotary_frequencies[i], 1, 1e-7);
  }
  ASSERT_EQ(config.layers.size(), expected.config().layers.size());
  for (std::size_t i = 0; i < config.layers.size(); ++i) {
    EXPECT_NEAR(config.layers[i].attention_scale, expected.config().layers[i].attention_scale, 1e-7);
    config.layers[i].attention_scale = expected.config().layers[i].attention_scale;
  }
  config.rotary_frequencies = expected.config().rotary_frequencies;
  EXPECT_EQ(config, expected.config());
  const Weights weights = model.weights();
  const Weights expected_weights = expected.weights();
  ASSERT_EQ(weights.tensors().size(), expected_weights.tensors().size());
  for (std::size_t i = 0; i < weights.tensors().size(); ++i) {
    EXPECT_STREQ(weights.tensors()[i].name, expected_weights.tensors()[i].name);
    EXPECT_EQ(values_of(weights.tensors()[i]), values_of(expected_weights.tensors()[i])) << weights.tensors()[i].name;
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, GgufFixture,
                         testing::Values("tiny", "tiny-f16", "tiny-bf16", "tiny-untied", "decoder/llama",
                                         "decoder/llama-old-config", "decoder/llama3-rope", "decoder/qwen2",
                                         "decoder/qwen3", "decoder/gemma2", "decoder/gemma3"),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::erase_if(name, [](char c) { return c == '-' || c == '/'; });
                           return name;
                         });

// ---- quantized blocks ----

std::string half_bytes(float value) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    if (float_of_f16(static_cast<std::uint16_t>(bits)) == value) return bytes_of(static_cast<std::uint16_t>(bits));
  }
  throw std::runtime_error("not a half");
}

std::vector<float> dequantized(void (*read)(std::span<const std::byte>, float*), const std::string& block,
                               std::size_t n_values) {
  std::vector<float> values(n_values);
  read(std::as_bytes(std::span(block)), values.data());
  return values;
}

TEST(GgufBlocks, Q8_0) {
  std::string block = half_bytes(0.5F);
  for (int i = 0; i < 32; ++i) block += static_cast<char>(8 * i - 128);
  block += half_bytes(-2) + std::string(31, '\3') + std::string(1, '\x80');
  const auto values = dequantized(dequantize_q8_0, block, 64);
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(values[static_cast<std::size_t>(i)], 0.5F * static_cast<float>(8 * i - 128)) << i;
  EXPECT_EQ(values[32], -6);
  EXPECT_EQ(values[63], 256);
}

TEST(GgufBlocks, Q4_0HasTheSecondHalfInTheHighNibbles) {
  std::string block = half_bytes(0.25F);
  for (int i = 0; i < 16; ++i) block += static_cast<char>(i | (15 - i) << 4);
  const auto values = dequantized(dequantize_q4_0, block, 32);
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(values[static_cast<std::size_t>(i)], 0.25F * static_cast<float>(i - 8)) << i;
    EXPECT_EQ(values[static_cast<std::size_t>(16 + i)], 0.25F * static_cast<float>(7 - i)) << i;
  }
}

TEST(GgufBlocks, Q4_K) {
  const std::array<unsigned, 8> scales = {1, 63, 17, 32, 2, 48, 33, 15};
  const std::array<unsigned, 8> minima = {0, 5, 62, 16, 63, 31, 9, 50};
  std::array<unsigned, 12> packed{};
  for (std::size_t j = 0; j < 4; ++j) {
    packed[j] = scales[j] | scales[j + 4] >> 4U << 6U;
    packed[j + 4] = minima[j] | minima[j + 4] >> 4U << 6U;
    packed[j + 8] = (scales[j + 4] & 15U) | (minima[j + 4] & 15U) << 4U;
  }
  const auto nibble = [](unsigned sub, unsigned i) { return (3 * sub + 5 * i) % 16; };
  std::string block = half_bytes(0.125F) + half_bytes(0.5F);
  for (const unsigned byte : packed) block += static_cast<char>(byte);
  for (unsigned pair = 0; pair < 4; ++pair) {
    for (unsigned i = 0; i < 32; ++i) block += static_cast<char>(nibble(2 * pair, i) | nibble(2 * pair + 1, i) << 4U);
  }
  ASSERT_EQ(block.size(), kQ4kBytes);
  const auto values = dequantized(dequantize_q4_k, block, 256);
  for (unsigned sub = 0; sub < 8; ++sub) {
    for (unsigned i = 0; i < 32; ++i) {
      const double expected = 0.125 * scales[sub] * nibble(sub, i) - 0.5 * minima[sub];
      EXPECT_EQ(values[32 * sub + i], expected) << sub << ", " << i;
    }
  }
}

TEST(GgufBlocks, Q6_K) {
  const auto wanted = [](unsigned i) { return static_cast<int>((11 * i + i / 7) % 64); };
  const auto scale = [](unsigned group) { return static_cast<int>(17 * group) - 128; };
  std::array<unsigned, 128> low{};
  std::array<unsigned, 64> high{};
  for (unsigned i = 0; i < 256; ++i) {
    const unsigned in_half = i % 128;
    const auto q = static_cast<unsigned>(wanted(i));
    low.at(i / 128 * 64 + in_half % 64) |= (q & 15U) << (in_half / 64 * 4);
    high.at(i / 128 * 32 + in_half % 32) |= q >> 4U << (in_half / 32 * 2);
  }
  std::string block;
  for (const unsigned byte : low) block += static_cast<char>(byte);
  for (const unsigned byte : high) block += static_cast<char>(byte);
  for (unsigned group = 0; group < 16; ++group) block += static_cast<char>(scale(group));
  block += half_bytes(0.0625F);
  ASSERT_EQ(block.size(), kQ6kBytes);
  const auto values = dequantized(dequantize_q6_k, block, 256);
  for (unsigned i = 0; i < 256; ++i)
    EXPECT_EQ(values[i], 0.0625F * static_cast<float>(scale(i / 16) * (wanted(i) - 32))) << i;
}

class SmallGguf : public testing::Test {
 protected:
  std::string path() const { return (folder_.path() / "small.gguf").string(); }
  Model open(const std::string& bytes) {
    write_file(path(), bytes);
    return Model::open(path());
  }
  std::string error(const std::string& bytes) {
    return error_of([&] { open(bytes); });
  }
  /// Of the small Llama, with more metadata.
  std::string error_with(const std::function<void(GgufWriter&)>& change, const std::string& architecture = "llama") {
    GgufWriter writer;
    add_small_keys(writer, architecture);
    change(writer);
    add_small_tensors(writer);
    return error(writer.bytes());
  }
  static std::string good() {
    GgufWriter writer;
    add_small_keys(writer);
    add_small_tensors(writer);
    return writer.bytes();
  }

 private:
  TempFolder folder_;
};

TEST_F(SmallGguf, QuantizedRowsAreReorderedAndQuantizedVectorsRefused) {
  // Row r of the query has only values r: as 2 heads of 4, rows 0 2 1 3 and 4 6 5 7 are those of Hugging Face.
  GgufWriter writer;
  writer.add_text("general.architecture", "llama");
  for (const auto& [key, value] : {std::pair{"block_count", 1U}, std::pair{"context_length", 16U},
                                   std::pair{"embedding_length", 32U}, std::pair{"feed_forward_length", 32U},
                                   std::pair{"attention.head_count", 2U}, std::pair{"attention.key_length", 4U}}) {
    writer.add_u32(std::string("llama.") + key, value);
  }
  writer.add_f32("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  std::string rows;
  for (int row = 0; row < 8; ++row) rows += half_bytes(1) + std::string(32, static_cast<char>(row));
  const std::vector<float> norm(32, 1);
  GgufWriter bad = writer;
  for (GgufWriter* one : {&writer, &bad}) {
    for (const char* name : {"attn_q", "attn_k", "attn_v"})
      one->add_tensor(std::string("blk.0.") + name + ".weight", 8, {8, 32}, rows);
    one->add_tensor("blk.0.attn_output.weight", {32, 8}, std::vector<float>(256, 0.5F));
    for (const char* name : {"token_embd", "blk.0.ffn_gate", "blk.0.ffn_up", "blk.0.ffn_down"}) {
      one->add_tensor(std::string(name) + ".weight", {32, 32}, std::vector<float>(1024, 0.5F));
    }
    one->add_tensor("blk.0.attn_norm.weight", {32}, norm);
    one->add_tensor("blk.0.ffn_norm.weight", {32}, norm);
  }
  writer.add_tensor("output_norm.weight", {32}, norm);
  bad.add_tensor("output_norm.weight", 8, {32}, half_bytes(1) + std::string(32, '\1'));
  const Weights weights = open(writer.bytes()).weights();
  const auto first_column = [&](const char* name) {
    const std::vector<float> values = values_of(tensor_named(weights, name));
    std::vector<float> column;
    for (std::size_t row = 0; row < 8; ++row) column.push_back(values[32 * row + row]);
    return column;
  };
  EXPECT_EQ(first_column("layer.0.attn_q.weight"), (std::vector<float>{0, 2, 1, 3, 4, 6, 5, 7}));
  EXPECT_EQ(first_column("layer.0.attn_k.weight"), (std::vector<float>{0, 2, 1, 3, 4, 6, 5, 7}));
  EXPECT_EQ(first_column("layer.0.attn_v.weight"), (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_THAT(error(bad.bytes()), HasSubstr("tensor 'output_norm.weight': a vector in Q8_0 is not supported"));
}

// ---- damage ----

TEST_F(SmallGguf, OpensAndCutAnywhereGivesAnError) {
  const std::string whole = good();
  EXPECT_EQ(open(whole).config().vocab_size, 4);
  for (std::size_t n = 0; n < whole.size(); n += n < 1200 ? 7 : 97) {
    EXPECT_THAT(error(whole.substr(0, n)), HasSubstr("small.gguf: ")) << n;
  }
}

TEST_F(SmallGguf, BytesChangedAnywhereNeverCrash) {
  const std::string whole = good();
  const std::size_t header = whole.size() - 32 * 40;
  for (std::size_t i = 4; i < std::min(header, whole.size()); ++i) {
    std::string changed = whole;
    changed[i] = static_cast<char>(static_cast<unsigned char>(changed[i]) ^ 0x81U);
    write_file(path(), changed);
    try {
      static_cast<void>(Model::open(path()).weights());
    } catch (const Error& found) {
      EXPECT_FALSE(found.cure().empty()) << found.what();
    }
  }
}

TEST_F(SmallGguf, Beginnings) {
  const std::string counts = bytes_of(std::uint64_t{0}) + bytes_of(std::uint64_t{0});
  EXPECT_THAT(error("GGML" + std::string(20, '\0')), HasSubstr("does not begin with GGUF"));
  EXPECT_THAT(error("GGUF" + bytes_of(std::uint32_t{1}) + counts), HasSubstr("version 1 of GGUF"));
  EXPECT_THAT(error("GGUF" + bytes_of(std::uint32_t{0x03000000}) + counts), HasSubstr("big-endian"));
  EXPECT_THAT(error("GGUF" + bytes_of(std::uint32_t{3}) + bytes_of(~std::uint64_t{0}) + bytes_of(std::uint64_t{0})),
              HasSubstr("18446744073709551615 tensors"));
  EXPECT_THAT(
      error("GGUF" + bytes_of(std::uint32_t{3}) + bytes_of(std::uint64_t{0}) + bytes_of(std::uint64_t{1} << 40U)),
      HasSubstr("metadata keys; at most"));
  EXPECT_THAT(error("GGUF" + bytes_of(std::uint32_t{3}) + counts), HasSubstr("general.architecture: is missing"));
}

TEST_F(SmallGguf, Values) {
  const auto array = [](std::uint32_t element, std::uint64_t count) { return bytes_of(element) + bytes_of(count); };
  EXPECT_THAT(error_with([](auto& w) { w.add_u32("llama.block_count", 1); }),
              HasSubstr("'llama.block_count': the key is there twice"));
  EXPECT_THAT(error_with([](auto& w) { w.add_raw("x", 13, "1234"); }), HasSubstr("'x': type 13 is none of GGUF's"));
  EXPECT_THAT(error_with([&](auto& w) { w.add_raw("x", 9, array(9, 1)); }), HasSubstr("arrays of arrays"));
  EXPECT_THAT(error_with([&](auto& w) { w.add_raw("x", 9, array(4, 1ULL << 62U)); }),
              HasSubstr("reaches beyond the end of the file"));
  EXPECT_THAT(
      error_with([&](auto& w) { w.add_raw("x", 9, array(8, 2) + GgufWriter::text_bytes("a") + bytes_of(~0ULL)); }),
      HasSubstr("a string of an array is 18446744073709551615 bytes long"));
  EXPECT_THAT(error_with([](auto& w) { w.add_raw(std::string(70000, 'k'), 4, "1234"); }),
              HasSubstr("a metadata key is 70000 bytes long"));
  EXPECT_THAT(error_with([](auto& w) { w.add_u32("general.alignment", 24); }), HasSubstr("is not a power of two"));
  EXPECT_THAT(error_with([](auto& w) { w.add_text("llama.rope.freq_base", "high"); }),
              HasSubstr("llama.rope.freq_base: is not a finite number"));
  EXPECT_THAT(error_with([](auto& w) { w.add_f32("llama.rope.freq_base", NAN); }), HasSubstr("is not a finite number"));
  EXPECT_THAT(error_with([](auto& w) {
                w.add_i32s("llama.attention.key_length", {4, 4});
              }),
              HasSubstr("llama.attention.key_length: an array where an integer was expected"));
}

TEST_F(SmallGguf, Tensors) {
  const auto with = [&](const std::string& name, std::uint32_t type, const std::vector<std::uint64_t>& shape,
                        const std::string& data) {
    GgufWriter writer;
    add_small_keys(writer);
    add_small_tensors(writer, name);
    writer.add_tensor(name, type, shape, data);
    return error(writer.bytes());
  };
  const std::string zeros(1024, '\0');
  EXPECT_THAT(with("more.weight", 0, {8}, zeros), HasSubstr("'more.weight' is not part of a Llama model with 1 layer"));
  EXPECT_THAT(with("output_norm.weight", 10, {256}, zeros),
              AllOf(HasSubstr("Q2_K is not supported"), HasSubstr("Q4_K, Q6_K are supported")));
  EXPECT_THAT(with("output_norm.weight", 99, {8}, zeros), HasSubstr("type 99 is not supported"));
  EXPECT_THAT(with("output_norm.weight", 0, {9}, zeros), HasSubstr("shape [9], but the metadata require [8]"));
  EXPECT_THAT(with("output_norm.weight", 2, {8}, zeros), HasSubstr("rows of 8 values are not made of blocks of 32"));
  EXPECT_THAT(with("output_norm.weight", 0, {0}, zeros), HasSubstr("has a dimension of 0"));
  EXPECT_THAT(with("output_norm.weight", 0, {}, zeros), HasSubstr("0 dimensions; 1 to 4"));
  EXPECT_THAT(with("output_norm.weight", 0, {1ULL << 33U, 1ULL << 33U}, zeros), HasSubstr("does not fit in 64 bits"));
  EXPECT_THAT(with("output_norm.weight", 0, {1ULL << 40U}, zeros), HasSubstr("reaches beyond the end of the file"));
  EXPECT_THAT(with(std::string(80, 'n'), 0, {8}, zeros), HasSubstr("the name of a tensor is 80 bytes long"));
  GgufWriter twice;
  add_small_keys(twice);
  add_small_tensors(twice);
  twice.add_tensor("output_norm.weight", {8}, std::vector<float>(8));
  EXPECT_THAT(error(twice.bytes()), HasSubstr("'output_norm.weight': is there twice"));
  GgufWriter missing;
  add_small_keys(missing);
  add_small_tensors(missing, "blk.0.attn_k.weight");
  EXPECT_THAT(error(missing.bytes()), HasSubstr("tensor 'blk.0.attn_k.weight' is missing"));
}

TEST_F(SmallGguf, OffsetsOverlapOrAreNotAligned) {
  // The offset is the last field of each tensor's entry, just before the next name's length.
  const std::string whole = good();
  const std::string name = "blk.0.attn_norm.weight";
  const std::size_t entry = whole.find(name) + name.size() + 4 + 8 + 4;
  const auto with_offset = [&](std::uint64_t offset) {
    std::string changed = whole;
    changed.replace(entry, 8, bytes_of(offset));
    return changed;
  };
  EXPECT_THAT(error(with_offset(96)), HasSubstr("overlaps the tensor before it"));
  EXPECT_THAT(error(with_offset(129)), HasSubstr("offset 129 is not a multiple of the alignment, 32"));
  EXPECT_THAT(error(with_offset(~std::uint64_t{31})), HasSubstr("reaches beyond the end of the file"));
}

// ---- models of another kind ----

TEST_F(SmallGguf, WhatIsNotSupportedIsNamed) {
  EXPECT_THAT(error_with([](auto&) {}, "mamba"),
              AllOf(HasSubstr("general.architecture: 'mamba' is not supported"), HasSubstr("gemma3 are supported")));
  EXPECT_THAT(error_with([](auto& w) { w.add_u32("llama.expert_count", 8); }), HasSubstr("llama.expert_count: 8"));
  EXPECT_THAT(error_with([](auto& w) { w.add_u32("split.count", 3); }),
              AllOf(HasSubstr("one of 3 files"), HasSubstr("--merge")));
  EXPECT_THAT(error_with([](auto& w) { w.add_text("llama.rope.scaling.type", "longrope"); }),
              HasSubstr("'longrope' depends on the length of the text"));
  EXPECT_THAT(error_with([](auto& w) { w.add_u32("llama.rope.dimension_count", 2); }),
              HasSubstr("llama.rope.dimension_count: is 2, but heads have 4"));
  EXPECT_THAT(error_with([](auto& w) { w.add_f32("llama.logit_scale", 0.5F); }), HasSubstr("llama.logit_scale: 0.5"));
  EXPECT_THAT(error_with([](auto& w) { w.add_bool("llama.attention.causal", false); }), HasSubstr("only causal"));
  EXPECT_THAT(error_of([&] { Model::open(path() + ".none.gguf"); }), HasSubstr("no such folder or file"));
}

}  // namespace
}  // namespace inferbench
