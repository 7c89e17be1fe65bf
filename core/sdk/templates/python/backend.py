# SPDX-License-Identifier: Apache-2.0
"""@NAME@: dense decoders (GPT-2, Llama, Mistral, Qwen, Gemma) in NumPy.

The formulas are those of ib_model_desc in inferbench/backend.h. Shapes stand next to the arrays.
"""

import math

import numpy as np

import inferbench  # a part of the program: it exists only while inferbench runs this file

ROWS = 256  # most tokens that go through the layers at once; it bounds the work space


class Backend:
    precisions = {"fp32": "weights, activations and sums in fp32"}
    packages = ["numpy"]  # their versions are kept with the results
    # features = ["rms_norm", ...] would declare that only these parts of the description are computed. Default: all.

    def load(self, description, tensors, settings):
        """Copies the weights: the host's memory is gone after this call."""
        self.desc = description
        self.weights = {name: inferbench.float32(tensors[name]) for name in tensors}
        self.head = self.weights["token_embedding.weight" if description.tied_head else "head.weight"]
        self.frequencies = np.array(description.rotary_frequencies)  # [tables, head_dim / 2]
        self.weights_bytes = sum(array.nbytes for array in self.weights.values())
        # A step reads all weights, but one row of each embedding. A tied head reads all of token_embedding.
        row = description.hidden_size * 4
        self.decode_weights_bytes = self.weights_bytes
        if description.learned_positions:
            self.decode_weights_bytes -= (description.max_positions - 1) * row
        if not description.tied_head:
            self.decode_weights_bytes -= (description.vocab_size - 1) * row

    def open(self, slots, max_tokens, max_forward_tokens):
        """What forward works with: the keys and values of `slots` sequences of up to `max_tokens` each."""
        return Session(self.desc, slots, max_tokens, max_forward_tokens)

    def forward(self, session, sequences):
        """Appends the new tokens of each sequence to its slot, and writes what the sequence wants."""
        for parts in passes(sequences):
            self.write_outputs(parts, self.run_layers(session, parts))

    # A slot's keys and values are found by position, so truncate(session, slot, length) has nothing to do.

    def run_layers(self, session, parts):
        """The tokens of one pass, from their embeddings to the last layer: [rows, hidden_size]."""
        desc = self.desc
        tokens = np.concatenate([part.tokens for part in parts])
        positions = np.concatenate([np.arange(part.first, part.first + len(part.tokens)) for part in parts])
        x = self.weights["token_embedding.weight"][tokens] * np.float32(desc.embedding_scale)
        if desc.learned_positions:
            x += self.weights["position_embedding.weight"][positions]
        rotations = [rotation(positions, *table) for table in zip(self.frequencies, desc.rotary_scales)]
        for i in range(desc.n_layers):
            inferbench.poll()  # raises inferbench.Cancelled if the host wants to stop
            attended = self.attention(session, i, self.norm(x, f"layer.{i}.attn_norm"), parts, rotations)
            x = x + (self.norm(attended, f"layer.{i}.attn_post_norm") if desc.post_norm else attended)
            mixed = self.mlp(i, self.norm(x, f"layer.{i}.mlp_norm"))
            x = x + (self.norm(mixed, f"layer.{i}.mlp_post_norm") if desc.post_norm else mixed)
        return x

    def attention(self, session, i, x, parts, rotations):
        """x [rows, hidden_size] -> [rows, hidden_size]"""
        desc, layer = self.desc, self.desc.layers[i]
        rows = len(x)
        q = self.linear(x, f"layer.{i}.attn_q").reshape(rows, desc.n_heads, desc.head_dim)
        k = self.linear(x, f"layer.{i}.attn_k").reshape(rows, desc.n_kv_heads, desc.head_dim)
        v = self.linear(x, f"layer.{i}.attn_v").reshape(rows, desc.n_kv_heads, desc.head_dim)
        if desc.qk_norm:
            q = rms_norm(q, self.weights[f"layer.{i}.attn_q_norm.weight"], desc.norm_epsilon)
            k = rms_norm(k, self.weights[f"layer.{i}.attn_k_norm.weight"], desc.norm_epsilon)
        if layer.rotary_table >= 0:
            q = rotate(q, *rotations[layer.rotary_table])
            k = rotate(k, *rotations[layer.rotary_table])
        attended = []
        begin = 0
        for part in parts:
            end = begin + len(part.tokens)
            keys, values = session.store(i, part, k[begin:end], v[begin:end])
            attended.append(attend(q[begin:end], keys, values, part.first, layer, desc.attention_soft_cap))
            begin = end
        return self.linear(np.concatenate(attended), f"layer.{i}.attn_out")

    def mlp(self, i, x):
        up = self.linear(x, f"layer.{i}.mlp_up")
        if self.desc.gated:
            up *= activate(self.desc.activation, self.linear(x, f"layer.{i}.mlp_gate"))
        else:
            up = activate(self.desc.activation, up)
        return self.linear(up, f"layer.{i}.mlp_down")

    def linear(self, x, name):
        """x [rows, inputs] times the transposed weight [outputs, inputs], plus the bias where the model has one."""
        y = x @ self.weights[name + ".weight"].T
        bias = self.weights.get(name + ".bias")
        return y if bias is None else y + bias

    def norm(self, x, name):
        weight = self.weights[name + ".weight"]
        if self.desc.norm == "rms":
            return rms_norm(x, weight, self.desc.norm_epsilon)
        wide = x.astype(np.float64)
        wide -= wide.mean(-1, keepdims=True)
        wide /= np.sqrt((wide * wide).mean(-1, keepdims=True) + self.desc.norm_epsilon)
        return (wide * weight + self.weights[name + ".bias"]).astype(np.float32)

    def write_outputs(self, parts, x):
        """Logits or ids of the sequences that want them; x [rows, hidden_size]."""
        begin = 0
        for part in parts:
            n = len(part.tokens)
            wanted = part.wanted_rows()
            if wanted.stop > wanted.start:
                rows = self.norm(x[begin + wanted.start : begin + wanted.stop], "final_norm")
                part.write(soft_cap(rows @ self.head.T, self.desc.logit_soft_cap), wanted)
            begin += n


