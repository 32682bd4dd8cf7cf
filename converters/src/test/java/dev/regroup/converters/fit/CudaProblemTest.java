package dev.regroup.converters.fit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.regroup.runtime.DeviceException;
import dev.regroup.runtime.cuda.CudaBackend;
import dev.regroup.runtime.cuda.CudaContext;
import dev.regroup.runtime.cuda.CudaDevice;
import dev.regroup.runtime.cuda.Precision;
import dev.regroup.runtime.train.TrainingMath;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;

/// {@link DeviceProblem} on a GPU.
final class CudaProblemTest extends DeviceProblemContract {
  private @Nullable CudaContext context;
  private @Nullable CudaBackend backend;

  @Override
  TrainingMath math() {
    if (context == null) {
      try {
        context = CudaContext.open(CudaDevice.at(0), OptionalLong.empty());
      } catch (DeviceException e) {
        return abort(e.getMessage());
      }
    }
    if (backend == null) {
      backend = new CudaBackend(context, Precision.FLOAT32);
    }
    return backend.training().orElseThrow();
  }

  /// Whatever a test took is given back.
  @AfterEach
  void close() {
    if (backend != null) {
      backend.close();
    }
    if (context != null) {
      long left = context.usedBytes();
      context.close();
      assertThat(left).isZero();
    }
  }
}
