package dev.regroup.converters.fit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.regroup.runtime.DeviceException;
import dev.regroup.runtime.cuda.CudaBackend;
import dev.regroup.runtime.cuda.CudaContext;
import dev.regroup.runtime.cuda.CudaDevice;
import dev.regroup.runtime.cuda.Precision;
import dev.regroup.runtime.train.Accuracy;
import dev.regroup.runtime.train.TrainingMath;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// {@link DeviceProblem} on a GPU, in float32.
class CudaProblemTest extends DeviceProblemContract {
  /// Beside each test's own, which so need not start the device anew.
  private static @Nullable CudaContext held;

  private @Nullable CudaContext context;
  private @Nullable CudaBackend backend;

  @BeforeAll
  static void hold() {
    held = open();
  }

  @AfterAll
  static void release() {
    if (held != null) {
      held.close();
      held = null;
    }
  }

  private static CudaContext open() {
    try {
      return CudaContext.open(CudaDevice.at(0), OptionalLong.empty());
    } catch (DeviceException e) {
      return abort(e.getMessage());
    }
  }

  @Override
  TrainingMath math() {
    if (context == null) {
      context = open();
    }
    if (backend == null) {
      backend = new CudaBackend(context, Precision.FLOAT32);
    }
    return backend.training(accuracy()).orElseThrow();
  }

  Accuracy accuracy() {
    return Accuracy.FLOAT32;
  }

  @ParameterizedTest
  @MethodSource("dev.regroup.converters.fit.RandomLayers#cases")
  void givesTheSameBitsEveryTime(RandomLayers.Case shape) {
    var task = new Task(shape);
    Moments moments = task.host.moments(task.layer, BATCH, 9);
    List<Maps> runs = new ArrayList<>();
    for (int run = 0; run < 2; run++) {
      try (TrainingMath math = math();
          FitProblem device = task.on(math);
          Trainee trainee = device.trainee(task.layer, task.parts, moments)) {
        trainee.step(BATCH, 0.01);
        trainee.step(HELD, 0.01);
        runs.add(trainee.maps());
      }
    }
    for (Part part : task.parts) {
      assertThat(runs.get(0).get(part)).isEqualTo(runs.get(1).get(part));
    }
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
