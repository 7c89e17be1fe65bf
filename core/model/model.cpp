// SPDX-License-Identifier: Apache-2.0
#include "model/model.hpp"

#include <fmt/format.h>

#include <system_error>
#include <utility>

#include "model/checkpoint.hpp"
#include "model/config_json.hpp"
#include "model/hub_cache.hpp"
#include "model/in_quotes.hpp"
#include "model/sha256.hpp"
#include "model/synthetic_model.hpp"
#include "model/unsupported_models.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace fs = std::filesystem;

struct Model::Impl {
  std::string reference;
  std::string name;
  ModelConfig config;
  std::optional<fs::path> folder;
  std::vector<fs::path> files;
  std::optional<SyntheticReference> synthetic;  // exactly one of folder and synthetic
};

namespace {

// The existing folder that `reference` names, if any.
std::optional<fs::path> find_folder(const fs::path& reference, const fs::path& base) {
  for (const fs::path& candidate : {base / reference, reference}) {
    std::error_code ignored;
    if (fs::is_directory(candidate, ignored)) return candidate;
    if (fs::is_regular_file(candidate, ignored)) refuse_gguf_file(candidate);
    if (fs::exists(candidate, ignored)) {
      throw Error(fmt::format("model {}: is a file", in_quotes(candidate.string())), "give the folder that holds it");
    }
  }
  return std::nullopt;
}

// "tiny" for "models/tiny/", "./tiny" and ".": the last meaningful part of the path.
std::string folder_name(const fs::path& folder) {
  std::error_code error;
  fs::path whole = fs::weakly_canonical(folder, error);
  if (error) whole = folder.lexically_normal();
  if (whole.filename().empty()) whole = whole.parent_path();
  return whole.filename().empty() ? folder.string() : whole.filename().string();
}

}  // namespace

Model::Model(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Model Model::open(std::string_view reference, const fs::path& base) {
  auto impl = std::make_shared<Impl>();
  impl->reference = reference;
  if (reference.empty()) {
    throw Error("model '': empty", "give a folder, a hub name such as Qwen/Qwen2.5-0.5B, or synthetic:qwen2.5-0.5b");
  }
  if (is_synthetic(reference)) {
    impl->synthetic = parse_synthetic(reference);
    impl->name = impl->synthetic->short_name();
    impl->config = impl->synthetic->config;
    return Model(std::move(impl));
  }
  if (auto folder = find_folder(reference, base)) {
    impl->name = folder_name(*folder);
    impl->folder = std::move(folder);
  } else if (is_hub_name(reference)) {
    impl->name = reference;
    impl->folder = find_in_hub_cache(impl->reference);
  } else {
    throw ModelNotFound(
        fmt::format("model {}: no such folder", in_quotes(reference)),
        "give a folder with config.json and model.safetensors, a hub name such as gpt2, or synthetic:gpt2");
  }
  std::error_code ignored;
  if (!fs::exists(*impl->folder / "config.json", ignored)) refuse_unsupported_folder(*impl->folder);
  impl->config = read_config(*impl->folder / "config.json");
  impl->files = Checkpoint::open(*impl->folder, impl->config).paths();
  return Model(std::move(impl));
}

const std::string& Model::reference() const {
  return impl_->reference;
}
const std::string& Model::name() const {
  return impl_->name;
}
const ModelConfig& Model::config() const {
  return impl_->config;
}
const std::optional<fs::path>& Model::folder() const {
  return impl_->folder;
}
std::uint64_t Model::n_parameters() const {
  return count_parameters(impl_->config);
}
const std::vector<fs::path>& Model::files() const {
  return impl_->files;
}

Weights Model::weights() const {
  if (impl_->synthetic) return {impl_->config, synthetic_storage(*impl_->synthetic)};
  // Opened again, since the files may have changed.
  return {impl_->config, Checkpoint::storage(Checkpoint::open(*impl_->folder, impl_->config), impl_->config),
          impl_->folder};
}

std::string Model::sha256() const {
  Sha256 digest;
  if (impl_->synthetic) digest.update(impl_->synthetic->canonical_text());
  for (const fs::path& file : impl_->files) digest.update_file(file);
  return digest.hex();
}

}  // namespace inferbench
