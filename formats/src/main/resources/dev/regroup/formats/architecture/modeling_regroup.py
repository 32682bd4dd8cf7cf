# Copyright the authors of Regroup. Licensed under the Apache License, Version 2.0.
"""A model that Regroup converted to GTA or GLA attention, for transformers.

Everything but attention is the source family's own: its modules are transformers' and are used as they are. The
cache holds what the layouts are about and nothing else: GTA its tied states and one rotary key for all heads, GLA
its latents and one rotary key. It is an ordinary cache of transformers; what it calls keys are the states, what it
calls values the rotated rotary key.

Tested with transformers 5.18 and 5.17; no network, no files.
"""

import inspect

import torch
from torch import nn
from transformers import DynamicCache, GenerationMixin, PreTrainedModel
from transformers.masking_utils import create_causal_mask, create_sliding_window_causal_mask
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.models.deepseek_v2 import modeling_deepseek_v2
from transformers.models.deepseek_v3 import modeling_deepseek_v3
from transformers.models.llama.modeling_llama import LlamaMLP
from transformers.models.mistral.modeling_mistral import MistralMLP
from transformers.models.qwen2.modeling_qwen2 import Qwen2MLP
from transformers.models.qwen3.modeling_qwen3 import Qwen3MLP
from transformers.utils import can_return_tuple

from .attention_regroup import RegroupAttention, RMSNorm, Rotation
from .configuration_regroup import RegroupConfig

DENSE = {
    "llama": LlamaMLP,
    "mistral": MistralMLP,
    "qwen2": Qwen2MLP,
    "qwen3": Qwen3MLP,
    "deepseek_v2": modeling_deepseek_v2.DeepseekV2MLP,
    "deepseek_v3": modeling_deepseek_v3.DeepseekV3MLP,
}


def mixture_class(family):
    """The mixture of experts of a DeepSeek family; transformers 5 spells V2's another way."""
    if family == "deepseek_v3":
        return modeling_deepseek_v3.DeepseekV3MoE
    return getattr(modeling_deepseek_v2, "DeepseekV2Moe", None) or modeling_deepseek_v2.DeepseekV2MoE


def register_experts():
    """Tells transformers 5 that our checkpoints name experts one by one, as DeepSeek's do, while its modules stack
    them; before 5 the modules are one by one too."""
    try:
        from transformers.conversion_mapping import (
            get_checkpoint_conversion_mapping,
            register_checkpoint_conversion_mapping,
        )
    except ImportError:
        return
    mapping = get_checkpoint_conversion_mapping("deepseek_v3")
    if mapping is not None:
        register_checkpoint_conversion_mapping(RegroupConfig.model_type, mapping, overwrite=True)


register_experts()


class NoSharedExperts(nn.Module):
    """Stands where a mixture has no shared experts."""

    def forward(self, hidden_states):
        return torch.zeros_like(hidden_states)


def feed_forward(config, base, layer):
    """The feed-forward part of a layer.

    `base` is the configuration that the family's modules read.
    """
    family = config.regroup["base_model_type"]
    if not config.is_mixture(layer):
        return DENSE[family](base)
    mixture = mixture_class(family)(base)
    if not getattr(config, "n_shared_experts", None):
        mixture.shared_experts = NoSharedExperts()
    return mixture


class RegroupDecoderLayer(GradientCheckpointingLayer):
    """Norm, attention, norm, feed-forward, each part added to what it was given."""

    def __init__(self, config, layer_idx, spec, base):
        super().__init__()
        self.self_attn = RegroupAttention(config, layer_idx, spec)
        self.mlp = feed_forward(config, base, layer_idx)
        self.input_layernorm = RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, eps=config.rms_norm_eps)

    def forward(self, hidden_states, **kwargs):
        attended, weights = self.self_attn(self.input_layernorm(hidden_states), **kwargs)
        hidden_states = hidden_states + attended
        return hidden_states + self.mlp(self.post_attention_layernorm(hidden_states)), weights


class RegroupPreTrainedModel(PreTrainedModel):
    """What both classes tell transformers about themselves."""

    config_class = RegroupConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules = ["RegroupDecoderLayer"]
    _skip_keys_device_placement = ["past_key_values"]
    _supports_sdpa = True
    _supports_attention_backend = True
    _keep_in_fp32_modules_strict = ["e_score_correction_bias"]

    @torch.no_grad()
    def _init_weights(self, module):
        super()._init_weights(module)
        for name, parameter in module.named_parameters(recurse=False):
            router = name == "weight" and type(module).__name__.endswith(("Router", "Gate"))
            experts = name in ("gate_up_proj", "down_proj")
            if (router or experts) and not getattr(parameter, "_is_hf_initialized", False):
                nn.init.normal_(parameter, std=getattr(self.config, "initializer_range", 0.02))


