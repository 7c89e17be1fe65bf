// SPDX-License-Identifier: Apache-2.0
//
// KV caches and work space; runs one token at a time.

use std::mem::size_of;
use std::slice::{from_raw_parts, from_raw_parts_mut};

use crate::abi;
use crate::operations::{activate, apply_head, attend};
use crate::{allocate, require, Failure, Layer, Model};

pub struct Session {
    model: *const Model, // the host destroys sessions before their model
    held: Vec<i32>,      // tokens per slot
    max_tokens: i32,
    max_forward_tokens: i64,
    keys: Vec<f32>,   // [n_slots, n_layers, max_tokens, width]
    values: Vec<f32>, // the same
    logits: Vec<f32>, // [vocab], for OUTPUT_GREEDY
    scratch: Scratch,
    pub info: abi::SessionInfo,
}

/// Of the token at hand.
struct Scratch {
    x: Vec<f32>,        // [width]: the residual stream
    normed: Vec<f32>,   // [width]
    query: Vec<f32>,    // [width]
    attended: Vec<f32>, // [width]
    hidden: Vec<f32>,   // [inner]
    sums: Vec<f64>,     // [max(3 width, inner)]
    weights: Vec<f64>,  // [max_tokens]: attention of one head
}

impl Scratch {
    fn n_bytes(&self) -> usize {
        let floats = self.x.len() + self.normed.len() + self.query.len() + self.attended.len() + self.hidden.len();
        4 * floats + 8 * (self.sums.len() + self.weights.len())
    }

    fn add_to_residual(&mut self) {
        for (x, &sum) in self.x.iter_mut().zip(&self.sums) {
            *x = (f64::from(*x) + sum) as f32;
        }
    }

    /// x += attention(ln_1(x)); keys and values are those of this layer, up to and with this position.
    fn attention_block(&mut self, model: &Model, index: usize, keys: &mut [f32], values: &mut [f32]) {
        let (layer, width) = (&model.layers[index], model.width);
        let head = width / model.n_heads;
        let n_positions = keys.len() / width;
        let mut scale = if model.scale_attn_weights { 1.0 / (head as f64).sqrt() } else { 1.0 };
        if model.scale_attn_by_inverse_layer {
            scale /= (index + 1) as f64;
        }
        layer.ln_1.apply(&self.x, model.layer_norm_epsilon, &mut self.normed);
        layer.c_attn.apply(&self.normed, &mut self.sums);
        let own = (n_positions - 1) * width;
        for i in 0..width {
            self.query[i] = self.sums[i] as f32;
            keys[own + i] = self.sums[width + i] as f32;
            values[own + i] = self.sums[2 * width + i] as f32;
        }
        for first in (0..width).step_by(head) {
            let (query, out) = (&self.query[first..first + head], &mut self.attended[first..first + head]);
            attend(query, keys, values, first, width, scale, &mut self.weights[..n_positions], out);
        }
        layer.attn_c_proj.apply(&self.attended, &mut self.sums);
        self.add_to_residual();
    }

    /// x += mlp(ln_2(x))
    fn mlp_block(&mut self, model: &Model, layer: &Layer) {
        layer.ln_2.apply(&self.x, model.layer_norm_epsilon, &mut self.normed);
        layer.c_fc.apply(&self.normed, &mut self.sums);
        for (hidden, &sum) in self.hidden.iter_mut().zip(&self.sums) {
            *hidden = activate(model.activation, sum) as f32;
        }
        layer.mlp_c_proj.apply(&self.hidden, &mut self.sums);
        self.add_to_residual();
    }
}

/// The index of the largest value.
fn argmax(values: &[f32]) -> i32 {
    let mut best = 0;
    for (i, &value) in values.iter().enumerate() {
        if value > values[best] {
            best = i; // the lowest id where equal
        }
    }
    best as i32
}

impl Session {
    /// The model must outlive the session.
    pub fn new(model: &Model, params: &abi::SessionParams) -> Result<Session, Failure> {
        require(params.struct_size >= size_of::<abi::SessionParams>() as u64, "ib_session_params is too short")?;
        require(params.n_slots >= 1, "n_slots must be at least 1")?;
        let fits = params.max_tokens >= 1 && params.max_tokens <= model.context;
        require(fits, "max_tokens must be 1 to the model's context")?;
        require(params.max_forward_tokens >= 0, "max_forward_tokens is negative")?;
        let (n_slots, max_tokens) = (params.n_slots as usize, params.max_tokens as usize);
        let n_cached = [n_slots, model.layers.len(), max_tokens, model.width]
            .iter()
            .try_fold(1_usize, |product, &factor| product.checked_mul(factor))
            .ok_or_else(Failure::out_of_memory)?;
        let scratch = Scratch {
            x: allocate(model.width)?,
            normed: allocate(model.width)?,
            query: allocate(model.width)?,
            attended: allocate(model.width)?,
            hidden: allocate(model.inner)?,
            sums: allocate(model.inner.max(3 * model.width))?,
            weights: allocate(max_tokens)?,
        };
        let (keys, values) = (allocate(n_cached)?, allocate(n_cached)?);
        let logits: Vec<f32> = allocate(model.vocab as usize)?;
        let kv_bytes = 8 * n_cached as u64;
        let scratch_bytes = (scratch.n_bytes() + 4 * logits.len()) as u64;
        let info = abi::SessionInfo {
            struct_size: size_of::<abi::SessionInfo>() as u64,
            kv_bytes,
            scratch_bytes,
            peak_bytes: model.info.weights_bytes + kv_bytes + scratch_bytes,
            device_bytes: 0,
        };
        let all = i64::from(params.n_slots) * i64::from(params.max_tokens);
        let max_forward_tokens = if params.max_forward_tokens == 0 { all } else { i64::from(params.max_forward_tokens) };
        let held = allocate(n_slots)?;
        Ok(Session { model, held, max_tokens: params.max_tokens, max_forward_tokens, keys, values, logits, scratch, info })
    }

