// SPDX-License-Identifier: Apache-2.0
#include "model/safetensors_header.hpp"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "model/guarded_json.hpp"
#include "model/in_quotes.hpp"
#include "model/safetensors_layout.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

constexpr const char* kHeaderCure = "the file is damaged or not a safetensors file; fetch it again";

// Reads the header event by event: memory use is limited to the data kept, and a JSON bomb fails at its first wrong
// token.
//   {"__metadata__": {text: text, ...}, NAME: {"dtype": text, "shape": [n, ...], "data_offsets": [begin, end]}, ...}
class HeaderReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  HeaderReader(const std::string& file, SafetensorsHeader& header) : file_(file), header_(header) {}

  bool null() override { unexpected("null"); }
  bool boolean(bool /*value*/) override { unexpected("a boolean"); }
  bool number_integer(number_integer_t /*value*/) override { unexpected("a negative number"); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override {
    if (state_ == State::kStart) unexpected("a number");
    fail("a number is not a 64-bit integer");
  }
  bool binary(binary_t& /*value*/) override { unexpected("binary"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (state_ == State::kShape) {
      if (tensor_.shape.size() == kMaxSafetensorsRank)
        fail(fmt::format("more than {}", counted(kMaxSafetensorsRank, "dimension")));
      tensor_.shape.push_back(value);
    } else if (state_ == State::kOffsets && n_offsets_ < 2) {
      (n_offsets_++ == 0 ? tensor_.begin : tensor_.end) = value;
    } else {
      unexpected("a number");
    }
    return true;
  }

  bool string(string_t& value) override {
    if (state_ == State::kDtype) {
      tensor_.dtype = std::move(value);
      state_ = State::kTensor;
    } else if (state_ == State::kMetadataValue) {
      header_.metadata[metadata_key_] = std::move(value);
      state_ = State::kMetadata;
    } else {
      unexpected("a string");
    }
    return true;
  }

  bool start_object(std::size_t /*size*/) override {
    if (state_ == State::kStart) {
      state_ = State::kTop;
    } else if (state_ == State::kEntry) {
      state_ = State::kTensor;
    } else if (state_ == State::kMetadataEntry) {
      state_ = State::kMetadata;
    } else {
      unexpected("an object");
    }
    return true;
  }

  bool key(string_t& value) override {
    if (state_ == State::kTop) {
      begin_entry(value);
    } else if (state_ == State::kTensor) {
      begin_field(value);
    } else {  // kMetadata
      if (header_.metadata.contains(value)) fail(fmt::format("key {} occurs twice", in_quotes(value)));
      metadata_key_ = std::move(value);
      state_ = State::kMetadataValue;
    }
    return true;
  }

  bool end_object() override {
    if (state_ == State::kTensor) {
      if (fields_ != kAllFields) fail("lacks one of dtype, shape, data_offsets");
      header_.tensors.push_back(std::exchange(tensor_, {}));
      state_ = State::kTop;
    } else if (state_ == State::kMetadata) {
      state_ = State::kTop;
    } else {  // kTop
      state_ = State::kEnd;
    }
    return true;
  }

  bool start_array(std::size_t /*size*/) override {
    if (state_ == State::kShapeStart) {
      state_ = State::kShape;
    } else if (state_ == State::kOffsetsStart) {
      state_ = State::kOffsets;
    } else {
      unexpected("an array");
    }
    return true;
  }

  bool end_array() override {
    if (state_ == State::kOffsets && n_offsets_ != 2) fail("data_offsets is not [begin, end]");
    state_ = State::kTensor;
    return true;
  }

  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    throw Error(fmt::format("{}: header is not valid JSON: {}", file_, json_complaint(error.what())), kHeaderCure);
  }

 private:
  enum class State {
    kStart,   // before the first token
    kTop,     // between entries
    kEntry,   // after a tensor's name
    kTensor,  // between a tensor's fields
    kDtype,
    kShapeStart,
    kShape,
    kOffsetsStart,
    kOffsets,
    kMetadataEntry,  // after "__metadata__"
    kMetadata,       // between its entries
    kMetadataValue,
    kEnd,
  };
  static constexpr unsigned kAllFields = 7;

  void begin_entry(std::string& name) {
    if (!names_.insert(name).second) {
      throw Error(fmt::format("{}: tensor {} occurs twice in the header", file_, in_quotes(name)), kHeaderCure);
    }
    if (name == "__metadata__") {
      state_ = State::kMetadataEntry;
      return;
    }
    tensor_.name = std::move(name);
    fields_ = 0;
    n_offsets_ = 0;
    state_ = State::kEntry;
  }

  void begin_field(const std::string& field) {
    struct Field {
      std::string_view name;
      State next;
      unsigned bit;
    };
    static constexpr std::array<Field, 3> kFields = {
        {{"dtype", State::kDtype, 1}, {"shape", State::kShapeStart, 2}, {"data_offsets", State::kOffsetsStart, 4}}};
    for (const Field& known : kFields) {
      if (known.name != field) continue;
      if ((fields_ & known.bit) != 0) fail(fmt::format("{} occurs twice", field));
      fields_ |= known.bit;
      state_ = known.next;
      return;
    }
    fail(fmt::format("unknown field {}", in_quotes(field)));
  }

  [[noreturn]] void unexpected(std::string_view what) const {
    if (state_ == State::kStart) throw Error(fmt::format("{}: header is not a JSON object", file_), kHeaderCure);
    fail(fmt::format("{} where the format has none", what));
  }

  [[noreturn]] void fail(std::string_view what) const {
    const bool in_metadata =
        state_ == State::kMetadataEntry || state_ == State::kMetadata || state_ == State::kMetadataValue;
    const std::string where = in_metadata ? "__metadata__" : fmt::format("tensor {}", in_quotes(tensor_.name));
    throw Error(fmt::format("{}: {}: {}", file_, where, what), kHeaderCure);
  }

  const std::string& file_;
  SafetensorsHeader& header_;
  State state_ = State::kStart;
  SafetensorsTensor tensor_;
  unsigned fields_ = 0;
  int n_offsets_ = 0;
  std::string metadata_key_;
  std::unordered_set<std::string> names_;
};

}  // namespace

