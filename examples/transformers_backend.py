# SPDX-License-Identifier: Apache-2.0
"""Hugging Face transformers: GPT-2, Llama, Mistral, Qwen 2 and 3, Gemma 2 and 3, on the CPU or a GPU.

    inferbench generate --backend python --option module=examples/transformers_backend.py --model MODEL --prompt "..."

args: device=cpu (default), cuda or cuda:1; compile=true compiles the decode step as generate() does with a static cache
(default: false); attention=sdpa or eager (default: sdpa, but eager for models with a soft cap, which sdpa ignores).

The model class is the published one, built from a configuration without a download; the weights come from the host.
Sequences that are equally long share a forward pass, as a batch of generate() does; each other one has its own.
docs/python_backend.md says with which versions it was tried.
"""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # else torch.compile starts processes of its own

import torch
import transformers
from transformers.cache_utils import Cache, DynamicCache, StaticLayer

import inferbench

ROWS = 512  # most tokens of a pass that returns all logits; it bounds their memory
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
ACTIVATIONS = {"gelu_tanh": "gelu_new", "gelu_erf": "gelu", "relu": "relu", "silu": "silu"}


class Backend:
    precisions = {
        "fp32": "weights, activations and KV cache in fp32",
        "bf16": "weights, activations and KV cache in bfloat16, where the model class has no fp32",
        "fp16": "weights, activations and KV cache in fp16, where the model class has no fp32",
    }
    packages = ["transformers", "torch"]

    def load(self, description, tensors, settings):
        """Builds the model class and copies the weights: the host's memory is gone after this call."""
        if torch.get_num_threads() != settings.threads:  # OMP_NUM_THREADS says so; this would start another pool, too
            torch.set_num_threads(settings.threads)
        self.desc = description
        self.device = torch.device(settings.args.get("device", "cpu"))
        self.dtype = TYPES[settings.precision]
        self.compiles = settings.args.get("compile", False)
        if self.device.type == "cuda" and not torch.cuda.is_available():
            raise inferbench.Unsupported(f"PyTorch {torch.__version__} finds no GPU here")
        self.model = build_model(description, self.dtype, settings.args.get("attention"))
        weights = copied_weights(description, tensors, self.device, self.dtype)
        self.model.load_state_dict(weights, assign=True)
        set_numbers(self.model, description, self.device)
        for layer in layers_of(self.model):
            layer.register_forward_pre_hook(poll)
        self.decode = self.model
        if self.compiles:
            mode = "reduce-overhead" if self.device.type == "cuda" else "default"  # CUDA graphs; the CPU has none
            self.decode = torch.compile(self.model, mode=mode, dynamic=False)
        sizes = {weight.data_ptr(): weight.nbytes for weight in weights.values()}  # a tied head is there twice
        self.weights_bytes = sum(sizes.values())
        unread = description.max_positions - 1 if description.learned_positions else 0  # a step reads one row of each
        if not description.tied_head:
            unread += description.vocab_size - 1
        self.decode_weights_bytes = self.weights_bytes - unread * description.hidden_size * self.dtype.itemsize

    def open(self, slots, max_tokens, max_forward_tokens):
        return Session(self.desc, self.device, self.dtype, self.compiles, slots, max_tokens, max_forward_tokens)

    def forward(self, session, sequences):
        batches = {}
        for sequence in sequences:
            key = (sequence.past, sequence.tokens.shape[0], sequence.output)
            batches.setdefault(key, []).append(sequence)
        with torch.no_grad():
            for (past, n, output), members in batches.items():
                self.run_batch(session.cache_of([member.slot for member in members], past), n, output, members)

    # The host counts the tokens of each slot: cache_of() crops a cache that holds more.

    def run_batch(self, cache, n, output, members):
        tokens = torch.stack([torch.from_dlpack(member.tokens) for member in members]).long()
        step = ROWS if output == "all" else n
        for begin in range(0, n, step):
            part = tokens[:, begin : begin + step].to(self.device)
            if output == "none":
                self.model.base_model(input_ids=part, past_key_values=cache, use_cache=True)
                continue
            rows = part.shape[1] if output == "all" else 1
            logits = self.run(part, cache, rows).float()
            if output == "greedy":
                for member, token in zip(members, logits[:, -1].argmax(-1).tolist()):  # the lowest of equal ones
                    memoryview(member.ids)[0] = token
            else:
                for member, own in zip(members, logits):
                    torch.from_dlpack(member.logits)[begin : begin + rows].copy_(own)

    def run(self, tokens, cache, rows):
        """tokens [batch, n] -> logits [batch, rows, vocab_size] of the last tokens."""
        if not self.compiles or tokens.shape[1] > 1:  # generate() does not compile the pass over the prompt either
            return self.model(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=rows).logits
        inferbench.poll()  # the compiled step cannot be interrupted
        torch.compiler.cudagraph_mark_step_begin()
        return self.decode(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=rows).logits

    def unload(self):
        del self.model, self.decode
        if self.compiles:
            torch._dynamo.reset()  # compiled code and CUDA graphs
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


