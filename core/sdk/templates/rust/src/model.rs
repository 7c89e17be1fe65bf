// SPDX-License-Identifier: Apache-2.0
//
// The weights as fp32, copied from the host's tensors.

use std::ffi::CStr;
use std::mem::size_of;
use std::ptr::null;
use std::slice::from_raw_parts;

use crate::abi;
use crate::operations::{Linear, Norm};
use crate::{Context, Failure, HostCalls};

pub struct Layer {
    pub desc: abi::LayerDesc, // window, rotary table, attention scale
    pub attn_norm: Norm,
    pub attn_q: Linear,
    pub attn_k: Linear,
    pub attn_v: Linear,
    pub head_norms: Option<(Norm, Norm)>, // attn_q_norm and attn_k_norm: [head_dim], where qk_norm
    pub attn_out: Linear,
    pub attn_post_norm: Option<Norm>,
    pub mlp_norm: Norm,
    pub mlp_gate: Option<Linear>,
    pub mlp_up: Linear,
    pub mlp_down: Linear,
    pub mlp_post_norm: Option<Norm>,
}

pub struct Model {
    pub host: HostCalls,
    pub desc: abi::ModelDesc, // sizes and flags; its pointers are gone
    pub token_embedding: Vec<f32>,            // [vocab_size, hidden_size]
    pub position_embedding: Option<Vec<f32>>, // [max_positions, hidden_size], where learned_positions
    pub layers: Vec<Layer>,
    pub final_norm: Norm,
    pub own_head: Option<Vec<f32>>,   // [vocab_size, hidden_size], unless tied_head
    pub rotary_frequencies: Vec<f64>, // [n_rotary_tables, head_dim / 2]
    pub rotary_scales: Vec<f64>,      // [n_rotary_tables]
    pub info: abi::ModelInfo,
}

fn invalid<T>(message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::new(abi::INVALID_ARGUMENT, message))
}

fn unsupported<T>(message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::new(abi::UNSUPPORTED, message))
}

// ---- numbers ----

/// IEEE 754 binary16: 1 sign bit, 5 bits of exponent, 10 bits of fraction.
fn half_to_float(half: u16) -> f32 {
    let (exponent, fraction) = (i32::from(half >> 10) & 0x1f, f32::from(half & 0x3ff));
    let value = match exponent {
        0x1f if fraction == 0.0 => f32::INFINITY,
        0x1f => f32::NAN,
        0 => fraction * 2_f32.powi(-24),
        _ => (1024.0 + fraction) * 2_f32.powi(exponent - 25),
    };
    if half >> 15 == 0 { value } else { -value }
}

/// bfloat16 is the upper half of a binary32.
fn bfloat_to_float(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// The element that is `index` elements after the first one. SAFETY: it is one of the tensor's.
unsafe fn element(tensor: &abi::Tensor, index: usize) -> f32 {
    match tensor.dtype {
        abi::DTYPE_F32 => *tensor.data.cast::<f32>().add(index),
        abi::DTYPE_F16 => half_to_float(*tensor.data.cast::<u16>().add(index)),
        _ => bfloat_to_float(*tensor.data.cast::<u16>().add(index)),
    }
}

fn bytes_of(dtype: i32) -> Option<u64> {
    match dtype {
        abi::DTYPE_F32 => Some(4),
        abi::DTYPE_F16 | abi::DTYPE_BF16 => Some(2),
        _ => None,
    }
}

// ---- tensors by name ----

/// Copies tensors, one after the other; reports progress and stops when the host asks it to.
struct Loader<'a> {
    host: &'a HostCalls,
    desc: &'a abi::ModelDesc,
    tensors: &'a [abi::Tensor],
    n_taken: usize,
    n_floats: usize,
}

