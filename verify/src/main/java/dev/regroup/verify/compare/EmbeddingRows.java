package dev.regroup.verify.compare;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.TensorCodec;
import dev.regroup.formats.tensor.TensorInfo;
import dev.regroup.formats.tensor.Tensors;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/// Embeds tokens by reading their rows of the embedding alone: the whole can be larger than everything else
/// that an examination holds.
final class EmbeddingRows {
  private EmbeddingRows() {}

  /// The embedding of each window, `[tokens, D]`.
  static List<float[]> read(Tensors tensors, int hiddenSize, List<int[]> windows) {
    TensorInfo info =
        tensors
            .find(ModelSpec.EMBEDDING)
            .orElseThrow(() -> new IllegalArgumentException("no " + ModelSpec.EMBEDDING));
    var embedded = new ArrayList<float[]>();
    if (tensors instanceof Checkpoint checkpoint && isPlain(info.dtype())) {
      ByteBuffer row = ByteBuffer.allocate(hiddenSize * info.dtype().bits() / 8);
      for (int[] window : windows) {
        float[] rows = new float[window.length * hiddenSize];
        for (int t = 0; t < window.length; t++) {
          checkpoint.read(ModelSpec.EMBEDDING, (long) window[t] * row.capacity(), row.clear());
          TensorCodec.decode(info.dtype(), row.flip(), rows, t * hiddenSize);
        }
        embedded.add(rows);
      }
      return embedded;
    }
    float[] all = tensors.floats(ModelSpec.EMBEDDING);
    for (int[] window : windows) {
      float[] rows = new float[window.length * hiddenSize];
      for (int t = 0; t < window.length; t++) {
        System.arraycopy(all, window[t] * hiddenSize, rows, t * hiddenSize, hiddenSize);
      }
      embedded.add(rows);
    }
    return embedded;
  }

  /// Whether elements are values as they stand, without scales elsewhere.
  private static boolean isPlain(Dtype dtype) {
    return switch (dtype) {
      case F64, F32, BF16, F16 -> true;
      case F8_E8M0, F8_E4M3, F8_E5M2, F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E3M2, F6_E2M3, F4 -> false;
      case C64, U64, I64, U32, I32, U16, I16, U8, I8, BOOL -> false;
    };
  }
}
