// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "experiment/load.hpp"
#include "measure/cpu_choice.hpp"
#include "support/error.hpp"
#include "support/suggest.hpp"

namespace inferbench {

/// An environment without backends, models and files: "cpu_ref" (fp32), "cpu_quant" (int8, int4), "cuda" (bf16, int8 on
/// two devices), "cuda_alone" (no device here), a few models, the texts in `files`, and two usable CPUs.
struct StubWorld {
  std::map<std::string, std::string> files;   // absolute path -> text
  std::set<std::string> without_tokenizer{};  // model references
  mutable int backend_calls = 0;

  ExperimentLookups lookups() const {
    ExperimentLookups lookups;
    lookups.backend = [this](const std::string& reference, const std::filesystem::path& folder) {
      ++backend_calls;
      return backend(reference, folder);
    };
    lookups.model = [](const std::string& reference, const std::filesystem::path& folder) {
      return model(reference, folder);
    };
    lookups.read_file = [this](const std::filesystem::path& path) {
      const auto found = files.find(path.string());
      if (found == files.end()) throw Error("cannot read '" + path.string() + "': No such file", "check the path");
      return found->second;
    };
    lookups.check_readable = [this](const std::filesystem::path& path) {
      if (!files.contains(path.string())) throw Error("cannot read '" + path.string() + "'", "check the path");
    };
    // One token per byte.
    lookups.check_tokenizer = [this](const ModelFacts& model) {
      if (without_tokenizer.contains(model.reference)) {
        throw Error("the model " + model.reference + " has no tokenizer", "give a folder");
      }
    };
    lookups.count_tokens = [check = lookups.check_tokenizer, this](
                               const ModelFacts& model, const std::filesystem::path& text, std::size_t limit) {
      check(model);
      return std::min(limit, files.at(text.string()).size());
    };
    // A token per 64 bytes of a line; a .json file has lengths in pairs.
    lookups.lengths = [this](const ModelFacts&, const std::filesystem::path& path) {
      const auto found = files.find(path.string());
      if (found == files.end()) throw Error("cannot read the prompts " + path.string(), "check the path");
      std::istringstream text(found->second);
      std::vector<RequestLengths> lengths;
      if (path.extension() == ".json") {
        for (RequestLengths one; text >> one.prompt >> one.output;) lengths.push_back(one);
      } else {
        for (std::string line; std::getline(text, line);) {
          lengths.push_back({static_cast<std::int32_t>(line.size() / 64 + 1), 0});
        }
      }
      return lengths;
    };
    lookups.trace = [this](const std::filesystem::path& path) {
      const auto found = files.find(path.string());
      if (found == files.end()) throw Error("cannot read the trace " + path.string(), "check the path");
      return parse_trace(found->second, path.string());
    };
    lookups.usable_cpus = 2;
    lookups.cpus = [](const std::string& word) { return choose_cpus({word}, {{0, 1}, {1}, {{0, {0, 1}}}}); };
    return lookups;
  }

  Experiment load(const std::string& text, const std::vector<std::string>& overrides = {}) const {
    return load_experiment_text(text, "/exp/e.yaml", overrides, lookups());
  }

  static BackendSchema backend(const std::string& reference, const std::filesystem::path& folder) {
    const std::vector<PrecisionDescription> ref{{"fp32", "all in fp32"}};
    const std::vector<PrecisionDescription> quant{{"int8", "8 bits"}, {"int4", "4 bits"}};
    const std::vector<OptionDescription> options{
        {"tile", IB_OPTION_INT, "32", 1, 64, {}, "rows of a tile"},
        {"isa", IB_OPTION_CHOICE, "auto", 0, 0, {"auto", "generic", "avx2"}, "instruction set"},
        {"note", IB_OPTION_TEXT, "", 0, 0, {}, "any text"}};
    if (reference == "cpu_ref") return {reference, "cpu_ref", ref, {}};
    const std::vector<PrecisionDescription> gpu{{"bf16", "16 bits"}, {"int8", "8 bits"}};
    if (reference == "cuda")
      return {reference, "cuda", gpu, {}, {{"cuda:0", "card A", 1}, {"cuda:1", "card B", 1}}, {}};
    if (reference == "cuda_alone") return {reference, "cuda_alone", gpu, {}, {}, "no NVIDIA driver is installed"};
    if (reference == "cpu_quant") return {reference, "cpu_quant", quant, options};
    if (reference.ends_with("/libmine.so"))
      return {(folder / reference).lexically_normal().string(), "mine", ref, options};
    throw Error("no backend '" + reference + "' in /lib/inferbench",
                suggestion(reference, "backends", {"cpu_quant", "cpu_ref"}));
  }

  static ModelFacts model(const std::string& reference, const std::filesystem::path& folder) {
    const auto facts = [](std::string resolved, std::string name, std::int32_t context, std::uint64_t parameters) {
      ModelFacts result{resolved, std::move(name), {}, parameters, resolved};
      result.config.max_positions = context;
      return result;
    };
    if (reference == "synthetic:gpt2") return facts(reference, reference, 1024, 124'439'808);
    if (reference == "synthetic:gpt2-medium") return facts(reference, reference, 1024, 354'823'168);
    if (reference.ends_with("/shakespeare")) {
      return facts((folder / reference).lexically_normal().string(), "shakespeare", 256, 3'490'048);
    }
    if (reference == "./alias") {  // a link to the same model
      ModelFacts linked = facts("/exp/alias", "shakespeare", 256, 3'490'048);
      linked.place = "/exp/shakespeare";
      return linked;
    }
    if (reference.ends_with("/model")) {
      return facts((folder / reference).lexically_normal().string(), "model", 256, 3'490'048);
    }
    if (reference == "huge") return facts(reference, reference, 1 << 30, 1);
    throw Error("model '" + reference + "': no such folder", "give a folder, a hub name, or synthetic:gpt2");
  }
};

}  // namespace inferbench
