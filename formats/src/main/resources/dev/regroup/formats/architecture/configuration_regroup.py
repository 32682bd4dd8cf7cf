# Copyright the authors of Regroup. Licensed under the Apache License, Version 2.0.
"""The configuration of a model that Regroup converted to GTA or GLA attention.

The fields of the source model stay as they were, so that vocabulary, norms and feed-forward layers are those of
its family. Attention is stated in full, layer by layer, in the object `regroup`; nothing about it is derived from
other fields, and whatever that object says beyond what is known here is refused.

Letters in comments: B sequences, T new tokens, S tokens in the cache, H query heads, D hidden size.
Tested with transformers 5.18 and 5.17; no network, no files.
"""

import copy
from dataclasses import dataclass

from transformers import AutoConfig, PretrainedConfig

FORMAT_VERSION = 1

# What the feed-forward layers of the families read of a configuration.
FEED_FORWARD_FIELDS = (
    "hidden_size",
    "intermediate_size",
    "hidden_act",
    "mlp_bias",
    "num_hidden_layers",
    "rms_norm_eps",
    "moe_intermediate_size",
    "n_routed_experts",
    "n_shared_experts",
    "num_experts_per_tok",
    "n_group",
    "topk_group",
    "topk_method",
    "scoring_func",
    "norm_topk_prob",
    "routed_scaling_factor",
    "first_k_dense_replace",
)

# Fields of the source that would mean something else to transformers: kept for saving, not for reading.
SOURCE_FIELDS = ("rope_parameters", "rope_scaling", "rope_theta", "layer_types", "sliding_window")

FAMILIES = ("llama", "mistral", "qwen2", "qwen3", "deepseek_v2", "deepseek_v3")


def refuse(what):
    """Ends loading with one line that says what is wrong."""
    raise ValueError(f"config.json: {what}")


def field(json, key, kind, default=None):
    """A field as an int, float, bool, str, list or dict; it must be there where it has no default."""
    value = json.get(key, default)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        refuse(f'"regroup": "{key}": expected {kind.__name__}, found {value!r}')
    return value


def require_known(where, json, known):
    """Refuses fields that mean something which is not known here."""
    if unknown := sorted(set(json) - set(known)):
        refuse(f'"regroup": {where}: unknown fields {", ".join(unknown)}')


@dataclass(frozen=True)
class Attention:
    """One attention sublayer.

    A token leaves `state_heads` states of `state_dim` elements and one rotary key of `rope_dim` in the cache
    (GQA: keys and values, and no rotary key, since the rotation is inside the keys). A query head has `nope_dim`
    elements that are not rotated, then `rope_dim` that are.
    """

    kind: str  # gqa, gta or gla
    query_heads: int
    state_heads: int
    state_dim: int
    nope_dim: int
    rope_dim: int
    value_dim: int
    query: dict  # how queries are made: `kind` and its fields
    state: dict  # how states are made
    frequencies: tuple  # radians per token of each rotated pair
    interleaved: bool  # a pair is elements (2l, 2l + 1), else (l, l + rope_dim / 2)
    attention_factor: float  # on cosine and sine
    softmax_scale: float
    output_bias: bool
    window: int  # tokens that a token sees, itself included; 0 for all before it

    @property
    def cache_elements(self):
        """Elements that the cache holds of one token."""
        return self.state_heads * self.state_dim + (0 if self.kind == "gqa" else self.rope_dim)


LAYOUTS = {
    "gqa": ("kv_heads", "head_dim"),
    "gta": ("kv_heads", "head_dim", "rope_dim"),
    "gla": ("latent_heads", "latent_dim", "nope_dim", "rope_dim", "value_dim"),
}


