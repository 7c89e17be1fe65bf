// SPDX-License-Identifier: Apache-2.0
// Model folders: names, shapes, dtypes and shards are checked against config.json.
#include <cstring>
#include <nlohmann/json.hpp>

#include "inferbench/safetensors_names.hpp"
#include "model/checkpoint.hpp"
#include "model/config_json.hpp"
#include "model/families/families.hpp"
#include "model/model.hpp"
#include "model/safetensors_writer.hpp"
#include "model/shard_index.hpp"
#include "model_test_support.hpp"

namespace inferbench {
namespace {

using model_test::error_of;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kConfig =
    R"({"model_type":"gpt2","n_layer":1,"n_head":1,"n_embd":4,"n_positions":3,"vocab_size":5,"n_inner":6})";
constexpr const char* kUntied =
    R"({"model_type":"gpt2","n_layer":1,"n_head":1,"n_embd":4,"n_positions":3,"vocab_size":5,"n_inner":6,)"
    R"("tie_word_embeddings":false})";

using Tensors = std::vector<SafetensorsWriter::Tensor>;

// The tensors of kConfig, as a checkpoint declares them.
Tensors tensors_of(const char* config, const std::string& prefix = "") {
  Tensors tensors;
  const ModelConfig parsed = parse_config(config);
  for (const StoredTensor& stored : family_of(parsed).stored_tensors(parsed)) {
    const std::string name = (stored.name == "lm_head.weight" ? "" : prefix) + stored.name;
    tensors.push_back({name, "F32", std::vector<std::uint64_t>(stored.shape.begin(), stored.shape.end())});
  }
  return tensors;
}

SafetensorsWriter::Tensor& find(Tensors& tensors, std::string_view name) {
  return *std::find_if(tensors.begin(), tensors.end(), [&](const auto& tensor) { return tensor.name == name; });
}

std::uint64_t bytes_of(const SafetensorsWriter::Tensor& tensor) {
  std::uint64_t bytes = tensor.dtype == "F32" ? 4 : tensor.dtype == "F64" ? 8 : tensor.dtype == "BOOL" ? 1 : 2;
  for (const std::uint64_t dimension : tensor.shape) bytes *= dimension;
  return bytes;
}

// The value of byte i of a tensor depends on the name and on i, so that a view of wrong bytes is detected.
std::byte value(const std::string& name, std::uint64_t i) {
  return static_cast<std::byte>(name.size() * 31 + i);
}

void write_safetensors(const std::filesystem::path& path, const Tensors& tensors) {
  SafetensorsWriter writer(path, tensors);
  for (const auto& tensor : tensors) {
    std::vector<std::byte> bytes(bytes_of(tensor));
    for (std::uint64_t i = 0; i < bytes.size(); ++i) bytes[i] = value(std::string(checkpoint_name(tensor.name)), i);
    writer.write_bytes(bytes);
  }
  writer.finish();
}

class CheckpointTest : public testing::Test {
 protected:
  void write(const Tensors& tensors, const char* config = kConfig) {
    model_test::write_file(folder_.path() / "config.json", config);
    write_safetensors(folder_.path() / "model.safetensors", tensors);
  }
  Model open() const { return Model::open(folder_.path().string()); }
  std::string open_error() const {
    return error_of([&] { open(); });
  }
  // Every element of every view has the bytes that were written for it.
  void expect_values(const Weights& weights) const {
    const ModelConfig& config = weights.config();
    for (const StoredTensor& stored : family_of(config).stored_tensors(config)) {
      for (const TensorView& view : stored.views) expect_view(weights, stored, view);
    }
  }
  static void expect_view(const Weights& weights, const StoredTensor& stored, const TensorView& view) {
    const auto tensors = weights.tensors();
    const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const auto& t) { return t.name == view.name; });
    ASSERT_NE(found, tensors.end()) << view.name;
    const std::int64_t n_bytes = found->dtype == IB_DTYPE_F32 ? 4 : 2;
    for (std::int64_t i = 0; i < view.shape[0]; ++i) {
      for (std::int64_t j = 0; j < std::max<std::int64_t>(view.shape[1], 1); ++j) {
        const std::int64_t element = i * found->strides[0] + j * found->strides[1];
        const auto* bytes = static_cast<const std::byte*>(found->data) + element * n_bytes;
        for (std::int64_t k = 0; k < n_bytes; ++k) {
          const auto at = static_cast<std::uint64_t>((view.offset + element) * n_bytes + k);
          ASSERT_EQ(bytes[k], value(stored.name, at)) << view.name << " element " << i << ", " << j;
        }
      }
    }
  }
  std::filesystem::path path(const char* name) const { return folder_.path() / name; }

