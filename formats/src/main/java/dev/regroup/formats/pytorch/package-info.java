/// PyTorch checkpoints as `torch.save` writes them since 1.6, read as data and never executed.
///
/// A file is a zip of stored members under one folder: `data.pkl`, a pickle of the state dict in
/// which tensors are calls of a few known functions, and `data/0`, `data/1`, ..., the bytes that
/// they view. {@link PyTorchFile} opens one. A pickle is a program for a stack machine whose `REDUCE`
/// calls any function of any module; {@link PickleMachine} has values where Python has objects, knows
/// the few names that tensors are made of, and refuses all others before anything is made of them.
///
/// Sources: CPython 3.13 `pickletools.py` (opcodes); PyTorch 2.x `torch/serialization.py`,
/// `torch/_utils.py` and `torch/_weights_only_unpickler.py` (what is called with what).
@NullMarked
package dev.regroup.formats.pytorch;

import org.jspecify.annotations.NullMarked;
