// SPDX-License-Identifier: Apache-2.0
//
// The backend's side of inferbench/backend.h: handles, statuses, and the table. Rust code never panics across the
// border: every function that could runs inside `guard`.
#![allow(non_upper_case_globals)]

mod abi;
mod model;
mod operations;
mod session;

use std::ffi::{c_char, CStr};
use std::mem::size_of;
use std::panic::{catch_unwind, AssertUnwindSafe};

pub use model::{Layer, Model};
pub use session::Session;

/// What becomes a status and a message.
pub struct Failure {
    status: i32,
    message: String,
}

impl Failure {
    pub fn new(status: i32, message: impl Into<String>) -> Failure {
        Failure { status, message: message.into() }
    }
    pub fn out_of_memory() -> Failure {
        Failure::new(abi::OUT_OF_MEMORY, "out of memory")
    }
}

pub fn require(condition: bool, message: &str) -> Result<(), Failure> {
    if condition { Ok(()) } else { Err(Failure::new(abi::INVALID_ARGUMENT, message)) }
}

/// `n` zeros; running out of memory is a Failure, where `vec!` would abort the process.
pub fn allocate<T: Default + Clone>(n: usize) -> Result<Vec<T>, Failure> {
    let mut values = Vec::new();
    values.try_reserve_exact(n).map_err(|_| Failure::out_of_memory())?;
    values.resize(n, T::default());
    Ok(values)
}

/// Runs `body`; a failure, or a panic, becomes a status and a message.
unsafe fn guard(error: *mut abi::Error, body: impl FnOnce() -> Result<(), Failure>) -> i32 {
    let failure = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return abi::OK,
        Ok(Err(failure)) => failure,
        Err(_) => Failure::new(abi::INTERNAL, "a panic inside the backend"),
    };
    let n = failure.message.len().min(511);
    (&mut (*error).message)[..n].copy_from_slice(&failure.message.as_bytes()[..n]);
    (*error).message[n] = 0;
    failure.status
}

/// The host's callbacks, any of which may be missing.
#[derive(Clone, Copy)]
pub struct HostCalls(*const abi::Host);

impl HostCalls {
    /// The host outlives the context.
    fn host(&self) -> Option<&abi::Host> {
        unsafe { self.0.as_ref() }.filter(|host| host.struct_size >= size_of::<abi::Host>() as u64)
    }

    /// `fraction` of the present call that is done, 0 to 1.
    pub fn progress(&self, fraction: f64) {
        if let Some((host, progress)) = self.host().and_then(|host| Some((host, host.progress?))) {
            progress(host.user, fraction);
        }
    }

    pub fn check_cancelled(&self) -> Result<(), Failure> {
        match self.host().and_then(|host| Some((host, host.is_cancelled?))) {
            Some((host, is_cancelled)) if is_cancelled(host.user) != 0 => {
                Err(Failure::new(abi::CANCELLED, "cancelled by the host"))
            }
            _ => Ok(()),
        }
    }
}

pub struct Context {
    host: HostCalls,
}

unsafe extern "C" fn init(params: *const abi::InitParams, context: *mut *mut Context, error: *mut abi::Error) -> i32 {
    guard(error, || {
        require((*params).struct_size >= size_of::<abi::InitParams>() as u64, "ib_init_params is too short")?;
        require((*params).n_threads >= 1, "n_threads must be at least 1")?; // one is never more
        if CStr::from_ptr((*params).device).to_bytes() != b"cpu" {
            return Err(Failure::new(abi::UNSUPPORTED, "the only device is 'cpu'"));
        }
        *context = Box::into_raw(Box::new(Context { host: HostCalls((*params).host) }));
        Ok(())
    })
}

unsafe extern "C" fn shutdown(context: *mut Context) {
    drop(Box::from_raw(context));
}

unsafe extern "C" fn model_create(
    context: *mut Context,
    params: *const abi::ModelParams,
    model: *mut *mut Model,
    error: *mut abi::Error,
) -> i32 {
    guard(error, || {
        *model = Box::into_raw(Box::new(Model::load(&*context, &*params)?));
        Ok(())
    })
}

