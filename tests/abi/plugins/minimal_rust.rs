// SPDX-License-Identifier: Apache-2.0
//
// The backend of minimal_c.c in Rust, without a crate: rustc --edition 2021 --crate-type cdylib minimal_rust.rs.
// The declarations below are inferbench/backend.h, ABI 1.0, as far as this backend reads it. Rust code never panics
// across the ABI: every function that could runs inside `guard`.
#![allow(non_upper_case_globals)]

use std::ffi::{c_void, CStr};
use std::mem::size_of;
use std::os::raw::c_char;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr::{null, null_mut};
use std::slice::from_raw_parts;

// ---- backend.h ----

const OK: i32 = 0;
const INVALID_ARGUMENT: i32 = 1;
const UNSUPPORTED: i32 = 2;
const CANCELLED: i32 = 4;
const INTERNAL: i32 = 6;

const OPTION_INT: i32 = 1;
const OPTION_CHOICE: i32 = 3;

const OUTPUT_NONE: i32 = 0;
const OUTPUT_LAST_LOGITS: i32 = 1;
const OUTPUT_ALL_LOGITS: i32 = 2;
const OUTPUT_GREEDY: i32 = 3;

const ALL_FEATURES: u64 = 0x0f_0000_7fff; // IB_FEATURE_*

#[repr(C)]
pub struct Error {
    message: [u8; 512],
}

#[repr(C)]
pub struct ModelDesc {
    struct_size: u64,
    n_layers: i32,
    n_heads: i32,
    n_kv_heads: i32,
    head_dim: i32,
    hidden_size: i32,
    intermediate_size: i32,
    max_positions: i32,
    vocab_size: i32,
    norm: i32,
    activation: i32,
    learned_positions: i32,
    qkv_bias: i32,
    attn_out_bias: i32,
    mlp_bias: i32,
    qk_norm: i32,
    post_norm: i32,
    gated: i32,
    tied_head: i32,
    norm_epsilon: f64,
    embedding_scale: f64,
    attention_soft_cap: f64,
    logit_soft_cap: f64,
    layers: *const c_void,
    rotary_frequencies: *const f64,
    rotary_scales: *const f64,
    n_rotary_tables: i32,
    reserved: i32,
    tensors: *const c_void,
    n_tensors: u64,
}

#[repr(C)]
pub struct PrecisionInfo {
    name: *const c_char,
    doc: *const c_char,
    weight_bits: i32,
    integer_products: i32,
}

#[repr(C)]
pub struct OptionInfo {
    key: *const c_char,
    kind: i32,
    reserved: i32,
    default_value: *const c_char,
    min: f64,
    max: f64,
    choices: *const *const c_char,
    doc: *const c_char,
}

#[repr(C)]
pub struct OptionValue {
    key: *const c_char,
    kind: i32,
    boolean: i32,
    integer: i64,
    number: f64,
    text: *const c_char,
}

#[repr(C)]
pub struct Host {
    struct_size: u64,
    user: *mut c_void,
    log: Option<extern "C" fn(*mut c_void, i32, *const c_char)>,
    progress: Option<extern "C" fn(*mut c_void, f64)>,
    is_cancelled: Option<extern "C" fn(*mut c_void) -> i32>,
}

#[repr(C)]
pub struct InitParams {
    struct_size: u64,
    host: *const Host,
    n_threads: i32,
    reserved: i32,
    device: *const c_char,
}

#[repr(C)]
pub struct ModelParams {
    struct_size: u64,
    desc: *const ModelDesc,
    precision: *const c_char,
    options: *const OptionValue,
    n_options: u64,
    folder: *const c_char,
}

#[repr(C)]
pub struct ModelInfo {
    struct_size: u64,
    weights_bytes: u64,
    decode_weights_bytes: u64,
    device: *const c_char,
    kernels: *const c_char,
}

