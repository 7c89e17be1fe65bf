// SPDX-License-Identifier: Apache-2.0
// backend.hpp: how it converts exceptions, and every argument check that backends share.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "inferbench/backend.hpp"

namespace inferbench {
namespace {

using ::testing::HasSubstr;

template <typename Function>
void expect_help_fails(Function function, ib_status status, const char* message) {
  try {
    function();
    ADD_FAILURE() << "no Failure: " << message;
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.status(), status);
    EXPECT_THAT(failure.what(), HasSubstr(message));
  }
}

TEST(Guard, MapsExceptionsToStatuses) {
  ib_error error{};
  EXPECT_EQ(guard(&error, [] {}), IB_OK);
  EXPECT_EQ(guard(&error, [] { throw Failure(IB_UNSUPPORTED, "no such unit"); }), IB_UNSUPPORTED);
  EXPECT_STREQ(error.message, "no such unit");
  EXPECT_EQ(guard(&error, [] { throw std::bad_alloc(); }), IB_OUT_OF_MEMORY);
  EXPECT_STREQ(error.message, "out of memory");
  EXPECT_EQ(guard(&error, [] { throw std::out_of_range("index"); }), IB_INTERNAL);
  EXPECT_STREQ(error.message, "index");
  EXPECT_EQ(guard(&error, [] { throw 5; }), IB_INTERNAL);
  EXPECT_STREQ(error.message, "an exception that is not a std::exception");
  EXPECT_EQ(guard(nullptr, [] { throw 5; }), IB_INTERNAL);
}

TEST(SetError, CutsBetweenCharactersAndKeepsOneLine) {
  ib_error error{};
  set_error(&error, "two\nlines\x7f");
  EXPECT_STREQ(error.message, "two lines ");
  set_error(&error, std::string(511, 'a'));
  EXPECT_EQ(std::strlen(error.message), 511U);
  set_error(&error, std::string(510, 'a') + "\u00e4");  // the two-byte character does not fit into the last byte
  EXPECT_EQ(std::string(error.message), std::string(510, 'a'));
  set_error(&error, std::string(509, 'a') + "\u00e4");
  EXPECT_EQ(std::string(error.message), std::string(509, 'a') + "\u00e4");
}

TEST(OptionReader, ReadsByKeyAndType) {
  const std::array values{ib_option_value{"flag", IB_OPTION_BOOL, 1, 0, 0, nullptr},
                          ib_option_value{"tile", IB_OPTION_INT, 0, 32, 0, nullptr},
                          ib_option_value{"scale", IB_OPTION_FLOAT, 0, 0, 0.5, nullptr},
                          ib_option_value{"isa", IB_OPTION_CHOICE, 0, 0, 0, "auto"}};
  const OptionReader options(values.data(), values.size());
  EXPECT_TRUE(options.boolean("flag"));
  EXPECT_EQ(options.integer("tile"), 32);
  EXPECT_EQ(options.number("scale"), 0.5);
  EXPECT_EQ(options.text("isa"), "auto");
  expect_help_fails([&] { options.integer("tiles"); }, IB_INVALID_ARGUMENT, "option 'tiles' is missing");
  expect_help_fails([&] { options.text("tile"); }, IB_INVALID_ARGUMENT, "another type");
}

TEST(TensorMap, ChecksNameShapeAndBytes) {
  const std::array<float, 6> data{};
  std::array tensors{ib_tensor{"a", IB_DTYPE_F32, 2, {2, 3, 0, 0}, {3, 1, 0, 0}, data.data(), 24},
                     ib_tensor{"b", IB_DTYPE_F16, 1, {6, 0, 0, 0}, {1, 0, 0, 0}, data.data(), 12}};
  ib_model_desc desc{};
  desc.struct_size = sizeof(desc);
  desc.tensors = tensors.data();
  desc.n_tensors = tensors.size();
  const TensorMap map(desc);
  EXPECT_EQ(map.get("a", {2, 3}).data, data.data());
  EXPECT_EQ(map.get("b", {6}).n_bytes, 12U);
  expect_help_fails([&] { map.get("c", {1}); }, IB_INVALID_ARGUMENT, "tensor 'c' is missing");
  expect_help_fails([&] { map.get("a", {3, 2}); }, IB_INVALID_ARGUMENT, "tensor 'a' has another shape");
  expect_help_fails([&] { map.get("a", {2}); }, IB_INVALID_ARGUMENT, "tensor 'a' has another shape");
  tensors[0].n_bytes = 20;
  expect_help_fails([&] { map.get("a", {2, 3}); }, IB_INVALID_ARGUMENT, "tensor 'a' has another shape");
  tensors[0].dtype = 9;
  expect_help_fails([&] { map.get("a", {2, 3}); }, IB_UNSUPPORTED, "unknown dtype 9");
  tensors[1].name = "a";
  expect_help_fails([&] { TensorMap{desc}; }, IB_INVALID_ARGUMENT, "two tensors have the same name");
}

// Views of one buffer of 4 x 6 floats: transposed, and a part of it.
TEST(TensorMap, ChecksStridesAgainstBytes) {
  const std::array<float, 24> data{};
  std::array tensors{ib_tensor{"transposed", IB_DTYPE_F32, 2, {6, 4, 0, 0}, {1, 6, 0, 0}, data.data(), 24 * 4},
                     ib_tensor{"part", IB_DTYPE_F32, 2, {4, 2, 0, 0}, {6, 1, 0, 0}, data.data() + 2, (3 * 6 + 2) * 4},
                     ib_tensor{"column", IB_DTYPE_F32, 1, {4, 0, 0, 0}, {6, 0, 0, 0}, data.data(), (3 * 6 + 1) * 4}};
  const TensorMap map(tensors.data(), tensors.size());
  EXPECT_EQ(map.get("transposed", {6, 4}).strides[1], 6);
  EXPECT_EQ(map.get("part", {4, 2}).data, data.data() + 2);
  EXPECT_EQ(map.get("column", {4}).strides[0], 6);
  tensors[1].n_bytes = 4 * 2 * 4;  // as if it were dense
  expect_help_fails([&] { map.get("part", {4, 2}); }, IB_INVALID_ARGUMENT, "tensor 'part' has another shape");
  tensors[2].strides[0] = 0;
  tensors[2].n_bytes = 4;
  expect_help_fails([&] { map.get("column", {4}); }, IB_INVALID_ARGUMENT, "tensor 'column' has another shape");
}

class CheckModel : public ::testing::Test {
 protected:
  CheckModel() {
    desc_.struct_size = sizeof(desc_);
    desc_.n_layers = 2;
    desc_.n_heads = 4;
    desc_.n_kv_heads = 2;
    desc_.head_dim = 8;
    desc_.hidden_size = 32;
    desc_.intermediate_size = 48;
    desc_.max_positions = 16;
    desc_.vocab_size = 10;
    desc_.norm = IB_NORM_RMS;
    desc_.activation = IB_ACTIVATION_SILU;
    desc_.gated = desc_.tied_head = 1;
    desc_.norm_epsilon = 1e-5;
    desc_.embedding_scale = 1;
    desc_.layers = layers_.data();
    desc_.rotary_frequencies = frequencies_.data();
    desc_.rotary_scales = &scale_;
    desc_.n_rotary_tables = 1;
    desc_.tensors = &tensor_;
    desc_.n_tensors = 1;
    params_.struct_size = sizeof(params_);
    params_.desc = &desc_;
    params_.precision = "fp32";
  }
  void expect_invalid(const char* message) const {
    expect_help_fails([this] { check_model_params(params_); }, IB_INVALID_ARGUMENT, message);
  }

