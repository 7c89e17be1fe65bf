// SPDX-License-Identifier: Apache-2.0
#include "gguf_image.hpp"

#include <gguf.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "architecture.hpp"
#include "inferbench/backend_values.hpp"
#include "inferbench/gguf_names.hpp"
#include "log.hpp"

namespace inferbench::llama_cpp {
namespace {

struct FreeGguf {
  void operator()(gguf_context* file) const { gguf_free(file); }
};
struct FreeGgml {
  void operator()(ggml_context* context) const { ggml_free(context); }
};
using GgufPointer = std::unique_ptr<gguf_context, FreeGguf>;
using GgmlPointer = std::unique_ptr<ggml_context, FreeGgml>;

// Rows that are quantized together: enough to be quick, few enough to poll often.
constexpr std::int64_t kValuesAtOnce = std::int64_t{1} << 18;

// A tensor of the file: rows of one of the model's tensors, or of three.
struct Entry {
  std::string name;
  std::vector<const ib_tensor*> parts;
  ggml_type type;
  bool reordered = false;         ///< rows of heads in the order of neighbours
  std::vector<float> row_factor;  ///< of each part
};

std::int32_t layer_of(std::string_view name) {
  constexpr std::string_view kLayer = "layer.";
  return name.starts_with(kLayer) ? std::stoi(std::string(name.substr(kLayer.size()))) : -1;
}

bool is_part(std::string_view name, std::string_view part) {
  return name.find(part) != std::string_view::npos;
}

// What the queries of a tensor's layer are multiplied by, where this tensor makes them: the norm of each head, or the
// product.
float query_factor(const ib_model_desc& desc, const Architecture& architecture, std::string_view name) {
  if (architecture.query_factors.empty()) return 1;
  if (!is_part(name, desc.qk_norm != 0 ? ".attn_q_norm." : ".attn_q.")) return 1;
  return architecture.query_factors[static_cast<std::size_t>(layer_of(name))];
}

// Raises the limit on file sizes, which is about files on disks but holds for those in memory as well.
class RaisedFileLimit {
 public:
  RaisedFileLimit() {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit raised{before_.rlim_max, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &raised);
  }
  RaisedFileLimit(const RaisedFileLimit&) = delete;
  RaisedFileLimit& operator=(const RaisedFileLimit&) = delete;
  ~RaisedFileLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

class Writer {
 public:
  Writer(const ib_model_desc& desc, ggml_type type, const HostCalls& host, int fd)
      : desc_(desc),
        host_(host),
        fd_(fd),
        file_(gguf_init_empty()),
        architecture_(choose_architecture(desc, file_.get())) {
    collect(type);
  }

  void write() {
    declare();
    std::vector<std::uint8_t> metadata(gguf_get_meta_size(file_.get()));
    gguf_get_meta_data(file_.get(), metadata.data());
    put(metadata.data(), metadata.size());
    const std::uint64_t data_begin = position_;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const auto id = static_cast<std::int64_t>(i);
      pad_to(data_begin + gguf_get_tensor_offset(file_.get(), id));
      write_entry(entries_[i]);
      host_.progress(0.9 * static_cast<double>(i + 1) / static_cast<double>(entries_.size()));
    }
    if (!architecture_.frequency_factors.empty()) {
      pad_to(data_begin + gguf_get_tensor_offset(file_.get(), static_cast<std::int64_t>(entries_.size())));
      put(architecture_.frequency_factors.data(), architecture_.frequency_factors.size() * sizeof(float));
    }
    pad_to((position_ + kAlignment - 1) / kAlignment * kAlignment);
  }

 private:
  static constexpr std::uint64_t kAlignment = 32;

