package dev.regroup.runtime.cuda;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.Tensors;
import java.util.HashMap;
import java.util.Map;

/// Where weights on the device come from.
sealed interface WeightSource {
  /// Elements of a tensor.
  long elements(String name);

  /// Brings a tensor to a place on the device: as many elements as it has, in whatever shape.
  void read(String name, DeviceBlock to);

  /// A checkpoint's, or those that the host holds.
  record Given(WeightUploader uploader, Tensors tensors) implements WeightSource {
    @Override
    public long elements(String name) {
      return tensors
          .find(name)
          .orElseThrow(() -> new IllegalArgumentException(name + " is not in the checkpoint"))
          .shape()
          .elements();
    }

    @Override
    public void read(String name, DeviceBlock to) {
      uploader.upload(tensors, name, to);
    }
  }

  /// Random ones, for benchmarks: of the sizes that trained weights have, gains of 1.
  record Random(CudaMath math, Map<String, Shape> shapes) implements WeightSource {
    static Random of(CudaMath math, ModelSpec model) {
      return new Random(math, new HashMap<>(model.tensors()));
    }

    private Shape shape(String name) {
      Shape shape = shapes.get(name);
      if (shape == null) {
        throw new IllegalArgumentException(name + " is not in the model");
      }
      return shape;
    }

    @Override
    public long elements(String name) {
      return shape(name).elements();
    }

    @Override
    public void read(String name, DeviceBlock to) {
      Shape shape = shape(name);
      float size = shape.rank() == 2 ? (float) (1 / Math.sqrt((double) shape.extent(1))) : 1;
      math.randomise(to, name.hashCode(), size);
    }
  }
}
