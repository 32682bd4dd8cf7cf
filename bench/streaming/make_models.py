"""Writes the models that bench/streaming.md measures, with random weights drawn on a GPU.

    make_models.py deepseek FOLDER   two full-width layers of DeepSeek-Coder-V2 in FP8, 7.9 GB
    make_models.py llama FOLDER      a Llama of 1.2B parameters in BF16, 2.5 GB

Needs PyTorch; writes safetensors by hand, one file a layer.
"""
import json
import os
import struct
import sys

import torch

DTYPES = {torch.bfloat16: "BF16", torch.float32: "F32", torch.uint8: "F8_E4M3"}


def save(path, tensors):
    header, offset = {}, 0
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": DTYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            out.write(tensor.contiguous().view(torch.uint8).cpu().numpy().data)


def dense(rows, columns):
    return (torch.randn(rows, columns, device="cuda") / columns**0.5).to(torch.bfloat16)


def ones(count):
    return torch.ones(count, dtype=torch.bfloat16, device="cuda")


def fp8(tensors, name, rows, columns):
    """Codes of a normal distribution, and scales by blocks of 128 x 128 around the usual size."""
    weight = torch.randn(rows, columns, device="cuda").clamp(-4, 4) * 100
    tensors[name + ".weight"] = weight.to(torch.float8_e4m3fn).view(torch.uint8)
    blocks = (-(-rows // 128), -(-columns // 128))
    size = 1 / 100 / columns**0.5
    tensors[name + ".weight_scale_inv"] = (0.5 + torch.rand(blocks, device="cuda")) * size


def finish(folder, config, files):
    index = {name: file for file, tensors in files.items() for name in tensors}
    with open(os.path.join(folder, "model.safetensors.index.json"), "w") as out:
        json.dump({"metadata": {}, "weight_map": index}, out)
    with open(os.path.join(folder, "config.json"), "w") as out:
        json.dump(config, out)


def write(folder, config, hidden, layers, vocabulary, layer):
    os.makedirs(folder)
    torch.manual_seed(1)
    count = layers + 1
    files = {}
    for i in range(layers):
        name = f"model-{i + 1:05d}-of-{count:05d}.safetensors"
        tensors = layer(f"model.layers.{i}.")
        save(os.path.join(folder, name), tensors)
        files[name] = list(tensors)
    rest = {
        "model.embed_tokens.weight": dense(vocabulary, hidden),
        "model.norm.weight": ones(hidden),
        "lm_head.weight": dense(vocabulary, hidden),
    }
    name = f"model-{count:05d}-of-{count:05d}.safetensors"
    save(os.path.join(folder, name), rest)
    files[name] = list(rest)
    finish(folder, config, files)


def deepseek(folder):
    hidden, heads, q_rank, kv_rank, nope, rope, value = 5120, 128, 1536, 512, 128, 64, 128
    experts, width = 160, 1536

    def layer(prefix):
        tensors = {}
        attention = prefix + "self_attn."
        fp8(tensors, attention + "q_a_proj", q_rank, hidden)
        tensors[attention + "q_a_layernorm.weight"] = ones(q_rank)
        fp8(tensors, attention + "q_b_proj", heads * (nope + rope), q_rank)
        fp8(tensors, attention + "kv_a_proj_with_mqa", kv_rank + rope, hidden)
        tensors[attention + "kv_a_layernorm.weight"] = ones(kv_rank)
        fp8(tensors, attention + "kv_b_proj", heads * (nope + value), kv_rank)
        fp8(tensors, attention + "o_proj", hidden, heads * value)
        tensors[prefix + "mlp.gate.weight"] = dense(experts, hidden)
        names = [(f"experts.{e}", width) for e in range(experts)] + [("shared_experts", 2 * width)]
        for name, inner in names:
            fp8(tensors, f"{prefix}mlp.{name}.gate_proj", inner, hidden)
            fp8(tensors, f"{prefix}mlp.{name}.up_proj", inner, hidden)
            fp8(tensors, f"{prefix}mlp.{name}.down_proj", hidden, inner)
        tensors[prefix + "input_layernorm.weight"] = ones(hidden)
        tensors[prefix + "post_attention_layernorm.weight"] = ones(hidden)
        return tensors

    config = {
        "architectures": ["DeepseekV2ForCausalLM"],
        "model_type": "deepseek_v2",
        "hidden_size": hidden,
        "num_hidden_layers": 2,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "q_lora_rank": q_rank,
        "kv_lora_rank": kv_rank,
        "qk_nope_head_dim": nope,
        "qk_rope_head_dim": rope,
        "v_head_dim": value,
        "intermediate_size": 12288,
        "moe_intermediate_size": width,
        "n_routed_experts": experts,
        "n_shared_experts": 2,
        "num_experts_per_tok": 6,
        "topk_method": "group_limited_greedy",
        "n_group": 8,
        "topk_group": 3,
        "routed_scaling_factor": 16.0,
        "norm_topk_prob": False,
        "scoring_func": "softmax",
        "first_k_dense_replace": 0,
        "moe_layer_freq": 1,
        "vocab_size": 1024,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": False,
        "hidden_act": "silu",
        "attention_bias": False,
        "torch_dtype": "bfloat16",
        "quantization_config": {
            "quant_method": "fp8",
            "fmt": "e4m3",
            "activation_scheme": "dynamic",
            "weight_block_size": [128, 128],
        },
    }
    write(folder, config, hidden, 2, 1024, layer)


def llama(folder):
    hidden, heads, kv_heads, dim, inner, layers = 2048, 32, 8, 64, 8192, 18

    def layer(prefix):
        return {
            prefix + "self_attn.q_proj.weight": dense(heads * dim, hidden),
            prefix + "self_attn.k_proj.weight": dense(kv_heads * dim, hidden),
            prefix + "self_attn.v_proj.weight": dense(kv_heads * dim, hidden),
            prefix + "self_attn.o_proj.weight": dense(hidden, heads * dim),
            prefix + "mlp.gate_proj.weight": dense(inner, hidden),
            prefix + "mlp.up_proj.weight": dense(inner, hidden),
            prefix + "mlp.down_proj.weight": dense(hidden, inner),
            prefix + "input_layernorm.weight": ones(hidden),
            prefix + "post_attention_layernorm.weight": ones(hidden),
        }

    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": dim,
        "intermediate_size": inner,
        "vocab_size": 32000,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": False,
        "hidden_act": "silu",
        "torch_dtype": "bfloat16",
    }
    write(folder, config, hidden, layers, 32000, layer)


if __name__ == "__main__":
    {"deepseek": deepseek, "llama": llama}[sys.argv[1]](sys.argv[2])