impl Loader<'_> {
    fn find(&self, name: &str, shape: &[usize]) -> Result<&abi::Tensor, Failure> {
        // SAFETY: the host's names are NUL-terminated.
        let named = |tensor: &&abi::Tensor| unsafe { CStr::from_ptr(tensor.name) }.to_bytes() == name.as_bytes();
        let Some(tensor) = self.tensors.iter().find(named) else {
            return invalid(format!("tensor '{name}' is missing"));
        };
        let Some(element) = bytes_of(tensor.dtype) else {
            return unsupported(format!("tensor '{name}' has unknown dtype {}", tensor.dtype));
        };
        let same_shape = tensor.rank as usize == shape.len() && shape.iter().zip(&tensor.shape).all(|(&a, &b)| a as i64 == b);
        let last: u64 = shape.iter().zip(&tensor.strides).map(|(&n, &stride)| (n as u64 - 1) * stride as u64).sum();
        if !same_shape || tensor.n_bytes != (last + 1) * element {
            return invalid(format!("tensor '{name}' has another shape than the model's sizes ask for"));
        }
        Ok(tensor)
    }

    /// A dense copy of the tensor of this name and shape.
    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Failure> {
        self.host.check_cancelled()?;
        let tensor = self.find(name, shape)?;
        let columns = shape.get(1).copied().unwrap_or(1);
        let strides = [tensor.strides[0] as usize, tensor.strides[1] as usize];
        let mut values = crate::allocate(shape[0] * columns)?;
        for (i, row) in values.chunks_exact_mut(columns).enumerate() {
            for (j, value) in row.iter_mut().enumerate() {
                // SAFETY: `find` has compared the shape, and the host has checked that all elements are there.
                *value = unsafe { element(tensor, i * strides[0] + j * strides[1]) };
            }
        }
        self.n_taken += 1;
        self.n_floats += values.len();
        self.host.progress(self.n_taken as f64 / self.tensors.len() as f64);
        Ok(values)
    }

    fn norm(&mut self, name: &str) -> Result<Norm, Failure> {
        let shape = [self.desc.hidden_size as usize];
        let weight = self.take(&format!("{name}.weight"), &shape)?;
        let bias = match self.desc.norm {
            abi::NORM_LAYER => self.take(&format!("{name}.bias"), &shape)?,
            _ => Vec::new(),
        };
        Ok(Norm { weight, bias })
    }

    fn linear(&mut self, name: &str, n_out: usize, n_in: usize, has_bias: bool) -> Result<Linear, Failure> {
        let weight = self.take(&format!("{name}.weight"), &[n_out, n_in])?;
        let bias = if has_bias { self.take(&format!("{name}.bias"), &[n_out])? } else { Vec::new() };
        Ok(Linear { weight, bias })
    }

    fn layer(&mut self, index: i32, desc: abi::LayerDesc) -> Result<Layer, Failure> {
        let name = |part: &str| format!("layer.{index}.{part}");
        let (hidden, intermediate) = (self.desc.hidden_size as usize, self.desc.intermediate_size as usize);
        let (query_size, kv_size) = (self.desc.query_size(), self.desc.kv_size());
        let (qkv_bias, mlp_bias) = (self.desc.qkv_bias != 0, self.desc.mlp_bias != 0);
        let head_norm = |loader: &mut Self, part: &str| -> Result<Norm, Failure> {
            Ok(Norm { weight: loader.take(&name(part), &[loader.desc.head_dim as usize])?, bias: Vec::new() })
        };
        Ok(Layer {
            desc,
            attn_norm: self.norm(&name("attn_norm"))?,
            attn_q: self.linear(&name("attn_q"), query_size, hidden, qkv_bias)?,
            attn_k: self.linear(&name("attn_k"), kv_size, hidden, qkv_bias)?,
            attn_v: self.linear(&name("attn_v"), kv_size, hidden, qkv_bias)?,
            head_norms: match self.desc.qk_norm {
                0 => None,
                _ => Some((head_norm(self, "attn_q_norm.weight")?, head_norm(self, "attn_k_norm.weight")?)),
            },
            attn_out: self.linear(&name("attn_out"), hidden, query_size, self.desc.attn_out_bias != 0)?,
            attn_post_norm: match self.desc.post_norm {
                0 => None,
                _ => Some(self.norm(&name("attn_post_norm"))?),
            },
            mlp_norm: self.norm(&name("mlp_norm"))?,
            mlp_gate: match self.desc.gated {
                0 => None,
                _ => Some(self.linear(&name("mlp_gate"), intermediate, hidden, mlp_bias)?),
            },
            mlp_up: self.linear(&name("mlp_up"), intermediate, hidden, mlp_bias)?,
            mlp_down: self.linear(&name("mlp_down"), hidden, intermediate, mlp_bias)?,
            mlp_post_norm: match self.desc.post_norm {
                0 => None,
                _ => Some(self.norm(&name("mlp_post_norm"))?),
            },
        })
    }
}

// ---- the model ----

impl abi::ModelDesc {
    /// Values of one token's queries.
    pub fn query_size(&self) -> usize {
        self.n_heads as usize * self.head_dim as usize
    }
    /// Values of one token's keys in one layer, and of its values.
    pub fn kv_size(&self) -> usize {
        self.n_kv_heads as usize * self.head_dim as usize
    }
}