def read_layout(json):
    """The kind, the query heads, and the five numbers that follow them in `Attention`."""
    kind, query_heads = field(json, "kind", str), field(json, "query_heads", int)
    if kind not in LAYOUTS:
        refuse(f'"regroup": layout: expected one of {", ".join(LAYOUTS)}, found {kind!r}')
    require_known(f"layout {kind}", json, ("kind", "query_heads", *LAYOUTS[kind]))
    heads, dim, *widths = (field(json, key, int) for key in LAYOUTS[kind])
    if kind == "gqa":
        return kind, query_heads, heads, 2 * dim, 0, dim, dim
    if kind == "gta":
        return kind, query_heads, heads, dim, dim - widths[0], widths[0], dim
    return kind, query_heads, heads, dim, *widths


def read_attention(json):
    """The sublayer that Regroup wrote as JSON; refuses what is missing, unknown or contradictory."""
    if not isinstance(json, dict):
        refuse(f'"regroup": an attention sublayer: expected an object, found {json!r}')
    rope = field(json, "rope", dict)
    require_known("rope", rope, ("inverse_frequencies", "interleaved", "attention_factor"))
    parts = ("layout", "query", "state", "rope", "softmax_scale", "output_bias", "window")
    require_known("an attention sublayer", json, parts)
    spec = Attention(
        *read_layout(field(json, "layout", dict)),
        query=read_query(field(json, "query", dict)),
        state=read_state(field(json, "state", dict)),
        frequencies=tuple(float(f) for f in field(rope, "inverse_frequencies", list)),
        interleaved=field(rope, "interleaved", bool, False),
        attention_factor=field(rope, "attention_factor", float, 1.0),
        softmax_scale=field(json, "softmax_scale", float),
        output_bias=field(json, "output_bias", bool, False),
        window=field(json, "window", int, 0),
    )
    require_sound(spec)
    return spec


def read_query(json):
    """The path to the queries; `bias` is False where it is not stated."""
    fields = {
        "direct": {"head_norm": bool},
        "mixed": {"source_head_dim": int},
        "low_rank": {"rank": int},
        "reference": {"rank": int},
    }
    return read_path("query", json, fields)


def read_state(json):
    """The path to the states; `bias` is False where it is not stated."""
    fields = {
        "key_value": {"key_norm": bool},
        "tied": {},
        "latent": {"rank": int, "norm": bool, "projected": bool},
        "encoded": {"source_kv_heads": int, "source_head_dim": int},
        "reference": {},
    }
    return read_path("state", json, fields)


def read_path(where, json, fields):
    """A path with the fields that its kind has."""
    kind = field(json, "kind", str)
    if kind not in fields:
        refuse(f'"regroup": {where}: expected one of {", ".join(fields)}, found {kind!r}')
    known = {"kind": kind, "bias": field(json, "bias", bool, False)}
    for key, type_ in fields[kind].items():
        known[key] = field(json, key, type_, False if type_ is bool else None)
    require_known(f"{where} {kind}", json, known)
    return known


def require_sound(spec):
    """Refuses a sublayer whose parts do not fit."""
    if spec.state_heads < 1 or spec.query_heads % spec.state_heads:
        refuse(f'"regroup": {spec.query_heads} query heads on {spec.state_heads} states')
    if min(spec.nope_dim, spec.window) < 0 or min(spec.state_dim, spec.value_dim) < 1:
        refuse(f'"regroup": widths that are no widths: {spec}')
    if 2 * len(spec.frequencies) != spec.rope_dim:
        refuse(f'"regroup": {len(spec.frequencies)} frequencies for {spec.rope_dim} rotated elements')
    states = {
        "gqa": ("key_value",),
        "gta": ("tied", "latent", "encoded"),
        "gla": ("latent", "encoded", "reference"),
    }
    if spec.state["kind"] not in states[spec.kind]:
        refuse(f'"regroup": {spec.kind} with states of kind {spec.state["kind"]!r}')
    if spec.state["kind"] == "reference" and spec.state_heads != 2:
        refuse(f'"regroup": the reference has two latents, found {spec.state_heads}')
    rank, wanted = spec.state.get("rank"), spec.state_heads * spec.state_dim
    if spec.state["kind"] == "latent" and not spec.state["projected"] and rank != wanted:
        refuse(f'"regroup": a latent of {rank} elements for states of {wanted}')


