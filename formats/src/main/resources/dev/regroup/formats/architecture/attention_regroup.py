# Copyright the authors of Regroup. Licensed under the Apache License, Version 2.0.
"""The attention of a converted model: GTA, GLA (MLA is its case of one latent), and GQA where layers differ.

What is cached of a token is a row of states and one rotated rotary key for all heads; see `Attention` in
configuration_regroup.py. In a cache of transformers, `keys` are the states and `values` the rotary key.

Letters in comments: B sequences, T new tokens, S tokens in the cache, H query heads, G states of a token.
"""

import torch
from torch import nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.llama.modeling_llama import LlamaRMSNorm as RMSNorm
from transformers.models.llama.modeling_llama import eager_attention_forward

# DeepSeek's own code has it in the norms over a latent, whatever the configuration says.
LATENT_NORM_EPSILON = 1e-6


class Rotation:
    """Turns rotated elements to their positions.

    No module, so that neither a cast to BF16 nor a start on the meta device touches the frequencies.
    """

    def __init__(self, spec):
        self.frequencies = spec.frequencies
        self.factor = spec.attention_factor
        self.on_device = {}

    def table(self, positions):
        """Cosine and sine, each [B, 1, T, rope_dim / 2], float32; angles are taken in float64 where there is one."""
        device = positions.device
        precise = torch.float32 if device.type == "mps" else torch.float64
        if device not in self.on_device:
            self.on_device[device] = torch.tensor(self.frequencies, dtype=precise, device=device)
        angles = positions[:, None, :, None].to(precise) * self.on_device[device]
        return (angles.cos() * self.factor).float(), (angles.sin() * self.factor).float()


def rotate(x, table, interleaved):
    """Turns x [B, heads, T, rope_dim] by a table."""
    cos, sin = table
    wide = x.float()
    if interleaved:
        first, second = wide[..., 0::2], wide[..., 1::2]
    else:
        first, second = wide.chunk(2, dim=-1)
    turned = (first * cos - second * sin, second * cos + first * sin)
    both = torch.stack(turned, dim=-1).flatten(-2) if interleaved else torch.cat(turned, dim=-1)
    return both.to(x.dtype)


def plain_weight(linear, heads):
    """The weight of a projection as [heads, out / heads, in], for use head by head."""
    if linear.weight.element_size() < 2:
        raise NotImplementedError(
            f"an 8-bit weight of {linear} is used head by head -> load the model dequantized, "
            "or convert it without --requantize"
        )
    return linear.weight.unflatten(0, (heads, -1))


