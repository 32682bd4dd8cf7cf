"""PyTorch's own attention on the shapes of `regroup bench decode`, where it can do them.

    python bench/decode_torch.py [--batch 64] [--context 8192] [--query 1,2] [--seconds 30]

Needs torch with CUDA. Prints one line a layout and way: the median of 31 CUDA-event timings over two or
more sets of inputs that together exceed the second-level cache four times, and GB/s counted as regroup
counts them: the cache that the layout keeps, query and output, each once.

What PyTorch is given: keys and values as contiguous tensors (it has no paged cache). GQA as it is. GTA
with its keys written out for each head beforehand, which PyTorch needs and which makes its cache as
large as GQA's; the time of writing them out is not counted. MLA and GLA in absorbed form: one key of
latent + rope for all heads of a group, the value a view of its first part, and the heads of a group,
times the new tokens, as rows of the query, so that nothing is repeated for them. Where there are two
new tokens both see all of the cache: PyTorch's causal masks are aligned to its beginning.

Ways: flash, cudnn, efficient and math are the backends of scaled_dot_product_attention; flex is
torch.compile of flex_attention; matmul is what is left to a user: softmax(q k^T) v in BF16, of three
calls. flex is compiled in a process a shape, all at once, and given up after --seconds.
"""

import argparse
import ast
import functools
import itertools
import os
import subprocess
import sys
import time
import warnings

REPEATS = 31
# name, query heads, groups, key width, value width, elements that the layout keeps of a token
LAYOUTS = [
    ("GQA", 64, 8, 128, 128, 2048),
    ("GTA, keys written out", 64, 8, 128, 128, 1088),
    ("MLA", 128, 1, 576, 512, 576),
    ("GLA-2", 128, 2, 320, 256, 576),
    ("MLA rank", 16, 1, 576, 512, 576),
    ("GLA-8 rank", 16, 1, 320, 256, 320),
]


def is_latent(layout):
    return layout[3] != layout[4]


def sdpa(backend, q, k, v, scale):
    import torch
    from torch.nn.attention import sdpa_kernel

    with sdpa_kernel(backend):
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, scale=scale, enable_gqa=True)


@functools.cache
def compiled_flex():
    import torch
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention, dynamic=False)


def flex(q, k, v, scale):
    return compiled_flex()(q, k, v, scale=scale, enable_gqa=True)


def matmul(q, k, v, scale):
    import torch

    return torch.matmul(torch.softmax(torch.matmul(q * scale, k.transpose(-1, -2)), -1), v)


def ways(layout):
    from torch.nn.attention import SDPBackend

    backends = [
        ("flash", SDPBackend.FLASH_ATTENTION),
        ("cudnn", SDPBackend.CUDNN_ATTENTION),
        ("efficient", SDPBackend.EFFICIENT_ATTENTION),
    ]
    if is_latent(layout):  # math repeats keys for the heads of a group where the heads are not rows
        backends.append(("math", SDPBackend.MATH))
    found = [(name, functools.partial(sdpa, backend)) for name, backend in backends]
    return found + ([("matmul", matmul)] if is_latent(layout) else [])


