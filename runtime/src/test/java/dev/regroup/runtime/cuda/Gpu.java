package dev.regroup.runtime.cuda;

import static org.junit.jupiter.api.Assumptions.abort;

import dev.regroup.runtime.DeviceException;
import java.util.OptionalLong;

/// The GPU of this machine, for tests.
public final class Gpu {
  private Gpu() {}

  /// The first GPU, taken; the test is skipped where there is none.
  public static CudaContext open() {
    return open(OptionalLong.empty());
  }

  /// The same, with a limit on memory, bytes.
  public static CudaContext open(OptionalLong limit) {
    CudaDevice device;
    try {
      device = CudaDevice.at(0);
    } catch (DeviceException e) {
      return abort(e.getMessage());
    }
    return CudaContext.open(device, limit);
  }

  /// ‖found − expected‖ / ‖expected‖; NaN where an element is none.
  static double relativeError(float[] found, float[] expected) {
    double error = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      double difference = (double) found[i] - expected[i];
      error += difference * difference;
      size += (double) expected[i] * expected[i];
    }
    return Math.sqrt(error / size);
  }
}