  void collect(ggml_type type) {
    const TensorMap tensors(desc_);
    for (const decoder::TensorSpec& spec : decoder::tensors(desc_)) {
      const ib_tensor& tensor = spec.rank == 2 ? tensors.get(spec.name, {spec.shape[0], spec.shape[1]})
                                               : tensors.get(spec.name, {spec.shape[0]});
      const bool is_query = is_part(spec.name, ".attn_q.");
      const bool is_key = is_part(spec.name, ".attn_k.");
      const float factor = query_factor(desc_, architecture_, spec.name);
      Entry entry{gguf_tensor_name(spec.name), {&tensor}, spec.rank == 2 ? type : GGML_TYPE_F32, false, {factor}};
      // A table of which each token takes one row: quantizing it would save nothing.
      if (spec.role == decoder::TensorRole::kPositionEmbedding) entry.type = GGML_TYPE_F32;
      entry.reordered = architecture_.interleaved_rotary && (is_query || is_key);
      if (architecture_.fused_qkv && (is_query || is_key || is_part(spec.name, ".attn_v."))) {
        add_fused(entry);
      } else {
        entries_.push_back(std::move(entry));
      }
    }
  }

  // Queries come first, then keys, then values.
  void add_fused(const Entry& entry) {
    std::string name = entry.name;
    name.replace(name.find(".attn_") + std::string_view(".attn_").size(), 1, "qkv");
    const auto fused =
        std::find_if(entries_.rbegin(), entries_.rend(), [&](const Entry& one) { return one.name == name; });
    if (fused == entries_.rend()) {
      entries_.push_back(entry);
      entries_.back().name = name;
    } else {
      fused->parts.push_back(entry.parts[0]);
      fused->row_factor.push_back(entry.row_factor[0]);
    }
  }

  void declare() {
    const std::size_t n = entries_.size() + 1;
    const GgmlPointer context(ggml_init({ggml_tensor_overhead() * n, nullptr, true}));
    if (!context) throw Failure(IB_OUT_OF_MEMORY, "out of memory");
    for (const Entry& entry : entries_) {
      const ib_tensor& first = *entry.parts[0];
      const auto parts = static_cast<std::int64_t>(entry.parts.size());
      const bool is_matrix = first.rank == 2;
      const std::int64_t row = is_matrix ? first.shape[1] : first.shape[0] * parts;
      if (row % ggml_blck_size(entry.type) != 0) {
        throw Failure(IB_UNSUPPORTED, entry.name + ": rows of " + std::to_string(row) +
                                          " values are not made of blocks of " +
                                          std::to_string(ggml_blck_size(entry.type)) + ", as " +
                                          ggml_type_name(entry.type) + " has them");
      }
      ggml_tensor* tensor = is_matrix ? ggml_new_tensor_2d(context.get(), entry.type, row, first.shape[0] * parts)
                                      : ggml_new_tensor_1d(context.get(), entry.type, row);
      ggml_set_name(tensor, entry.name.c_str());
      gguf_add_tensor(file_.get(), tensor);
    }
    if (architecture_.frequency_factors.empty()) return;
    ggml_tensor* factors = ggml_new_tensor_1d(context.get(), GGML_TYPE_F32,
                                              static_cast<std::int64_t>(architecture_.frequency_factors.size()));
    ggml_set_name(factors, "rope_freqs.weight");
    gguf_add_tensor(file_.get(), factors);
  }

  // The row of the model that is row `row` of the file.
  std::int64_t source_row(const Entry& entry, std::int64_t row) const {
    if (!entry.reordered) return row;
    const std::int64_t in_head = row % desc_.head_dim;
    return row - in_head + in_head / 2 + in_head % 2 * (desc_.head_dim / 2);
  }

  void write_entry(const Entry& entry) {
    for (std::size_t i = 0; i < entry.parts.size(); ++i) {
      const ib_tensor& part = *entry.parts[i];
      const std::int64_t columns = part.rank == 2 ? part.shape[1] : 1;
      const std::int64_t step = std::max<std::int64_t>(1, kValuesAtOnce / columns);
      for (std::int64_t row = 0; row < part.shape[0]; row += step) {
        host_.throw_if_cancelled();
        write_rows(entry, part, entry.row_factor[i], row, std::min(step, part.shape[0] - row), columns);
      }
    }
  }