class RegroupModel(RegroupPreTrainedModel):
    """Tokens to the hidden states behind the last norm."""

    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size, config.pad_token_id)
        base, specs = config.feed_forward(), config.attention_layers()
        # How experts are multiplied is for transformers to choose: theirs have its @use_experts_implementation.
        base._experts_implementation = getattr(config, "_experts_implementation", None)
        self.layers = nn.ModuleList(
            RegroupDecoderLayer(config, index, spec, base) for index, spec in enumerate(specs)
        )
        self.norm = RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.gradient_checkpointing = False
        by_table = {(spec.frequencies, spec.attention_factor): Rotation(spec) for spec in specs}
        self.rotations = [by_table[spec.frequencies, spec.attention_factor] for spec in specs]
        # layers for the prediction of more tokens, which only other tools run
        extra = getattr(config, "num_nextn_predict_layers", None) or 0
        self._keys_to_ignore_on_load_unexpected = [
            rf"model\.layers\.{config.num_hidden_layers + index}\." for index in range(extra)
        ]
        self.post_init()

    def masks(self, embeds, attention_mask, cache, positions):
        """The mask of each type of layer that the model has."""
        if isinstance(attention_mask, dict):
            return attention_mask
        given = {
            "config": self.config,
            "inputs_embeds": embeds,
            "input_embeds": embeds,  # before transformers 5
            "attention_mask": attention_mask,
            "cache_position": positions[0],
            "past_key_values": cache,
            "position_ids": positions,
        }
        makers = {"full_attention": create_causal_mask, "sliding_attention": create_sliding_window_causal_mask}
        masks = {}
        for kind in set(self.config.layer_types):
            known = inspect.signature(makers[kind]).parameters
            masks[kind] = makers[kind](**{key: value for key, value in given.items() if key in known})
        return masks

    @can_return_tuple
    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        position_ids=None,
        past_key_values=None,
        inputs_embeds=None,
        use_cache=None,
        output_attentions=None,
        output_hidden_states=None,
        **kwargs,
    ):
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give input_ids or inputs_embeds, one of them")
        hidden_states = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        use_cache = self.config.use_cache if use_cache is None else use_cache
        if use_cache and past_key_values is None and not (self.gradient_checkpointing and self.training):
            past_key_values = DynamicCache(config=self.config)
        if position_ids is None:
            seen = past_key_values.get_seq_length() if past_key_values is not None else 0
            position_ids = torch.arange(seen, seen + hidden_states.shape[1], device=hidden_states.device)[None]
        masks = self.masks(hidden_states, attention_mask, past_key_values, position_ids)
        tables = {rotation: rotation.table(position_ids) for rotation in set(self.rotations)}
        keep_weights = self.config.output_attentions if output_attentions is None else output_attentions
        keep_states = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        all_states, all_weights = [], []
        for index, layer in enumerate(self.layers):
            all_states.append(hidden_states)
            hidden_states, weights = layer(
                hidden_states,
                attention_mask=masks[self.config.layer_types[index]],
                past_key_values=past_key_values,
                position_embeddings=tables[self.rotations[index]],
            )
            all_weights.append(weights)
        hidden_states = self.norm(hidden_states)
        return BaseModelOutputWithPast(
            last_hidden_state=hidden_states,
            past_key_values=past_key_values if use_cache else None,
            hidden_states=(*all_states, hidden_states) if keep_states else None,
            attentions=tuple(all_weights) if keep_weights else None,
        )


class RegroupForCausalLM(RegroupPreTrainedModel, GenerationMixin):
    """The model with its output head."""

    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}

    def __init__(self, config):
        super().__init__(config)
        self.model = RegroupModel(config)
        self.vocab_size = config.vocab_size
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    @can_return_tuple
    def forward(self, input_ids=None, labels=None, logits_to_keep=0, **kwargs):
        """As other causal language models: `labels` give a loss, `logits_to_keep` the last logits alone."""
        loss_arguments = {key: kwargs[key] for key in ("num_items_in_batch", "shift_labels") if key in kwargs}
        outputs = self.model(input_ids, **kwargs)
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(outputs.last_hidden_state[:, kept, :])
        loss = None
        if labels is not None:
            loss = self.loss_function(
                logits=logits, labels=labels, vocab_size=self.config.vocab_size, **loss_arguments
            )
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )
