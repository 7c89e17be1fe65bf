// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>

namespace inferbench::onednn {

// The one place where oneDNN's major versions differ. 2.x (Debian 12 has 2.6) makes a primitive of an operation's
// `desc`, which 3.x (Debian 13 has 3.7) no longer has. All throw dnnl::error.

/// y = x w, all float32 or all of an integer product; y += and an activation come with `attributes`.
dnnl::matmul make_matmul(const dnnl::engine& engine, const dnnl::memory::desc& x, const dnnl::memory::desc& w,
                         const dnnl::memory::desc& y, const dnnl::primitive_attr& attributes = {});

/// y = x w + bias, bias [1, outputs].
dnnl::matmul make_matmul(const dnnl::engine& engine, const dnnl::memory::desc& x, const dnnl::memory::desc& w,
                         const dnnl::memory::desc& bias, const dnnl::memory::desc& y,
                         const dnnl::primitive_attr& attributes);

/// The layout that w, of format `any`, has in the product of these.
dnnl::memory::desc packed_weights(const dnnl::engine& engine, const dnnl::memory::desc& x, const dnnl::memory::desc& w,
                                  const dnnl::memory::desc& y);

/// Over one axis of `layout`, in place or not.
dnnl::softmax_forward make_softmax(const dnnl::engine& engine, const dnnl::memory::desc& layout, int axis);

/// Over the last axis, with scale and shift.
dnnl::layer_normalization_forward make_layer_norm(const dnnl::engine& engine, const dnnl::memory::desc& layout,
                                                  float epsilon);

/// An activation with its first parameter: swish's factor, the negative slope of relu.
dnnl::eltwise_forward make_activation(const dnnl::engine& engine, dnnl::algorithm algorithm, float alpha,
                                      const dnnl::memory::desc& layout);
void append_activation(dnnl::post_ops& operations, dnnl::algorithm algorithm, float alpha);

/// Memory that a primitive only reads: oneDNN takes no const pointer.
inline dnnl::memory input_memory(const dnnl::engine& engine, const dnnl::memory::desc& layout, const void* data) {
  return {layout, engine, const_cast<void*>(data)};
}

}  // namespace inferbench::onednn