  void write_rows(const Entry& entry, const ib_tensor& part, float factor, std::int64_t first, std::int64_t n,
                  std::int64_t columns) {
    values_.resize(static_cast<std::size_t>(n * columns));
    const bool by_columns = part.rank == 2 && part.strides[1] > part.strides[0] && !entry.reordered;
    if (by_columns) {
      column_.resize(static_cast<std::size_t>(n));
      for (std::int64_t k = 0; k < columns; ++k) {
        read_column(part, k, first, n, column_.data());
        for (std::int64_t i = 0; i < n; ++i)
          values_[static_cast<std::size_t>(i * columns + k)] = column_[static_cast<std::size_t>(i)];
      }
    } else {
      for (std::int64_t i = 0; i < n; ++i) {
        float* to = values_.data() + i * columns;
        const std::int64_t row = source_row(entry, first + i);
        if (part.rank == 2) {
          read_row(part, row, 0, columns, to);
        } else {
          read_vector(part, row, 1, to);
        }
      }
    }
    if (factor != 1) {
      for (float& value : values_) value *= factor;
    }
    if (entry.type == GGML_TYPE_F32) return put(values_.data(), values_.size() * sizeof(float));
    packed_.resize(ggml_row_size(entry.type, columns) * static_cast<std::size_t>(n));
    ggml_quantize_chunk(entry.type, values_.data(), packed_.data(), 0, n, columns, nullptr);
    put(packed_.data(), packed_.size());
  }

  void put(const void* data, std::size_t n_bytes) {
    const auto* from = static_cast<const char*>(data);
    while (n_bytes > 0) {
      const ssize_t n = ::write(fd_, from, n_bytes);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0)
        throw Failure(IB_OUT_OF_MEMORY, std::string("no memory for the model's file: ") + std::strerror(errno));
      from += n;
      n_bytes -= static_cast<std::size_t>(n);
      position_ += static_cast<std::uint64_t>(n);
    }
  }

  void pad_to(std::uint64_t position) {
    static constexpr char kZeros[64] = {};
    while (position_ < position) put(kZeros, std::min<std::size_t>(sizeof kZeros, position - position_));
  }

  const ib_model_desc& desc_;
  const HostCalls& host_;
  int fd_;
  GgufPointer file_;
  Architecture architecture_;
  std::vector<Entry> entries_;
  std::uint64_t position_ = 0;
  std::vector<float> values_;
  std::vector<float> column_;
  std::vector<std::uint8_t> packed_;
};

}  // namespace

GgufImage::GgufImage(const ib_model_desc& desc, ggml_type type, const HostCalls& host)
    : fd_(::memfd_create("inferbench-model.gguf", MFD_CLOEXEC)) {
  if (fd_ < 0) throw Failure(IB_UNSUPPORTED, std::string("no file in memory: ") + std::strerror(errno));
  try {
    const RaisedFileLimit raised;
    Writer(desc, type, host, fd_).write();
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

GgufImage::~GgufImage() {
  ::close(fd_);
}

std::string GgufImage::path() const {
  return "/proc/self/fd/" + std::to_string(fd_);
}

WeightBytes weight_bytes(const std::string& path) {
  const GgufPointer file(gguf_init_from_file(path.c_str(), {true, nullptr}));
  if (!file) throw Failure(IB_INVALID_ARGUMENT, "llama.cpp cannot read the file: " + take_errors());
  WeightBytes bytes;
  const bool tied = gguf_find_tensor(file.get(), "output.weight") < 0;
  for (std::int64_t i = 0; i < gguf_get_n_tensors(file.get()); ++i) {
    const std::string_view name = gguf_get_tensor_name(file.get(), i);
    const std::uint64_t size = gguf_get_tensor_size(file.get(), i);
    const bool is_table = name == "position_embd.weight" || (name == "token_embd.weight" && !tied);
    bytes.all += size;
    if (!is_table) bytes.decode += size;
  }
  return bytes;
}

}  // namespace inferbench::llama_cpp