#[repr(C)]
pub struct SessionParams {
    struct_size: u64,
    n_slots: i32,
    max_tokens: i32,
    max_forward_tokens: i32,
    reserved: i32,
}

#[repr(C)]
pub struct SessionInfo {
    struct_size: u64,
    kv_bytes: u64,
    scratch_bytes: u64,
    peak_bytes: u64,
    device_bytes: u64,
}

#[repr(C)]
pub struct Sequence {
    slot: i32,
    n_tokens: i32,
    tokens: *const i32,
    output: i32,
    reserved: i32,
}

#[repr(C)]
pub struct ForwardParams {
    struct_size: u64,
    sequences: *const Sequence,
    n_sequences: i32,
    reserved: i32,
    logits: *mut f32,
    logits_capacity: u64,
    ids: *mut i32,
    ids_capacity: u64,
}

#[repr(C)]
pub struct Table {
    magic: u64,
    abi_major: u32,
    abi_minor: u32,
    struct_size: u64,
    name: *const c_char,
    version: *const c_char,
    build: *const c_char,
    license: *const c_char,
    doc: *const c_char,
    flags: u64,
    features: u64,
    precisions: *const PrecisionInfo,
    n_precisions: u64,
    options: *const OptionInfo,
    n_options: u64,
    n_driver_threads: i32,
    reserved: i32,
    devices: Option<unsafe extern "C" fn(*mut *const c_void, *mut u64, *mut Error) -> i32>,
    init: unsafe extern "C" fn(*const InitParams, *mut *mut Context, *mut Error) -> i32,
    shutdown: unsafe extern "C" fn(*mut Context),
    model_create: unsafe extern "C" fn(*mut Context, *const ModelParams, *mut *mut Model, *mut Error) -> i32,
    model_destroy: unsafe extern "C" fn(*mut Model),
    model_info: unsafe extern "C" fn(*const Model) -> *const ModelInfo,
    session_create: unsafe extern "C" fn(*mut Model, *const SessionParams, *mut *mut Session, *mut Error) -> i32,
    session_destroy: unsafe extern "C" fn(*mut Session),
    session_info: unsafe extern "C" fn(*const Session) -> *const SessionInfo,
    forward: unsafe extern "C" fn(*mut Session, *const ForwardParams, *mut Error) -> i32,
    session_truncate: unsafe extern "C" fn(*mut Session, i32, i32, *mut Error) -> i32,
    extension: Option<unsafe extern "C" fn(*const c_char) -> *const c_void>,
}

// The pointers refer to 'static data that is never written.
unsafe impl Sync for Table {}
unsafe impl Sync for PrecisionInfo {}
unsafe impl Sync for OptionInfo {}

// ---- the backend ----

/// A literal as a NUL-terminated C string.
macro_rules! c_text {
    ($text:literal) => {
        concat!($text, "\0").as_ptr() as *const c_char
    };
}

pub struct Context {
    host: *const Host,
}

pub struct Model {
    context: *const Context,
    max_positions: i32,
    vocab_size: i32,
    step: i64,
    far: bool,
    info: ModelInfo,
}

pub struct Session {
    model: *const Model,
    held: Vec<i32>, // tokens per slot
    max_tokens: i32,
    max_forward_tokens: i64,
    info: SessionInfo,
}

type Outcome = Result<(), (i32, &'static str)>;

/// Runs `body`; an error, or a panic, becomes a status and a message.
unsafe fn guard(error: *mut Error, body: impl FnOnce() -> Outcome) -> i32 {
    let (status, message) = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return OK,
        Ok(Err(failure)) => failure,
        Err(_) => (INTERNAL, "a panic in minimal_rust"),
    };
    let n = message.len().min(511);
    (&mut (*error).message)[..n].copy_from_slice(&message.as_bytes()[..n]);
    (*error).message[n] = 0;
    status
}

fn require(condition: bool, message: &'static str) -> Outcome {
    if condition { Ok(()) } else { Err((INVALID_ARGUMENT, message)) }
}