class Session:
    """One cache for each batch of slots that were last computed together."""

    def __init__(self, desc, device, dtype, is_static, slots, max_tokens, max_forward_tokens):
        self.desc, self.device, self.dtype = desc, device, dtype
        self.is_static, self.max_tokens = is_static, max_tokens
        self.batches = {}  # slot -> Batch
        self.unused = []  # static batches whose slots are all in others now
        per_token = 2 * desc.n_layers * desc.n_kv_heads * desc.head_dim * dtype.itemsize
        self.kv_bytes = slots * max_tokens * per_token
        widths = 6 * desc.hidden_size + 4 * desc.intermediate_size + 3 * desc.n_heads * (desc.head_dim + max_tokens)
        self.scratch_bytes = 4 * (min(ROWS, max_forward_tokens) * widths + 2 * desc.vocab_size)

    def cache_of(self, slots, past):
        """The cache of these slots, which holds `past` tokens of each."""
        batch = self.batches.get(slots[0])
        if batch is None or batch.slots != slots:
            batch = self.new_batch(slots, past)
        set_length(batch.cache, past)
        return batch.cache

    def new_batch(self, slots, past):
        """Moves slots from other batches into one of their own."""
        batch = Batch(slots, self.empty_cache(len(slots)))
        if past > 0:
            sources = [self.batches[slot] for slot in slots]
            for i in range(self.desc.n_layers):
                own = [source.rows(i, slot, past) for source, slot in zip(sources, slots)]
                keys, values = (torch.cat(parts) for parts in zip(*own))
                batch.cache.update(keys, values, i)
        for slot in slots:
            former = self.batches.get(slot)
            self.batches[slot] = batch
            if self.is_static and former is not None and former not in self.batches.values():
                self.unused.append(former)
        return batch

    def empty_cache(self, n_slots):
        if not self.is_static:
            return DynamicCache()  # without the configuration, layers with windows keep all tokens, too: see set_length
        for batch in self.unused:
            if len(batch.slots) == n_slots:
                self.unused.remove(batch)
                set_length(batch.cache, 0)
                return batch.cache
        cache = Cache(layers=[StaticLayer(max_cache_len=self.max_tokens) for _ in self.desc.layers])
        cache.early_initialization(n_slots, self.desc.n_kv_heads, self.desc.head_dim, self.dtype, self.device)
        return cache


class Batch:
    def __init__(self, slots, cache):
        self.slots, self.cache = slots, cache

    def rows(self, layer, slot, past):
        """Keys and values of one slot: [1, kv heads, past, head_dim]."""
        row = self.slots.index(slot)
        held = self.cache.layers[layer]
        return held.keys[row : row + 1, :, :past], held.values[row : row + 1, :, :past]


def set_length(cache, length):
    """Crops each layer: after a cancelled pass, some hold more than others. A window's layer could not be cropped."""
    for layer in cache.layers:
        if isinstance(layer, StaticLayer):
            layer.cumulative_length.fill_(length)  # what is behind it is hidden, and overwritten later
        elif layer.get_seq_length() > length:
            layer.crop(length - layer.get_seq_length())


def poll(module, args):
    if not torch.compiler.is_compiling():
        inferbench.poll()  # raises inferbench.Cancelled if the host wants to stop


# ---- the model ----


