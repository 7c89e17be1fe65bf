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
  std::array tensors{ib_tensor{"a", IB_DTYPE_F32, 2, {2, 3, 0, 0}, data.data(), 24},
                     ib_tensor{"b", IB_DTYPE_F16, 1, {6, 0, 0, 0}, data.data(), 12}};
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

TEST(SessionLimits, AreCheckedAgainstTheModel) {
  ib_session_params params{};
  params.struct_size = sizeof(params);
  params.n_slots = 3;
  params.max_tokens = 8;
  const SessionLimits limits = checked_session_limits(params, 8, 100);
  EXPECT_EQ(limits.max_forward_tokens, 24);
  EXPECT_EQ(limits.vocab, 100);
  params.max_forward_tokens = 5;
  EXPECT_EQ(checked_session_limits(params, 8, 100).max_forward_tokens, 5);
  expect_help_fails([&] { checked_session_limits(params, 7, 100); }, IB_INVALID_ARGUMENT,
                    "max_tokens is 8, but must be 1 to the model's context of 7");
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
    params_.output = IB_OUTPUT_LAST_LOGITS;
    params_.logits = logits_.data();
    params_.logits_capacity = 20;
    params_.ids = ids_.data();
    params_.ids_capacity = 2;
  }
  void expect_invalid(const char* message) const {
    expect_help_fails([this] { check_forward(params_, limits_, held_); }, IB_INVALID_ARGUMENT, message);
  }

  std::array<std::int32_t, 3> tokens_{0, 5, 9};
  std::array<ib_sequence, 2> sequences_{ib_sequence{2, 3, tokens_.data()}, ib_sequence{0, 1, tokens_.data()}};
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
  for (std::int32_t slot = 0; slot < 100; ++slot) many.push_back({slot, 1, tokens_.data()});
  held_.assign(100, 0);
  limits_ = {100, 8, 800, 10};
  params_.sequences = many.data();
  params_.n_sequences = 100;
  params_.output = IB_OUTPUT_NONE;
  EXPECT_EQ(check_forward(params_, limits_, held_), 100);
  many[99].slot = 40;
  expect_invalid("a slot comes twice");
}

TEST_F(CheckForward, Tokens) {
  sequences_[1].n_tokens = 0;
  expect_invalid("a sequence has no tokens");
  sequences_[1] = {0, 1, nullptr};
  expect_invalid("a sequence has no tokens");
  sequences_[1] = {0, 1, tokens_.data()};
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
  params_.output = IB_OUTPUT_ALL_LOGITS;  // four rows of ten logits
  expect_invalid("the buffer for logits is too small");
  params_.output = IB_OUTPUT_LAST_LOGITS;
  params_.logits = nullptr;
  expect_invalid("the buffer for logits is too small");
  params_.output = IB_OUTPUT_GREEDY;
  EXPECT_EQ(check_forward(params_, limits_, held_), 4);
  params_.ids_capacity = 1;
  expect_invalid("the buffer for ids is too small");
  params_.output = IB_OUTPUT_NONE;
  EXPECT_EQ(check_forward(params_, limits_, held_), 4);
  params_.output = 4;
  expect_help_fails([this] { check_forward(params_, limits_, held_); }, IB_UNSUPPORTED, "unknown output 4");
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
