# SPDX-License-Identifier: Apache-2.0
"""Dense decoders (GPT-2, Llama, Mistral, Qwen, Gemma) in plain JAX, jitted, on the CPU or a GPU.

    inferbench generate --backend python --option module=examples/jax_backend.py --model MODEL --prompt "..."

args: device=cpu (default), gpu or gpu:1.

XLA compiles for fixed shapes. So the lengths of prompts, of the keys that are read, and batches are rounded up to powers
of two, and the first pass of each shape takes seconds: warm-up runs are for that. With JAX_COMPILATION_CACHE_DIR=DIR in
the environment, JAX keeps compiled code for the next process.
Sequences of a call that get one token each share a pass; those that get more have one each, cut into parts of up to ROWS
tokens.
The formulas are those of ib_model_desc in inferbench/backend.h. Shapes stand next to the arrays.
"""

import functools
import os
from typing import NamedTuple

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # else JAX takes most of a GPU's memory at once

import jax
import jax.numpy as jnp
import numpy as np

import inferbench

ROWS = 512  # most tokens of a pass, a power of two
SHORTEST = 16  # tokens of the shortest pass that is not a single token, a power of two
TYPES = {"fp32": jnp.float32.dtype, "bf16": jnp.bfloat16.dtype, "fp16": jnp.float16.dtype}


class Backend:
    precisions = {
        "fp32": "weights, activations and KV cache in fp32, without TF32",
        "bf16": "weights, activations and KV cache in bfloat16; norms, rotations and softmax in fp32",
        "fp16": "weights, activations and KV cache in fp16; norms, rotations and softmax in fp32",
    }
    packages = ["jax", "jaxlib"]

    def load(self, description, tensors, settings):
        """Copies the weights: the host's memory is gone after this call."""
        self.desc = description
        self.device = find_device(settings)
        self.dtype = TYPES[settings.precision]
        self.model = Model.of(description)
        arrays = {}
        for name in tensors:
            arrays[name] = jax.device_put(inferbench.float32(tensors[name]).astype(self.dtype), self.device)
        self.weights = {"layers": [layer_weights(arrays, i) for i in range(description.n_layers)]}
        self.weights.update((name, array) for name, array in arrays.items() if not name.startswith("layer."))
        self.weights_bytes = sum(array.nbytes for array in arrays.values())
        unread = description.max_positions - 1 if description.learned_positions else 0  # a step reads one row of each
        if not description.tied_head:
            unread += description.vocab_size - 1
        self.decode_weights_bytes = self.weights_bytes - unread * description.hidden_size * self.dtype.itemsize

    def open(self, slots, max_tokens, max_forward_tokens):
        return Session(self.desc, self.device, self.dtype, slots, max_tokens, max_forward_tokens)

    def forward(self, session, sequences):
        steps = {}
        for sequence in sequences:
            if sequence.tokens.shape[0] == 1:
                steps.setdefault(sequence.output, []).append(sequence)
            else:
                self.run_prompt(session, sequence)
        for output, members in steps.items():
            tokens = np.array([[np.asarray(member.tokens)[0]] for member in members], np.int32)
            past = [member.past for member in members]
            results = self.run(session, [member.slot for member in members], past, tokens, [1] * len(members), output)
            for member, result in zip(members, results):
                write(member, result, 0)

    # A slot's keys and values are found by position, so truncate(session, slot, length) has nothing to do.

    def run_prompt(self, session, sequence):
        tokens = np.array(sequence.tokens, np.int32)  # a copy: the host's memory is valid only during this call
        for begin in range(0, len(tokens), ROWS):
            part = tokens[begin : begin + ROWS]
            is_last = begin + len(part) == len(tokens)
            output = sequence.output if is_last or sequence.output == "all" else "none"
            padded = np.zeros((1, power_of_two(len(part), SHORTEST)), np.int32)
            padded[0, : len(part)] = part
            results = self.run(session, [sequence.slot], [sequence.past + begin], padded, [len(part)], output)
            if output != "none":
                write(sequence, results[0], begin)

    def run(self, session, slots, past, tokens, counts, output):
        """tokens [batch, n], of which the first counts[i] of each row are real -> per sequence its logits or id"""
        for _ in self.desc.layers:
            inferbench.poll()  # raises inferbench.Cancelled if the host wants to stop; a jitted pass cannot
        rows = power_of_two(len(slots))
        spare = rows - len(slots)  # rows that nobody asked for go to a slot of their own
        slots = np.array(slots + [session.n_slots] * spare, np.int32)
        past = np.array(past + [0] * spare, np.int32)
        counts = np.array(counts + [1] * spare, np.int32)
        tokens = np.concatenate([tokens, np.zeros((spare, tokens.shape[1]), np.int32)])
        seen = min(power_of_two(int(past.max()) + tokens.shape[1], 128), session.capacity)
        session.keys, session.values, results = run_pass(
            self.weights, session.keys, session.values, session.tables, slots, past, tokens, counts, self.model, seen, output
        )
        if output == "none":
            jax.block_until_ready(session.keys)  # the host times calls: this one is over when the work is done
            return []
        return np.asarray(results)

    def unload(self):
        del self.weights


