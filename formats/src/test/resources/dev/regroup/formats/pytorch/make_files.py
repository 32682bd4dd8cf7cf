"""Makes the small files of this folder, or of the folder given: what torch.save really writes.

    python make_files.py [FOLDER]

Made with torch 2.13.0 and safetensors 0.8.0. `views.safetensors` has the same tensors as the
`views*.bin` files, each made contiguous: the reader must give its bytes from either.
"""

import os
import sys
from collections import OrderedDict

import torch
from safetensors.torch import save_file


def views():
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    cube = torch.arange(60, dtype=torch.int32).reshape(3, 4, 5)
    wide = torch.linspace(-2, 2, 12).reshape(3, 4)
    tensors = OrderedDict()
    tensors["plain"] = base
    tensors["same"] = base
    tensors["transposed"] = base.t()
    tensors["block"] = base[1:3, 2:5]
    tensors["column"] = base[:, 3]
    tensors["every_second"] = base[:, ::2]
    tensors["expanded"] = torch.tensor([7.0]).expand(2, 3)
    tensors["permuted"] = cube.permute(2, 0, 1)
    tensors["parameter"] = torch.nn.Parameter(wide.clone())
    tensors["scalar"] = torch.tensor(3.5)
    tensors["empty"] = torch.zeros(0, 3)
    tensors["bf16"] = wide.to(torch.bfloat16)
    tensors["bf16_transposed"] = wide.to(torch.bfloat16).t()
    tensors["f16"] = wide.to(torch.float16)
    tensors["f64"] = wide.to(torch.float64)
    tensors["i64"] = torch.tensor([-1, 2**62])
    tensors["i16"] = torch.tensor([-300, 300], dtype=torch.int16)
    tensors["i8"] = torch.tensor([-3, 3], dtype=torch.int8)
    tensors["u8"] = torch.tensor([0, 255], dtype=torch.uint8)
    tensors["bool"] = torch.tensor([True, False, True])
    tensors["c64"] = torch.tensor([1 + 2j, -3.5j], dtype=torch.complex64)
    tensors["u16"] = torch.tensor([1, 65535], dtype=torch.int32).to(torch.uint16)
    tensors["f8_e4m3"] = wide.to(torch.float8_e4m3fn)
    tensors["f8_e5m2_transposed"] = wide.to(torch.float8_e5m2).t()
    return tensors


def main(folder):
    def path(name):
        return os.path.join(folder, name)

    tensors = views()
    for protocol in (2, 3, 4, 5):
        torch.save(tensors, path(f"views{protocol}.bin"), pickle_protocol=protocol)
    save_file(
        {k: v.detach().contiguous().clone() for k, v in tensors.items()},
        path("views.safetensors"),
    )

    torch.manual_seed(1)
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    torch.save(layer.state_dict(), path("linear.bin"))
    torch.save(
        {
            "epoch": 3,
            "loss": 0.25,
            "state_dict": layer.state_dict(),
            "optimizer": optimizer.state_dict(),
        },
        path("wrapped.bin"),
    )
    torch.save(layer.state_dict(), path("legacy.bin"), _use_new_zipfile_serialization=False)
    torch.save(layer, path("module.bin"))
    torch.save(
        {"w": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}, path("quantized.bin")
    )
    torch.save({"w": torch.eye(2).to_sparse()}, path("sparse.bin"))
    torch.jit.save(torch.jit.script(layer), path("script.bin"))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__)))
