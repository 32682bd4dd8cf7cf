package dev.regroup.runtime.cuda;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.AttentionTensor;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.Tensors;
import dev.regroup.runtime.model.AttentionSublayer;
import dev.regroup.runtime.model.Backend;
import dev.regroup.runtime.model.DecoderLayer;
import dev.regroup.runtime.model.OutputHead;
import dev.regroup.runtime.train.Accuracy;
import dev.regroup.runtime.train.TrainingMath;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// {@link Backend} on an NVIDIA GPU.
public final class CudaBackend implements Backend, AutoCloseable {
  private final CudaMath math;
  private final CudaMath loader;
  private final WeightPool pool;
  private final WeightUploader uploader;
  private final HostBridge bridge;

  /// Products by cuBLAS where it is installed, else by our kernels.
  ///
  /// @param context closed by the caller, after this
  public CudaBackend(CudaContext context, Precision precision) {
    this(context, precision, Gemm.best(context));
  }

  CudaBackend(CudaContext context, Precision precision, Gemm gemm) {
    math = new CudaMath(context, precision, gemm);
    loader = new CudaMath(context, precision, Gemm.own(context));
    pool = new WeightPool(context);
    uploader = new WeightUploader(loader);
    bridge = new HostBridge(math);
  }

  /// What computes products.
  public String products() {
    return math.gemm().describe();
  }

  CudaMath math() {
    return math;
  }

  /// A checkpoint's weights.
  WeightSource source(Tensors tensors) {
    return new WeightSource.Given(uploader, tensors);
  }

  /// Random weights, for benchmarks.
  WeightSource random(ModelSpec model) {
    return WeightSource.Random.of(loader, model);
  }

  /// Room for weights.
  DeviceWeights weights(WeightSource source) {
    return new DeviceWeights(loader, pool, source);
  }

  /// A layer on the device.
  DeviceLayer deviceLayer(ModelSpec model, int index, WeightSource source) {
    return deviceLayer(model, index, source, null);
  }

  private DeviceLayer deviceLayer(
      ModelSpec model, int index, WeightSource source, @Nullable DeviceFeedForward lent) {
    synchronized (loader) {
      DeviceLayer layer =
          DeviceLayer.read(
              math,
              model,
              index,
              new DeviceLayer.Sources(weights(source), weights(source), weights(source), lent));
      loader.synchronize();
      return layer;
    }
  }

  /// A head on the device.
  DeviceHead deviceHead(ModelSpec model, WeightSource source) {
    synchronized (loader) {
      DeviceWeights weights = weights(source);
      try {
        DeviceHead head = new DeviceHead(math, model, weights);
        loader.synchronize();
        return head;
      } catch (RuntimeException e) {
        weights.close();
        throw e;
      }
    }
  }

  @Override
  public DecoderLayer layer(ModelSpec model, int index, Tensors tensors) {
    return new CudaDecoderLayer(bridge, deviceLayer(model, index, source(tensors)));
  }

  @Override
  public DecoderLayer layer(ModelSpec model, int index, Tensors tensors, DecoderLayer feedForward) {
    DeviceFeedForward lent =
        feedForward instanceof CudaDecoderLayer other ? other.layer().feedForward() : null;
    return new CudaDecoderLayer(bridge, deviceLayer(model, index, source(tensors), lent));
  }

  @Override
  public OutputHead head(ModelSpec model, Tensors tensors) {
    return new CudaHead(bridge, model, deviceHead(model, source(tensors)));
  }

  @Override
  public AttentionSublayer attention(
      AttentionSpec spec,
      int hiddenSize,
      double normEpsilon,
      Map<AttentionTensor, float[]> elements) {
    Map<String, float[]> values = new HashMap<>();
    Map<String, Shape> shapes = new HashMap<>();
    spec.tensors(hiddenSize)
        .forEach(
            (tensor, shape) -> {
              float[] found = elements.get(tensor);
              if (found == null || found.length != shape.elements()) {
                throw new IllegalArgumentException(
                    tensor.suffix() + ": expected " + shape + " elements");
              }
              values.put(tensor.in(0), found);
              shapes.put(tensor.in(0), shape);
            });
    synchronized (loader) {
      DeviceWeights weights = weights(source(Tensors.of(values, shapes)));
      try {
        var attention = new DeviceAttention(math, spec, hiddenSize, normEpsilon, weights, 0);
        loader.synchronize();
        return new CudaSublayer(bridge, attention);
      } catch (RuntimeException e) {
        weights.close();
        throw e;
      }
    }
  }

  @Override
  public Optional<TrainingMath> training(Accuracy accuracy) {
    return Optional.of(training(math.context(), accuracy));
  }

  /// What trains on a device: products by cuBLAS where BF16 will do and it is installed.
  static StreamTraining training(CudaContext context, Accuracy accuracy) {
    return switch (accuracy) {
      case FLOAT32 -> new CudaTraining(context);
      case BFLOAT16 ->
          Cublas.find()
              .<StreamTraining>map(library -> new RoundedTraining(context, library))
              .orElseGet(() -> new CudaTraining(context));
    };
  }

  @Override
  public void close() {
    uploader.close();
    pool.close();
    loader.close();
    math.close();
  }
}
