// SPDX-License-Identifier: Apache-2.0
// The table, and the order of a backend's life.
#include <cstring>
#include <future>
#include <set>
#include <string>

#include "conformance/harness.hpp"
#include "support/test_paths.hpp"

namespace inferbench::conformance {
namespace {

constexpr std::int32_t kContext = 128;

void expect_name(const std::string& name) {
  EXPECT_NE(name, "");
  EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string::npos) << name;
}

void expect_line(const char* text, const std::string& what) {
  ASSERT_NE(text, nullptr) << what;
  EXPECT_STRNE(text, "") << what;
  EXPECT_EQ(std::strchr(text, '\n'), nullptr) << what;
}

TEST(Table, DescribesItself) {
  expect_name(std::string(plugin().name()));
  expect_line(table().version, "version");
  expect_line(table().build, "build");
  expect_line(table().license, "license");
  expect_line(table().doc, "doc");
  std::set<std::string> names;
  for (const ib_precision_info& precision : plugin().precisions()) {
    expect_name(precision.name);
    expect_line(precision.doc, precision.name);
    EXPECT_TRUE(names.insert(precision.name).second) << precision.name << " comes twice";
  }
}

TEST(Table, OptionsAcceptTheirOwnDefaults) {
  std::set<std::string> keys;
  for (const ib_option_info& option : plugin().options()) {
    expect_name(option.key);
    expect_line(option.doc, option.key);
    EXPECT_TRUE(keys.insert(option.key).second) << option.key << " comes twice";
    EXPECT_NO_THROW(check_option(option, option.default_value)) << option.key;
  }
}

TEST(Table, AnUnknownExtensionIsNull) {
  EXPECT_EQ(plugin().extension("inferbench.no_such_extension.v1"), nullptr);
}

TEST(Life, InitAfterShutdownAndWhileAnotherContextLives) {
  const auto ids = tokens(20);
  const BackendSession first(make_model(), 1, kContext);
  const auto expected = first.last_logits(0, ids);
  for (const std::int32_t n_threads : {1, 2, 3}) {
    const BackendSession second(make_model(n_threads), 1, kContext);
    expect_near(expected, second.last_logits(0, ids), "a second context");
  }
  first.truncate(0, 0);
  expect_same(expected, first.last_logits(0, ids), "the first context, after others came and went");
}

TEST(Life, AContextWithoutAModel) {
  for (int i = 0; i < 20; ++i) const BackendContext context(plugin(), 3);
}

TEST(Life, TwoModelsAndTwoSessionsOfOneContext) {
  const BackendContext context(plugin(), 2);
  const BackendModel one = settings().create_model(context, tiny().weights());
  const BackendModel two = settings().create_model(context, Model::open("tiny-untied", test_paths::kData).weights());
  const auto ids = tokens(30);
  const BackendSession a(one, 1, kContext);
  const BackendSession b(two, 2, 64);
  const BackendSession c(one, 1, 64);
  const auto of_a = a.last_logits(0, ids);
  const auto of_b = b.last_logits(1, ids);
  expect_near(of_a, c.last_logits(0, ids), "two sessions of one model");
  EXPECT_NE(of_a, of_b);
  b.truncate(1, 0);
  expect_same(of_b, b.last_logits(1, ids), "another model's session, in turn");
}

TEST(Life, ForwardFromAnotherThread) {
  const BackendSession session(make_model(), 1, kContext);
  const auto ids = tokens(25);
  const auto expected = session.last_logits(0, ids);
  session.truncate(0, 0);
  const auto got = std::async(std::launch::async, [&] { return session.last_logits(0, ids); }).get();
  expect_same(expected, got, "called from another thread");
}

TEST(Life, ConcurrentSessionsWhereTheTableSaysSo) {
  if ((table().flags & IB_FLAG_CONCURRENT_SESSIONS) == 0) GTEST_SKIP() << "the table does not promise it";
  const BackendModel model = make_model();
  const auto ids = tokens(60);
  const auto expected = BackendSession(model, 1, kContext).all_logits(0, ids);
  std::vector<std::future<void>> threads;
  for (int t = 0; t < 2; ++t) {
    threads.push_back(std::async(std::launch::async, [&] {
      const BackendSession session(model, 1, kContext);
      for (int i = 0; i < 20; ++i) {
        expect_same(expected, session.all_logits(0, ids), "beside another session");
        session.truncate(0, 0);
      }
    }));
  }
  for (std::future<void>& thread : threads) thread.get();
}

// A host of a later minor passes longer structs; what stands beyond the known fields is ignored.
TEST(Life, LongerStructsAreAccepted) {
  struct Longer {
    ib_forward_params known;
    std::uint64_t newer[4];
  };
  const BackendSession session(make_model(), 1, kContext);
  Batch batch;
  batch.add(0, tokens(4));
  Longer call{batch.params(), {1, 2, 3, 4}};
  call.known.struct_size = sizeof(call);
  ib_error error;
  EXPECT_EQ(forward(session, call.known, error), IB_OK) << error.message;
}

}  // namespace
}  // namespace inferbench::conformance