impl Context {
    /// The host outlives the context.
    fn host(&self) -> Option<&Host> {
        unsafe { self.host.as_ref() }.filter(|host| host.struct_size >= size_of::<Host>() as u64)
    }

    fn progress(&self, fraction: f64) {
        if let Some((host, progress)) = self.host().and_then(|host| Some((host, host.progress?))) {
            progress(host.user, fraction);
        }
    }

    fn check_cancelled(&self) -> Outcome {
        match self.host().and_then(|host| Some((host, host.is_cancelled?))) {
            Some((host, is_cancelled)) if is_cancelled(host.user) != 0 => Err((CANCELLED, "cancelled by the host")),
            _ => Ok(()),
        }
    }
}

unsafe extern "C" fn init(params: *const InitParams, context: *mut *mut Context, error: *mut Error) -> i32 {
    guard(error, || {
        require((*params).struct_size >= size_of::<InitParams>() as u64, "ib_init_params is too short")?;
        require((*params).n_threads >= 1, "n_threads must be at least 1")?;
        if CStr::from_ptr((*params).device).to_bytes() != b"cpu" {
            return Err((UNSUPPORTED, "the only device is 'cpu'"));
        }
        *context = Box::into_raw(Box::new(Context { host: (*params).host }));
        Ok(())
    })
}

unsafe extern "C" fn shutdown(context: *mut Context) {
    drop(Box::from_raw(context));
}

unsafe extern "C" fn model_create(
    context: *mut Context,
    params: *const ModelParams,
    model: *mut *mut Model,
    error: *mut Error,
) -> i32 {
    guard(error, || {
        let params = &*params;
        require(params.struct_size >= size_of::<ModelParams>() as u64, "ib_model_params is too short")?;
        let desc = &*params.desc;
        require(desc.struct_size >= size_of::<ModelDesc>() as u64, "ib_model_desc is too short")?;
        if CStr::from_ptr(params.precision).to_bytes() != b"none" {
            return Err((UNSUPPORTED, "the only precision is 'none'"));
        }
        let mut made = Box::new(Model {
            context,
            max_positions: desc.max_positions,
            vocab_size: desc.vocab_size,
            step: 1,
            far: false,
            info: ModelInfo {
                struct_size: size_of::<ModelInfo>() as u64,
                weights_bytes: 0,
                decode_weights_bytes: 0,
                device: c_text!("cpu"),
                kernels: c_text!("none"),
            },
        });
        for option in from_raw_parts(params.options, params.n_options as usize) {
            match CStr::from_ptr(option.key).to_bytes() {
                b"step" => made.step = option.integer,
                b"order" => made.far = CStr::from_ptr(option.text).to_bytes() == b"far",
                _ => return Err((INVALID_ARGUMENT, "unknown option")),
            }
        }
        for tenth in 0..=10 {
            (*context).progress(f64::from(tenth) / 10.0);
            (*context).check_cancelled()?;
        }
        *model = Box::into_raw(made);
        Ok(())
    })
}

unsafe extern "C" fn model_destroy(model: *mut Model) {
    drop(Box::from_raw(model));
}

unsafe extern "C" fn model_info(model: *const Model) -> *const ModelInfo {
    &(*model).info
}

unsafe extern "C" fn session_create(
    model: *mut Model,
    params: *const SessionParams,
    session: *mut *mut Session,
    error: *mut Error,
) -> i32 {
    guard(error, || {
        let params = &*params;
        require(params.struct_size >= size_of::<SessionParams>() as u64, "ib_session_params is too short")?;
        require(params.n_slots >= 1, "n_slots must be at least 1")?;
        let fits = params.max_tokens >= 1 && params.max_tokens <= (*model).max_positions;
        require(fits, "max_tokens must be 1 to the model's positions")?;
        require(params.max_forward_tokens >= 0, "max_forward_tokens is negative")?;
        let kv_bytes = params.n_slots as u64 * size_of::<i32>() as u64;
        *session = Box::into_raw(Box::new(Session {
            model,
            held: vec![0; params.n_slots as usize],
            max_tokens: params.max_tokens,
            max_forward_tokens: match params.max_forward_tokens {
                0 => i64::from(params.n_slots) * i64::from(params.max_tokens),
                n => i64::from(n),
            },
            info: SessionInfo {
                struct_size: size_of::<SessionInfo>() as u64,
                kv_bytes,
                scratch_bytes: 0,
                peak_bytes: kv_bytes + size_of::<Session>() as u64,
                device_bytes: 0,
            },
        }));
        Ok(())
    })
}