unsafe extern "C" fn model_destroy(model: *mut Model) {
    drop(Box::from_raw(model));
}

unsafe extern "C" fn model_info(model: *const Model) -> *const abi::ModelInfo {
    &(*model).info
}

unsafe extern "C" fn session_create(
    model: *mut Model,
    params: *const abi::SessionParams,
    session: *mut *mut Session,
    error: *mut abi::Error,
) -> i32 {
    guard(error, || {
        *session = Box::into_raw(Box::new(Session::new(&*model, &*params)?));
        Ok(())
    })
}

unsafe extern "C" fn session_destroy(session: *mut Session) {
    drop(Box::from_raw(session));
}

unsafe extern "C" fn session_info(session: *const Session) -> *const abi::SessionInfo {
    &(*session).info
}

unsafe extern "C" fn forward(session: *mut Session, params: *const abi::ForwardParams, error: *mut abi::Error) -> i32 {
    guard(error, || (*session).forward(&*params))
}

unsafe extern "C" fn session_truncate(session: *mut Session, slot: i32, n_past: i32, error: *mut abi::Error) -> i32 {
    guard(error, || (*session).truncate(slot, n_past))
}

/// A literal as C wants it, with the package's name and version.
macro_rules! c_text {
    ($text:expr) => {
        concat!($text, "\0").as_ptr() as *const c_char
    };
}

static PRECISIONS: [abi::PrecisionInfo; 1] = [abi::PrecisionInfo {
    name: c_text!("fp32"),
    doc: c_text!("fp32 weights and activations, f64 sums"),
    weight_bits: 32,
    integer_products: 0,
}];

/// All of ABI 1.0. Leave out what you do not compute: the host then refuses the models that need it.
const FEATURES: u64 = abi::FEATURE_LAYER_NORM
    | abi::FEATURE_RMS_NORM
    | abi::FEATURE_LEARNED_POSITIONS
    | abi::FEATURE_ROTARY
    | abi::FEATURE_GROUPED_HEADS
    | abi::FEATURE_FREE_HEAD_DIM
    | abi::FEATURE_PLAIN_MLP
    | abi::FEATURE_GATED_MLP
    | abi::FEATURE_LINEAR_BIAS
    | abi::FEATURE_QK_NORM
    | abi::FEATURE_POST_NORM
    | abi::FEATURE_WINDOW
    | abi::FEATURE_ATTENTION_SOFT_CAP
    | abi::FEATURE_LOGIT_SOFT_CAP
    | abi::FEATURE_EMBEDDING_SCALE
    | abi::FEATURE_GELU_TANH
    | abi::FEATURE_GELU_ERF
    | abi::FEATURE_RELU
    | abi::FEATURE_SILU;

#[no_mangle]
pub static inferbench_backend_v1: abi::Table = abi::Table {
    magic: abi::MAGIC,
    abi_major: 1,
    abi_minor: 0,
    struct_size: size_of::<abi::Table>() as u64,
    name: c_text!(env!("CARGO_PKG_NAME")),
    version: c_text!(env!("CARGO_PKG_VERSION")),
    build: c_text!("Rust 2021"),
    license: c_text!("Apache-2.0"),
    doc: c_text!("dense decoders in plain Rust, one thread, a token at a time"),
    flags: abi::FLAG_CONCURRENT_SESSIONS, // a session has its own work space; the model is only read
    features: FEATURES,
    precisions: PRECISIONS.as_ptr(),
    n_precisions: 1,
    options: std::ptr::null(),
    n_options: 0,
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

// The sizes of backend.h on 64-bit machines.
const _: () = {
    assert!(size_of::<abi::Tensor>() == 96);
    assert!(size_of::<abi::LayerDesc>() == 16);
    assert!(size_of::<abi::ModelDesc>() == 160);
    assert!(size_of::<abi::ModelParams>() == 48);
    assert!(size_of::<abi::Sequence>() == 24);
    assert!(size_of::<abi::ForwardParams>() == 56);
    assert!(size_of::<abi::Table>() == 216);
};