  std::array<ib_layer_desc, 2> layers_{ib_layer_desc{0, 0, 0.5}, ib_layer_desc{0, 0, 0.5}};
  std::array<double, 4> frequencies_{};
  double scale_ = 1;
  ib_tensor tensor_{};
  ib_model_desc desc_{};
  ib_model_params params_{};
};

TEST_F(CheckModel, ADescriptionThatMakesSensePasses) {
  check_model_params(params_);
  check_model_params(params_, IB_FEATURES_LLAMA);
  params_.folder = "/models/x";
  check_model_params(params_);
}

TEST_F(CheckModel, StructSizes) {
  desc_.struct_size = offsetof(ib_model_desc, n_tensors);
  expect_invalid("ib_model_desc is shorter than that of ABI 1.0");
  desc_.struct_size = sizeof(desc_);
  params_.struct_size = offsetof(ib_model_params, folder);
  expect_invalid("ib_model_params is shorter than that of ABI 1.0");
}

TEST_F(CheckModel, Pointers) {
  params_.precision = nullptr;
  expect_invalid("precision is null");
  params_.precision = "fp32";
  params_.n_options = 1;
  expect_invalid("options is null");
  params_.n_options = 0;
  desc_.layers = nullptr;
  expect_invalid("layers is null");
  desc_.layers = layers_.data();
  desc_.rotary_scales = nullptr;
  expect_invalid("the rotary tables are null");
  desc_.rotary_scales = &scale_;
  desc_.tensors = nullptr;
  expect_invalid("there are no tensors");
}

TEST_F(CheckModel, Sizes) {
  for (std::int32_t ib_model_desc::*size :
       {&ib_model_desc::n_layers, &ib_model_desc::n_heads, &ib_model_desc::n_kv_heads, &ib_model_desc::head_dim,
        &ib_model_desc::hidden_size, &ib_model_desc::intermediate_size, &ib_model_desc::max_positions}) {
    const std::int32_t good = desc_.*size;
    desc_.*size = 0;
    expect_invalid("must be at least 1");
    desc_.*size = good;
  }
  desc_.vocab_size = 0;
  expect_invalid("vocab_size must be at least 1");
  desc_.vocab_size = 10;
  desc_.n_kv_heads = 3;
  expect_invalid("n_heads is not a multiple of n_kv_heads");
  desc_.n_kv_heads = 2;
  desc_.norm_epsilon = 0;
  expect_invalid("norm_epsilon is not above 0");
}

TEST_F(CheckModel, Layers) {
  layers_[1].rotary_table = 1;
  expect_invalid("a layer has no such rotary table");
  layers_[1].rotary_table = -2;
  expect_invalid("a layer has no such rotary table");
  layers_[1].rotary_table = -1;
  layers_[0].window = -1;
  expect_invalid("a window is negative");
  layers_[0].window = 0;
  desc_.head_dim = 7;
  expect_invalid("heads of an odd size cannot be rotated");
  layers_[0].rotary_table = -1;  // none is rotated now
  check_model_params(params_);
}

TEST_F(CheckModel, MissingFeaturesAreNamed) {
  const auto expect_unsupported = [this](std::uint64_t features, const char* message) {
    expect_help_fails([&] { check_model_params(params_, features); }, IB_UNSUPPORTED, message);
  };
  expect_unsupported(IB_FEATURES_LLAMA & ~IB_FEATURE_ROTARY, "no rotary positions, which the model needs");
  layers_[1].window = 8;
  expect_unsupported(IB_FEATURES_LLAMA & ~IB_FEATURE_WINDOW, "no sliding windows, which the model needs");
  layers_[1].window = 16;  // hides nothing
  check_model_params(params_, IB_FEATURES_LLAMA & ~IB_FEATURE_WINDOW);
}

TEST(DtypeBytes, OfEveryDtype) {
  EXPECT_EQ(dtype_bytes(IB_DTYPE_F32), 4U);
  EXPECT_EQ(dtype_bytes(IB_DTYPE_F16), 2U);
  EXPECT_EQ(dtype_bytes(IB_DTYPE_BF16), 2U);
  expect_help_fails([] { dtype_bytes(3); }, IB_UNSUPPORTED, "unknown dtype 3");
}

TEST(SessionLimits, AreCheckedAgainstTheModel) {
  ib_session_params params{};
  params.struct_size = sizeof(params);
  params.n_slots = 3;
  params.max_tokens = 8;
  const SessionLimits limits = checked_session_limits(params, 8, 100);
  EXPECT_EQ(limits.max_forward_tokens, 24);
  EXPECT_EQ(limits.vocab_size, 100);
  params.max_forward_tokens = 5;
  EXPECT_EQ(checked_session_limits(params, 8, 100).max_forward_tokens, 5);
  expect_help_fails([&] { checked_session_limits(params, 7, 100); }, IB_INVALID_ARGUMENT,
                    "max_tokens is 8, but must be 1 to the model's 7 positions");
  params.struct_size = 12;
  expect_help_fails([&] { checked_session_limits(params, 8, 100); }, IB_INVALID_ARGUMENT,
                    "shorter than that of ABI 1.0");
}

class CheckForward : public ::testing::Test {
 protected:
  CheckForward() {
    params_.struct_size = sizeof(params_);
    params_.sequences = sequences_.data();
    params_.n_sequences = 2;
    params_.logits = logits_.data();
    params_.logits_capacity = 20;
    params_.ids = ids_.data();
    params_.ids_capacity = 2;
  }
  void expect_invalid(const char* message) const {
    expect_help_fails([this] { check_forward(params_, limits_, held_); }, IB_INVALID_ARGUMENT, message);
  }

