package dev.regroup.converters;

import dev.regroup.converters.calibrate.LayerStatistics;
import dev.regroup.converters.calibrate.StatisticsCollector;
import dev.regroup.converters.calibrate.Streams;
import dev.regroup.converters.closedform.ClosedForm;
import dev.regroup.converters.closedform.FactoredAttention;
import dev.regroup.converters.fit.FitOptions;
import dev.regroup.converters.fit.FitPlan;
import dev.regroup.converters.fit.LayerFit;
import dev.regroup.converters.plan.ConversionPlan;
import dev.regroup.converters.report.LayerReport;
import dev.regroup.converters.source.LayerWeights;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.Scratch;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.model.AttentionSublayer;
import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.Transformer;
import dev.regroup.runtime.text.TokenWindows;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Converts on calibration text: each layer sees the streams that the layers before it leave, one of
/// the source and one of the target.
final class CalibratedConversion implements LayerConversion {
  /// Windows on which a layer's error is measured.
  private static final int MEASURED_WINDOWS = 16;

  private final Checkpoint source;
  private final ConversionPlan plan;
  private final ConversionOptions options;
  private final Transformer model;
  private final Scratch scratch;
  private final Streams streams;
  private final FitPlan fit;
  private final Progress progress;
  private @Nullable DecoderLayer current;
  private int attended = -1;

  CalibratedConversion(
      Checkpoint source,
      ConversionPlan plan,
      TokenWindows calibration,
      ConversionOptions options,
      Progress progress) {
    this.source = source;
    this.plan = plan;
    this.options = options;
    this.progress = progress;
    EnoughTokens.require(plan.target(), calibration);
    model = new Transformer(plan.source(), source, options.backend());
    fit = FitPlan.of(options.fit(), plan.target(), calibration.windowTokens());
    boolean apart = options.fit().mode() == FitOptions.Mode.SEQUENTIAL;
    scratch = Scratch.in(options.scratch());
    streams =
        new Streams(
            model.embedding(), calibration.windows(), apart, options.fit().memory(), scratch);
  }

  @Override
  public int pieces() {
    return fit.steps() + fit.normSteps() + 1;
  }

  @Override
  public long spilledBytes() {
    return streams.spilledBytes();
  }

  @Override
  public void close() {
    streams.close();
    scratch.close();
    if (current != null) {
      current.close();
    }
  }

  @Override
  public Converted convert(int index) {
    ModelSpec spec = plan.source();
    AttentionSpec before = spec.layers().get(index).attention();
    AttentionSpec after = plan.target().layers().get(index).attention();
    LayerWeights weights = LayerWeights.read(source, spec, index, options.allowNonFinite());
    DecoderLayer layer = attend(index);
    LayerStatistics statistics =
        StatisticsCollector.collect(
            layer,
            weights,
            streams,
            streams.spread(options.fit().statisticsTokens() / streams.tokens()),
            spec.hiddenSize());
    ClosedForm closed =
        ClosedForm.convert(
            before, after, weights, statistics, spec.hiddenSize(), plan.request().wholeFit());
    double closedError = error(layer, closed.attention(), weights);
    LayerFit.Fitted fitted = fit(layer, weights, closed.attention(), index);
    double error = error(layer, fitted.attention(), weights);
    return new Converted(
        fitted.attention().spec(),
        fitted.attention().tensors(weights.tensors()),
        new LayerReport(
            index,
            statistics.participation() * closed.lost() / size(),
            OptionalDouble.of(error),
            OptionalDouble.of(closedError),
            fitted.outcome()));
  }

  private LayerFit.Fitted fit(
      DecoderLayer layer, LayerWeights weights, FactoredAttention closed, int index) {
    long before = (long) index * pieces();
    return new LayerFit(
            fit,
            options.fit(),
            layer,
            weights,
            streams,
            plan.source().hiddenSize(),
            plan.request().wholeFit(),
            options.backend())
        .fit(
            closed,
            options.seed() * 1000 + index,
            (step, error) ->
                progress.advance(before + step, "layer %d: error %.4f".formatted(index, error)));
  }

  @Override
  public void advance(
      int index, AttentionSpec spec, Supplier<Map<AttentionTensor, float[]>> written) {
    boolean last = index + 1 == plan.source().layers().size();
    if (!last && options.fit().mode() == FitOptions.Mode.PARALLEL) {
      streams.advanceTogether(attend(index));
    } else if (!last) {
      try (AttentionSublayer converted = sublayer(spec, written.get())) {
        streams.advance(attend(index), converted);
      }
    }
  }

  @Override
  public void skip(int index) {
    if (options.fit().mode() != FitOptions.Mode.PARALLEL) {
      throw new UnsupportedModelException(
          "part: expected layers that do not depend on each other, found a calibrated conversion"
              + " where each repairs those before it -> give --fit-mode parallel, or convert in one"
              + " process");
    }
    streams.advanceTogether(attend(index));
  }

  @Override
  public boolean costly() {
    return true;
  }

  /// The layer, once the source's attention of it has run on the source's stream.
  private DecoderLayer attend(int index) {
    if (attended != index) {
      if (current != null) {
        current.close();
      }
      current = model.layer(index);
      streams.attend(current);
      FiniteActivations.require(current, streams, index);
      attended = index;
    }
    return Objects.requireNonNull(current);
  }

  private double error(DecoderLayer layer, FactoredAttention attention, LayerWeights weights) {
    try (AttentionSublayer converted =
        sublayer(attention.spec(), attention.tensors(weights.tensors()))) {
      return error(layer, converted);
    }
  }

  private AttentionSublayer sublayer(AttentionSpec spec, Map<AttentionTensor, float[]> tensors) {
    return options
        .backend()
        .attention(spec, plan.source().hiddenSize(), plan.source().normEpsilon(), tensors);
  }

  /// Squared error over squared size of the sublayer's output, on the source's own input.
  private double error(DecoderLayer layer, AttentionSublayer converted) {
    int windows = Math.min(MEASURED_WINDOWS, streams.windows());
    double[] errors = new double[windows];
    double[] sizes = new double[windows];
    Parallel.forEach(
        windows,
        i -> {
          int window = (int) ((long) i * streams.windows() / windows);
          float[] x = layer.attentionInput(streams.source(window), streams.tokens());
          float[] wanted = streams.sourceUpdate(window);
          float[] got = converted.forward(x, streams.tokens());
          for (int e = 0; e < wanted.length; e++) {
            double difference = got[e] - wanted[e];
            errors[i] += difference * difference;
            sizes[i] += (double) wanted[e] * wanted[e];
          }
        });
    double error = 0;
    double size = 0;
    for (int i = 0; i < windows; i++) {
      error += errors[i];
      size += sizes[i];
    }
    return size == 0 ? 0 : error / size;
  }

  /// The mean squared size, a token, of what the source's attention adds to its stream.
  private double size() {
    double[] sizes = new double[streams.windows()];
    Parallel.forEach(
        sizes.length,
        window -> {
          for (float element : streams.sourceUpdate(window)) {
            sizes[window] += (double) element * element;
          }
        });
    double sum = 0;
    for (double size : sizes) {
      sum += size;
    }
    return Math.max(sum / streams.windows() / streams.tokens(), Double.MIN_NORMAL);
  }
}
