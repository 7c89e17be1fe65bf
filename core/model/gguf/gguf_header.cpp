// SPDX-License-Identifier: Apache-2.0
#include "model/gguf/gguf_header.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <unordered_set>
#include <utility>

#include "model/gguf/gguf_cursor.hpp"
#include "model/in_quotes.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

// Beyond what any file has. The file's size bounds everything else.
constexpr std::uint64_t kMaxKeys = 1U << 16U;
constexpr std::uint64_t kMaxTensors = 1U << 18U;
constexpr std::uint64_t kMaxKeyBytes = 65535;  // the format's own limits, these two
constexpr std::uint64_t kMaxTensorNameBytes = 64;
constexpr std::uint64_t kMaxTextBytes = std::uint64_t{64} << 20U;
constexpr std::uint32_t kMaxTensorRank = 4;
constexpr std::uint64_t kDefaultAlignment = 32;
constexpr std::uint64_t kMaxAlignment = std::uint64_t{1} << 30U;

struct Counts {
  std::uint64_t tensors;
  std::uint64_t keys;
};

Counts read_beginning(GgufCursor& cursor) {
  const auto magic = cursor.take(kGgufMagic.size(), "its first bytes");
  if (std::string_view(reinterpret_cast<const char*>(magic.data()), magic.size()) != kGgufMagic) {
    throw Error(fmt::format("{}: not a GGUF file: it does not begin with {}", cursor.file(), kGgufMagic),
                "give a .gguf file");
  }
  const auto version = cursor.number<std::uint32_t>("its version");
  if (version != 2 && version != 3) {
    const bool big_endian = (version & 0xFFFFU) == 0 && version != 0;
    throw Error(big_endian ? fmt::format("{}: a big-endian GGUF file, which is not supported", cursor.file())
                           : fmt::format("{}: version {} of GGUF is not supported", cursor.file(), version),
                "versions 2 and 3 in little-endian are supported; convert the model again");
  }
  const auto tensors = cursor.number<std::uint64_t>("the number of tensors");
  const auto keys = cursor.number<std::uint64_t>("the number of metadata keys");
  const auto limit = [&](std::uint64_t count, std::uint64_t most, const char* what) {
    if (count <= most) return;
    throw Error(fmt::format("{}: {} {}; at most {} are accepted", cursor.file(), count, what, most), kFetchGgufAgain);
  };
  limit(tensors, kMaxTensors, "tensors");
  limit(keys, kMaxKeys, "metadata keys");
  return {tensors, keys};
}

[[noreturn]] void fail_key(const GgufCursor& cursor, std::string_view key, const std::string& what) {
  throw Error(fmt::format("{}: {}: {}", cursor.file(), in_quotes(key), what), kFetchGgufAgain);
}

GgufType read_type(GgufCursor& cursor, std::string_view key) {
  const auto code = cursor.number<std::uint32_t>("the type of a metadata value");
  if (code > static_cast<std::uint32_t>(GgufType::kFloat64)) {
    fail_key(cursor, key, fmt::format("type {} is none of GGUF's", code));
  }
  return static_cast<GgufType>(code);
}

// The strings stand one after another, each with its length.
void skip_texts(GgufCursor& cursor, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) cursor.text(kMaxTextBytes, "a string of an array");
}

GgufValue read_value(GgufCursor& cursor, std::span<const std::byte> file, std::string_view key) {
  GgufValue value;
  value.type = read_type(cursor, key);
  if (value.type == GgufType::kString) {
    value.bytes = std::as_bytes(std::span(cursor.text(kMaxTextBytes, "a metadata string")));
    return value;
  }
  if (value.type != GgufType::kArray) {
    value.bytes = cursor.take(gguf_value_bytes(value.type), "a metadata value");
    return value;
  }
  value.element = read_type(cursor, key);
  if (value.element == GgufType::kArray) fail_key(cursor, key, "arrays of arrays are not supported");
  value.count = cursor.number<std::uint64_t>("the length of an array");
  const std::uint64_t begin = cursor.position();
  const std::size_t size = gguf_value_bytes(value.element);
  const std::size_t least = size == 0 ? sizeof(std::uint64_t) : size;  // a string has at least its length
  if (value.count > cursor.n_left() / least) {
    fail_key(cursor, key, fmt::format("an array of {} elements reaches beyond the end of the file", value.count));
  }
  if (size == 0) {
    skip_texts(cursor, value.count);
  } else {
    cursor.take(value.count * size, "an array");
  }
  value.bytes = file.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(cursor.position() - begin));
  return value;
}

void read_metadata(GgufCursor& cursor, std::span<const std::byte> file, std::uint64_t n_keys, GgufHeader& header) {
  for (std::uint64_t i = 0; i < n_keys; ++i) {
    const std::string_view key = cursor.text(kMaxKeyBytes, "a metadata key");
    GgufValue value = read_value(cursor, file, key);
    if (!header.metadata.emplace(key, value).second) fail_key(cursor, key, "the key is there twice");
  }
}