 private:
  model_test::TempFolder folder_;
};

TEST_F(CheckpointTest, ReadsWithAndWithoutPrefix) {
  write(tensors_of(kConfig));
  expect_values(open().weights());
  write(tensors_of(kConfig, "transformer."));
  expect_values(open().weights());
  write(tensors_of(kUntied, "transformer."), kUntied);
  expect_values(open().weights());
  EXPECT_EQ(open().weights().tensors().size(), 21U);
}

// c_attn [4, 12] holds query, key and value side by side in each of its rows.
TEST_F(CheckpointTest, ViewsOfCAttnAreInTheFile) {
  write(tensors_of(kConfig));
  const Weights weights = open().weights();
  const auto tensor = [&](std::string_view name) {
    const auto list = weights.tensors();
    return *std::find_if(list.begin(), list.end(), [&](const ib_tensor& t) { return t.name == name; });
  };
  const ib_tensor query = tensor("layer.0.attn_q.weight");
  const auto* begin = static_cast<const float*>(query.data);
  for (const auto& [name, part] : {std::pair("attn_q", 0), std::pair("attn_k", 1), std::pair("attn_v", 2)}) {
    const ib_tensor weight = tensor(std::string("layer.0.") + name + ".weight");
    EXPECT_EQ(weight.data, begin + 4 * part) << "nothing is copied";
    EXPECT_EQ(std::vector(weight.shape, weight.shape + 2), (std::vector<std::int64_t>{4, 4}));
    EXPECT_EQ(std::vector(weight.strides, weight.strides + 2), (std::vector<std::int64_t>{1, 12}));
    EXPECT_EQ(weight.n_bytes, 40U * 4) << "to the end of its last element";
    const ib_tensor bias = tensor(std::string("layer.0.") + name + ".bias");
    EXPECT_EQ(bias.data, static_cast<const float*>(tensor("layer.0.attn_q.bias").data) + 4 * part);
    EXPECT_EQ(bias.n_bytes, 16U);
  }
  const ib_tensor up = tensor("layer.0.mlp_up.weight");
  EXPECT_EQ(std::vector(up.shape, up.shape + 2), (std::vector<std::int64_t>{6, 4}));
  EXPECT_EQ(std::vector(up.strides, up.strides + 2), (std::vector<std::int64_t>{1, 6}));
}

TEST_F(CheckpointTest, ReadsWhatAWrapperSaved) {
  for (const char* prefix :
       {"module.", "_orig_mod.", "_orig_mod.module.transformer.", "module._orig_mod.transformer."}) {
    write(tensors_of(kConfig, prefix));
    expect_values(open().weights());
  }
  Tensors twice = tensors_of(kConfig, "module.");
  twice.push_back({"_orig_mod.ln_f.bias", "F32", {4}});
  write(twice);
  EXPECT_THAT(open_error(), HasSubstr("tensor 'ln_f.bias' occurs twice"));
}

TEST_F(CheckpointTest, NamesTheFileThatGitLfsLeftUnfetched) {
  const std::string pointer =
      "version https://git-lfs.github.com/spec/v1\noid "
      "sha256:248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f\n"
      "size 548105171\n";
  write(tensors_of(kConfig));
  for (const char* name : {"model.safetensors", "config.json"}) {
    write(tensors_of(kConfig));
    model_test::write_file(path(name), pointer);
    EXPECT_THAT(open_error(), AllOf(HasSubstr(std::string(name) + ": a Git LFS pointer"), HasSubstr("git lfs pull")));
  }
}

TEST_F(CheckpointTest, OrderInTheFileDoesNotMatter) {
  Tensors tensors = tensors_of(kConfig);
  std::reverse(tensors.begin(), tensors.end());
  write(tensors);
  expect_values(open().weights());
}

