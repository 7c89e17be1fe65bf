// SPDX-License-Identifier: Apache-2.0
//
// KV caches and work space; runs one token at a time.

use std::mem::size_of;
use std::slice::{from_raw_parts, from_raw_parts_mut};

use crate::abi;
use crate::operations::{activate, apply_head, attend, rotate, Norm, Seen};
use crate::{allocate, require, Failure, Layer, Model};

pub struct Session {
    model: *const Model, // the host destroys sessions before their model
    held: Vec<i32>,      // tokens per slot
    max_tokens: i32,
    max_forward_tokens: i64,
    keys: Vec<f32>,   // [n_slots, n_layers, max_tokens, n_kv_heads * head_dim]
    values: Vec<f32>, // the same
    logits: Vec<f32>, // [vocab_size], for OUTPUT_GREEDY
    scratch: Scratch,
    pub info: abi::SessionInfo,
}

/// Of the token at hand.
struct Scratch {
    x: Vec<f32>,        // [hidden_size]: the residual stream
    normed: Vec<f32>,   // [hidden_size]
    queries: Vec<f32>,  // [n_heads * head_dim]
    attended: Vec<f32>, // [n_heads * head_dim]
    gate: Vec<f32>,     // [intermediate_size]
    up: Vec<f32>,       // [intermediate_size]
    result: Vec<f32>,   // [hidden_size]: of attention or MLP, to be added to x
    scores: Vec<f64>,   // [max_tokens]: attention of one head
}

/// What happens to queries, and to keys before they are stored.
fn prepare_heads(model: &Model, norm: Option<&Norm>, rotary_table: i32, position: usize, heads: &mut [f32]) {
    let head_dim = model.desc.head_dim as usize;
    for head in heads.chunks_exact_mut(head_dim) {
        if let Some(norm) = norm {
            norm.apply(abi::NORM_RMS, model.desc.norm_epsilon, head);
        }
        if rotary_table >= 0 {
            let (table, half) = (rotary_table as usize, head_dim / 2);
            let frequencies = &model.rotary_frequencies[table * half..(table + 1) * half];
            rotate(head, position, frequencies, model.rotary_scales[table]);
        }
    }
}

impl Scratch {
    fn new(desc: &abi::ModelDesc, max_tokens: usize) -> Result<Scratch, Failure> {
        let (hidden, intermediate) = (desc.hidden_size as usize, desc.intermediate_size as usize);
        Ok(Scratch {
            x: allocate(hidden)?,
            normed: allocate(hidden)?,
            queries: allocate(desc.query_size())?,
            attended: allocate(desc.query_size())?,
            gate: allocate(intermediate)?,
            up: allocate(intermediate)?,
            result: allocate(hidden)?,
            scores: allocate(max_tokens)?,
        })
    }

    fn n_bytes(&self) -> usize {
        let floats = 3 * self.x.len() + 2 * self.queries.len() + 2 * self.up.len();
        4 * floats + 8 * self.scores.len()
    }

    fn embed(&mut self, model: &Model, token: usize, position: usize) {
        let hidden = self.x.len();
        for (x, &of_token) in self.x.iter_mut().zip(&model.token_embedding[token * hidden..]) {
            *x = (model.desc.embedding_scale * f64::from(of_token)) as f32;
        }
        if let Some(embedding) = &model.position_embedding {
            for (x, &of_position) in self.x.iter_mut().zip(&embedding[position * hidden..]) {
                *x += of_position;
            }
        }
    }

    /// normed = norm(x)
    fn normalize(&mut self, model: &Model, norm: &Norm) {
        self.normed.copy_from_slice(&self.x);
        norm.apply(model.desc.norm, model.desc.norm_epsilon, &mut self.normed);
    }

    /// x += result, which has a norm of its own where post_norm
    fn add_to_residual(&mut self, model: &Model, post_norm: Option<&Norm>) {
        if let Some(norm) = post_norm {
            norm.apply(model.desc.norm, model.desc.norm_epsilon, &mut self.result);
        }
        for (x, &result) in self.x.iter_mut().zip(&self.result) {
            *x += result;
        }
    }

