// SPDX-License-Identifier: Apache-2.0
//
// The operations on one token. Sums are f64: slow, but close to the exact result whatever the sizes. A fast backend
// would be measured against it.

use crate::abi;

/// y = x * transpose(weight) + bias
pub struct Linear {
    pub weight: Vec<f32>, // [n_out, n_in]
    pub bias: Vec<f32>,   // [n_out], or empty: none
}

impl Linear {
    /// y[n_out] = x[n_in] * transpose(weight) + bias
    pub fn apply(&self, x: &[f32], y: &mut [f32]) {
        for (i, (out, row)) in y.iter_mut().zip(self.weight.chunks_exact(x.len())).enumerate() {
            let bias = self.bias.get(i).map_or(0.0, |&bias| f64::from(bias));
            *out = (dot(row, x) + bias) as f32;
        }
    }
}

pub struct Norm {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>, // of a layer norm, else empty
}

impl Norm {
    /// x = norm(x), of a kind NORM_*
    pub fn apply(&self, kind: i32, epsilon: f64, x: &mut [f32]) {
        let n = x.len() as f64;
        let mean = match kind {
            abi::NORM_LAYER => x.iter().map(|&v| f64::from(v)).sum::<f64>() / n,
            _ => 0.0,
        };
        let squares = x.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>();
        let scale = 1.0 / (squares / n + epsilon).sqrt();
        for (i, (v, &weight)) in x.iter_mut().zip(&self.weight).enumerate() {
            let bias = self.bias.get(i).map_or(0.0, |&bias| f64::from(bias));
            *v = ((f64::from(*v) - mean) * scale * f64::from(weight) + bias) as f32;
        }
    }
}

/// ACTIVATION_* of one number.
pub fn activate(activation: i32, x: f64) -> f64 {
    match activation {
        abi::ACTIVATION_GELU_TANH => {
            0.5 * x * (1.0 + (std::f64::consts::FRAC_2_PI.sqrt() * (x + 0.044715 * x.powi(3))).tanh())
        }
        abi::ACTIVATION_GELU_ERF => 0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)),
        abi::ACTIVATION_SILU => x / (1.0 + (-x).exp()),
        _ => x.max(0.0),
    }
}

// The C library's, which every Rust program on Linux is linked with; Rust's own library has none.
extern "C" {
    #[link_name = "erf"]
    fn c_erf(x: f64) -> f64;
}

fn erf(x: f64) -> f64 {
    // SAFETY: it reads its argument only.
    unsafe { c_erf(x) }
}

/// cap * tanh(x / cap), or x where `cap` is 0.
fn soft_cap(x: f64, cap: f64) -> f64 {
    if cap == 0.0 { x } else { cap * (x / cap).tanh() }
}

/// Eight sums side by side: the compiler keeps them in vector registers, and an addition waits for none of the others.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for ((sum, &x), &y) in sums.iter_mut().zip(a).zip(b) {
            *sum += f64::from(x) * f64::from(y);
        }
    }
    let rest = a.len() / 8 * 8;
    let of_rest: f64 = a[rest..].iter().zip(&b[rest..]).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
    sums.iter().sum::<f64>() + of_rest
}

/// Rotates one head to its position, by halves; frequencies [head_dim / 2].
pub fn rotate(head: &mut [f32], position: usize, frequencies: &[f64], scale: f64) {
    let (first, second) = head.split_at_mut(frequencies.len());
    for ((a, b), &frequency) in first.iter_mut().zip(second).zip(frequencies) {
        let (sine, cosine) = (position as f64 * frequency).sin_cos();
        let (x, y) = (f64::from(*a), f64::from(*b));
        *a = (scale * (x * cosine - y * sine)) as f32;
        *b = (scale * (y * cosine + x * sine)) as f32;
    }
}

fn softmax(a: &mut [f64]) {
    let most = a.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for value in a.iter_mut() {
        *value = (*value - most).exp();
        sum += *value;
    }
    for value in a.iter_mut() {
        *value /= sum;
    }
}

/// Keys and values of one layer that a token sees: [positions, stride].
pub struct Seen<'a> {
    pub keys: &'a [f32],
    pub values: &'a [f32],
    pub stride: usize,
}

/// One head of queries: out[head_dim] = softmax(cap(scale * q keys^T)) values. Keys and values are the columns of `seen`
/// from `first` on; `scores` is work space for one number a position.
pub fn attend(q: &[f32], seen: &Seen, first: usize, scale: f64, cap: f64, scores: &mut [f64], out: &mut [f32]) {
    let columns = first..first + q.len();
    for (score, key) in scores.iter_mut().zip(seen.keys.chunks_exact(seen.stride)) {
        *score = soft_cap(scale * dot(q, &key[columns.clone()]), cap);
    }
    softmax(scores);
    for (i, out) in out.iter_mut().enumerate() {
        let of_column = seen.values.chunks_exact(seen.stride).map(|value| f64::from(value[first + i]));
        *out = scores.iter().zip(of_column).map(|(score, value)| score * value).sum::<f64>() as f32;
    }
}

/// logits[vocab_size] = cap(head[vocab_size, hidden_size] * x[hidden_size])
pub fn apply_head(head: &[f32], x: &[f32], cap: f64, logits: &mut [f32]) {
    for (logit, row) in logits.iter_mut().zip(head.chunks_exact(x.len())) {
        *logit = soft_cap(dot(row, x), cap) as f32;
    }
}