  std::array<std::int32_t, 3> tokens_{0, 5, 9};
  std::array<ib_sequence, 2> sequences_{ib_sequence{2, 3, tokens_.data(), IB_OUTPUT_LAST_LOGITS, 0},
                                        ib_sequence{0, 1, tokens_.data(), IB_OUTPUT_LAST_LOGITS, 0}};
  std::array<float, 20> logits_{};
  std::array<std::int32_t, 2> ids_{};
  ib_forward_params params_{};
  SessionLimits limits_{3, 8, 4, 10};
  std::vector<std::int32_t> held_{0, 0, 5};
};

TEST_F(CheckForward, CountsTokens) {
  EXPECT_EQ(check_forward(params_, limits_, held_), 4);
}

TEST_F(CheckForward, StructSize) {
  params_.struct_size = offsetof(ib_forward_params, ids_capacity);
  expect_invalid("ib_forward_params is shorter than that of ABI 1.0");
}

TEST_F(CheckForward, Sequences) {
  params_.n_sequences = 0;
  expect_invalid("there are no sequences");
  params_.n_sequences = 2;
  params_.sequences = nullptr;
  expect_invalid("there are no sequences");
}

TEST_F(CheckForward, Slots) {
  sequences_[0].slot = 3;
  expect_invalid("slot 3 is not 0 to 2");
  sequences_[0].slot = -1;
  expect_invalid("slot -1 is not 0 to 2");
  sequences_[0].slot = 0;
  expect_invalid("a slot comes twice");
}

TEST_F(CheckForward, ManySlots) {
  std::vector<ib_sequence> many;
  for (std::int32_t slot = 0; slot < 100; ++slot) many.push_back({slot, 1, tokens_.data(), IB_OUTPUT_NONE, 0});
  held_.assign(100, 0);
  limits_ = {100, 8, 800, 10};
  params_.sequences = many.data();
  params_.n_sequences = 100;
  EXPECT_EQ(check_forward(params_, limits_, held_), 100);
  many[99].slot = 40;
  expect_invalid("a slot comes twice");
}

TEST_F(CheckForward, Tokens) {
  sequences_[1].n_tokens = 0;
  expect_invalid("a sequence has no tokens");
  sequences_[1].n_tokens = 1;
  sequences_[1].tokens = nullptr;
  expect_invalid("a sequence has no tokens");
  sequences_[1].tokens = tokens_.data();
  tokens_[2] = 10;
  expect_invalid("token 10 is outside the vocabulary of 10");
  tokens_[2] = -1;
  expect_invalid("token -1 is outside the vocabulary of 10");
}

TEST_F(CheckForward, Capacity) {
  held_[2] = 6;
  expect_invalid("slot 2 holds 6 tokens; 3 more exceed max_tokens 8");
  held_[2] = 5;
  limits_.max_forward_tokens = 3;
  expect_invalid("4 tokens in one call exceed max_forward_tokens 3");
}

TEST_F(CheckForward, Outputs) {
  params_.logits_capacity = 19;
  expect_invalid("the buffer for logits is too small");
  params_.logits_capacity = 20;
  sequences_[0].output = IB_OUTPUT_ALL_LOGITS;  // four rows of ten logits, together with the other sequence's
  expect_invalid("the buffer for logits is too small");
  sequences_[0].output = IB_OUTPUT_LAST_LOGITS;
  params_.logits = nullptr;
  expect_invalid("the buffer for logits is too small");
  sequences_[0].output = sequences_[1].output = IB_OUTPUT_GREEDY;
  EXPECT_EQ(check_forward(params_, limits_, held_), 4);
  params_.ids_capacity = 1;
  expect_invalid("the buffer for ids is too small");
  params_.ids_capacity = 2;
  params_.ids = nullptr;
  expect_invalid("the buffer for ids is too small");
  sequences_[0].output = sequences_[1].output = IB_OUTPUT_NONE;
  EXPECT_EQ(check_forward(params_, limits_, held_), 4);
  sequences_[1].output = 4;
  expect_help_fails([this] { check_forward(params_, limits_, held_); }, IB_UNSUPPORTED, "unknown output 4");
}

TEST_F(CheckForward, EachSequenceTakesItsPartOfTheBuffers) {
  sequences_[0].output = IB_OUTPUT_NONE;  // a chunk of a prompt
  sequences_[1].output = IB_OUTPUT_GREEDY;
  params_.logits = nullptr;
  params_.logits_capacity = 0;
  params_.ids_capacity = 1;
  EXPECT_EQ(check_forward(params_, limits_, held_), 4);
  sequences_[0].output = IB_OUTPUT_LAST_LOGITS;
  expect_invalid("the buffer for logits is too small");
  params_.logits = logits_.data();
  params_.logits_capacity = 10;  // of one sequence
  EXPECT_EQ(check_forward(params_, limits_, held_), 4);
  params_.ids_capacity = 0;
  expect_invalid("the buffer for ids is too small");
}

TEST(CheckTruncate, SlotAndPosition) {
  const std::vector<std::int32_t> held{0, 4};
  check_truncate(1, 4, held);
  check_truncate(0, 0, held);
  expect_help_fails([&] { check_truncate(2, 0, held); }, IB_INVALID_ARGUMENT, "no such slot");
  expect_help_fails([&] { check_truncate(-1, 0, held); }, IB_INVALID_ARGUMENT, "no such slot");
  expect_help_fails([&] { check_truncate(1, 5, held); }, IB_INVALID_ARGUMENT, "beyond what the slot holds");
  expect_help_fails([&] { check_truncate(1, -1, held); }, IB_INVALID_ARGUMENT, "beyond what the slot holds");
}

}  // namespace
}  // namespace inferbench