TEST_F(CheckpointTest, IgnoresMaskBuffersAndTheCopyOfATiedHead) {
  Tensors tensors = tensors_of(kConfig, "transformer.");
  tensors.push_back({"transformer.h.0.attn.bias", "BOOL", {1, 1, 3, 3}});
  tensors.push_back({"transformer.h.0.attn.masked_bias", "F32", {}});
  tensors.push_back({"lm_head.weight", "F32", {5, 4}});
  write(tensors);
  const Weights weights = open().weights();
  EXPECT_EQ(weights.tensors().size(), 20U);
  expect_values(weights);
}

constexpr const char* kGemma3 =
    R"({"model_type":"gemma3","text_config":{"num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":1,)"
    R"("head_dim":2,"hidden_size":3,"intermediate_size":5,"vocab_size":7,"max_position_embeddings":8}})";

TEST_F(CheckpointTest, IgnoresTheVisionTowerOfGemma3) {
  for (const std::string prefix : {"language_model.model.", "model.language_model."}) {
    Tensors tensors = tensors_of(kGemma3, prefix);
    tensors.push_back({"vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight", "F32", {2}});
    tensors.push_back({"model.multi_modal_projector.mm_soft_emb_norm.weight", "F32", {2}});
    write(tensors, kGemma3);
    EXPECT_EQ(open().weights().tensors().size(), 15U);
    tensors.push_back({prefix + "layers.1.mlp.up_proj.weight", "F32", {2}});
    write(tensors, kGemma3);
    EXPECT_THAT(open_error(), HasSubstr("is not part of a Gemma 3 model with 1 layer"));
  }
}

constexpr const char* kLlama =
    R"({"model_type":"llama","num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":1,"hidden_size":4,)"
    R"("intermediate_size":5,"vocab_size":7,"max_position_embeddings":8})";

TEST_F(CheckpointTest, LlamaReadsWithPrefixesAndRotaryBuffers) {
  for (const char* prefix : {"model.", "_orig_mod.module.model.", ""}) {
    Tensors tensors = tensors_of(kLlama, prefix);
    tensors.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", "F32", {1}});
    write(tensors, kLlama);
    expect_values(open().weights());
  }
  Tensors tensors = tensors_of(kLlama, "model.");
  tensors.push_back({"model.layers.0.self_attn.q_proj.bias", "F32", {4}});
  write(tensors, kLlama);
  EXPECT_THAT(open_error(), HasSubstr("'model.layers.0.self_attn.q_proj.bias' is not part of a Llama model"));
  std::erase_if(tensors,
                [](const auto& tensor) { return tensor.name.ends_with("bias") || tensor.name == "lm_head.weight"; });
  write(tensors, kLlama);
  EXPECT_THAT(open_error(), AllOf(HasSubstr("'lm_head.weight' is missing"), HasSubstr("tie_word_embeddings: true")));
}

TEST_F(CheckpointTest, CopiesTensorsThatAreNotAligned) {
  Tensors tensors = tensors_of(kConfig);
  tensors.insert(tensors.begin(), {"h.0.attn.bias", "BOOL", {3}});  // shifts all following tensors to odd addresses
  for (std::size_t i = 4; i < 8; ++i) tensors[i].dtype = "F16";
  tensors[9].dtype = "BF16";
  write(tensors);
  const Weights weights = open().weights();
  expect_values(weights);
  for (const ib_tensor& tensor : weights.tensors()) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data) % (tensor.dtype == IB_DTYPE_F32 ? 4 : 2), 0U)
        << tensor.name;
  }
}

TEST_F(CheckpointTest, NamesAMissingTensor) {
  Tensors tensors = tensors_of(kConfig);
  std::erase_if(tensors, [](const auto& tensor) { return tensor.name == "h.0.mlp.c_fc.bias"; });
  write(tensors);
  EXPECT_THAT(open_error(), AllOf(HasSubstr("model.safetensors: tensor 'h.0.mlp.c_fc.bias' is missing")));
  write(tensors_of(kConfig), kUntied);
  EXPECT_THAT(open_error(), AllOf(HasSubstr("'lm_head.weight' is missing"), HasSubstr("tie_word_embeddings")));
}