def build_model(desc, dtype, attention):
    """The model class for the description, with neither weights nor memory for them."""
    if attention not in (None, "sdpa", "eager"):
        raise inferbench.Unsupported(f"args: attention={attention} is neither sdpa nor eager")
    if attention == "sdpa" and desc.attention_soft_cap:
        raise inferbench.Unsupported("attention=sdpa has no soft cap, which the model needs; use attention=eager")
    attention = attention or ("eager" if desc.attention_soft_cap else "sdpa")
    config = gpt2_config(desc) if desc.learned_positions else rotary_config(desc)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation=attention, dtype=dtype)
    return model.eval()


def require(condition):
    if not condition:
        raise inferbench.Unsupported("no model class of transformers has this combination of features")


def gpt2_config(desc):
    require(desc.norm == "layer" and not desc.gated and not desc.qk_norm and not desc.post_norm)
    require(desc.qkv_bias and desc.attn_out_bias and desc.mlp_bias and desc.n_kv_heads == desc.n_heads)
    require(desc.n_heads * desc.head_dim == desc.hidden_size and desc.embedding_scale == 1)
    require(not desc.attention_soft_cap and not desc.logit_soft_cap)
    require(all(layer.rotary_table < 0 and not layer.window for layer in desc.layers))
    return transformers.GPT2Config(
        n_layer=desc.n_layers,
        n_head=desc.n_heads,
        n_embd=desc.hidden_size,
        n_inner=desc.intermediate_size,
        n_positions=desc.max_positions,
        vocab_size=desc.vocab_size,
        activation_function=ACTIVATIONS[desc.activation],
        layer_norm_epsilon=desc.norm_epsilon,
        tie_word_embeddings=desc.tied_head,
        bos_token_id=None,
        eos_token_id=None,
    )


def rotary_config(desc):
    """The configuration of Llama, Mistral, Qwen or Gemma: the class whose features the description has."""
    windows = {layer.window for layer in desc.layers if layer.window}
    tables = {(bool(layer.window), layer.rotary_table) for layer in desc.layers}
    is_gemma3 = desc.post_norm and desc.qk_norm
    require(desc.norm == "rms" and desc.gated and len(windows) <= 1)
    require(all(table >= 0 for _, table in tables))
    require(len({table for _, table in tables}) == 1 or is_gemma3 and len(tables) == 2)
    require(desc.post_norm or desc.embedding_scale == 1 and not desc.attention_soft_cap and not desc.logit_soft_cap)
    fields = {
        "num_hidden_layers": desc.n_layers,
        "num_attention_heads": desc.n_heads,
        "num_key_value_heads": desc.n_kv_heads,
        "head_dim": desc.head_dim,
        "hidden_size": desc.hidden_size,
        "intermediate_size": desc.intermediate_size,
        "max_position_embeddings": desc.max_positions,
        "vocab_size": desc.vocab_size,
        "rms_norm_eps": desc.norm_epsilon,
        "tie_word_embeddings": desc.tied_head,
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
    }
    layer_types = ["sliding_attention" if layer.window else "full_attention" for layer in desc.layers]
    sliding = {"layer_types": layer_types, "sliding_window": max(windows, default=None)}
    same_biases = desc.qkv_bias == desc.attn_out_bias
    if desc.post_norm:
        require(same_biases and not desc.mlp_bias)
        require(not is_gemma3 or not desc.attention_soft_cap)
        make = transformers.Gemma3TextConfig if is_gemma3 else transformers.Gemma2Config
        return make(
            hidden_activation=ACTIVATIONS[desc.activation],
            attention_bias=desc.qkv_bias,
            attn_logit_softcapping=desc.attention_soft_cap or None,
            final_logit_softcapping=desc.logit_soft_cap or None,
            **{**fields, **sliding, "sliding_window": max(windows, default=desc.max_positions)},
        )
    fields["hidden_act"] = ACTIVATIONS[desc.activation]
    if desc.qk_norm:
        require(same_biases and not desc.mlp_bias)
        return transformers.Qwen3Config(attention_bias=desc.qkv_bias, use_sliding_window=bool(windows), **fields, **sliding)
    if not same_biases or windows and len(set(layer_types)) > 1:
        require(desc.qkv_bias and not desc.attn_out_bias and not desc.mlp_bias)
        return transformers.Qwen2Config(use_sliding_window=bool(windows), **fields, **sliding)
    if windows:
        require(not desc.qkv_bias and not desc.mlp_bias)
        return transformers.MistralConfig(sliding_window=max(windows), **fields)
    return transformers.LlamaConfig(attention_bias=desc.qkv_bias, mlp_bias=desc.mlp_bias, **fields)