    /// x += attention(norm(x)); keys and values are those of this layer, up to and with this position.
    fn attention_block(&mut self, model: &Model, layer: &Layer, keys: &mut [f32], values: &mut [f32]) {
        let desc = &model.desc;
        let (head_dim, kv_size, table) = (desc.head_dim as usize, desc.kv_size(), layer.desc.rotary_table);
        let position = keys.len() / kv_size - 1;
        let new_keys = &mut keys[position * kv_size..];
        let (q_norm, k_norm) = layer.head_norms.as_ref().map(|(q, k)| (q, k)).unzip();

        self.normalize(model, &layer.attn_norm);
        layer.attn_q.apply(&self.normed, &mut self.queries);
        layer.attn_k.apply(&self.normed, new_keys);
        layer.attn_v.apply(&self.normed, &mut values[position * kv_size..]);
        prepare_heads(model, q_norm, table, position, &mut self.queries);
        prepare_heads(model, k_norm, table, position, new_keys);

        let first = match layer.desc.window as usize {
            0 => 0,
            window => (position + 1).saturating_sub(window),
        };
        let seen = Seen { keys: &keys[first * kv_size..], values: &values[first * kv_size..], stride: kv_size };
        let scores = &mut self.scores[..position + 1 - first];
        let heads_per_kv = (desc.n_heads / desc.n_kv_heads) as usize;
        let heads = self.queries.chunks_exact(head_dim).zip(self.attended.chunks_exact_mut(head_dim));
        for (i, (query, out)) in heads.enumerate() {
            let column = i / heads_per_kv * head_dim;
            attend(query, &seen, column, layer.desc.attention_scale, desc.attention_soft_cap, scores, out);
        }
        layer.attn_out.apply(&self.attended, &mut self.result);
        self.add_to_residual(model, layer.attn_post_norm.as_ref());
    }

    /// x += mlp(norm(x))
    fn mlp_block(&mut self, model: &Model, layer: &Layer) {
        let activation = model.desc.activation;
        self.normalize(model, &layer.mlp_norm);
        layer.mlp_up.apply(&self.normed, &mut self.up);
        if let Some(mlp_gate) = &layer.mlp_gate {
            mlp_gate.apply(&self.normed, &mut self.gate);
            for (up, &gate) in self.up.iter_mut().zip(&self.gate) {
                *up = (activate(activation, f64::from(gate)) * f64::from(*up)) as f32;
            }
        } else {
            for up in &mut self.up {
                *up = activate(activation, f64::from(*up)) as f32;
            }
        }
        layer.mlp_down.apply(&self.up, &mut self.result);
        self.add_to_residual(model, layer.mlp_post_norm.as_ref());
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
        let fits = params.max_tokens >= 1 && params.max_tokens <= model.desc.max_positions;
        require(fits, "max_tokens must be 1 to the model's positions")?;
        require(params.max_forward_tokens >= 0, "max_forward_tokens is negative")?;
        let (n_slots, max_tokens) = (params.n_slots as usize, params.max_tokens as usize);
        let n_cached = [n_slots, model.layers.len(), max_tokens, model.desc.kv_size()]
            .iter()
            .try_fold(1_usize, |product, &factor| product.checked_mul(factor))
            .ok_or_else(Failure::out_of_memory)?;
        let scratch = Scratch::new(&model.desc, max_tokens)?;
        let (keys, values) = (allocate(n_cached)?, allocate(n_cached)?);
        let logits: Vec<f32> = allocate(model.desc.vocab_size as usize)?;
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
        let vocab_size = (*self.model).desc.vocab_size;
        require(params.struct_size >= size_of::<abi::ForwardParams>() as u64, "ib_forward_params is too short")?;
        require(params.n_sequences >= 1 && !params.sequences.is_null(), "there are no sequences")?;
        let sequences = from_raw_parts(params.sequences, params.n_sequences as usize);
        let (mut n_tokens, mut n_rows, mut n_ids) = (0_i64, 0_u64, 0_u64); // n_rows: of logits
        for (i, sequence) in sequences.iter().enumerate() {
            require(sequence.slot >= 0 && (sequence.slot as usize) < self.held.len(), "no such slot")?;
            require(sequences[..i].iter().all(|earlier| earlier.slot != sequence.slot), "a slot comes twice")?;
            require(sequence.n_tokens >= 1 && !sequence.tokens.is_null(), "a sequence has no tokens")?;
            let after = i64::from(self.held[sequence.slot as usize]) + i64::from(sequence.n_tokens);
            require(after <= i64::from(self.max_tokens), "more tokens than max_tokens")?;
            let tokens = from_raw_parts(sequence.tokens, sequence.n_tokens as usize);
            require(tokens.iter().all(|&token| token >= 0 && token < vocab_size), "a token is outside the vocabulary")?;
            n_tokens += i64::from(sequence.n_tokens);
            match sequence.output {
                abi::OUTPUT_NONE => {}
                abi::OUTPUT_LAST_LOGITS => n_rows += 1,
                abi::OUTPUT_ALL_LOGITS => n_rows += sequence.n_tokens as u64,
                abi::OUTPUT_GREEDY => n_ids += 1,
                _ => return Err(Failure::new(abi::UNSUPPORTED, "unknown output")),
            }
        }
        require(n_tokens <= self.max_forward_tokens, "more tokens than max_forward_tokens")?;
        let logits_fit = !params.logits.is_null() && params.logits_capacity >= n_rows * vocab_size as u64;
        require(n_rows == 0 || logits_fit, "the buffer for logits is too small")?;
        let ids_fit = !params.ids.is_null() && params.ids_capacity >= n_ids;
        require(n_ids == 0 || ids_fit, "the buffer for ids is too small")?;
        Ok(sequences)
    }