unsafe extern "C" fn session_destroy(session: *mut Session) {
    drop(Box::from_raw(session));
}

unsafe extern "C" fn session_info(session: *const Session) -> *const SessionInfo {
    &(*session).info
}

impl Model {
    fn favourite(&self, token: i32, position: i32) -> i32 {
        ((i64::from(token) + self.step * (i64::from(position) + 1)) % i64::from(self.vocab_size)) as i32
    }

    fn logits(&self, token: i32, position: i32) -> impl Iterator<Item = f32> + '_ {
        let best = self.favourite(token, position);
        let sign = if self.far { 1.0 } else { -1.0 };
        (0..self.vocab_size).map(move |v| sign * (v - best).abs() as f32)
    }

    fn greedy(&self, token: i32, position: i32) -> i32 {
        let best = self.favourite(token, position);
        match self.far {
            false => best,
            true if best >= self.vocab_size - 1 - best => 0, // the lowest id where equal
            true => self.vocab_size - 1,
        }
    }
}

/// Checks for everything that the header calls INVALID_ARGUMENT, before any state changes.
unsafe fn check_forward<'a>(session: &Session, params: &'a ForwardParams) -> Result<&'a [Sequence], (i32, &'static str)> {
    let vocab_size = (*session.model).vocab_size;
    require(params.struct_size >= size_of::<ForwardParams>() as u64, "ib_forward_params is too short")?;
    require(params.n_sequences >= 1 && !params.sequences.is_null(), "there are no sequences")?;
    let sequences = from_raw_parts(params.sequences, params.n_sequences as usize);
    let (mut n_tokens, mut n_rows, mut n_ids) = (0_i64, 0_i64, 0_u64); // n_rows: of logits
    for (i, sequence) in sequences.iter().enumerate() {
        require(sequence.slot >= 0 && (sequence.slot as usize) < session.held.len(), "no such slot")?;
        require(sequences[..i].iter().all(|earlier| earlier.slot != sequence.slot), "a slot comes twice")?;
        require(sequence.n_tokens >= 1 && !sequence.tokens.is_null(), "a sequence has no tokens")?;
        let after = i64::from(session.held[sequence.slot as usize]) + i64::from(sequence.n_tokens);
        require(after <= i64::from(session.max_tokens), "more tokens than max_tokens")?;
        let tokens = from_raw_parts(sequence.tokens, sequence.n_tokens as usize);
        require(tokens.iter().all(|&token| token >= 0 && token < vocab_size), "a token is outside the vocabulary")?;
        n_tokens += i64::from(sequence.n_tokens);
        match sequence.output {
            OUTPUT_NONE => {}
            OUTPUT_LAST_LOGITS => n_rows += 1,
            OUTPUT_ALL_LOGITS => n_rows += i64::from(sequence.n_tokens),
            OUTPUT_GREEDY => n_ids += 1,
            _ => return Err((UNSUPPORTED, "unknown output")),
        }
    }
    require(n_tokens <= session.max_forward_tokens, "more tokens than max_forward_tokens")?;
    let n_floats = (n_rows * i64::from(vocab_size)) as u64;
    let logits_fit = n_rows == 0 || (!params.logits.is_null() && params.logits_capacity >= n_floats);
    require(logits_fit, "the buffer for logits is too small")?;
    let ids_fit = n_ids == 0 || (!params.ids.is_null() && params.ids_capacity >= n_ids);
    require(ids_fit, "the buffer for ids is too small")?;
    Ok(sequences)
}

