package dev.regroup.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.formats.tensor.TensorInfo;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.Progress;
import dev.regroup.verify.compare.PlantedFault;
import dev.regroup.verify.compare.Subject;
import dev.regroup.verify.report.Check;
import dev.regroup.verify.report.LayerFinding;
import dev.regroup.verify.report.Level;
import dev.regroup.verify.report.Status;
import dev.regroup.verify.report.Thresholds;
import dev.regroup.verify.report.Verdict;
import dev.regroup.verify.report.VerificationReport;
import java.util.Collection;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Models that are said not to fit: nothing of a feed-forward sublayer may be read.
final class AttentionAloneTest {
  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa", "deepseek-v2"})
  void findsExactlyNothingBetweenAModelAndItself(String fixture) {
    Subject model = withoutFeedForward(Samples.model(fixture));
    VerificationReport report = verify(model, model, Set.of(Level.ATTENTION));
    assertThat(report.verdict()).as(report.text()).isEqualTo(Verdict.PASS);
    assertThat(report.layers()).hasSize(model.spec().layers().size());
    for (LayerFinding layer : report.layers()) {
      assertThat(layer.attentionError()).isZero();
      assertThat(layer.drift()).isNaN();
    }
    assertThat(check(report, "source against itself").status()).isEqualTo(Status.PASS);
    assertThat(check(report, "planted fault").status()).isEqualTo(Status.PASS);
    assertThat(check(report, "input").reason()).contains("feed-forward sublayers are left out");
    assertThat(report.json()).doesNotContain("NaN");
    assertThat(report.text()).doesNotContain("NaN");
  }

  @Test
  void namesTheLayerThatDiffers() {
    Subject source = Samples.model("deepseek-v2");
    PlantedFault fault = PlantedFault.in(source);
    VerificationReport report =
        verify(
            withoutFeedForward(source),
            withoutFeedForward(fault.subject()),
            Set.of(Level.ATTENTION));
    for (LayerFinding layer : report.layers()) {
      assertThat(layer.attentionError() > 0).isEqualTo(layer.layer() == fault.layer());
    }
  }

  @Test
  void saysWhatItCouldNotLookAt() {
    Subject model = withoutFeedForward(Samples.model("llama-gqa"));
    VerificationReport report = verify(model, model, Set.of(Level.ATTENTION, Level.DECODE));
    assertThat(report.verdict()).isEqualTo(Verdict.INCONCLUSIVE);
    assertThat(report.reason()).contains("decode", "one layer's weights, or both", "-Xmx");
    assertThat(verify(model, model, Set.of()).verdict()).isEqualTo(Verdict.PASS);
  }

  private static VerificationReport verify(Subject source, Subject target, Set<Level> levels) {
    var options = new VerifyOptions(Optional.empty(), levels, Thresholds.none(), 8, 1000);
    return Verifier.verify(source, target, options, Progress.NONE);
  }

  private static Check check(VerificationReport report, String name) {
    return report.checks().stream().filter(c -> c.name().equals(name)).findFirst().orElseThrow();
  }

  private static Subject withoutFeedForward(Subject subject) {
    return new Subject(subject.name(), subject.spec(), new AttentionOnly(subject.tensors()));
  }

  private record AttentionOnly(Tensors all) implements Tensors {
    @Override
    public Collection<TensorInfo> infos() {
      // the tensor level may look at no other either
      return all.infos().stream().filter(info -> !info.name().contains(".mlp.")).toList();
    }

    @Override
    public Optional<TensorInfo> find(String name) {
      return all.find(name);
    }

    @Override
    public float[] floats(String name) {
      assertThat(name).doesNotContain(".mlp.");
      return all.floats(name);
    }
  }
}