def find_device(settings):
    """jax.devices() is asked only for the platform that is wanted: a GPU is not touched for device=cpu."""
    os.environ.setdefault("NPROC", str(settings.threads))  # the size of XLA's pool, read when the CPU's client starts
    device = settings.args.get("device", "cpu")
    platform, _, index = device.partition(":")
    if platform == "cpu":
        jax.config.update("jax_platforms", "cpu")
    try:
        return jax.devices(platform)[int(index or 0)]
    except (RuntimeError, IndexError, ValueError) as error:
        raise inferbench.Unsupported(f"JAX {jax.__version__} finds no device {device}: {error}") from None


class Session:
    def __init__(self, desc, device, dtype, slots, max_tokens, max_forward_tokens):
        self.n_slots = slots
        rows = min(ROWS, power_of_two(max_forward_tokens, SHORTEST))
        # A pass that is rounded up writes behind a slot's last token, but never behind the array's end.
        self.capacity = max_tokens + rows
        shape = (slots + 1, desc.n_kv_heads, self.capacity, desc.head_dim)
        # Layer by layer: an array that is passed on is overwritten in place.
        self.keys = [jax.device_put(np.zeros(shape, dtype), device) for _ in desc.layers]
        self.values = [jax.device_put(np.zeros(shape, dtype), device) for _ in desc.layers]
        self.tables = [jax.device_put(table, device) for table in rotary_tables(desc, self.capacity)]
        self.kv_bytes = sum(array.nbytes for array in self.keys + self.values)
        widths = 6 * desc.hidden_size + 4 * desc.intermediate_size + 3 * desc.n_heads * (desc.head_dim + self.capacity)
        self.scratch_bytes = 4 * (rows * widths + 2 * desc.vocab_size)


def write(sequence, result, begin):
    if sequence.output == "greedy":
        memoryview(sequence.ids)[0] = int(result)
    elif sequence.output != "none":
        logits = np.asarray(sequence.logits)
        wanted = logits[begin : begin + ROWS] if sequence.output == "all" else logits
        wanted[:] = result[: len(wanted)]


def power_of_two(n, least=1):
    """The next power of two from n on, at least `least`."""
    return max(least, 1 << (n - 1).bit_length())


def layer_weights(arrays, index):
    prefix = f"layer.{index}."
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}


def rotary_tables(desc, capacity):
    """Cosines and sines by position: [capacity, head_dim / 2] each. Angles in double: they grow with the position."""
    for frequencies, scale in zip(desc.rotary_frequencies, desc.rotary_scales):
        angles = np.arange(capacity)[:, None] * np.array(frequencies)
        yield np.stack([np.cos(angles), np.sin(angles)]).astype(np.float32) * np.float32(scale)


# ---- the pass: everything below is traced and compiled ----


class Model(NamedTuple):
    """What the compiled code depends on. Models that are equal here share it."""

    n_heads: int
    n_kv_heads: int
    head_dim: int
    norm: str
    norm_epsilon: float
    activation: str
    gated: bool
    qk_norm: bool
    post_norm: bool
    learned_positions: bool
    tied_head: bool
    embedding_scale: float
    attention_soft_cap: float
    logit_soft_cap: float
    layers: tuple  # (window, rotary_table, attention_scale) of each

    @classmethod
    def of(cls, desc):
        layers = tuple((layer.window, layer.rotary_table, layer.attention_scale) for layer in desc.layers)
        return cls(layers=layers, **{name: getattr(desc, name) for name in cls._fields if name != "layers"})


@functools.partial(jax.jit, static_argnames=("model", "seen", "output"), donate_argnames=("keys", "values"))
def run_pass(weights, keys, values, tables, slots, past, tokens, counts, model, seen, output):
    """tokens [batch, n] behind `past` [batch] others of `slots` [batch] -> keys, values, and what `output` says.

    The keys before position `seen` are read. Results: logits [batch, 1 or n, vocab_size], ids [batch] or None.
    """
    n = tokens.shape[1]
    positions = past[:, None] + jnp.arange(n)  # [batch, n]
    x = weights["token_embedding.weight"][tokens]
    if model.embedding_scale != 1:
        x = (x.astype(jnp.float32) * model.embedding_scale).astype(x.dtype)
    if model.learned_positions:
        learned = weights["position_embedding.weight"]
        x = x + learned[jnp.minimum(positions, len(learned) - 1)]  # rows behind the real ones may be beyond the last
    rotations = [table[:, positions][:, :, :, None] for table in tables]  # [2, batch, n, 1, head_dim / 2]
    keys, values = list(keys), list(values)
    for i, (layer, own) in enumerate(zip(model.layers, weights["layers"])):
        q, k, v = project(model, own, x, rotations[layer[1]] if layer[1] >= 0 else None)
        keys[i], values[i] = store(keys[i], k, slots, past), store(values[i], v, slots, past)
        attended = attend(model, layer, q, keys[i][slots, :, :seen], values[i][slots, :, :seen], positions)
        x = finish(model, own, x, attended)
    if output == "none":
        return keys, values, None
    if output != "all":
        x = jnp.take_along_axis(x, counts[:, None, None] - 1, axis=1)
    x = norm(model, weights, "final_norm", x)
    head = weights["token_embedding.weight" if model.tied_head else "head.weight"]
    logits = soft_cap(product("bnh,vh->bnv", x, head).astype(jnp.float32), model.logit_soft_cap)
    return keys, values, logits[:, 0].argmax(-1) if output == "greedy" else logits


