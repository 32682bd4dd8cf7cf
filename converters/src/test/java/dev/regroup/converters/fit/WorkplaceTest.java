package dev.regroup.converters.fit;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.runtime.DeviceException;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// A device whose gradients are not the CPU's is not let decide what is written.
final class WorkplaceTest {
  private static Gradient gradient(double error, float... state) {
    return new Gradient(error, new Maps(Map.of(Part.STATE, state)));
  }

  @Test
  void letsRoundingPass() {
    Workplace.requireAgreement(gradient(1.0001, 1, 2.0001f, 0), gradient(1, 1, 2, 0));
    Workplace.requireAgreement(gradient(0, 0, 0, 0), gradient(0, 0, 0, 0));
  }

  @Test
  void refusesAnotherErrorOrGradient() {
    refuses(gradient(1.1, 1, 2, 0), "fit: error: expected the CPU's 1.00, found 0.100 off");
    refuses(gradient(1, 1, 2, 0.5f), "fit: gradient of STATE: expected the CPU's 2.24");
    refuses(gradient(Double.NaN, 1, 2, 0), "fit: error");
    refuses(gradient(1, 1, Float.NaN, 0), "fit: gradient of STATE");
  }

  private static void refuses(Gradient device, String message) {
    assertThatThrownBy(() -> Workplace.requireAgreement(device, gradient(1, 1, 2, 0)))
        .isInstanceOf(DeviceException.class)
        .hasMessageStartingWith(message);
  }
}
