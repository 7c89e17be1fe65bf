// SPDX-License-Identifier: Apache-2.0
#include "ops/operator_outcome.hpp"

#include <cstring>
#include <nlohmann/json.hpp>

#include "measure/outcome_fields.hpp"
#include "support/error.hpp"
#include "support/json_integer.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::json;

constexpr std::int32_t kMostColumns = 1 << 24;

void require_sane(bool good, const std::string& what) {
  if (!good) throw Error("malformed message: invalid " + what);
}

// Floats in their in-memory form: a million of them are one MessagePack value.
Json bytes_of(const std::vector<float>& values) {
  std::vector<std::uint8_t> bytes(values.size() * sizeof(float));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return Json::binary(std::move(bytes));
}

std::vector<float> floats_of(const Json& json) {
  const Json::binary_t& bytes = json.get_binary();
  require_sane(bytes.size() % sizeof(float) == 0, "number of bytes");
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

Json spec_json(const OperatorSpec& spec) {
  Json shape = Json::object();
  for (const std::string& key : operator_keys(spec.op)) shape[key] = get_key(spec, key);
  return {{"op", operator_name(spec.op)}, {"shape", shape}, {"norm_epsilon", spec.norm_epsilon}};
}

// Whether a key may have the value 0.
bool may_be_zero(const std::string& key) {
  return key == "past" || key == "window" || key == "soft_cap" || !key_words(key).empty();
}

OperatorSpec spec_of(const Json& object) {
  OperatorSpec spec;
  spec.op = operator_from(object.at("op").get<std::string>());
  require_sane(spec.op >= 0, "operator");
  for (const std::string& key : operator_keys(spec.op)) {
    const auto value = integer_of<std::int32_t>(object.at("shape").at(key));
    const std::size_t n_words = key_words(key).size();
    require_sane(value >= (may_be_zero(key) ? 0 : 1) && value <= kMostColumns, key);
    require_sane(n_words == 0 || static_cast<std::size_t>(value) < n_words, key);
    require_sane(key != "head_dim" || std::int64_t{value} * spec.heads <= kMostColumns, key);
    set_key(spec, key, value);
  }
  require_sane(shape_fault(spec).empty(), "shape");
  spec.norm_epsilon = object.at("norm_epsilon").get<double>();
  require_sane(spec.norm_epsilon > 0, "epsilon");
  return spec;
}

}  // namespace

std::string_view to_string(OperatorCache cache) {
  return cache == OperatorCache::kHot ? "hot" : "cold";
}

std::optional<OperatorCache> operator_cache_from(std::string_view text) {
  if (text == "hot") return OperatorCache::kHot;
  if (text == "cold") return OperatorCache::kCold;
  return std::nullopt;
}

Json to_json(const OperatorRequest& request) {
  return {{"contender", request.contender}, {"plugin", request.plugin},
          {"precision", request.precision}, {"options", request.options},
          {"device", request.device},       {"device_cache_bytes", request.device_cache_bytes},
          {"threads", request.threads},     {"operator", spec_json(request.spec)},
          {"seed", request.seed},           {"cache", to_string(request.cache)},
          {"timeout_s", request.timeout_s}, {"memory_bytes", request.memory_bytes}};
}

OperatorRequest operator_request_from(const Json& object) {
  OperatorRequest request;
  request.contender = object.at("contender").get<std::string>();
  request.plugin = object.at("plugin").get<std::string>();
  request.precision = object.at("precision").get<std::string>();
  request.options = object.at("options").get<std::map<std::string, std::string>>();
  request.device = object.at("device").get<std::string>();
  request.device_cache_bytes = integer_of<std::uint64_t>(object.at("device_cache_bytes"));
  request.threads = integer_of<std::int32_t>(object.at("threads"));
  require_sane(request.threads >= 1, "number of threads");
  request.spec = spec_of(object.at("operator"));
  request.seed = integer_of<std::uint64_t>(object.at("seed"));
  const auto cache = operator_cache_from(object.at("cache").get<std::string>());
  require_sane(cache.has_value(), "cache");
  request.cache = *cache;
  request.timeout_s = object.at("timeout_s").get<double>();
  request.memory_bytes = integer_of<std::uint64_t>(object.at("memory_bytes"));
  return request;
}

Json to_json(const OperatorPrepared& outcome) {
  Json object = ending_json(outcome);
  object.update({{"output", bytes_of(outcome.output)},
                 {"weights_bytes", outcome.weights_bytes},
                 {"kv_bytes", outcome.kv_bytes},
                 {"n_copies", outcome.n_copies},
                 {"kernels", outcome.kernels},
                 {"weight_bits", outcome.weight_bits},
                 {"integer_products", outcome.integer_products}});
  return object;
}

OperatorPrepared operator_prepared_from(const Json& object) {
  OperatorPrepared outcome;
  read_ending(object, outcome);
  outcome.output = floats_of(object.at("output"));
  outcome.weights_bytes = integer_of<std::uint64_t>(object.at("weights_bytes"));
  outcome.kv_bytes = integer_of<std::uint64_t>(object.at("kv_bytes"));
  outcome.n_copies = integer_of<std::int32_t>(object.at("n_copies"));
  outcome.kernels = object.at("kernels").get<std::string>();
  outcome.weight_bits = integer_of<std::int32_t>(object.at("weight_bits"));
  outcome.integer_products = object.at("integer_products").get<bool>();
  return outcome;
}

Json to_json(const OperatorSampleRequest& request) {
  return {{"seconds", request.seconds}, {"timeout_s", request.timeout_s}};
}

OperatorSampleRequest operator_sample_request_from(const Json& object) {
  OperatorSampleRequest request;
  request.seconds = object.at("seconds").get<double>();
  request.timeout_s = object.at("timeout_s").get<double>();
  require_sane(request.seconds > 0 && request.seconds < 1e6, "number of seconds");
  return request;
}

namespace {

// JSON cannot represent infinity, but MessagePack can.
template <typename Archive, typename Sample>
void walk_sample(Archive& archive, Sample& sample) {
  walk_ending(archive, sample);
  archive.integer("runs", sample.runs);
  archive.number("run_s", sample.run_s);
  archive.number("change", sample.change);
  walk_resources(archive, sample.used);
  walk_interference(archive, sample.interference);
}

}  // namespace

Json to_json(const OperatorSample& outcome) {
  Json object = Json::object();
  FieldWriter writer(object);
  walk_sample(writer, outcome);
  return object;
}

OperatorSample operator_sample_from(const Json& object) {
  OperatorSample outcome;
  const DomFields fields(object);
  FieldReader reader(fields);
  walk_sample(reader, outcome);
  return outcome;
}

}  // namespace inferbench