    /// Everything that backend.h calls INVALID_ARGUMENT, before anything changes.
    unsafe fn check<'a>(&self, params: &'a abi::ForwardParams) -> Result<&'a [abi::Sequence], Failure> {
        let vocab = (*self.model).vocab;
        require(params.struct_size >= size_of::<abi::ForwardParams>() as u64, "ib_forward_params is too short")?;
        require(params.n_sequences >= 1 && !params.sequences.is_null(), "there are no sequences")?;
        let sequences = from_raw_parts(params.sequences, params.n_sequences as usize);
        let mut n_tokens = 0_i64;
        for (i, sequence) in sequences.iter().enumerate() {
            require(sequence.slot >= 0 && (sequence.slot as usize) < self.held.len(), "no such slot")?;
            require(sequences[..i].iter().all(|earlier| earlier.slot != sequence.slot), "a slot comes twice")?;
            require(sequence.n_tokens >= 1 && !sequence.tokens.is_null(), "a sequence has no tokens")?;
            let after = i64::from(self.held[sequence.slot as usize]) + i64::from(sequence.n_tokens);
            require(after <= i64::from(self.max_tokens), "more tokens than max_tokens")?;
            let tokens = from_raw_parts(sequence.tokens, sequence.n_tokens as usize);
            require(tokens.iter().all(|&token| token >= 0 && token < vocab), "a token is outside the vocabulary")?;
            n_tokens += i64::from(sequence.n_tokens);
        }
        require(n_tokens <= self.max_forward_tokens, "more tokens than max_forward_tokens")?;
        let n_sequences = params.n_sequences as u64;
        match params.output {
            abi::OUTPUT_NONE => {}
            abi::OUTPUT_LAST_LOGITS | abi::OUTPUT_ALL_LOGITS => {
                let rows = if params.output == abi::OUTPUT_ALL_LOGITS { n_tokens as u64 } else { n_sequences };
                let fits = !params.logits.is_null() && params.logits_capacity >= rows * vocab as u64;
                require(fits, "the buffer for logits is too small")?;
            }
            abi::OUTPUT_GREEDY => {
                let fits = !params.ids.is_null() && params.ids_capacity >= n_sequences;
                require(fits, "the buffer for ids is too small")?;
            }
            _ => return Err(Failure::new(abi::UNSUPPORTED, "unknown output")),
        }
        Ok(sequences)
    }

    /// # Safety
    /// `params` is as backend.h says.
    pub unsafe fn forward(&mut self, params: &abi::ForwardParams) -> Result<(), Failure> {
        let sequences = self.check(params)?;
        let model = &*self.model;
        let mut logits = params.logits;
        for (i, sequence) in sequences.iter().enumerate() {
            let tokens = from_raw_parts(sequence.tokens, sequence.n_tokens as usize);
            for (j, &token) in tokens.iter().enumerate() {
                let is_last = j + 1 == tokens.len();
                let slot = sequence.slot as usize;
                self.run_token(model, slot, self.held[slot] as usize + j, token as usize)?;
                let normed = &self.scratch.normed;
                if params.output == abi::OUTPUT_ALL_LOGITS || (is_last && params.output == abi::OUTPUT_LAST_LOGITS) {
                    apply_head(model.head(), normed, from_raw_parts_mut(logits, model.vocab as usize));
                    logits = logits.add(model.vocab as usize);
                }
                if is_last && params.output == abi::OUTPUT_GREEDY {
                    apply_head(model.head(), normed, &mut self.logits);
                    *params.ids.add(i) = argmax(&self.logits);
                }
            }
        }
        // Only now: after a cancelled call each slot holds what it held before.
        for sequence in sequences {
            self.held[sequence.slot as usize] += sequence.n_tokens;
        }
        Ok(())
    }

    /// Leaves ln_f's output in scratch.normed.
    fn run_token(&mut self, model: &Model, slot: usize, position: usize, token: usize) -> Result<(), Failure> {
        let (width, scratch) = (model.width, &mut self.scratch);
        let of_token = &model.wte[token * width..(token + 1) * width];
        let of_position = &model.wpe[position * width..(position + 1) * width];
        for (x, (a, b)) in scratch.x.iter_mut().zip(of_token.iter().zip(of_position)) {
            *x = a + b;
        }
        for (index, layer) in model.layers.iter().enumerate() {
            model.host.check_cancelled()?;
            let begin = (slot * model.layers.len() + index) * self.max_tokens as usize * width;
            let cached = begin..begin + (position + 1) * width;
            scratch.attention_block(model, index, &mut self.keys[cached.clone()], &mut self.values[cached]);
            scratch.mlp_block(model, layer);
        }
        model.ln_f.apply(&scratch.x, model.layer_norm_epsilon, &mut scratch.normed);
        Ok(())
    }

    pub fn truncate(&mut self, slot: i32, n_past: i32) -> Result<(), Failure> {
        require(slot >= 0 && (slot as usize) < self.held.len(), "no such slot")?;
        let held = &mut self.held[slot as usize];
        require(n_past >= 0 && n_past <= *held, "n_past is beyond what the slot holds")?;
        *held = n_past; // later positions are overwritten before they are read
        Ok(())
    }
}