std::uint64_t alignment_of(const GgufHeader& header, const GgufCursor& cursor) {
  const auto found = header.metadata.find("general.alignment");
  if (found == header.metadata.end()) return kDefaultAlignment;
  const auto value = found->second.integer();
  const bool accepted = value && *value > 0 && std::has_single_bit(static_cast<std::uint64_t>(*value)) &&
                        static_cast<std::uint64_t>(*value) <= kMaxAlignment;
  if (!accepted) fail_key(cursor, found->first, "is not a power of two");
  return static_cast<std::uint64_t>(*value);
}

[[noreturn]] void fail_tensor(const GgufCursor& cursor, std::string_view name, const std::string& what,
                              std::string hint = kFetchGgufAgain) {
  throw Error(fmt::format("{}: tensor {}: {}", cursor.file(), in_quotes(name), what), std::move(hint));
}

// Dimensions are stored fastest first.
void read_shape(GgufCursor& cursor, GgufTensor& tensor) {
  const auto rank = cursor.number<std::uint32_t>("the rank of a tensor");
  if (rank == 0 || rank > kMaxTensorRank) {
    fail_tensor(cursor, tensor.name, fmt::format("{} dimensions; 1 to {} are accepted", rank, kMaxTensorRank));
  }
  for (std::uint32_t i = 0; i < rank; ++i) {
    tensor.shape.push_back(cursor.number<std::uint64_t>("the shape of a tensor"));
    if (tensor.shape.back() == 0) fail_tensor(cursor, tensor.name, "has a dimension of 0");
  }
  std::reverse(tensor.shape.begin(), tensor.shape.end());
}

void set_bytes(const GgufCursor& cursor, std::uint32_t code, GgufTensor& tensor) {
  tensor.type = find_gguf_tensor_type(code);
  if (tensor.type == nullptr) {
    fail_tensor(cursor, tensor.name, fmt::format("{} is not supported", gguf_tensor_type_name(code)),
                fmt::format("{} are supported: take a file with these, such as one named Q8_0 or Q4_K_M",
                            readable_gguf_types()));
  }
  if (tensor.shape.back() % tensor.type->block_values != 0) {
    fail_tensor(cursor, tensor.name,
                fmt::format("rows of {} are not made of blocks of {}, as {} has them",
                            counted(tensor.shape.back(), "value"), tensor.type->block_values, tensor.type->name));
  }
  std::uint64_t n = tensor.shape.back() / tensor.type->block_values;
  bool fits = !__builtin_mul_overflow(n, std::uint64_t{tensor.type->block_bytes}, &n);
  for (std::size_t i = 0; i + 1 < tensor.shape.size(); ++i)
    fits = fits && !__builtin_mul_overflow(n, tensor.shape[i], &n);
  if (!fits) fail_tensor(cursor, tensor.name, "its size does not fit in 64 bits");
  tensor.n_bytes = n;
}

void read_tensors(GgufCursor& cursor, std::uint64_t n_tensors, GgufHeader& header) {
  std::unordered_set<std::string> names;
  for (std::uint64_t i = 0; i < n_tensors; ++i) {
    GgufTensor tensor;
    tensor.name = cursor.text(kMaxTensorNameBytes, "the name of a tensor");
    if (!names.insert(tensor.name).second) fail_tensor(cursor, tensor.name, "is there twice");
    read_shape(cursor, tensor);
    set_bytes(cursor, cursor.number<std::uint32_t>("the type of a tensor"), tensor);
    tensor.begin = cursor.number<std::uint64_t>("the offset of a tensor");
    header.tensors.push_back(std::move(tensor));
  }
}

// Makes offsets in the data section offsets in the file.
void place_tensors(const GgufCursor& cursor, std::uint64_t file_size, GgufHeader& header) {
  const std::uint64_t alignment = alignment_of(header, cursor);
  const std::uint64_t data_begin = (cursor.position() + alignment - 1) / alignment * alignment;
  std::sort(header.tensors.begin(), header.tensors.end(),
            [](const GgufTensor& a, const GgufTensor& b) { return a.begin < b.begin; });
  std::uint64_t end = 0;
  for (GgufTensor& tensor : header.tensors) {
    if (tensor.begin % alignment != 0) {
      fail_tensor(cursor, tensor.name,
                  fmt::format("offset {} is not a multiple of the alignment, {}", tensor.begin, alignment));
    }
    if (tensor.begin < end) fail_tensor(cursor, tensor.name, "overlaps the tensor before it");
    const bool inside = data_begin <= file_size && tensor.begin <= file_size - data_begin &&
                        tensor.n_bytes <= file_size - data_begin - tensor.begin;
    if (!inside) {
      fail_tensor(cursor, tensor.name,
                  fmt::format("reaches beyond the end of the file, which has {} bytes", file_size));
    }
    end = tensor.begin + tensor.n_bytes;
    tensor.begin += data_begin;
  }
}

}  // namespace

GgufHeader parse_gguf_header(std::span<const std::byte> bytes, const std::string& file) {
  GgufCursor cursor(bytes, file);
  GgufHeader header;
  const Counts counts = read_beginning(cursor);
  read_metadata(cursor, bytes, counts.keys, header);
  read_tensors(cursor, counts.tensors, header);
  place_tensors(cursor, bytes.size(), header);
  return header;
}

}  // namespace inferbench
