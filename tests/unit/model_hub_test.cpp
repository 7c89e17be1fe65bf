// SPDX-License-Identifier: Apache-2.0
// Hub names are found where Hugging Face's tools store them. The error for a missing one says how to fetch it.
#include <map>
#include <optional>

#include "model/hub_cache.hpp"
#include "model/model.hpp"
#include "model_test_support.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;
using model_test::error_of;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;

const fs::path kTiny = fs::path(test_paths::kData) / "tiny";

// Sets or clears environment variables, and restores them afterwards.
class HubTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HOME"}) {
      const char* value = std::getenv(name);
      before_[name] = value == nullptr ? std::nullopt : std::optional<std::string>(value);
      ::unsetenv(name);
    }
  }
  void TearDown() override {
    for (const auto& [name, value] : before_) {
      if (value) {
        ::setenv(name.c_str(), value->c_str(), 1);
      } else {
        ::unsetenv(name.c_str());
      }
    }
  }
  void set(const char* name, const fs::path& value) { ::setenv(name, value.c_str(), 1); }

  // models--X/refs/main -> snapshots/REVISION/* -> symbolic links into blobs, the layout of huggingface_hub.
  void add_model(const fs::path& cache, const std::string& repository, const std::string& revision = "0a1b2c") {
    const fs::path root = cache / repository;
    model_test::write_file(root / "refs" / "main", revision);
    fs::create_directories(root / "snapshots" / revision);
    fs::create_directories(root / "blobs");
    for (const char* file : {"config.json", "model.safetensors"}) {
      const fs::path blob = root / "blobs" / (std::string("blob-") + file);
      fs::copy_file(kTiny / file, blob, fs::copy_options::overwrite_existing);
      fs::create_symlink(fs::path("../../blobs") / blob.filename(), root / "snapshots" / revision / file);
    }
  }
  const fs::path& root() const { return folder_.path(); }

 private:
  model_test::TempFolder folder_;
  std::map<std::string, std::optional<std::string>> before_;
};

TEST_F(HubTest, CacheFolderFollowsTheEnvironment) {
  EXPECT_EQ(hub_cache_folder(), std::nullopt);
  set("HOME", "/h");
  EXPECT_EQ(hub_cache_folder(), "/h/.cache/huggingface/hub");
  set("XDG_CACHE_HOME", "/x");
  EXPECT_EQ(hub_cache_folder(), "/x/huggingface/hub");
  set("HF_HOME", "/f");
  EXPECT_EQ(hub_cache_folder(), "/f/hub");
  set("HF_HUB_CACHE", "/c");
  EXPECT_EQ(hub_cache_folder(), "/c");
  set("HF_HUB_CACHE", "");
  EXPECT_EQ(hub_cache_folder(), "/f/hub") << "an empty variable is none";
}

TEST_F(HubTest, FindsAModelInEachPlace) {
  const struct {
    const char* variable;
    const char* cache;
  } places[] = {{"HF_HUB_CACHE", "."}, {"HF_HOME", "hub"}, {"HOME", ".cache/huggingface/hub"}};
  for (const auto& place : places) {
    const fs::path base = root() / place.variable;
    add_model(base / place.cache, "models--someone--tiny-gpt2");
    set(place.variable, base);
    const Model model = Model::open("someone/tiny-gpt2");
    EXPECT_EQ(model.name(), "someone/tiny-gpt2");
    EXPECT_EQ(model.config().hidden_size, 64);
    EXPECT_EQ(model.weights().tensors().size(), 36U);
    EXPECT_EQ(model.sha256(), Model::open(kTiny.string()).sha256());
    ::unsetenv(place.variable);
  }
}

TEST_F(HubTest, TakesTheSnapshotOfRefsMain) {
  set("HF_HUB_CACHE", root());
  add_model(root(), "models--distilgpt2", "aaaa");
  fs::create_directories(root() / "models--distilgpt2" / "snapshots" / "zzzz");
  model_test::write_file(root() / "models--distilgpt2" / "refs" / "main", "aaaa\n");
  EXPECT_EQ(Model::open("distilgpt2").place()->filename(), "aaaa");
}

TEST_F(HubTest, Gpt2IsFoundUnderItsOrganisationAndTheOtherWay) {
  set("HF_HUB_CACHE", root());
  add_model(root(), "models--openai-community--gpt2");
  EXPECT_EQ(Model::open("gpt2").name(), "gpt2");
  add_model(root(), "models--gpt2-medium");
  EXPECT_EQ(Model::open("openai-community/gpt2-medium").name(), "openai-community/gpt2-medium");
}

TEST_F(HubTest, AnIncompleteSpellingDoesNotHideTheOther) {
  set("HF_HUB_CACHE", root());
  add_model(root(), "models--gpt2");
  fs::remove(root() / "models--gpt2" / "snapshots" / "0a1b2c" / "model.safetensors");
  EXPECT_THAT(error_of([] { Model::open("gpt2"); }), HasSubstr("no model.safetensors"));
  add_model(root(), "models--openai-community--gpt2");
  EXPECT_NO_THROW(Model::open("gpt2"));
}

