package dev.regroup.converters.fit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.DeviceException;
import dev.regroup.runtime.model.AttentionSublayer;
import dev.regroup.runtime.model.Backend;
import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.OutputHead;
import dev.regroup.runtime.train.Accuracy;
import dev.regroup.runtime.train.ScalarTrainingMath;
import dev.regroup.runtime.train.TrainingMath;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// A device whose gradients are not the CPU's is not let decide what is written.
final class WorkplaceTest {
  private static Gradient gradient(double error, float... state) {
    return new Gradient(error, new Maps(Map.of(Part.STATE, state)));
  }

  @Test
  void letsRoundingPass() {
    Workplace.requireAgreement(gradient(1.0001, 1, 2.0001f, 0), gradient(1, 1, 2, 0), 1e-2);
    Workplace.requireAgreement(gradient(0, 0, 0, 0), gradient(0, 0, 0, 0), 1e-2);
  }

  @Test
  void refusesAnotherErrorOrGradient() {
    refuses(gradient(1.1, 1, 2, 0), "fit: error: expected the CPU's 1.00, found 0.100 off");
    refuses(gradient(1, 1, 2, 0.5f), "fit: gradient of STATE: expected the CPU's 2.24");
    refuses(gradient(Double.NaN, 1, 2, 0), "fit: error");
    refuses(gradient(1, 1, Float.NaN, 0), "fit: gradient of STATE");
  }

  @Test
  void trainsOnADeviceThatTrains() {
    var task = new DeviceProblemContract.Task(RandomLayers.cases().findFirst().orElseThrow());
    var split = new Training.Split(DeviceProblemContract.BATCH, DeviceProblemContract.HELD);
    try (var place = Workplace.open(new DeviceBackend(), task, task.layer, task.parts, split)) {
      assertThat(place.problem()).isInstanceOf(DeviceProblem.class);
    }
    try (var place = Workplace.open(Backend.cpu(), task, task.layer, task.parts, split)) {
      assertThat(place.problem()).isInstanceOf(HostProblem.class);
    }
  }

  /// The CPU, as if it were a device that trains.
  private static final class DeviceBackend implements Backend {
    private final Backend cpu = Backend.cpu();

    @Override
    public DecoderLayer layer(ModelSpec model, int index, Tensors weights) {
      return cpu.layer(model, index, weights);
    }

    @Override
    public DecoderLayer layer(
        ModelSpec model, int index, Tensors weights, DecoderLayer feedForward) {
      return cpu.layer(model, index, weights, feedForward);
    }

    @Override
    public OutputHead head(ModelSpec model, Tensors weights) {
      return cpu.head(model, weights);
    }

    @Override
    public AttentionSublayer attention(
        AttentionSpec spec,
        int hiddenSize,
        double normEpsilon,
        Map<AttentionTensor, float[]> weights) {
      return cpu.attention(spec, hiddenSize, normEpsilon, weights);
    }

    @Override
    public Optional<TrainingMath> training(Accuracy accuracy) {
      return Optional.of(new ScalarTrainingMath(10_000_000));
    }
  }

  private static void refuses(Gradient device, String message) {
    assertThatThrownBy(() -> Workplace.requireAgreement(device, gradient(1, 1, 2, 0), 1e-2))
        .isInstanceOf(DeviceException.class)
        .hasMessageStartingWith(message);
  }
}
