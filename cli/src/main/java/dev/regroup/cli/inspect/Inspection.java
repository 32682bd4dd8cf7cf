package dev.regroup.cli.inspect;

import dev.regroup.formats.architecture.LayerSpec;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorInfo;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// What a checkpoint is, from its headers and its config alone.
///
/// @param path the directory, or the file
/// @param tensors all of them
/// @param dtypes what is stored in each dtype
/// @param shards files with tensors
/// @param model what the config means; absent for a bare safetensors file
/// @param warnings what was odd but not wrong
public record Inspection(
    Path path,
    List<TensorInfo> tensors,
    Map<Dtype, Stored> dtypes,
    List<Checkpoint.Shard> shards,
    Optional<ModelSpec> model,
    List<String> warnings) {
  /// Bytes of one cached element: caches are kept in BF16 or F16.
  public static final int CACHE_ELEMENT_BYTES = 2;

  /// Numbers of tensor-parallel devices to answer for.
  public static final List<Integer> TENSOR_PARALLEL = List.of(1, 2, 4, 8);

  /// How much is stored in one dtype.
  ///
  /// @param elements of all its tensors
  /// @param bytes they take in the files
  public record Stored(int tensors, long elements, long bytes) {
    Stored plus(TensorInfo info) {
      return new Stored(tensors + 1, elements + info.shape().elements(), bytes + info.bytes());
    }
  }

  /// Looks at an open checkpoint.
  ///
  /// @param model what its config means, or nothing for a bare file
  public static Inspection of(Checkpoint checkpoint, Optional<ModelSpec> model) {
    var dtypes = new EnumMap<Dtype, Stored>(Dtype.class);
    List<TensorInfo> tensors = List.copyOf(checkpoint.infos());
    for (TensorInfo info : tensors) {
      Stored before = dtypes.getOrDefault(info.dtype(), new Stored(0, 0, 0));
      dtypes.put(info.dtype(), before.plus(info));
    }
    return new Inspection(
        checkpoint.path(), tensors, dtypes, checkpoint.shards(), model, checkpoint.warnings());
  }

  /// Elements of all tensors.
  public long parameters() {
    return dtypes.values().stream().mapToLong(Stored::elements).sum();
  }

  /// Bytes of all tensors.
  public long bytes() {
    return dtypes.values().stream().mapToLong(Stored::bytes).sum();
  }

  /// Elements of the tensors of all attention sublayers of a model.
  public static long attentionParameters(ModelSpec model) {
    return model.layers().stream()
        .flatMap(layer -> layer.attention().tensors(model.hiddenSize()).values().stream())
        .mapToLong(Shape::elements)
        .sum();
  }

  /// Bytes that one device keeps of a token, over all layers of a model.
  ///
  /// @param ranks tensor-parallel devices
  public static long cacheBytesPerToken(ModelSpec model, int ranks) {
    return model.layers().stream()
        .map(LayerSpec::attention)
        .mapToLong(attention -> attention.layout().cacheRow().elementsPerRank(ranks))
        .map(elements -> elements * CACHE_ELEMENT_BYTES)
        .sum();
  }
}
