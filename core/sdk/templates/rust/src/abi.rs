// SPDX-License-Identifier: Apache-2.0
//
// inferbench/backend.h, ABI 1.0, as far as this backend reads it. The C header is the definition and says what each
// field means; lib.rs checks the sizes.
#![allow(dead_code)]

use std::ffi::c_void;
use std::os::raw::c_char;

use crate::{Context, Model, Session};

pub const MAGIC: u64 = 0x3144_4e4b_4342_4249;

pub const OK: i32 = 0;
pub const INVALID_ARGUMENT: i32 = 1;
pub const UNSUPPORTED: i32 = 2;
pub const OUT_OF_MEMORY: i32 = 3;
pub const CANCELLED: i32 = 4;
pub const INTERNAL: i32 = 6;

pub const DTYPE_F32: i32 = 0;
pub const DTYPE_F16: i32 = 1;
pub const DTYPE_BF16: i32 = 2;

pub const ACTIVATION_GELU_TANH: i32 = 0;
pub const ACTIVATION_GELU_ERF: i32 = 1;
pub const ACTIVATION_RELU: i32 = 2;
pub const ACTIVATION_SILU: i32 = 3;

pub const NORM_LAYER: i32 = 0;
pub const NORM_RMS: i32 = 1;

pub const OUTPUT_NONE: i32 = 0;
pub const OUTPUT_LAST_LOGITS: i32 = 1;
pub const OUTPUT_ALL_LOGITS: i32 = 2;
pub const OUTPUT_GREEDY: i32 = 3;

pub const FLAG_CONCURRENT_SESSIONS: u64 = 1;
/// A prompt may be answered from what was computed for an earlier one; without it, every token is computed.
pub const FLAG_PROMPT_CACHE: u64 = 2;

pub const FEATURE_LAYER_NORM: u64 = 1 << 0;
pub const FEATURE_RMS_NORM: u64 = 1 << 1;
pub const FEATURE_LEARNED_POSITIONS: u64 = 1 << 2;
pub const FEATURE_ROTARY: u64 = 1 << 3;
pub const FEATURE_GROUPED_HEADS: u64 = 1 << 4;
pub const FEATURE_FREE_HEAD_DIM: u64 = 1 << 5;
pub const FEATURE_PLAIN_MLP: u64 = 1 << 6;
pub const FEATURE_GATED_MLP: u64 = 1 << 7;
pub const FEATURE_LINEAR_BIAS: u64 = 1 << 8;
pub const FEATURE_QK_NORM: u64 = 1 << 9;
pub const FEATURE_POST_NORM: u64 = 1 << 10;
pub const FEATURE_WINDOW: u64 = 1 << 11;
pub const FEATURE_ATTENTION_SOFT_CAP: u64 = 1 << 12;
pub const FEATURE_LOGIT_SOFT_CAP: u64 = 1 << 13;
pub const FEATURE_EMBEDDING_SCALE: u64 = 1 << 14;
pub const FEATURE_GELU_TANH: u64 = 1 << 32;
pub const FEATURE_GELU_ERF: u64 = 1 << 33;
pub const FEATURE_RELU: u64 = 1 << 34;
pub const FEATURE_SILU: u64 = 1 << 35;

#[repr(C)]
pub struct Tensor {
    pub name: *const c_char,
    pub dtype: i32,
    pub rank: i32,
    pub shape: [i64; 4],
    pub strides: [i64; 4],
    pub data: *const c_void,
    pub n_bytes: u64,
}