def store(cache, new, slots, past):
    """cache [slots, kv heads, capacity, size] with new [batch, n, kv heads, size] written behind `past`."""
    new = new.astype(cache.dtype).transpose(0, 2, 1, 3)
    for row in range(len(new)):
        cache = jax.lax.dynamic_update_slice(cache, new[row : row + 1], (slots[row], 0, past[row], 0))
    return cache


def project(model, own, x, rotate_by):
    """x [batch, n, hidden_size] -> queries, keys and values [batch, n, heads, head_dim]"""
    y = norm(model, own, "attn_norm", x)
    q = linear(own, "attn_q", y).reshape(*y.shape[:2], model.n_heads, model.head_dim)
    k = linear(own, "attn_k", y).reshape(*y.shape[:2], model.n_kv_heads, model.head_dim)
    v = linear(own, "attn_v", y).reshape(*y.shape[:2], model.n_kv_heads, model.head_dim)
    if model.qk_norm:
        q = rms_norm(q, own["attn_q_norm.weight"], model.norm_epsilon)
        k = rms_norm(k, own["attn_k_norm.weight"], model.norm_epsilon)
    if rotate_by is not None:
        q, k = rotate(q, *rotate_by), rotate(k, *rotate_by)
    return q, k, v


def attend(model, layer, q, keys, values, positions):
    """q [batch, n, heads, size]; keys, values [batch, kv heads, seen, size] -> [batch, n, heads * size]"""
    window, _, scale = layer
    batch, n, n_heads, size = q.shape
    grouped = q.reshape(batch, n, model.n_kv_heads, n_heads // model.n_kv_heads, size)
    scores = product("bnkgs,bkls->bkgnl", grouped, keys).astype(jnp.float32) * scale
    scores = soft_cap(scores, model.attention_soft_cap)
    distance = positions[:, :, None] - jnp.arange(keys.shape[2])  # [batch, n, seen]
    is_seen = (distance >= 0) & (distance < window) if window else distance >= 0
    scores = jnp.where(is_seen[:, None, None], scores, -jnp.inf)
    mixed = product("bkgnl,bkls->bnkgs", jax.nn.softmax(scores, axis=-1).astype(values.dtype), values)
    return mixed.reshape(batch, n, n_heads * size)


def finish(model, own, x, attended):
    """The rest of a layer: x [batch, n, hidden_size], attended [batch, n, heads * head_dim]"""
    attended = linear(own, "attn_out", attended)
    x = x + (norm(model, own, "attn_post_norm", attended) if model.post_norm else attended)
    y = norm(model, own, "mlp_norm", x)
    up = linear(own, "mlp_up", y)
    if model.gated:
        up = activate(model.activation, linear(own, "mlp_gate", y)) * up
    else:
        up = activate(model.activation, up)
    mixed = linear(own, "mlp_down", up)
    return x + (norm(model, own, "mlp_post_norm", mixed) if model.post_norm else mixed)


def product(formula, a, b):
    return jnp.einsum(formula, a, b, precision="highest")  # else a GPU rounds fp32 to TF32


def linear(weights, name, x):
    y = product("bni,oi->bno", x, weights[name + ".weight"])
    bias = weights.get(name + ".bias")
    return y if bias is None else y + bias


def norm(model, weights, name, x):
    weight = weights[name + ".weight"]
    if model.norm == "rms":
        return rms_norm(x, weight, model.norm_epsilon)
    wide = x.astype(jnp.float32)
    wide = wide - wide.mean(-1, keepdims=True)
    wide = wide * jax.lax.rsqrt((wide * wide).mean(-1, keepdims=True) + model.norm_epsilon)
    return (wide * weight + weights[name + ".bias"]).astype(x.dtype)


def rms_norm(x, weight, epsilon):
    wide = x.astype(jnp.float32)
    return (wide * jax.lax.rsqrt((wide * wide).mean(-1, keepdims=True) + epsilon) * weight).astype(x.dtype)


def rotate(x, cosines, sines):
    """x [batch, n, heads, head_dim], by halves."""
    a, b = jnp.split(x.astype(jnp.float32), 2, axis=-1)
    return jnp.concatenate([a * cosines - b * sines, b * cosines + a * sines], axis=-1).astype(x.dtype)


def soft_cap(x, cap):
    return cap * jnp.tanh(x / cap) if cap else x


def activate(kind, x):
    if kind == "gelu_tanh":
        return jax.nn.gelu(x, approximate=True)
    if kind == "gelu_erf":
        return jax.nn.gelu(x, approximate=False)
    return jax.nn.silu(x) if kind == "silu" else jax.nn.relu(x)