class RegroupConfig(PretrainedConfig):
    """The configuration; `attention(layer)` says what the attention of a layer is."""

    model_type = "regroup"
    keys_to_ignore_at_inference = ["past_key_values"]
    has_no_defaults_at_init = True

    def __init__(
        self, regroup=None, use_cache=True, pad_token_id=None, bos_token_id=None, eos_token_id=None, **fields
    ):
        if not isinstance(regroup, dict):
            refuse('"regroup": is missing; "model_type": "regroup" says it is there')
        version = regroup.get("format_version")
        if version != FORMAT_VERSION:
            refuse(
                f'"regroup.format_version": expected {FORMAT_VERSION}, found {version!r} '
                f"-> use the modelling file of Regroup {regroup.get('tool_version')}"
            )
        if regroup.get("base_model_type") not in FAMILIES:
            refuse(f'"regroup.base_model_type": expected one of {", ".join(FAMILIES)}, '
                   f"found {regroup.get('base_model_type')!r}")
        if type(fields.get("num_hidden_layers")) is not int:
            refuse(f'"num_hidden_layers": expected int, found {fields.get("num_hidden_layers")!r}')
        source_fields = {key: fields.pop(key) for key in SOURCE_FIELDS if key in fields}
        fields.setdefault("tie_word_embeddings", False)
        fields.setdefault("rms_norm_eps", 1e-6)
        self.regroup = regroup
        self.num_hidden_layers = fields["num_hidden_layers"]
        windows = [layer.window for layer in self.attention_layers()]
        super().__init__(**fields)
        self.use_cache = use_cache
        self.pad_token_id, self.bos_token_id, self.eos_token_id = pad_token_id, bos_token_id, eos_token_id
        self._source_fields = source_fields
        # transformers makes caches and masks of these two
        self.layer_types = ["sliding_attention" if window else "full_attention" for window in windows]
        self.sliding_window = max(windows) or None
        if len({window for window in windows if window}) > 1:
            refuse(f'"regroup": layers with windows of different widths: {windows}')

    def attention_layers(self):
        """The attention sublayers in order."""
        once, each = self.regroup.get("attention"), self.regroup.get("layers")
        if once is not None:
            return [read_attention(once)] * self.num_hidden_layers
        if not isinstance(each, list) or len(each) != self.num_hidden_layers:
            refuse(f'"regroup.layers": expected {self.num_hidden_layers}, as "num_hidden_layers" says')
        return [read_attention(layer) for layer in each]

    def feed_forward(self):
        """The configuration that the source family's own feed-forward modules read."""
        family = self.regroup["base_model_type"]
        fields = {key: getattr(self, key) for key in FEED_FORWARD_FIELDS if hasattr(self, key)}
        if family.startswith("deepseek"):
            fields["n_group"] = fields.get("n_group") or 1
            fields["topk_group"] = fields.get("topk_group") or fields["n_group"]
            fields["n_shared_experts"] = fields.get("n_shared_experts") or 1
            fields = {key: value for key, value in fields.items() if value is not None}
        # attention is not built from it
        return AutoConfig.for_model(family, num_attention_heads=1, num_key_value_heads=1, **fields)

    def is_mixture(self, layer):
        """Whether a layer's feed-forward part is a mixture of experts."""
        if getattr(self, "n_routed_experts", None) is None:
            return False
        every = getattr(self, "moe_layer_freq", None) or 1
        return layer >= (getattr(self, "first_k_dense_replace", None) or 0) and layer % every == 0

    def to_dict(self):
        """The fields as they are written: the source's where transformers wants others in memory."""
        output = super().to_dict()
        for key in ("layer_types", "sliding_window"):
            output.pop(key, None)
        output.update(copy.deepcopy(output.pop("_source_fields", {})))
        return output
