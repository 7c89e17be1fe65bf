// SPDX-License-Identifier: Apache-2.0
//
// GPT-2's weights as fp32, copied from the host's tensors.

use std::ffi::CStr;
use std::mem::size_of;
use std::slice::from_raw_parts;

use crate::abi;
use crate::operations::{LayerNorm, Linear};
use crate::{Context, Failure, HostCalls};

pub struct Layer {
    pub ln_1: LayerNorm,
    pub c_attn: Linear,
    pub attn_c_proj: Linear,
    pub ln_2: LayerNorm,
    pub c_fc: Linear,
    pub mlp_c_proj: Linear,
}

pub struct Model {
    pub host: HostCalls,
    pub n_heads: usize,
    pub width: usize,
    pub inner: usize,
    pub context: i32,
    pub vocab: i32,
    pub activation: i32,
    pub scale_attn_weights: bool,
    pub scale_attn_by_inverse_layer: bool,
    pub layer_norm_epsilon: f64,
    pub wte: Vec<f32>, // [vocab, width]
    pub wpe: Vec<f32>, // [context, width]
    pub layers: Vec<Layer>,
    pub ln_f: LayerNorm,
    pub lm_head: Option<Vec<f32>>, // [vocab, width], where the model is not tied
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

fn bytes_of(dtype: i32) -> Option<u64> {
    match dtype {
        abi::DTYPE_F32 => Some(4),
        abi::DTYPE_F16 | abi::DTYPE_BF16 => Some(2),
        _ => None,
    }
}

// ---- tensors by name ----

/// Copies tensors, one after the other; reports progress and obeys the host's wish to stop.
struct Loader<'a> {
    host: &'a HostCalls,
    tensors: &'a [abi::Tensor],
    n_taken: usize,
    n_floats: usize,
}

impl Loader<'_> {
    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Failure> {
        self.host.check_cancelled()?;
        // SAFETY: the host's names are NUL-terminated.
        let named = |tensor: &&abi::Tensor| unsafe { CStr::from_ptr(tensor.name) }.to_bytes() == name.as_bytes();
        let Some(tensor) = self.tensors.iter().find(named) else {
            return invalid(format!("tensor '{name}' is missing"));
        };
        let Some(element) = bytes_of(tensor.dtype) else {
            return unsupported(format!("tensor '{name}' is of unknown dtype {}", tensor.dtype));
        };
        let n: usize = shape.iter().product();
        let same_shape = tensor.rank as usize == shape.len() && shape.iter().zip(&tensor.shape).all(|(&a, &b)| a as i64 == b);
        if !same_shape || tensor.n_bytes != n as u64 * element {
            return invalid(format!("tensor '{name}' is not of the shape that the sizes ask for"));
        }
        let mut values = crate::allocate(n)?;
        // SAFETY: the host has checked that `data` is n_bytes long and aligned to its element.
        unsafe {
            match tensor.dtype {
                abi::DTYPE_F32 => values.copy_from_slice(from_raw_parts(tensor.data.cast::<f32>(), n)),
                dtype => {
                    let convert = if dtype == abi::DTYPE_F16 { half_to_float } else { bfloat_to_float };
                    for (to, &from) in values.iter_mut().zip(from_raw_parts(tensor.data.cast::<u16>(), n)) {
                        *to = convert(from);
                    }
                }
            }
        }
        self.n_taken += 1;
        self.n_floats += n;
        self.host.progress(self.n_taken as f64 / self.tensors.len() as f64);
        Ok(values)
    }

    fn layer_norm(&mut self, name: &str, width: usize) -> Result<LayerNorm, Failure> {
        Ok(LayerNorm {
            weight: self.take(&format!("{name}.weight"), &[width])?,
            bias: self.take(&format!("{name}.bias"), &[width])?,
        })
    }

    fn linear(&mut self, name: &str, n_in: usize, n_out: usize) -> Result<Linear, Failure> {
        Ok(Linear {
            weight: self.take(&format!("{name}.weight"), &[n_in, n_out])?,
            bias: self.take(&format!("{name}.bias"), &[n_out])?,
        })
    }

    fn layer(&mut self, index: i32, width: usize, inner: usize) -> Result<Layer, Failure> {
        let name = |part: &str| format!("h.{index}.{part}");
        Ok(Layer {
            ln_1: self.layer_norm(&name("ln_1"), width)?,
            c_attn: self.linear(&name("attn.c_attn"), width, 3 * width)?,
            attn_c_proj: self.linear(&name("attn.c_proj"), width, width)?,
            ln_2: self.layer_norm(&name("ln_2"), width)?,
            c_fc: self.linear(&name("mlp.c_fc"), width, inner)?,
            mlp_c_proj: self.linear(&name("mlp.c_proj"), inner, width)?,
        })
    }
}

