# SPDX-License-Identifier: Apache-2.0
"""Dense decoders (GPT-2, Llama, Mistral, Qwen, Gemma) in plain PyTorch, eager or compiled, on the CPU or a GPU.

    inferbench generate --backend python --option module=examples/torch_backend.py --model MODEL --prompt "..."

args: mode=eager (default) or compiled (torch.compile, from PyTorch 2.0 on); device=cpu (default), cuda or cuda:1.
docs/python_backend.md says with which versions it was tried.
The formulas are those of ib_model_desc in inferbench/backend.h. Shapes stand next to the tensors.
"""

import os

os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # else torch.compile starts processes of its own

import torch
import torch.nn.functional as F

import inferbench

ROWS = 512  # most tokens that go through the layers at once; it bounds the work space
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
HAS_FUSED_ATTENTION = hasattr(F, "scaled_dot_product_attention")  # from PyTorch 2.0 on


class Backend:
    precisions = {
        "fp32": "weights, activations and KV cache in fp32",
        "bf16": "weights, activations and KV cache in bfloat16; norms and rotations in fp32",
        "fp16": "weights, activations and KV cache in fp16; norms and rotations in fp32",
    }
    packages = ["torch"]

    def load(self, description, tensors, settings):
        """Copies the weights: the host's memory is gone after this call."""
        if torch.get_num_threads() != settings.threads:  # OMP_NUM_THREADS says so; this would start another pool, too
            torch.set_num_threads(settings.threads)
        self.desc = description
        self.device = torch.device(settings.args.get("device", "cpu"))
        self.dtype = TYPES[settings.precision]
        if self.device.type == "cuda" and not torch.cuda.is_available():
            raise inferbench.Unsupported(f"PyTorch {torch.__version__} finds no GPU here")
        if settings.precision == "fp16" and self.device.type == "cpu":
            raise inferbench.Unsupported("fp16 needs a GPU: args device=cuda")
        self.weights = {
            name: torch.from_dlpack(tensors[name]).to(self.device, self.dtype, copy=True).contiguous() for name in tensors
        }
        self.layers = [self.layer_weights(i) for i in range(description.n_layers)]
        self.head = self.weights["token_embedding.weight" if description.tied_head else "head.weight"]
        self.frequencies = torch.tensor(description.rotary_frequencies, dtype=torch.float64, device=self.device)
        self.weights_bytes = sum(bytes_of(weight) for weight in self.weights.values())
        unread = description.max_positions - 1 if description.learned_positions else 0  # a step reads one row of each
        if not description.tied_head:
            unread += description.vocab_size - 1
        self.decode_weights_bytes = self.weights_bytes - unread * bytes_of(self.head[0])
        self.before, self.after = project, finish
        if settings.args.get("mode", "eager") == "compiled":
            if not hasattr(torch, "compile"):
                raise inferbench.Unsupported(f"PyTorch {torch.__version__} has no torch.compile: use mode=eager")
            self.before, self.after = torch.compile(project, dynamic=True), torch.compile(finish, dynamic=True)

    def layer_weights(self, index):
        prefix = f"layer.{index}."
        return {name[len(prefix) :]: weight for name, weight in self.weights.items() if name.startswith(prefix)}

    def open(self, slots, max_tokens, max_forward_tokens):
        return Session(self.desc, self.device, self.dtype, slots, max_tokens, max_forward_tokens)

    def forward(self, session, sequences):
        with torch.inference_mode():
            for parts in passes(sequences):
                self.write_outputs(parts, self.run_layers(session, parts))

    # A slot's keys and values are found by position, so truncate(session, slot, length) has nothing to do.

    def run_layers(self, session, parts):
        """The tokens of one pass, from their embeddings to the last layer: [rows, hidden_size]."""
        desc = self.desc
        tokens = torch.cat([part.tokens for part in parts]).to(self.device)
        positions = torch.cat([torch.arange(part.first, part.end) for part in parts]).to(self.device)
        x = self.weights["token_embedding.weight"][tokens]
        if desc.embedding_scale != 1:
            x = x * desc.embedding_scale
        if desc.learned_positions:
            x = x + self.weights["position_embedding.weight"][positions]
        rotations = [rotation(positions, *table) for table in zip(self.frequencies, desc.rotary_scales)]
        for i, (layer, weights) in enumerate(zip(desc.layers, self.layers)):
            inferbench.poll()  # raises inferbench.Cancelled if the host wants to stop
            rotate_by = rotations[layer.rotary_table] if layer.rotary_table >= 0 else None
            q, k, v = self.before(desc, weights, x, rotate_by)
            x = self.after(desc, weights, x, self.attention(session, i, q, k, v, parts))
        return x

    def attention(self, session, i, q, k, v, parts):
        """q [rows, heads, head_dim], k and v [rows, kv heads, head_dim] -> [rows, heads * head_dim]"""
        layer, attended, begin = self.desc.layers[i], [], 0
        for part in parts:
            rows = slice(begin, begin + part.n)
            keys, values = session.store(i, part, k[rows], v[rows])
            attended.append(attend(q[rows], keys, values, part.first, layer, self.desc.attention_soft_cap))
            begin += part.n
        return attended[0] if len(attended) == 1 else torch.cat(attended)

    def write_outputs(self, parts, x):
        begin = 0
        for part in parts:
            wanted = part.wanted_rows()
            if wanted.stop > wanted.start:
                rows = norm(self.desc, self.weights, "final_norm", x[begin + wanted.start : begin + wanted.stop])
                part.write(soft_cap(F.linear(rows, self.head).float(), self.desc.logit_soft_cap))
            begin += part.n