TEST_F(CheckpointTest, NamesAnExtraTensor) {
  for (const char* name :
       {"h.1.ln_1.weight", "score.weight", "h.x.attn.bias", "h.0.attn.bias.more", "transformer.extra"}) {
    Tensors tensors = tensors_of(kConfig);
    tensors.push_back({name, "F32", {4}});
    write(tensors);
    EXPECT_THAT(open_error(), AllOf(HasSubstr(name), HasSubstr("is not part of a GPT-2 model with 1 layer")));
  }
}

TEST_F(CheckpointTest, NamesATensorOfTheWrongShape) {
  Tensors tensors = tensors_of(kConfig);
  find(tensors, "h.0.attn.c_attn.weight").shape = {12, 4};
  write(tensors);
  EXPECT_THAT(open_error(), HasSubstr("'h.0.attn.c_attn.weight': shape [12, 4], but config.json requires [4, 12]"));
  tensors = tensors_of(kConfig);
  find(tensors, "ln_f.bias").shape = {4, 1};
  write(tensors);
  EXPECT_THAT(open_error(), HasSubstr("'ln_f.bias': shape [4, 1]"));
}

TEST_F(CheckpointTest, NamesATensorOfAnotherDtype) {
  for (const char* dtype : {"F64", "I16"}) {
    Tensors tensors = tensors_of(kConfig);
    find(tensors, "wpe.weight").dtype = dtype;
    write(tensors);
    EXPECT_THAT(open_error(), AllOf(HasSubstr("'wpe.weight'"), HasSubstr(dtype), HasSubstr("F32, F16 or BF16")));
  }
}

TEST_F(CheckpointTest, RefusesATensorWithAndWithoutPrefix) {
  Tensors tensors = tensors_of(kConfig);
  tensors.push_back({"transformer.ln_f.bias", "F32", {4}});
  write(tensors);
  EXPECT_THAT(open_error(), HasSubstr("tensor 'ln_f.bias' occurs twice"));
}

TEST_F(CheckpointTest, NamesTheFileThatLacks) {
  EXPECT_THAT(open_error(), HasSubstr("config.json: cannot open"));
  model_test::write_file(path("config.json"), kConfig);
  EXPECT_THAT(open_error(), HasSubstr("neither model.safetensors nor model.safetensors.index.json"));
  model_test::write_file(path("pytorch_model.bin"), "x");
  EXPECT_THAT(open_error(), AllOf(HasSubstr("pytorch_model.bin"), HasSubstr("save_pretrained")));
  EXPECT_THAT(error_of([&] { Model::open(path("config.json").string()); }), HasSubstr("is a file"));
  EXPECT_THAT(error_of([&] { Model::open(path("none").string()); }), HasSubstr("no such folder"));
  EXPECT_THAT(error_of([] { Model::open(""); }), HasSubstr("empty"));
}

TEST_F(CheckpointTest, ADamagedFileIsNamed) {
  write(tensors_of(kConfig));
  std::filesystem::resize_file(path("model.safetensors"), std::filesystem::file_size(path("model.safetensors")) - 1);
  EXPECT_THAT(open_error(), AllOf(HasSubstr("model.safetensors: tensor "), HasSubstr("truncated")));
}

TEST_F(CheckpointTest, AFileDamagedAfterOpenIsAnErrorToo) {
  write(tensors_of(kConfig));
  const Model model = open();
  std::filesystem::resize_file(path("model.safetensors"), 100);
  EXPECT_THAT(error_of([&] { model.weights(); }), HasSubstr("model.safetensors"));
}

TEST_F(CheckpointTest, Sha256IsThatOfTheFilesBytes) {
  write(tensors_of(kConfig));
  const std::string whole = open().sha256();
  EXPECT_EQ(whole.size(), 64U);
  EXPECT_EQ(open().sha256(), whole);
  std::fstream file(path("model.safetensors"), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1, std::ios::end);
  file.put('\x7f');
  file.close();
  EXPECT_NE(open().sha256(), whole);
}

// ---- shards -----------------------------------------------------------------------------------------------