std::optional<std::uint64_t> safetensors_element_bytes(std::string_view dtype) {
  struct Entry {
    std::string_view dtype;
    std::uint64_t bytes;
  };
  static constexpr std::array<Entry, 19> kBytes = {{
      {"F32", 4},     {"F16", 2},     {"BF16", 2},    {"I32", 4},         {"BOOL", 1},        {"U8", 1},  {"I8", 1},
      {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"F8_E8M0", 1}, {"F8_E5M2FNUZ", 1}, {"F8_E4M3FNUZ", 1}, {"U16", 2}, {"I16", 2},
      {"U32", 4},     {"U64", 8},     {"I64", 8},     {"F64", 8},         {"C64", 8},
  }};
  for (const Entry& entry : kBytes) {
    if (entry.dtype == dtype) return entry.bytes;
  }
  return std::nullopt;
}

std::uint64_t safetensors_header_bytes(std::span<const std::byte> head, std::uint64_t file_size,
                                       const std::string& file) {
  if (file_size < 8 || head.size() < 8) {
    throw Error(fmt::format("{}: only {} bytes: no safetensors header", file, file_size), kHeaderCure);
  }
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < 8; ++i) length |= std::to_integer<std::uint64_t>(head[i]) << (8 * i);
  if (length > kMaxSafetensorsHeader) {
    throw Error(fmt::format("{}: header of {} bytes; the format allows {}", file, length, kMaxSafetensorsHeader),
                kHeaderCure);
  }
  if (length > file_size - 8) {
    throw Error(fmt::format("{}: header of {} bytes in a file of {}", file, length, file_size), kHeaderCure);
  }
  return length;
}

SafetensorsHeader parse_safetensors_header(std::span<const std::byte> head, std::uint64_t file_size,
                                           const std::string& file) {
  const std::uint64_t length = safetensors_header_bytes(head, file_size, file);
  if (length > head.size() - 8) {
    throw Error(fmt::format("{}: {} bytes of a header of {} were read", file, head.size() - 8, length), kHeaderCure);
  }
  const std::string_view json(reinterpret_cast<const char*>(head.data()) + 8, static_cast<std::size_t>(length));
  if (!json.starts_with('{')) throw Error(fmt::format("{}: header does not begin with '{{'", file), kHeaderCure);
  // The parser would take a NUL as the end of the text and ignore the rest.
  if (json.find('\0') != std::string_view::npos) throw Error(fmt::format("{}: NUL in the header", file), kHeaderCure);

  SafetensorsHeader header;
  header.data_begin = 8 + length;
  HeaderReader reader(file, header);
  nlohmann::json::sax_parse(json, &reader);
  check_safetensors_layout(header, file_size, file);
  return header;
}

}  // namespace inferbench