def inputs(layout, batch, context, query):
    import torch

    _, heads, groups, key, value, _ = layout
    shape = dict(device="cuda", dtype=torch.bfloat16)
    rows = (groups, heads // groups * query) if is_latent(layout) else (heads, query)
    q = torch.randn(batch, *rows, key, **shape)
    k = torch.randn(batch, groups, context, key, **shape)
    v = k[..., :value] if is_latent(layout) else torch.randn(batch, groups, context, value, **shape)
    return q, k, v


def make_sets(layout, batch, context, query):
    import torch

    _, _, groups, key, value, _ = layout
    real = 2 * batch * context * groups * (key if is_latent(layout) else key + value)
    l2 = torch.cuda.get_device_properties(0).L2_cache_size
    return [inputs(layout, batch, context, query) for _ in range(max(2, -(-4 * l2 // real)))]


def median(run, sets):
    import torch

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


def line(case, way, result):
    """A row of the table; `result` is seconds, or why there are none."""
    layout, batch, context, query = case
    name, heads, _, key, value, elements = layout
    start = f"| {name} | {batch} | {context} | {query} | {way} |"
    if isinstance(result, str):
        return f"{start} {result} | | |"
    moved = 2 * batch * (context * elements + query * heads * (key + value))
    tera = 2 * batch * context * query * heads * (key + value) / result / 1e12
    return f"{start} {result * 1e6:.1f} | {moved / result / 1e9:.0f} | {tera:.1f} |"


def attempt(attend, sets, scale):
    """Seconds, or why it cannot."""
    try:
        return median(lambda s: attend(*s, scale), sets)
    except Exception as e:
        lines = str(e).strip().splitlines()
        return f"cannot: {lines[0][:90] if lines else type(e).__name__}"


def flex_child(case):
    """Compiles flex for a shape, says so, and measures when told to."""
    layout, *_ = case
    sets = make_sets(*case)
    scale = layout[3] ** -0.5
    try:
        import torch

        flex(*sets[0], scale)
        torch.cuda.synchronize()
    except Exception as e:
        lines = str(e).strip().splitlines()
        print(f"cannot: {lines[0][:90] if lines else type(e).__name__}", flush=True)
        return
    print("compiled", flush=True)
    sys.stdin.readline()
    print(attempt(flex, sets, scale), flush=True)


def start_flex(cases):
    """A process a case, compiling."""
    environment = dict(os.environ, TORCHINDUCTOR_COMPILE_THREADS="1")
    return {
        case: subprocess.Popen(
            [sys.executable, __file__, "--flex", repr(case)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        for case in cases
    }


def wait_for_flex(processes, deadline):
    """What each said by then, before anything is timed: they share the device."""
    import selectors

    said = {}
    with selectors.DefaultSelector() as selector:
        for case, process in processes.items():
            selector.register(process.stdout, selectors.EVENT_READ, case)
        while len(said) < len(processes) and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                said[key.data] = key.fileobj.readline().strip() or "cannot: ended without a word"
                selector.unregister(key.fileobj)
    for case, process in processes.items():
        if case not in said:
            process.kill()
            process.wait()
    return said


def measure_flex(process):
    out, _ = process.communicate("go\n", timeout=20)
    last = out.strip().splitlines()[-1] if out.strip() else "cannot: ended without a word"
    try:
        return float(last)
    except ValueError:
        return last


def main():
    numbers = lambda text: [int(n) for n in text.split(",")]
    parser = argparse.ArgumentParser(description="PyTorch's own attention on regroup's shapes.")
    parser.add_argument("--batch", type=numbers, default=[64])
    parser.add_argument("--context", type=numbers, default=[8192])
    parser.add_argument("--query", type=numbers, default=[1, 2])
    parser.add_argument("--seconds", type=float, default=30, help="for compiling flex attention")
    parser.add_argument("--flex", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")  # why a backend cannot is in its line
    if arguments.flex:
        flex_child(ast.literal_eval(arguments.flex))
        return
    cases = list(itertools.product(LAYOUTS, arguments.batch, arguments.context, arguments.query))
    deadline = time.monotonic() + arguments.seconds
    compiling = start_flex(cases)
    import torch

    said = wait_for_flex(compiling, deadline)
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    print("| layout | batch | context | new | way | us | GB/s | TFLOP/s |\n|---|---:|---:|---:|---|---:|---:|---:|")
    for case in cases:
        result = said.get(case, f"had not compiled after {arguments.seconds:.0f} s")
        if result == "compiled":
            result = measure_flex(compiling[case])
        print(line(case, "flex", result), flush=True)
    for case in cases:
        sets = make_sets(*case)
        for way, attend in ways(case[0]):
            print(line(case, way, attempt(attend, sets, case[0][3] ** -0.5)), flush=True)
            torch.cuda.empty_cache()


if __name__ == "__main__":
    sys.exit(main())