fn check(params: &abi::ModelParams, desc: &abi::ModelDesc, layers: &[abi::LayerDesc]) -> Result<(), Failure> {
    let sizes = [
        desc.n_heads,
        desc.n_kv_heads,
        desc.head_dim,
        desc.hidden_size,
        desc.intermediate_size,
        desc.max_positions,
        desc.vocab_size,
    ];
    if layers.is_empty() || sizes.iter().any(|&size| size < 1) {
        return invalid("all sizes must be at least 1");
    }
    if desc.n_heads % desc.n_kv_heads != 0 {
        return invalid("n_heads is not a multiple of n_kv_heads");
    }
    if layers.iter().any(|layer| layer.rotary_table < -1 || layer.rotary_table >= desc.n_rotary_tables) {
        return invalid("a layer has no such rotary table");
    }
    if desc.head_dim % 2 != 0 && layers.iter().any(|layer| layer.rotary_table >= 0) {
        return invalid("heads of an odd size cannot be rotated");
    }
    // Codes that this backend does not know may come from a later ABI.
    if !(abi::NORM_LAYER..=abi::NORM_RMS).contains(&desc.norm) {
        return unsupported(format!("unknown norm {}", desc.norm));
    }
    if !(abi::ACTIVATION_GELU_TANH..=abi::ACTIVATION_SILU).contains(&desc.activation) {
        return unsupported(format!("unknown activation {}", desc.activation));
    }
    // SAFETY: the host's precision is NUL-terminated.
    if unsafe { CStr::from_ptr(params.precision) }.to_bytes() != b"fp32" {
        return unsupported("the only precision is 'fp32'");
    }
    Ok(())
}

/// `n` values, none of which is read where `n` is 0: the pointer may be null then.
unsafe fn values_at<'a, T>(pointer: *const T, n: i32) -> &'a [T] {
    if n > 0 { from_raw_parts(pointer, n as usize) } else { &[] }
}

impl Model {
    /// # Safety
    /// `params` is as backend.h says.
    pub unsafe fn load(context: &Context, params: &abi::ModelParams) -> Result<Model, Failure> {
        if params.struct_size < size_of::<abi::ModelParams>() as u64 {
            return invalid("ib_model_params is too short");
        }
        let desc = &*params.desc;
        if desc.struct_size < size_of::<abi::ModelDesc>() as u64 {
            return invalid("ib_model_desc is too short");
        }
        let layer_descs = values_at(desc.layers, desc.n_layers);
        check(params, desc, layer_descs)?;
        let (hidden, vocab_size) = (desc.hidden_size as usize, desc.vocab_size as usize);
        let max_positions = desc.max_positions as usize;
        let tensors = from_raw_parts(desc.tensors, desc.n_tensors as usize);
        let mut loader = Loader { host: &context.host, desc, tensors, n_taken: 0, n_floats: 0 };
        let token_embedding = loader.take("token_embedding.weight", &[vocab_size, hidden])?;
        let position_embedding = match desc.learned_positions {
            0 => None,
            _ => Some(loader.take("position_embedding.weight", &[max_positions, hidden])?),
        };
        let layers = (0..).zip(layer_descs).map(|(i, &of_layer)| loader.layer(i, of_layer)).collect::<Result<Vec<_>, _>>()?;
        let final_norm = loader.norm("final_norm")?;
        let own_head = match desc.tied_head {
            0 => Some(loader.take("head.weight", &[vocab_size, hidden])?),
            _ => None,
        };
        // A step reads all weights, but one row of each embedding. A tied head reads all of token_embedding.
        let unread_positions = if position_embedding.is_some() { max_positions - 1 } else { 0 };
        let unread_rows = unread_positions + if own_head.is_some() { vocab_size - 1 } else { 0 };
        let info = abi::ModelInfo {
            struct_size: size_of::<abi::ModelInfo>() as u64,
            weights_bytes: 4 * loader.n_floats as u64,
            decode_weights_bytes: 4 * (loader.n_floats - unread_rows * hidden) as u64,
            device: c"cpu".as_ptr(),
            kernels: c"plain Rust, one thread".as_ptr(),
        };
        Ok(Model {
            host: context.host,
            desc: abi::ModelDesc {
                layers: null(),
                rotary_frequencies: null(),
                rotary_scales: null(),
                tensors: null(),
                ..*desc
            },
            token_embedding,
            position_embedding,
            layers,
            final_norm,
            own_head,
            rotary_frequencies: values_at(desc.rotary_frequencies, desc.n_rotary_tables * (desc.head_dim / 2)).to_vec(),
            rotary_scales: values_at(desc.rotary_scales, desc.n_rotary_tables).to_vec(),
            info,
        })
    }

    pub fn head(&self) -> &[f32] {
        self.own_head.as_ref().unwrap_or(&self.token_embedding)
    }
}
