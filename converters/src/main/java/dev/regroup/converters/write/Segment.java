package dev.regroup.converters.write;

import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.tensor.TensorInfo;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Function;

/// A stretch of an output file behind its header.
sealed interface Segment {
  /// Bytes `[from, from + count)` of a source file, as they are: tensors that lie side by side in
  /// the output as they did in the source.
  record Kept(Path source, long from, long count, List<TensorInfo> tensors) implements Segment {}

  /// A tensor that the conversion of a layer makes.
  record Written(TensorInfo tensor, int layer) implements Segment {}

  /// Bytes of it.
  default long bytes() {
    return switch (this) {
      case Kept kept -> kept.count();
      case Written written -> written.tensor().bytes();
    };
  }

  /// The segments of one file, in its order.
  ///
  /// @param layer that writes a tensor, by name; empty for kept ones
  static List<Segment> of(
      List<TensorInfo> tensors, Function<String, OptionalInt> layer, Checkpoint source) {
    List<Segment> segments = new ArrayList<>();
    for (TensorInfo tensor : tensors) {
      OptionalInt writer = layer.apply(tensor.name());
      if (writer.isPresent()) {
        segments.add(new Written(tensor, writer.getAsInt()));
        continue;
      }
      Checkpoint.Location at = source.locate(tensor.name());
      if (!segments.isEmpty()
          && segments.getLast() instanceof Kept run
          && run.source().equals(at.file())
          && run.from() + run.count() == at.offset()) {
        run.tensors().add(tensor);
        segments.set(
            segments.size() - 1,
            new Kept(run.source(), run.from(), run.count() + at.bytes(), run.tensors()));
      } else {
        segments.add(
            new Kept(at.file(), at.offset(), at.bytes(), new ArrayList<>(List.of(tensor))));
      }
    }
    return segments;
  }
}