class Session:
    def __init__(self, desc, slots, max_tokens, max_forward_tokens):
        shape = (desc.n_layers, slots, max_tokens, desc.n_kv_heads, desc.head_dim)
        self.keys = np.zeros(shape, np.float32)
        self.values = np.zeros(shape, np.float32)
        self.kv_bytes = self.keys.nbytes + self.values.nbytes
        rows = min(ROWS, max_forward_tokens)
        widths = 4 * desc.hidden_size + 3 * desc.intermediate_size + 3 * desc.n_heads * (desc.head_dim + max_tokens)
        self.scratch_bytes = 4 * (rows * widths + desc.vocab_size)

    def store(self, layer, part, k, v):
        """Appends keys and values [n, n_kv_heads, head_dim]; returns all of the slot: [first + n, ...]."""
        end = part.first + len(k)
        self.keys[layer, part.slot, part.first : end] = k
        self.values[layer, part.slot, part.first : end] = v
        return self.keys[layer, part.slot, :end], self.values[layer, part.slot, :end]


class Part:
    """Consecutive new tokens of one sequence that go through the layers together: those from `begin` on."""

    def __init__(self, sequence, begin, end):
        self.sequence = sequence
        self.slot = sequence.slot
        self.tokens = np.asarray(sequence.tokens)[begin:end]  # the host's memory: valid only during forward
        self.first = sequence.past + begin  # position of the first of them
        self.begin = begin
        self.is_last = end == len(np.asarray(sequence.tokens))

    def wanted_rows(self):
        """The rows of this part whose logits the host wants."""
        n = len(self.tokens)
        if self.sequence.output == "all":
            return range(n)
        return range(n - 1, n) if self.is_last and self.sequence.output != "none" else range(0)

    def write(self, logits, rows):
        if self.sequence.output == "greedy":
            np.asarray(self.sequence.ids)[0] = logits[0].argmax()  # the lowest id where several are equal
        elif self.sequence.output == "all":
            np.asarray(self.sequence.logits)[self.begin : self.begin + len(rows)] = logits
        else:
            np.asarray(self.sequence.logits)[0] = logits[0]


def passes(sequences):
    """Cuts the sequences of a call into lists of parts with at most ROWS tokens each."""
    parts, room = [], ROWS
    for sequence in sequences:
        begin, n = 0, sequence.tokens.shape[0]
        while begin < n:
            end = min(n, begin + room)
            parts.append(Part(sequence, begin, end))
            room -= end - begin
            begin = end
            if room == 0:
                yield parts
                parts, room = [], ROWS
    if parts:
        yield parts


# ---- the operations ----


def attend(q, keys, values, first, layer, cap):
    """q [n, heads, size] at positions from `first` on; keys, values [positions, kv heads, size] -> [n, heads * size]"""
    n, n_heads, size = q.shape
    begin = max(0, first + 1 - layer.window) if layer.window else 0  # before it, no row of q sees anything
    keys, values = keys[begin:], values[begin:]
    n_keys, n_kv = keys.shape[:2]
    grouped = q.reshape(n, n_kv, n_heads // n_kv, size).transpose(1, 2, 0, 3)  # [kv heads, group, n, size]
    scores = grouped @ (keys * np.float32(layer.attention_scale)).transpose(1, 2, 0)[:, None]
    scores = soft_cap(scores, cap)  # [kv heads, group, n, positions]
    distance = np.arange(first, first + n)[:, None] - np.arange(begin, begin + n_keys)
    hidden = (distance < 0) | (distance >= layer.window) if layer.window else distance < 0
    scores[..., hidden] = -np.inf
    scores -= scores.max(-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(-1, keepdims=True)
    return (scores @ values.transpose(1, 0, 2)[:, None]).transpose(2, 0, 1, 3).reshape(n, n_heads * size)


def rms_norm(x, weight, epsilon):
    wide = x.astype(np.float64)
    wide /= np.sqrt((wide * wide).mean(-1, keepdims=True) + epsilon)
    return (wide * weight).astype(np.float32)


def rotation(positions, frequencies, scale):
    """Cosines and sines of a rotary table: [rows, 1, head_dim / 2]. Angles in double: they grow with the position."""
    angles = positions[:, None, None] * frequencies
    return (np.cos(angles) * scale).astype(np.float32), (np.sin(angles) * scale).astype(np.float32)


def rotate(x, cosines, sines):
    """x [rows, heads, head_dim], by halves."""
    a, b = np.split(x, 2, axis=-1)
    return np.concatenate([a * cosines - b * sines, b * cosines + a * sines], axis=-1)


def soft_cap(x, cap):
    return np.float32(cap) * np.tanh(x / np.float32(cap)) if cap else x


def activate(kind, x):
    if kind == "gelu_tanh":
        return np.float32(0.5) * x * (1 + np.tanh(np.float32(math.sqrt(2 / math.pi)) * (x + np.float32(0.044715) * x**3)))
    if kind == "gelu_erf":
        erf = np.frompyfunc(math.erf, 1, 1)(x / math.sqrt(2)).astype(np.float32)  # NumPy has none; slow
        return np.float32(0.5) * x * (1 + erf)
    if kind == "silu":
        return x / (1 + np.exp(-x))
    return np.maximum(x, 0)
