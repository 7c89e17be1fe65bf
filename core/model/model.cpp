// SPDX-License-Identifier: Apache-2.0
#include "model/model.hpp"

#include <fmt/format.h>

#include <system_error>
#include <utility>

#include "model/checkpoint.hpp"
#include "model/config_json.hpp"
#include "model/gguf/gguf_config.hpp"
#include "model/gguf/gguf_file.hpp"
#include "model/gguf/gguf_weights.hpp"
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
  std::optional<fs::path> place;
  std::vector<fs::path> files;
  std::optional<SyntheticReference> synthetic;  // exactly one of place and synthetic
  bool is_gguf = false;                         // whether the place is a file
};

namespace {

// The existing folder or GGUF file that `reference` names, if any.
std::optional<fs::path> find_place(const fs::path& reference, const fs::path& base) {
  for (const fs::path& candidate : {base / reference, reference}) {
    std::error_code ignored;
    if (fs::is_directory(candidate, ignored)) return candidate;
    if (fs::is_regular_file(candidate, ignored) && is_gguf_file(candidate)) return candidate;
    if (fs::exists(candidate, ignored)) {
      throw Error(fmt::format("model {}: is a file", in_quotes(candidate.string())),
                  "give the folder that holds it, or a GGUF file");
    }
  }
  return std::nullopt;
}

// "tiny" for "models/tiny/", "./tiny", "." and "models/tiny.gguf": the last meaningful part of the path.
std::string place_name(const fs::path& place) {
  std::error_code error;
  fs::path whole = fs::weakly_canonical(place, error);
  if (error) whole = place.lexically_normal();
  if (whole.filename().empty()) whole = whole.parent_path();
  if (whole.extension() == ".gguf") whole.replace_extension();
  return whole.filename().empty() ? place.string() : whole.filename().string();
}

}  // namespace

Model::Model(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Model Model::open(std::string_view reference, const fs::path& base) {
  auto impl = std::make_shared<Impl>();
  impl->reference = reference;
  if (reference.empty()) {
    throw Error("model '': empty",
                "give a folder, a GGUF file, a hub name such as Qwen/Qwen2.5-0.5B, or synthetic:qwen2.5-0.5b");
  }
  if (is_synthetic(reference)) {
    impl->synthetic = parse_synthetic(reference);
    impl->name = impl->synthetic->short_name();
    impl->config = impl->synthetic->config;
    return Model(std::move(impl));
  }
  if (auto place = find_place(reference, base)) {
    impl->name = place_name(*place);
    impl->place = std::move(place);
    impl->is_gguf = !fs::is_directory(*impl->place);
  } else if (is_hub_name(reference) && !reference.ends_with(".gguf")) {
    impl->name = reference;
    impl->place = find_in_hub_cache(impl->reference);
  } else {
    throw ModelNotFound(
        fmt::format("model {}: no such folder or file", in_quotes(reference)),
        "give a folder with config.json and model.safetensors, a GGUF file, a hub name such as gpt2, or "
        "synthetic:gpt2");
  }
  if (impl->is_gguf) {
    const GgufFile file = GgufFile::open(*impl->place);
    impl->config = read_gguf_config(file);
    check_gguf_tensors(file, impl->config);
    impl->files = {*impl->place};
    return Model(std::move(impl));
  }
  std::error_code ignored;
  if (!fs::exists(*impl->place / "config.json", ignored)) refuse_unsupported_folder(*impl->place);
  impl->config = read_config(*impl->place / "config.json");
  impl->files = Checkpoint::open(*impl->place, impl->config).paths();
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
const std::optional<fs::path>& Model::place() const {
  return impl_->place;
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
  if (impl_->is_gguf) return {impl_->config, gguf_storage(GgufFile::open(*impl_->place), impl_->config), impl_->place};
  return {impl_->config, Checkpoint::storage(Checkpoint::open(*impl_->place, impl_->config), impl_->config),
          impl_->place};
}

std::string Model::sha256() const {
  Sha256 digest;
  if (impl_->synthetic) digest.update(impl_->synthetic->canonical_text());
  for (const fs::path& file : impl_->files) digest.update_file(file);
  return digest.hex();
}

}  // namespace inferbench