    /// # Safety
    /// `params` is as backend.h says.
    pub unsafe fn forward(&mut self, params: &abi::ForwardParams) -> Result<(), Failure> {
        let sequences = self.check(params)?;
        let model = &*self.model;
        let (vocab_size, cap) = (model.desc.vocab_size as usize, model.desc.logit_soft_cap);
        let (mut logits, mut ids) = (params.logits, params.ids); // where the next row, and the next id, go
        for sequence in sequences {
            let tokens = from_raw_parts(sequence.tokens, sequence.n_tokens as usize);
            for (j, &token) in tokens.iter().enumerate() {
                let is_last = j + 1 == tokens.len();
                let slot = sequence.slot as usize;
                self.run_token(model, slot, self.held[slot] as usize + j, token as usize)?;
                let normed = &self.scratch.normed;
                if sequence.output == abi::OUTPUT_ALL_LOGITS || (is_last && sequence.output == abi::OUTPUT_LAST_LOGITS) {
                    apply_head(model.head(), normed, cap, from_raw_parts_mut(logits, vocab_size));
                    logits = logits.add(vocab_size);
                }
                if is_last && sequence.output == abi::OUTPUT_GREEDY {
                    apply_head(model.head(), normed, cap, &mut self.logits);
                    *ids = argmax(&self.logits);
                    ids = ids.add(1);
                }
            }
        }
        // Only now: after a cancelled call each slot holds what it held before.
        for sequence in sequences {
            self.held[sequence.slot as usize] += sequence.n_tokens;
        }
        Ok(())
    }

    /// Leaves the output of final_norm in scratch.normed.
    fn run_token(&mut self, model: &Model, slot: usize, position: usize, token: usize) -> Result<(), Failure> {
        let (kv_size, scratch) = (model.desc.kv_size(), &mut self.scratch);
        scratch.embed(model, token, position);
        for (index, layer) in model.layers.iter().enumerate() {
            model.host.check_cancelled()?;
            let begin = (slot * model.layers.len() + index) * self.max_tokens as usize * kv_size;
            let cached = begin..begin + (position + 1) * kv_size;
            scratch.attention_block(model, layer, &mut self.keys[cached.clone()], &mut self.values[cached]);
            scratch.mlp_block(model, layer);
        }
        scratch.normalize(model, &model.final_norm);
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