class Session:
    def __init__(self, desc, device, dtype, slots, max_tokens, max_forward_tokens):
        shape = (desc.n_layers, slots, desc.n_kv_heads, max_tokens, desc.head_dim)
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros(shape, dtype=dtype, device=device)
        self.kv_bytes = bytes_of(self.keys) + bytes_of(self.values)
        rows = min(ROWS, max_forward_tokens)
        widths = 6 * desc.hidden_size + 4 * desc.intermediate_size + 3 * desc.n_heads * (desc.head_dim + max_tokens)
        self.scratch_bytes = 4 * (rows * widths + 2 * desc.vocab_size)

    def store(self, layer, part, k, v):
        """Appends keys and values [n, kv heads, head_dim]; returns all of the slot: [kv heads, positions, head_dim]."""
        self.keys[layer, part.slot, :, part.first : part.end] = k.transpose(0, 1)
        self.values[layer, part.slot, :, part.first : part.end] = v.transpose(0, 1)
        return self.keys[layer, part.slot, :, : part.end], self.values[layer, part.slot, :, : part.end]


class Part:
    """Consecutive new tokens of one sequence that go through the layers together: those from `begin` on."""

    def __init__(self, sequence, begin, end):
        self.sequence = sequence
        self.slot = sequence.slot
        self.tokens = torch.from_dlpack(sequence.tokens)[begin:end].long()  # a copy: the host's memory is int32
        self.begin, self.n = begin, end - begin
        self.first, self.end = sequence.past + begin, sequence.past + end  # positions
        self.is_last = end == sequence.tokens.shape[0]

    def wanted_rows(self):
        """The rows of this part whose logits the host wants."""
        if self.sequence.output == "all":
            return range(self.n)
        return range(self.n - 1, self.n) if self.is_last and self.sequence.output != "none" else range(0)

    def write(self, logits):
        if self.sequence.output == "greedy":
            memoryview(self.sequence.ids)[0] = int(logits[0].argmax())  # the lowest id where several are equal
        else:
            first = self.begin if self.sequence.output == "all" else 0
            torch.from_dlpack(self.sequence.logits)[first : first + len(logits)].copy_(logits)


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


def project(desc, weights, x, rotate_by):
    """x [rows, hidden_size] -> queries, keys and values [rows, heads, head_dim]"""
    y = norm(desc, weights, "attn_norm", x)
    q = linear(weights, "attn_q", y).view(-1, desc.n_heads, desc.head_dim)
    k = linear(weights, "attn_k", y).view(-1, desc.n_kv_heads, desc.head_dim)
    v = linear(weights, "attn_v", y).view(-1, desc.n_kv_heads, desc.head_dim)
    if desc.qk_norm:
        q = rms_norm(q, weights["attn_q_norm.weight"], desc.norm_epsilon)
        k = rms_norm(k, weights["attn_k_norm.weight"], desc.norm_epsilon)
    if rotate_by is not None:
        q, k = rotate(q, *rotate_by), rotate(k, *rotate_by)
    return q, k, v


