package dev.regroup.runtime.cuda.decode;

import dev.regroup.runtime.decode.ScalarDecodeKernel;
import java.util.List;

final class ScalarBatchDecodeTest extends BatchDecodeContract {
  @Override
  List<float[]> attend(Batch batch) {
    return HostBatchDecode.attend(new ScalarDecodeKernel(), batch);
  }

  @Override
  List<int[]> lengths() {
    return List.of(new int[] {1, 7, 65}); // the definition itself: held at more lengths elsewhere
  }
}