#[repr(C)]
pub struct Error {
    pub message: [u8; 512],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct LayerDesc {
    pub window: i32,
    pub rotary_table: i32,
    pub attention_scale: f64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ModelDesc {
    pub struct_size: u64,
    pub n_layers: i32,
    pub n_heads: i32,
    pub n_kv_heads: i32,
    pub head_dim: i32,
    pub hidden_size: i32,
    pub intermediate_size: i32,
    pub max_positions: i32,
    pub vocab_size: i32,
    pub norm: i32,
    pub activation: i32,
    pub learned_positions: i32,
    pub qkv_bias: i32,
    pub attn_out_bias: i32,
    pub mlp_bias: i32,
    pub qk_norm: i32,
    pub post_norm: i32,
    pub gated: i32,
    pub tied_head: i32,
    pub norm_epsilon: f64,
    pub embedding_scale: f64,
    pub attention_soft_cap: f64,
    pub logit_soft_cap: f64,
    pub layers: *const LayerDesc,
    pub rotary_frequencies: *const f64,
    pub rotary_scales: *const f64,
    pub n_rotary_tables: i32,
    pub reserved: i32,
    pub tensors: *const Tensor,
    pub n_tensors: u64,
}

#[repr(C)]
pub struct PrecisionInfo {
    pub name: *const c_char,
    pub doc: *const c_char,
    pub weight_bits: i32,
    pub integer_products: i32,
}

#[repr(C)]
pub struct OptionInfo {
    pub key: *const c_char,
    pub kind: i32,
    pub reserved: i32,
    pub default_value: *const c_char,
    pub min: f64,
    pub max: f64,
    pub choices: *const *const c_char,
    pub doc: *const c_char,
}

#[repr(C)]
pub struct OptionValue {
    pub key: *const c_char,
    pub kind: i32,
    pub boolean: i32,
    pub integer: i64,
    pub number: f64,
    pub text: *const c_char,
}

#[repr(C)]
pub struct DeviceInfo {
    pub id: *const c_char,
    pub name: *const c_char,
    pub memory_bytes: u64,
}

#[repr(C)]
pub struct Host {
    pub struct_size: u64,
    pub user: *mut c_void,
    pub log: Option<extern "C" fn(*mut c_void, i32, *const c_char)>,
    pub progress: Option<extern "C" fn(*mut c_void, f64)>,
    pub is_cancelled: Option<extern "C" fn(*mut c_void) -> i32>,
}

#[repr(C)]
pub struct InitParams {
    pub struct_size: u64,
    pub host: *const Host,
    pub n_threads: i32,
    pub reserved: i32,
    pub device: *const c_char,
}

#[repr(C)]
pub struct ModelParams {
    pub struct_size: u64,
    pub desc: *const ModelDesc,
    pub precision: *const c_char,
    pub options: *const OptionValue,
    pub n_options: u64,
    pub folder: *const c_char,
}

#[repr(C)]
pub struct ModelInfo {
    pub struct_size: u64,
    pub weights_bytes: u64,
    pub decode_weights_bytes: u64,
    pub device: *const c_char,
    pub kernels: *const c_char,
}

#[repr(C)]
pub struct SessionParams {
    pub struct_size: u64,
    pub n_slots: i32,
    pub max_tokens: i32,
    pub max_forward_tokens: i32,
    pub reserved: i32,
}

#[repr(C)]
pub struct SessionInfo {
    pub struct_size: u64,
    pub kv_bytes: u64,
    pub scratch_bytes: u64,
    pub peak_bytes: u64,
    pub device_bytes: u64,
}

#[repr(C)]
pub struct Sequence {
    pub slot: i32,
    pub n_tokens: i32,
    pub tokens: *const i32,
    pub output: i32,
    pub reserved: i32,
}

#[repr(C)]
pub struct ForwardParams {
    pub struct_size: u64,
    pub sequences: *const Sequence,
    pub n_sequences: i32,
    pub reserved: i32,
    pub logits: *mut f32,
    pub logits_capacity: u64,
    pub ids: *mut i32,
    pub ids_capacity: u64,
}

#[repr(C)]
pub struct Table {
    pub magic: u64,
    pub abi_major: u32,
    pub abi_minor: u32,
    pub struct_size: u64,
    pub name: *const c_char,
    pub version: *const c_char,
    pub build: *const c_char,
    pub license: *const c_char,
    pub doc: *const c_char,
    pub flags: u64,
    pub features: u64,
    pub precisions: *const PrecisionInfo,
    pub n_precisions: u64,
    pub options: *const OptionInfo,
    pub n_options: u64,
    pub n_driver_threads: i32,
    pub reserved: i32,
    pub devices: Option<unsafe extern "C" fn(*mut *const DeviceInfo, *mut u64, *mut Error) -> i32>,
    pub init: unsafe extern "C" fn(*const InitParams, *mut *mut Context, *mut Error) -> i32,
    pub shutdown: unsafe extern "C" fn(*mut Context),
    pub model_create: unsafe extern "C" fn(*mut Context, *const ModelParams, *mut *mut Model, *mut Error) -> i32,
    pub model_destroy: unsafe extern "C" fn(*mut Model),
    pub model_info: unsafe extern "C" fn(*const Model) -> *const ModelInfo,
    pub session_create: unsafe extern "C" fn(*mut Model, *const SessionParams, *mut *mut Session, *mut Error) -> i32,
    pub session_destroy: unsafe extern "C" fn(*mut Session),
    pub session_info: unsafe extern "C" fn(*const Session) -> *const SessionInfo,
    pub forward: unsafe extern "C" fn(*mut Session, *const ForwardParams, *mut Error) -> i32,
    pub session_truncate: unsafe extern "C" fn(*mut Session, i32, i32, *mut Error) -> i32,
    pub extension: Option<unsafe extern "C" fn(*const c_char) -> *const c_void>,
}

// The pointers in it are to 'static data that nobody writes.
unsafe impl Sync for Table {}
unsafe impl Sync for PrecisionInfo {}
unsafe impl Sync for OptionInfo {}