// ---- the model ----

fn check(params: &abi::ModelParams, desc: &abi::ModelDesc) -> Result<(), Failure> {
    let sizes = [desc.n_layers, desc.n_heads, desc.width, desc.inner, desc.context, desc.vocab];
    if sizes.iter().any(|&size| size < 1) {
        return invalid("layers, heads, width, inner, context and vocab must be at least 1");
    }
    if desc.width % desc.n_heads != 0 {
        return invalid("width is not a multiple of the heads");
    }
    if !(abi::ACTIVATION_GELU_TANH..=abi::ACTIVATION_RELU).contains(&desc.activation) {
        return unsupported(format!("unknown activation {}", desc.activation));
    }
    // SAFETY: the host's precision is NUL-terminated.
    if unsafe { CStr::from_ptr(params.precision) }.to_bytes() != b"fp32" {
        return unsupported("the only precision is 'fp32'");
    }
    Ok(())
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
        check(params, desc)?;
        let (width, inner) = (desc.width as usize, desc.inner as usize);
        let (context_size, vocab) = (desc.context as usize, desc.vocab as usize);
        let tensors = from_raw_parts(desc.tensors, desc.n_tensors as usize);
        let mut loader = Loader { host: &context.host, tensors, n_taken: 0, n_floats: 0 };
        let wte = loader.take("wte.weight", &[vocab, width])?;
        let wpe = loader.take("wpe.weight", &[context_size, width])?;
        let layers = (0..desc.n_layers).map(|i| loader.layer(i, width, inner)).collect::<Result<Vec<_>, _>>()?;
        let ln_f = loader.layer_norm("ln_f", width)?;
        let lm_head = match desc.tied_head {
            0 => Some(loader.take("lm_head.weight", &[vocab, width])?),
            _ => None,
        };
        // A step reads all but the embeddings, of which it reads one row each; a tied head reads all of wte.
        let unread_rows = context_size - 1 + if lm_head.is_some() { vocab - 1 } else { 0 };
        let info = abi::ModelInfo {
            struct_size: size_of::<abi::ModelInfo>() as u64,
            weights_bytes: 4 * loader.n_floats as u64,
            decode_weights_bytes: 4 * (loader.n_floats - unread_rows * width) as u64,
            device: c"cpu".as_ptr(),
            kernels: c"plain Rust, one thread".as_ptr(),
        };
        Ok(Model {
            host: context.host,
            n_heads: desc.n_heads as usize,
            width,
            inner,
            context: desc.context,
            vocab: desc.vocab,
            activation: desc.activation,
            scale_attn_weights: desc.scale_attn_weights != 0,
            scale_attn_by_inverse_layer: desc.scale_attn_by_inverse_layer != 0,
            layer_norm_epsilon: desc.layer_norm_epsilon,
            wte,
            wpe,
            layers,
            ln_f,
            lm_head,
            info,
        })
    }

    pub fn head(&self) -> &[f32] {
        self.lm_head.as_ref().unwrap_or(&self.wte)
    }
}
