"""Writes rope_scaling.json: what transformers makes of rotary parameters in every spelling we read.

    python formats/src/test/python/rope_scaling.py \
        > formats/src/test/resources/dev/regroup/formats/architecture/rope_scaling.json

Made with transformers 5.18.0. Each case holds a config.json, the frequencies and attention factor
that the model's rotary embedding takes from it, and the softmax scale of its attention.
"""

import json
import sys

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

LLAMA = dict(
    model_type="llama", architectures=["LlamaForCausalLM"], hidden_size=64, num_hidden_layers=1,
    num_attention_heads=2, num_key_value_heads=1, intermediate_size=32, vocab_size=32,
    max_position_embeddings=4096,
)  # fmt: skip
DEEPSEEK = dict(
    hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
    vocab_size=32, max_position_embeddings=16384, q_lora_rank=None, kv_lora_rank=16,
    qk_nope_head_dim=16, qk_rope_head_dim=16, v_head_dim=16, first_k_dense_replace=1,
    moe_intermediate_size=16, n_routed_experts=4, num_experts_per_tok=2, n_shared_experts=1,
    n_group=1, topk_group=1,
)  # fmt: skip
V2 = dict(DEEPSEEK, model_type="deepseek_v2", architectures=["DeepseekV2ForCausalLM"])
V3 = dict(DEEPSEEK, model_type="deepseek_v3", architectures=["DeepseekV3ForCausalLM"])
LLAMA3 = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0)
YARN = dict(factor=4.0, original_max_position_embeddings=1024)
DEEPSEEK_YARN = dict(
    type="yarn", factor=40, beta_fast=32, beta_slow=1, original_max_position_embeddings=4096
)  # fmt: skip

CASES = {
    "no parameters at all": LLAMA,
    "theta alone": dict(LLAMA, rope_theta=500000.0),
    "null scaling": dict(LLAMA, rope_theta=20000.0, rope_scaling=None),
    "empty scaling": dict(LLAMA, rope_theta=20000.0, rope_scaling={}),
    "transformers-5 default": dict(
        LLAMA, rope_parameters=dict(rope_type="default", rope_theta=1e6)
    ),
    "theta beside transformers-5 parameters": dict(
        LLAMA, rope_theta=777.0, rope_parameters=dict(rope_type="linear", factor=2.0)
    ),
    "linear, old key": dict(LLAMA, rope_theta=1e4, rope_scaling=dict(type="linear", factor=4.0)),
    "linear, transformers 5": dict(
        LLAMA, rope_parameters=dict(rope_type="linear", rope_theta=5e5, factor=2.5)
    ),
    "both, old wins": dict(
        LLAMA,
        rope_scaling=dict(type="linear", factor=4.0),
        rope_parameters=dict(rope_type="default", rope_theta=5e5),
    ),
    "llama3": dict(
        LLAMA,
        rope_theta=5e5,
        rope_scaling=dict(LLAMA3, rope_type="llama3", original_max_position_embeddings=512),
    ),
    "llama3, original positions from the maximum": dict(
        LLAMA, rope_parameters=dict(LLAMA3, rope_type="llama3", rope_theta=1e4)
    ),
    "llama3, head_dim stated": dict(
        LLAMA,
        head_dim=128,
        rope_theta=5e5,
        rope_scaling=dict(
            rope_type="llama3", factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0,
            original_max_position_embeddings=8192,
        ),
    ),
    "yarn": dict(LLAMA, rope_theta=1e4, rope_scaling=dict(YARN, rope_type="yarn")),
    "yarn, factor from positions": dict(
        LLAMA,
        rope_parameters=dict(
            rope_type="yarn", rope_theta=1e6, factor=None, original_max_position_embeddings=512
        ),
    ),
    "yarn, betas": dict(
        LLAMA, rope_theta=1e6, rope_scaling=dict(YARN, type="yarn", beta_fast=16, beta_slow=2)
    ),
    "yarn, zero betas": dict(
        LLAMA, rope_theta=1e6, rope_scaling=dict(YARN, type="yarn", beta_fast=0, beta_slow=0)
    ),
    "yarn, not truncated": dict(
        LLAMA, rope_theta=1e6, rope_scaling=dict(YARN, rope_type="yarn", truncate=False)
    ),
    "yarn, ramp without width": dict(
        LLAMA,
        rope_theta=1e4,
        rope_scaling=dict(rope_type="yarn", factor=2.0, original_max_position_embeddings=4),
    ),
    "yarn, attention factor": dict(
        LLAMA, rope_theta=1e6, rope_scaling=dict(YARN, rope_type="yarn", attention_factor=0.8)
    ),
    "yarn, mscale alone": dict(
        LLAMA, rope_theta=1e6, rope_scaling=dict(YARN, rope_type="yarn", mscale=0.707)
    ),
    "yarn, both mscales": dict(
        LLAMA,
        rope_theta=1e6,
        rope_scaling=dict(YARN, rope_type="yarn", mscale=0.5, mscale_all_dim=0.9),
    ),
    "yarn, original positions at the top": dict(
        LLAMA,
        rope_theta=1e6,
        original_max_position_embeddings=256,
        rope_scaling=dict(YARN, rope_type="yarn"),
    ),
    "deepseek_v2, no scaling": dict(V2, rope_theta=1e4),
    "deepseek_v2 as published": dict(
        V2, rope_theta=1e4, rope_scaling=dict(DEEPSEEK_YARN, mscale=0.707, mscale_all_dim=0.707)
    ),
    "deepseek_v2, no mscale": dict(V2, rope_theta=1e4, rope_scaling=DEEPSEEK_YARN),
    "deepseek_v3 as published": dict(
        V3, rope_theta=1e4, rope_scaling=dict(DEEPSEEK_YARN, mscale=1.0, mscale_all_dim=1.0)
    ),
    "deepseek_v3, transformers 5": dict(
        V3,
        rope_parameters=dict(
            DEEPSEEK_YARN, rope_type="yarn", rope_theta=1e4, mscale=0.6, mscale_all_dim=0.3
        ),
    ),
}


def main():
    print(f"transformers {transformers.__version__}, torch {torch.__version__}", file=sys.stderr)
    cases = []
    for name, fields in CASES.items():
        stated = json.loads(json.dumps(fields))
        config = AutoConfig.for_model(**json.loads(json.dumps(fields)))
        model = AutoModelForCausalLM.from_config(config)
        rotary = model.model.rotary_emb
        cases.append(
            dict(
                name=name,
                config=stated,
                inverse_frequencies=rotary.inv_freq.tolist(),
                attention_factor=rotary.attention_scaling,
                softmax_scale=model.model.layers[0].self_attn.scaling,
            )
        )
    json.dump(cases, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
