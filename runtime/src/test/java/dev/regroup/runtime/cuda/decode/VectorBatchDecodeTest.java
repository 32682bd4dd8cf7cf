package dev.regroup.runtime.cuda.decode;

import dev.regroup.runtime.decode.VectorDecodeKernel;
import java.util.List;

final class VectorBatchDecodeTest extends BatchDecodeContract {
  @Override
  List<float[]> attend(Batch batch) {
    return HostBatchDecode.attend(new VectorDecodeKernel(), batch);
  }

  @Override
  List<int[]> lengths() {
    return List.of(new int[] {1, 7, 65}); // the definition itself: held at more lengths elsewhere
  }
}