TEST_F(HubTest, AMissingModelSaysHowToFetchIt) {
  set("HF_HUB_CACHE", root());
  EXPECT_THAT(
      error_of([] { Model::open("gpt2"); }),
      AllOf(HasSubstr("model 'gpt2'"), HasSubstr(root().string()),
            HasSubstr("hf download openai-community/gpt2 config.json model.safetensors vocab.json merges.txt")));
  EXPECT_THAT(error_of([] { Model::open("someone/model"); }), EndsWith("fetch it: hf download someone/model"));
  ::unsetenv("HF_HUB_CACHE");
  EXPECT_THAT(error_of([] { Model::open("gpt2"); }), HasSubstr("no HOME"));
}

TEST_F(HubTest, BrokenCachesAreNamed) {
  set("HF_HUB_CACHE", root());
  const fs::path repository = root() / "models--a--b";
  fs::create_directories(repository);
  EXPECT_THAT(error_of([] { Model::open("a/b"); }),
              AllOf(HasSubstr("neither refs/main nor a snapshot"), HasSubstr("hf download a/b")));
  for (const char* revision : {"../../..", "", "a/b", ".hidden"}) {
    model_test::write_file(repository / "refs" / "main", revision);
    EXPECT_THAT(error_of([] { Model::open("a/b"); }), HasSubstr("is not a revision")) << revision;
  }
  model_test::write_file(repository / "refs" / "main", "gone");
  EXPECT_THAT(error_of([] { Model::open("a/b"); }), HasSubstr("snapshots/gone: missing"));
  fs::create_directories(repository / "snapshots" / "gone");
  EXPECT_THAT(error_of([] { Model::open("a/b"); }), HasSubstr("gone: no config.json"));
}

TEST_F(HubTest, ACacheWithoutRefsHasOneSnapshot) {
  set("HF_HUB_CACHE", root());
  add_model(root(), "models--a--b", "c0ffee");
  fs::remove_all(root() / "models--a--b" / "refs");
  EXPECT_EQ(Model::open("a/b").place()->filename(), "c0ffee");
  fs::create_directories(root() / "models--a--b" / "snapshots" / "other");
  EXPECT_THAT(error_of([] { Model::open("a/b"); }),
              HasSubstr("no refs/main, and 2 snapshots; choose one: NAME@REVISION"));
  EXPECT_EQ(Model::open("a/b@c0ffee").place()->filename(), "c0ffee");
}

TEST_F(HubTest, ARevisionIsABranchATagOrACommit) {
  set("HF_HUB_CACHE", root());
  add_model(root(), "models--a--b", "aaaa");
  add_model(root(), "models--a--b", "bbbb");  // main
  model_test::write_file(root() / "models--a--b" / "refs" / "v1.0", "aaaa");
  EXPECT_EQ(Model::open("a/b").place()->filename(), "bbbb");
  EXPECT_EQ(Model::open("a/b@main").place()->filename(), "bbbb");
  const Model tagged = Model::open("a/b@v1.0");
  EXPECT_EQ(tagged.place()->filename(), "aaaa");
  EXPECT_EQ(tagged.name(), "a/b@v1.0");
  EXPECT_EQ(Model::open("a/b@aaaa").place()->filename(), "aaaa");
  EXPECT_THAT(error_of([] { Model::open("a/b@cccc"); }),
              AllOf(HasSubstr("snapshots/cccc: missing"), EndsWith("hf download a/b --revision cccc")));
  EXPECT_THAT(error_of([] { Model::open("openai-community/gpt2@x"); }),
              EndsWith("hf download openai-community/gpt2 config.json model.safetensors vocab.json merges.txt "
                       "--revision x"));
}

TEST_F(HubTest, ASnapshotInAnotherFormatIsNamed) {
  set("HF_HUB_CACHE", root());
  add_model(root(), "models--a--b");
  const fs::path snapshot = root() / "models--a--b" / "snapshots" / "0a1b2c";
  fs::rename(snapshot / "model.safetensors", snapshot / "pytorch_model.bin");
  EXPECT_THAT(error_of([] { Model::open("a/b"); }), HasSubstr("'pytorch_model.bin' has pickled weights"));
}

TEST_F(HubTest, AFolderComesBeforeTheCache) {
  set("HF_HUB_CACHE", root() / "cache");
  add_model(root() / "cache", "models--tiny");
  const Model model = Model::open("tiny", test_paths::kData);
  EXPECT_EQ(*model.place(), kTiny);
}

TEST(HubName, IsNameOrOrganisationAndName) {
  for (const char* name :
       {"gpt2", "a/b", "openai-community/gpt2-medium", "A_1.x/y.z", "gpt2@main", "a/b@v1.0", "a/b@0a1b2c"})
    EXPECT_TRUE(is_hub_name(name)) << name;
  for (const char* name : {"", "/", "a/", "/a", "a/b/c", "./a", "../a", "a b", "a\nb", "-a", "synthetic:gpt2", "a@",
                           "@a", "a/b@c/d", "a@b/c", "a@b@c", "a/b@.."}) {
    EXPECT_FALSE(is_hub_name(name)) << name;
  }
}

}  // namespace
}  // namespace inferbench
