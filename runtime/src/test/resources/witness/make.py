"""Tiny random models and what transformers says of them; see WitnessTest.

Made once with transformers 5.18 and torch in float32 on a CPU:

    python make.py

writes a folder a model beside this file: config.json, model.safetensors and golden.json (token ids
and the logits of every position). Norms, biases and routers get random values, so that each counts.
"""

import json
import pathlib
import shutil

import torch
import transformers as t

HERE = pathlib.Path(__file__).parent
TOKENS = 40
BASE = dict(
    vocab_size=19,
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    max_position_embeddings=64,
    initializer_range=0.4,
)
LLAMA3 = dict(
    rope_type="llama3",
    factor=8.0,
    low_freq_factor=1.0,
    high_freq_factor=4.0,
    original_max_position_embeddings=32,
    rope_theta=10000.0,
)
YARN = dict(
    rope_type="yarn", factor=4.0, original_max_position_embeddings=16, rope_theta=10000.0
)
# an epsilon of 1e-3 outside tells it from the 1e-6 of the norms over latents
MLA = dict(
    q_lora_rank=10,
    kv_lora_rank=8,
    qk_nope_head_dim=6,
    qk_rope_head_dim=4,
    v_head_dim=5,
    moe_intermediate_size=8,
    num_experts_per_tok=3,
    n_shared_experts=2,
    first_k_dense_replace=1,
    num_key_value_heads=4,
    n_routed_experts=8,
    rms_norm_eps=1e-3,
)
GROUPS = dict(n_group=4, topk_group=2)
SCALED = dict(rope_parameters=dict(**YARN, mscale=1.0, mscale_all_dim=0.7))

MODELS = {
    "llama": t.LlamaConfig(
        **BASE, num_key_value_heads=2, rope_parameters=LLAMA3, attention_bias=True, mlp_bias=True
    ),
    "llama-yarn": t.LlamaConfig(**BASE, num_key_value_heads=4, rope_parameters=YARN),
    "mistral": t.MistralConfig(**BASE, num_key_value_heads=2, sliding_window=16, head_dim=8),
    "qwen2": t.Qwen2Config(**BASE, num_key_value_heads=1, tie_word_embeddings=True),
    "qwen3": t.Qwen3Config(**BASE, num_key_value_heads=2, head_dim=6),
    "deepseek-v2": t.DeepseekV2Config(
        **BASE,
        **MLA,
        **GROUPS,
        **SCALED,
        topk_method="group_limited_greedy",
        routed_scaling_factor=1.7,
    ),
    "deepseek-v2-lite": t.DeepseekV2Config(
        **BASE, **(MLA | dict(q_lora_rank=None)), topk_method="greedy", attention_bias=True
    ),
    "deepseek-v3": t.DeepseekV3Config(
        **BASE, **MLA, **GROUPS, **SCALED, norm_topk_prob=True, routed_scaling_factor=2.5
    ),
}

for name, config in MODELS.items():
    torch.manual_seed(0)
    model = t.AutoModelForCausalLM.from_config(config).float().eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "norm" in key:
                parameter.add_(0.2 * torch.randn_like(parameter))
            if key.endswith("bias"):
                parameter.add_(0.3 * torch.randn_like(parameter))
        for key, buffer in model.named_buffers():
            if "correction" in key:
                buffer.add_(0.1 * torch.randn_like(buffer))
        tokens = torch.randint(0, BASE["vocab_size"], (1, TOKENS))
        logits = model(tokens).logits[0]
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    golden = dict(
        transformers=t.__version__,
        tokens=tokens[0].tolist(),
        logits=[[round(x, 6) for x in row] for row in logits.tolist()],
    )
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")