class ShardTest : public CheckpointTest {
 protected:
  // The first half of kConfig's tensors in a.safetensors, the rest in b.safetensors, and an index of both.
  void SetUp() override {
    model_test::write_file(path("config.json"), kConfig);
    const Tensors all = tensors_of(kConfig, "transformer.");
    const auto half = all.begin() + 8;
    write_safetensors(path("a.safetensors"), Tensors(all.begin(), half));
    write_safetensors(path("b.safetensors"), Tensors(half, all.end()));
    for (std::size_t i = 0; i < all.size(); ++i) map_[all[i].name] = i < 8 ? "a.safetensors" : "b.safetensors";
    write_index();
  }
  void write_index() {
    const nlohmann::json index = {{"metadata", {{"total_size", 1}}}, {"weight_map", map_}};
    model_test::write_file(path("model.safetensors.index.json"), index.dump());
  }
  nlohmann::json map_;
};

TEST_F(ShardTest, ReadsEveryShard) {
  const Model model = open();
  ASSERT_EQ(model.files().size(), 2U);
  EXPECT_EQ(model.files()[0].filename(), "a.safetensors");
  EXPECT_EQ(model.files()[1].filename(), "b.safetensors");
  expect_values(model.weights());
}

TEST_F(ShardTest, RefusesAnIndexThatNamesAMissingShard) {
  map_["transformer.wte.weight"] = "c.safetensors";
  write_index();
  EXPECT_THAT(open_error(), HasSubstr("c.safetensors: cannot open"));
}

TEST_F(ShardTest, RefusesAnIndexThatDisagreesWithTheShards) {
  map_["transformer.wte.weight"] = "b.safetensors";
  write_index();
  EXPECT_THAT(open_error(), AllOf(HasSubstr("a.safetensors: tensor 'transformer.wte.weight'"), HasSubstr("index")));
  map_["transformer.wte.weight"] = "a.safetensors";
  map_["transformer.more.weight"] = "a.safetensors";
  write_index();
  EXPECT_THAT(open_error(),
              AllOf(HasSubstr("'transformer.more.weight'"), HasSubstr("is in 'a.safetensors', but it is not")));
}

TEST_F(ShardTest, RefusesFileNamesThatLeaveTheFolder) {
  for (const char* name : {"../a.safetensors", "/etc/passwd", "sub/a.safetensors", "..", ".", ""}) {
    map_["transformer.wte.weight"] = name;
    write_index();
    EXPECT_THAT(open_error(), AllOf(HasSubstr("weight_map"), HasSubstr("not the name of a file"))) << name;
  }
}

TEST_F(ShardTest, ATensorInTwoShardsIsRefused) {
  const Tensors all = tensors_of(kConfig, "transformer.");
  Tensors second(all.begin() + 8, all.end());
  second.push_back({"wte.weight", "F32", {5, 4}});
  write_safetensors(path("b.safetensors"), second);
  map_["wte.weight"] = "b.safetensors";
  write_index();
  EXPECT_THAT(open_error(), HasSubstr("tensor 'wte.weight' occurs twice"));
}

TEST(ShardIndex, RefusesBrokenIndexes) {
  const auto index_error = [](std::string_view json) { return error_of([&] { parse_shard_index(json, "i.json"); }); };
  EXPECT_THAT(index_error("{"), HasSubstr("i.json: not valid JSON"));
  EXPECT_THAT(index_error("[]"), HasSubstr("no \"weight_map\""));
  EXPECT_THAT(index_error("{}"), HasSubstr("no \"weight_map\""));
  EXPECT_THAT(index_error(R"({"weight_map":{}})"), HasSubstr("no \"weight_map\""));
  EXPECT_THAT(index_error(R"({"weight_map":[]})"), HasSubstr("no \"weight_map\""));
  EXPECT_THAT(index_error(R"({"weight_map":{"a":1}})"), HasSubstr("tensor 'a' has no file name"));
  EXPECT_THAT(index_error(R"({"weight_map":{"a":"x","a":"y"}})"), HasSubstr("key 'a' occurs twice"));
  EXPECT_THAT(index_error(R"({"weight_map":{"a":"x\u0000y"}})"), HasSubstr("not the name of a file"));
}

}  // namespace
}  // namespace inferbench