class RegroupAttention(nn.Module):
    """The attention sublayer of one layer, whatever its layout."""

    is_causal = True

    def __init__(self, config, layer_idx, spec):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.spec = spec
        self.scaling = spec.softmax_scale
        self.attention_dropout = getattr(config, "attention_dropout", 0.0) or 0.0
        # GLA's keys and values are made for every head, or its heads meet the latent as rows of one query
        self.num_key_value_groups = 1 if spec.kind == "gla" else spec.query_heads // spec.state_heads
        self.add_query(config.hidden_size, config.rms_norm_eps)
        self.add_state(config.hidden_size, config.rms_norm_eps)
        outputs = spec.query_heads * spec.value_dim
        self.o_proj = nn.Linear(outputs, config.hidden_size, bias=spec.output_bias)

    def add_query(self, hidden_size, epsilon):
        """Makes the modules that lead to the queries."""
        spec, path = self.spec, self.spec.query
        head = spec.nope_dim + spec.rope_dim
        queries = spec.query_heads * head
        if path["kind"] == "direct":
            self.q_proj = nn.Linear(hidden_size, queries, bias=path["bias"])
            if path["head_norm"]:
                self.q_norm = RMSNorm(head, eps=epsilon)
        elif path["kind"] == "mixed":
            dim = path["source_head_dim"]
            self.q_proj = nn.Linear(hidden_size, spec.query_heads * dim, bias=path["bias"])
            self.q_norm = RMSNorm(dim, eps=epsilon)
            self.q_state_proj = nn.Linear(dim, queries, bias=False)
        elif path["kind"] == "low_rank":
            self.q_a_proj = nn.Linear(hidden_size, path["rank"], bias=path["bias"])
            self.q_a_layernorm = RMSNorm(path["rank"], eps=LATENT_NORM_EPSILON)
            self.q_b_proj = nn.Linear(path["rank"], queries, bias=False)
        else:  # reference
            self.W_dQ = nn.Linear(hidden_size, path["rank"])
            self.q_norm = RMSNorm(path["rank"], eps=epsilon)
            self.W_uQ_rope = nn.Linear(path["rank"], queries)

    def add_state(self, hidden_size, epsilon):
        """Makes the modules that lead to the states, and those that lead from a latent to keys and values."""
        spec, path = self.spec, self.spec.state
        states = spec.state_heads * spec.state_dim
        if path["kind"] == "key_value":
            self.add_key_value(hidden_size, states // 2, spec.rope_dim if path["key_norm"] else 0, epsilon)
        elif path["kind"] == "tied":
            self.kv_proj = nn.Linear(hidden_size, states, bias=path["bias"])
            self.W_rope_k = nn.Linear(hidden_size, spec.rope_dim)
        elif path["kind"] == "latent":
            rank = path["rank"]
            self.kv_a_proj_with_mqa = nn.Linear(hidden_size, rank + spec.rope_dim, bias=path["bias"])
            if path["norm"]:
                self.kv_a_layernorm = RMSNorm(rank, eps=LATENT_NORM_EPSILON)
            if path["projected"]:
                self.kv_latent_proj = nn.Linear(rank, states, bias=False)
        elif path["kind"] == "encoded":
            keys = path["source_kv_heads"] * path["source_head_dim"]
            self.add_key_value(hidden_size, keys, path["source_head_dim"], epsilon)
            self.kv_state_proj = nn.Linear(2 * keys, states, bias=False)
            self.rope_key_proj = nn.Linear(keys, spec.rope_dim, bias=False)
        else:  # reference
            self.W_dKV = nn.Linear(hidden_size, states + spec.rope_dim)
            self.kv_norm_1 = RMSNorm(spec.state_dim, eps=epsilon)
            self.kv_norm_2 = RMSNorm(spec.state_dim, eps=epsilon)
        if spec.kind == "gla":
            up = spec.query_heads * (spec.nope_dim + spec.value_dim)
            if path["kind"] == "reference":
                self.W_ukv_1 = nn.Linear(spec.state_dim, up // 2)
                self.W_ukv_2 = nn.Linear(spec.state_dim, up // 2)
            else:
                self.kv_b_proj = nn.Linear(spec.state_dim, up, bias=False)

    def add_key_value(self, hidden_size, keys, norm_dim, epsilon):
        """Makes the key and value projections of a GQA source."""
        self.k_proj = nn.Linear(hidden_size, keys, bias=self.spec.state["bias"])
        self.v_proj = nn.Linear(hidden_size, keys, bias=self.spec.state["bias"])
        if norm_dim:
            self.k_norm = RMSNorm(norm_dim, eps=epsilon)

    def queries(self, x):
        """Queries [B, H, T, nope_dim + rope_dim], not rotated."""
        spec, kind = self.spec, self.spec.query["kind"]
        heads = (spec.query_heads, -1)
        if kind == "direct":
            q = self.q_proj(x).unflatten(-1, heads)
            if self.spec.query["head_norm"]:
                q = self.q_norm(q)
        elif kind == "mixed":
            q = self.q_norm(self.q_proj(x).unflatten(-1, heads))
            q = torch.einsum("bthd,hod->btho", q, plain_weight(self.q_state_proj, spec.query_heads))
        elif kind == "low_rank":
            q = self.q_b_proj(self.q_a_layernorm(self.q_a_proj(x))).unflatten(-1, heads)
        else:  # reference
            q = self.W_uQ_rope(self.q_norm(self.W_dQ(x))).unflatten(-1, heads)
        return q.transpose(1, 2)

    def states(self, x):
        """What is cached, before rotation: states [B, 1, T, G * state_dim], rotary key [B, 1, T, rope_dim].

        GQA: keys and values, each [B, G, T, head_dim]. The states of a token lie side by side as one head, since
        static caches want as many heads in `keys` as in `values`.
        """
        spec, path = self.spec, self.spec.state
        if path["kind"] == "key_value":
            heads = (spec.state_heads, -1)
            keys = self.k_proj(x).unflatten(-1, heads)
            if path["key_norm"]:
                keys = self.k_norm(keys)
            return keys.transpose(1, 2), self.v_proj(x).unflatten(-1, heads).transpose(1, 2)
        if path["kind"] == "tied":
            states, turning = self.kv_proj(x), self.W_rope_k(x)
        elif path["kind"] == "latent":
            states, turning = self.kv_a_proj_with_mqa(x).split([path["rank"], spec.rope_dim], dim=-1)
            if path["norm"]:
                states = self.kv_a_layernorm(states)
            if path["projected"]:
                states = self.kv_latent_proj(states)
        elif path["kind"] == "encoded":
            keys = self.k_norm(self.k_proj(x).unflatten(-1, (path["source_kv_heads"], -1))).flatten(-2)
            states, turning = self.kv_state_proj(torch.cat([keys, self.v_proj(x)], dim=-1)), self.rope_key_proj(keys)
        else:  # reference
            widths = [spec.state_dim, spec.state_dim, spec.rope_dim]
            first, second, turning = self.W_dKV(x).split(widths, dim=-1)
            states = torch.cat([self.kv_norm_1(first), self.kv_norm_2(second)], dim=-1)
        return states.unsqueeze(1), turning.unsqueeze(1)

    def up(self):
        """What leads from latents to keys and values: weight [H, nope_dim + value_dim, latent_dim], bias or None."""
        heads = self.spec.query_heads
        if self.spec.state["kind"] != "reference":
            return plain_weight(self.kv_b_proj, heads), None
        both = (self.W_ukv_1, self.W_ukv_2)
        weight = torch.cat([plain_weight(linear, heads // 2) for linear in both])
        return weight, torch.cat([linear.bias for linear in both]).unflatten(0, (heads, -1))

    def expanded(self, states, turned):
        """Keys [B, H, S, nope_dim + rope_dim] and values [B, H, S, value_dim] made of latents and rotary key."""
        spec = self.spec
        weight, bias = self.up()
        # every group of heads reads its latent: [B, G, 1, S, latent] x [G, H/G, latent, out]
        by_group = weight.unflatten(0, (spec.state_heads, -1)).transpose(-1, -2)
        both = torch.matmul(states.unsqueeze(2), by_group).flatten(1, 2)
        if bias is not None:
            both = both + bias[:, None]
        keys, values = both.split([spec.nope_dim, spec.value_dim], dim=-1)
        return torch.cat([keys, turned.expand(-1, spec.query_heads, -1, -1)], dim=-1), values

    def attend(self, queries, keys, values, mask, **kwargs):
        """Softmax attention as transformers has it; [B, T, heads, width] and the weights, where it keeps them."""
        name = self.config._attn_implementation
        if hasattr(ALL_ATTENTION_FUNCTIONS, "get_interface"):
            attention = ALL_ATTENTION_FUNCTIONS.get_interface(name, eager_attention_forward)
        else:  # before transformers 5
            attention = eager_attention_forward if name == "eager" else ALL_ATTENTION_FUNCTIONS[name]
        dropout = self.attention_dropout if self.training else 0.0
        return attention(self, queries, keys, values, mask, dropout=dropout, scaling=self.scaling, **kwargs)

    def attend_latents(self, queries, states, turned, mask, **kwargs):
        """One new token: the up-projections go into query and output, so that the latents themselves are keys and
        values, and every latent is read once by all heads of its group. A key's bias vanishes in the softmax."""
        spec = self.spec
        weight, bias = self.up()
        to_key, to_value = weight.split([spec.nope_dim, spec.value_dim], dim=1)
        nope, turning = queries.split([spec.nope_dim, spec.rope_dim], dim=-1)
        absorbed = torch.cat([torch.matmul(nope, to_key), turning], dim=-1)
        rows = absorbed.reshape(absorbed.shape[0], spec.state_heads, -1, absorbed.shape[-1])
        keys = torch.cat([states, turned.expand(-1, spec.state_heads, -1, -1)], dim=-1)
        output, weights = self.attend(rows, keys, states, mask, is_causal=False, **kwargs)
        # [B, H/G, G, latent] -> [B, H, 1, latent]
        output = output.transpose(1, 2).reshape(output.shape[0], spec.query_heads, 1, -1)
        output = torch.matmul(output, to_value.transpose(-1, -2)).transpose(1, 2)
        if bias is not None:
            output = output + bias[:, spec.nope_dim:]
        return output, None if weights is None else weights.reshape(weights.shape[0], spec.query_heads, 1, -1)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, position_embeddings=None, **kwargs):
        spec, new_tokens = self.spec, hidden_states.shape[1]
        nope, turning = self.queries(hidden_states).split([spec.nope_dim, spec.rope_dim], dim=-1)
        queries = torch.cat([nope, rotate(turning, position_embeddings, spec.interleaved)], dim=-1)
        first, second = self.states(hidden_states)
        if spec.kind == "gqa":
            first = rotate(first, position_embeddings, spec.interleaved)
        else:
            second = rotate(second, position_embeddings, spec.interleaved)
        if past_key_values is not None:
            first, second = past_key_values.update(first, second, self.layer_idx)
        if spec.kind != "gqa":
            first = first.squeeze(1).unflatten(-1, (spec.state_heads, -1)).transpose(1, 2)
        if spec.kind == "gla" and past_key_values is not None and new_tokens == 1:
            output, weights = self.attend_latents(queries, first, second, attention_mask, **kwargs)
        else:
            keys, values = self.keys_and_values(first, second)
            output, weights = self.attend(queries, keys, values, attention_mask, **kwargs)
        return self.o_proj(output.flatten(2)), weights

    def keys_and_values(self, first, second):
        """Keys and values made of what is cached, states being [B, G, S, state_dim]."""
        spec = self.spec
        if spec.kind == "gqa":
            return first, second
        if spec.kind == "gla":
            return self.expanded(first, second)
        turned = second.expand(-1, spec.state_heads, -1, -1)
        return torch.cat([first[..., : spec.nope_dim], turned], dim=-1), first