unsafe extern "C" fn forward(session: *mut Session, params: *const ForwardParams, error: *mut Error) -> i32 {
    guard(error, || {
        let (session, params) = (&mut *session, &*params);
        let sequences = check_forward(session, params)?;
        let model = &*session.model;
        (*model.context).check_cancelled()?;
        let (mut logits, mut ids) = (params.logits, params.ids); // where the next row, and the next id, go
        for sequence in sequences {
            let held = &mut session.held[sequence.slot as usize];
            let tokens = from_raw_parts(sequence.tokens, sequence.n_tokens as usize);
            for (j, &token) in tokens.iter().enumerate() {
                let (position, is_last) = (*held + j as i32, j + 1 == tokens.len());
                if sequence.output == OUTPUT_ALL_LOGITS || (is_last && sequence.output == OUTPUT_LAST_LOGITS) {
                    for logit in model.logits(token, position) {
                        *logits = logit;
                        logits = logits.add(1);
                    }
                }
                if is_last && sequence.output == OUTPUT_GREEDY {
                    *ids = model.greedy(token, position);
                    ids = ids.add(1);
                }
            }
            *held += sequence.n_tokens;
        }
        Ok(())
    })
}

unsafe extern "C" fn session_truncate(session: *mut Session, slot: i32, n_past: i32, error: *mut Error) -> i32 {
    guard(error, || {
        let held = &mut (*session).held;
        require(slot >= 0 && (slot as usize) < held.len(), "no such slot")?;
        require(n_past >= 0 && n_past <= held[slot as usize], "n_past is beyond what the slot holds")?;
        held[slot as usize] = n_past;
        Ok(())
    })
}

static PRECISIONS: [PrecisionInfo; 1] =
    [PrecisionInfo { name: c_text!("none"), doc: c_text!("no weights are read"), weight_bits: 32, integer_products: 0 }];

struct Choices([*const c_char; 3]);
unsafe impl Sync for Choices {}
static ORDERS: Choices = Choices([c_text!("near"), c_text!("far"), null()]);

static OPTIONS: [OptionInfo; 2] = [
    OptionInfo {
        key: c_text!("step"),
        kind: OPTION_INT,
        reserved: 0,
        default_value: c_text!("1"),
        min: 0.0,
        max: 1000.0,
        choices: null_mut(),
        doc: c_text!("how far the likeliest token moves with each position"),
    },
    OptionInfo {
        key: c_text!("order"),
        kind: OPTION_CHOICE,
        reserved: 0,
        default_value: c_text!("near"),
        min: 0.0,
        max: 0.0,
        choices: ORDERS.0.as_ptr(),
        doc: c_text!("whether near or far tokens are likely"),
    },
];

#[no_mangle]
pub static inferbench_backend_v1: Table = Table {
    magic: 0x3144_4e4b_4342_4249,
    abi_major: 1,
    abi_minor: 0,
    struct_size: size_of::<Table>() as u64,
    name: c_text!("minimal_rust"),
    version: c_text!("1.0.0"),
    build: c_text!("Rust 2021"),
    license: c_text!("Apache-2.0"),
    doc: c_text!("the smallest whole backend in Rust; runs no model"),
    flags: 0,
    features: ALL_FEATURES, // it runs no model, so it accepts any
    precisions: PRECISIONS.as_ptr(),
    n_precisions: 1,
    options: OPTIONS.as_ptr(),
    n_options: 2,
    n_driver_threads: 0,
    reserved: 0,
    devices: None, // only "cpu"
    init,
    shutdown,
    model_create,
    model_destroy,
    model_info,
    session_create,
    session_destroy,
    session_info,
    forward,
    session_truncate,
    extension: None,
};