def finish(desc, weights, x, attended):
    """The rest of a layer: x [rows, hidden_size], attended [rows, heads * head_dim] -> [rows, hidden_size]"""
    attended = linear(weights, "attn_out", attended)
    x = x + (norm(desc, weights, "attn_post_norm", attended) if desc.post_norm else attended)
    y = norm(desc, weights, "mlp_norm", x)
    up = linear(weights, "mlp_up", y)
    if desc.gated:
        up = activate(desc.activation, linear(weights, "mlp_gate", y)) * up
    else:
        up = activate(desc.activation, up)
    mixed = linear(weights, "mlp_down", up)
    return x + (norm(desc, weights, "mlp_post_norm", mixed) if desc.post_norm else mixed)


def attend(q, keys, values, first, layer, cap):
    """q [n, heads, size] at positions from `first` on; keys, values [kv heads, positions, size] -> [n, heads * size]"""
    n, n_heads, size = q.shape
    begin = max(0, first + 1 - layer.window) if layer.window else 0  # before it, no row of q sees anything
    keys, values = keys[:, begin:], values[:, begin:]
    n_kv, group = keys.shape[0], n_heads // keys.shape[0]
    # The heads of a group are rows of one product: no key is copied.
    grouped = q.view(n, n_kv, group, size).permute(1, 2, 0, 3).reshape(n_kv, group * n, size)
    seen = None
    if n > 1:
        distance = torch.arange(first, first + n)[:, None] - torch.arange(begin, begin + keys.shape[1])
        seen = (distance >= 0) & (distance < layer.window) if layer.window else distance >= 0
        seen = seen.to(q.device).repeat(group, 1)
    if HAS_FUSED_ATTENTION and not cap:
        scaled = grouped * (layer.attention_scale * size**0.5)  # PyTorch 2.0 has only its own scale
        mixed = F.scaled_dot_product_attention(scaled[None], keys[None], values[None], attn_mask=seen)[0]
    else:
        scores = soft_cap((grouped @ keys.transpose(1, 2)).float() * layer.attention_scale, cap)
        if seen is not None:
            scores = scores.masked_fill(~seen, float("-inf"))
        mixed = scores.softmax(-1).to(values.dtype) @ values
    return mixed.view(n_kv, group, n, size).permute(2, 0, 1, 3).reshape(n, n_heads * size)


def linear(weights, name, x):
    return F.linear(x, weights[name + ".weight"], weights.get(name + ".bias"))


def norm(desc, weights, name, x):
    weight = weights[name + ".weight"]
    if desc.norm == "rms":
        return rms_norm(x, weight, desc.norm_epsilon)
    return F.layer_norm(x.float(), weight.shape, weight.float(), weights[name + ".bias"].float(), desc.norm_epsilon).to(x.dtype)


def rms_norm(x, weight, epsilon):
    wide = x.float()
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + epsilon) * weight).to(x.dtype)


def rotation(positions, frequencies, scale):
    """Cosines and sines of a rotary table: [rows, 1, head_dim / 2]. Angles in double: they grow with the position."""
    angles = positions[:, None, None] * frequencies
    return (angles.cos() * scale).float(), (angles.sin() * scale).float()


def rotate(x, cosines, sines):
    """x [rows, heads, head_dim], by halves."""
    a, b = x.float().chunk(2, dim=-1)
    return torch.cat([a * cosines - b * sines, b * cosines + a * sines], dim=-1).to(x.dtype)


def soft_cap(x, cap):
    return cap * torch.tanh(x / cap) if cap else x


def activate(kind, x):
    if kind == "gelu_tanh":
        return F.gelu(x, approximate="tanh")
    if kind == "gelu_erf":
        return F.gelu(x)
    return F.silu(x) if kind == "silu" else F.relu(x)


def bytes_of(tensor):
    return tensor.numel() * tensor.element_size()
