package dev.regroup.formats.architecture;

import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorInfo;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.node.ObjectNode;

/// A checkpoint of headers without data: what describing one may look at.
record HeadersOnly(ObjectNode root, Map<String, TensorInfo> tensors) implements Checkpoint {
  private static final Path FILE = Path.of("model.safetensors");

  /// Headers as a config asks for them, all BF16.
  static HeadersOnly of(ObjectNode root) {
    var checkpoint = new HeadersOnly(root, new LinkedHashMap<>());
    Configs.describe(root).tensors().forEach(checkpoint::put);
    return checkpoint;
  }

  HeadersOnly put(String name, Shape shape) {
    return put(name, Dtype.BF16, shape);
  }

  HeadersOnly put(String name, Dtype dtype, Shape shape) {
    tensors.put(name, new TensorInfo(name, dtype, shape));
    return this;
  }

  HeadersOnly remove(String name) {
    tensors.remove(name);
    return this;
  }

  @Override
  public Path path() {
    return Path.of("model");
  }

  @Override
  public boolean isModel() {
    return true;
  }

  @Override
  public ModelConfig config() {
    return Configs.config(root);
  }

  @Override
  public List<Shard> shards() {
    return List.of(new Shard(FILE, List.copyOf(tensors.values()), 0));
  }

  @Override
  public Location locate(String name) {
    return new Location(FILE, 0, 0);
  }

  @Override
  public void read(String name, long offset, ByteBuffer into) {
    throw new AssertionError("describing read data of " + name);
  }

  @Override
  public List<Path> sideFiles() {
    return List.of();
  }

  @Override
  public Path sideFile(Path name) {
    throw new AssertionError("describing asked for " + name);
  }

  @Override
  public List<String> warnings() {
    return List.of("a warning");
  }

  @Override
  public void close() {}

  @Override
  public Collection<TensorInfo> infos() {
    return tensors.values();
  }

  @Override
  public Optional<TensorInfo> find(String name) {
    return Optional.ofNullable(tensors.get(name));
  }

  @Override
  public float[] floats(String name) {
    throw new AssertionError("describing read data of " + name);
  }
}
