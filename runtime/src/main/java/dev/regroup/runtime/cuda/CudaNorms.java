package dev.regroup.runtime.cuda;

import dev.regroup.runtime.cuda.CudaKernel.Launch;
import dev.regroup.runtime.train.Memory;
import dev.regroup.runtime.train.TrainingMath.Norm;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/// RMS norms of training and their transposes, by `fit_norm.cu`; float32 alone.
final class CudaNorms {
  private static final int THREADS = 256;
  private static final int LATENTS = THREADS / 32;

  private final CudaMath math;
  private final CudaModule module;

  CudaNorms(CudaMath math) {
    this.math = math;
    module = math.context().module("fit_norm");
  }

  void normalise(Memory x, Memory y, Norm norm) {
    slices("fit_norm", norm, read(x), read(norm.gain()), read(norm.unit()), changed(y));
  }

  void pull(Memory x, Memory pulled, Memory byX, Norm norm) {
    slices(
        "fit_norm_pull",
        norm,
        read(x),
        read(norm.gain()),
        read(norm.unit()),
        read(pulled),
        changed(byX));
  }

  void pullGains(Memory x, Memory pulled, Memory byGain, Norm norm, boolean add) {
    long lengths = math.scratch().get("lengths", Float.BYTES * norm.slices()).address();
    slices("fit_norm_lengths", norm, read(x), lengths);
    launch(
        "fit_norm_gains",
        Launch.of((long) norm.groups() * norm.width(), THREADS),
        read(x),
        read(norm.unit()),
        read(pulled),
        lengths,
        changed(byGain),
        structure(norm),
        add ? 1 : 0);
  }

  /// A warp a slice; the kernel's last parameter is the norm.
  private void slices(String kernel, Norm norm, Object... arguments) {
    Object[] all = Arrays.copyOf(arguments, arguments.length + 1);
    all[arguments.length] = structure(norm);
    launch(kernel, Launch.of(Math.ceilDiv(norm.slices(), (long) LATENTS), THREADS), all);
  }

  private void launch(String kernel, Launch launch, Object... arguments) {
    module.kernel(kernel).launch(math.stream(), launch, arguments);
  }

  /// The twin of `Norm` in `fit_norm.cu`.
  private static byte[] structure(Norm norm) {
    return ByteBuffer.allocate(16)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(norm.rows())
        .putInt(norm.groups())
        .putInt(norm.width())
        .putFloat(norm.epsilon())
        .array();
  }

  private static CudaBuffer read(Memory memory) {
    return CudaMemory.of(memory).floats();
  }

  private static CudaBuffer changed(Memory memory) {
    return CudaMemory.of(memory).changed();
  }
}