def layers_of(model):
    return model.base_model.h if hasattr(model.base_model, "h") else model.base_model.layers


def set_numbers(model, desc, device):
    """What the host gives as numbers: scales of attention and embeddings, and the rotary tables."""
    for layer, own in zip(layers_of(model), desc.layers):
        (layer.attn if hasattr(layer, "attn") else layer.self_attn).scaling = own.attention_scale
    if hasattr(model.base_model, "rotary_emb"):
        rotary = model.base_model.rotary_emb
        for layer in desc.layers:
            kind = "sliding_attention_" if layer.window else "full_attention_"  # Gemma 3 has a table for each
            prefix = kind if hasattr(rotary, kind + "inv_freq") else ""
            table = torch.tensor(desc.rotary_frequencies[layer.rotary_table], dtype=torch.float32, device=device)
            setattr(rotary, prefix + "inv_freq", table)
            setattr(rotary, prefix + "original_inv_freq", table.clone())
            setattr(rotary, prefix + "attention_scaling", desc.rotary_scales[layer.rotary_table])
    embedding = model.get_input_embeddings()
    if hasattr(embedding, "embed_scale"):
        embedding.embed_scale = torch.tensor(desc.embedding_scale, dtype=torch.float32, device=device)
    left = [name for name, tensor in [*model.named_parameters(), *model.named_buffers()] if tensor.is_meta]
    if left:
        raise inferbench.Unsupported(f"transformers {transformers.__version__} has tensors that are unknown here: {left}")


GPT2_NAMES = {
    "token_embedding": "transformer.wte",
    "position_embedding": "transformer.wpe",
    "attn_norm": "ln_1",
    "attn_out": "attn.c_proj",
    "mlp_norm": "ln_2",
    "mlp_up": "mlp.c_fc",
    "mlp_down": "mlp.c_proj",
    "final_norm": "transformer.ln_f",
    "head": "lm_head",
}
ROTARY_NAMES = {
    "token_embedding": "model.embed_tokens",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_out": "self_attn.o_proj",
    "mlp_norm": "post_attention_layernorm",
    "mlp_gate": "mlp.gate_proj",
    "mlp_up": "mlp.up_proj",
    "mlp_down": "mlp.down_proj",
    "final_norm": "model.norm",
    "head": "lm_head",
}
POST_NORM_NAMES = {
    "attn_post_norm": "post_attention_layernorm",
    "mlp_norm": "pre_feedforward_layernorm",
    "mlp_post_norm": "post_feedforward_layernorm",
}


def copied_weights(desc, tensors, device, dtype):
    """All weights under the names of transformers, on the device."""
    is_gpt2 = desc.learned_positions
    names = GPT2_NAMES if is_gpt2 else {**ROTARY_NAMES, **(POST_NORM_NAMES if desc.post_norm else {})}
    weights, joined = {}, {}
    for name in tensors:
        prefix, own, kind = split_name(name, "transformer.h." if is_gpt2 else "model.layers.")
        tensor = torch.from_dlpack(tensors[name])
        if desc.post_norm and own.endswith("norm"):
            tensor = tensor.float() - 1  # Gemma's classes add it
        if is_gpt2 and kind == "weight" and tensor.dim() == 2 and prefix:
            tensor = tensor.t()  # [inputs, outputs]
        tensor = tensor.to(device, dtype, copy=True).contiguous()
        if is_gpt2 and own in ("attn_q", "attn_k", "attn_v"):
            joined.setdefault(f"{prefix}attn.c_attn.{kind}", {})[own] = tensor
        else:
            weights[f"{prefix}{names[own]}.{kind}"] = tensor
    for name, parts in joined.items():
        weights[name] = torch.cat([parts[own] for own in ("attn_q", "attn_k", "attn_v")], dim=-1)
    if desc.tied_head:
        weights["lm_head.weight"] = weights[names["token_embedding"] + ".weight"]
    return weights


def split_name(name, layers):
    """'layer.3.attn_q.weight' -> ('model.layers.3.', 'attn_q', 'weight')"""
    *layer, own, kind = name.split(".")
    return f"{layers}{layer[1]}." if layer else "", own, kind
