"""PyTorch's own attention on the shapes of `regroup bench decode`, where it can do them.

    python bench/decode_torch.py [--batch 64] [--context 8192] [--query 1]

Needs torch with CUDA. Prints one line a layout and backend: the median of 31 CUDA-event timings over
two or more sets of inputs that together exceed the second-level cache four times, and GB/s counted as
regroup counts them: the cache that the layout keeps, query and output, each once.

What PyTorch is given: keys and values as contiguous tensors (it has no paged cache). GQA as it is. GTA
with its keys written out for each head beforehand, which PyTorch needs and which makes its cache as
large as GQA's; the time of writing them out is not counted. MLA and GLA in absorbed form, one key of
latent + rope for all heads of a group, the value a view of its first part. Where there are two new
tokens both see all of the cache: PyTorch's causal masks are aligned to its beginning.
"""

import argparse
import functools
import itertools
import sys
import warnings

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import flex_attention

REPEATS = 31
warnings.filterwarnings("ignore")  # why a backend cannot is in its line
# name, query heads, groups, key width, value width, elements that the layout keeps of a token
LAYOUTS = [
    ("GQA", 64, 8, 128, 128, 2048),
    ("GTA, keys written out", 64, 8, 128, 128, 1088),
    ("MLA", 128, 1, 576, 512, 576),
    ("GLA-2", 128, 2, 320, 256, 576),
    ("MLA rank", 16, 1, 576, 512, 576),
    ("GLA-8 rank", 16, 1, 320, 256, 320),
]


def sdpa(backend, q, k, v, scale):
    with sdpa_kernel(backend):
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, scale=scale, enable_gqa=True)


@functools.cache
def compiled_flex():
    return torch.compile(flex_attention, dynamic=False)


def flex(q, k, v, scale):
    return compiled_flex()(q, k, v, scale=scale, enable_gqa=True)


BACKENDS = [
    ("flash", functools.partial(sdpa, SDPBackend.FLASH_ATTENTION)),
    ("cudnn", functools.partial(sdpa, SDPBackend.CUDNN_ATTENTION)),
    ("efficient", functools.partial(sdpa, SDPBackend.EFFICIENT_ATTENTION)),
    ("flex", flex),
]


def inputs(layout, batch, context, query):
    _, heads, groups, key, value, _ = layout
    shape = dict(device="cuda", dtype=torch.bfloat16)
    q = torch.randn(batch, heads, query, key, **shape)
    k = torch.randn(batch, groups, context, key, **shape)
    v = torch.randn(batch, groups, context, value, **shape) if key == value else k[..., :value]
    return q, k, v


def median(run, sets):
    for i in range(5):
        run(sets[i % len(sets)])
    torch.cuda.synchronize()
    events = []
    for i in range(REPEATS):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        run(sets[i % len(sets)])
        end.record()
        events.append((begin, end))
    torch.cuda.synchronize()
    return sorted(b.elapsed_time(e) for b, e in events)[REPEATS // 2] * 1e-3


def measure(layout, batch, context, query):
    name, heads, groups, key, value, elements = layout
    kept = 2 * batch * context * elements
    moved = kept + 2 * batch * query * heads * (key + value)
    real = 2 * batch * context * groups * (key + (value if key == value else 0))
    l2 = torch.cuda.get_device_properties(0).L2_cache_size
    sets = [inputs(layout, batch, context, query) for _ in range(max(2, -(-4 * l2 // real)))]
    scale = key**-0.5
    for backend, attend in BACKENDS:
        start = f"| {name} | {batch} | {context} | {query} | {backend} |"
        if backend == "flex" and key > 256:  # compiling it had not ended after 20 s
            print(f"{start} not tried: keys of {key} elements | | |", flush=True)
            continue
        try:
            seconds = median(lambda s: attend(*s, scale), sets)
            tera = 2 * batch * context * query * heads * (key + value) / seconds / 1e12
            print(f"{start} {seconds * 1e6:.1f} | {moved / seconds / 1e9:.0f} | {tera:.1f} |", flush=True)
        except Exception as e:
            lines = str(e).strip().splitlines()
            print(f"{start} cannot: {lines[0][:90] if lines else type(e).__name__} | | |", flush=True)


def main():
    numbers = lambda text: [int(n) for n in text.split(",")]
    parser = argparse.ArgumentParser(description="PyTorch's own attention on regroup's shapes.")
    parser.add_argument("--batch", type=numbers, default=[64])
    parser.add_argument("--context", type=numbers, default=[8192])
    parser.add_argument("--query", type=numbers, default=[1])
    arguments = parser.parse_args()
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    print("| layout | batch | context | new | backend | us | GB/s | TFLOP/s |\n|---|---:|---:|---:|---|---:|---:|---:|")
    for layout, batch, context, query in itertools.product(
        LAYOUTS, arguments.batch, arguments.context, arguments.query
    ):
        measure(layout, batch, context, query)


if __name__ == "__main__":
    sys.exit(main())
