// SPDX-License-Identifier: Apache-2.0
//
// GPT-2's operations on one token. Sums are f64: slow, but close to the exact result whatever the width. A fast backend
// would be measured against it.

use crate::abi;

/// y = x * weight + bias; weight [in, out] as GPT-2's checkpoints have it.
pub struct Linear {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

impl Linear {
    /// sums[out] = x[in] * weight + bias; `sums` may be longer.
    pub fn apply(&self, x: &[f32], sums: &mut [f64]) {
        let sums = &mut sums[..self.bias.len()];
        for (sum, &bias) in sums.iter_mut().zip(&self.bias) {
            *sum = f64::from(bias);
        }
        for (&xi, row) in x.iter().zip(self.weight.chunks_exact(self.bias.len())) {
            for (sum, &weight) in sums.iter_mut().zip(row) {
                *sum += f64::from(xi) * f64::from(weight);
            }
        }
    }
}

pub struct LayerNorm {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

impl LayerNorm {
    /// y = (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias
    pub fn apply(&self, x: &[f32], epsilon: f64, y: &mut [f32]) {
        let n = x.len() as f64;
        let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = x.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
        let scale = 1.0 / (variance + epsilon).sqrt();
        for (i, out) in y.iter_mut().enumerate() {
            *out = ((f64::from(x[i]) - mean) * scale * f64::from(self.weight[i]) + f64::from(self.bias[i])) as f32;
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

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
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

/// One head, from column `first` on: out[n] = softmax(scale * q keys^T) values; keys, values [positions, stride].
pub fn attend(
    q: &[f32],
    keys: &[f32],
    values: &[f32],
    first: usize,
    stride: usize,
    scale: f64,
    weights: &mut [f64],
    out: &mut [f32],
) {
    let columns = first..first + q.len();
    for (weight, key) in weights.iter_mut().zip(keys.chunks_exact(stride)) {
        *weight = scale * dot(q, &key[columns.clone()]);
    }
    softmax(weights);
    for (i, out) in out.iter_mut().enumerate() {
        let of_column = values.chunks_exact(stride).map(|value| f64::from(value[first + i]));
        *out = weights.iter().zip(of_column).map(|(weight, value)| weight * value).sum::<f64>() as f32;
    }
}

/// logits[vocab] = head[vocab, width] * x[width]
pub fn apply_head(head: &[f32], x: &[f32], logits: &mut [f32]) {
    for (logit, row) in logits.iter_mut().zip(head.chunks_exact(x.len())) {
        *logit = dot(row, x) as f32;
    }
}
