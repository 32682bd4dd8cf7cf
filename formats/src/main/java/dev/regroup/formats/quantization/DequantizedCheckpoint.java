package dev.regroup.formats.quantization;

import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.tensor.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A checkpoint whose quantised weights read as their true values; bytes stay as they are in the files.
public final class DequantizedCheckpoint implements Checkpoint {
  private final Checkpoint stored;
  private @Nullable ScaledWeights weights;

  private DequantizedCheckpoint(Checkpoint stored) {
    this.stored = stored;
  }

  /// The same checkpoint where it holds no quantised weights, else one that applies their scales. Whether
  /// these are sound is looked at when the first is read, or by {@link ScaledWeights#of}.
  ///
  /// @param stored closed with the result
  public static Checkpoint of(Checkpoint stored) {
    return ScaledWeights.present(stored.infos()) ? new DequantizedCheckpoint(stored) : stored;
  }

  /// @throws dev.regroup.formats.checkpoint.CheckpointException where scales are missing or not sound
  @Override
  public float[] floats(String name) {
    return floats(name, new float[0]);
  }

  @Override
  public float[] floats(String name, float[] spent) {
    Optional<ScaledWeight> scaled = weights().find(name);
    float[] values = stored.floats(name, spent);
    scaled.ifPresent(
        weight -> new Scales(weight, stored.floats(weight.scale().name())).apply(values));
    return values;
  }

  /// Found once.
  synchronized ScaledWeights weights() {
    ScaledWeights found = weights;
    if (found == null) {
      found = ScaledWeights.find(stored);
      weights = found;
    }
    return found;
  }

  @Override
  public boolean isModel() {
    return stored.isModel();
  }

  @Override
  public Path path() {
    return stored.path();
  }

  @Override
  public ModelConfig config() {
    return stored.config();
  }

  @Override
  public List<Shard> shards() {
    return stored.shards();
  }

  @Override
  public Collection<TensorInfo> infos() {
    return stored.infos();
  }

  @Override
  public Optional<TensorInfo> find(String name) {
    return stored.find(name);
  }

  @Override
  public Location locate(String name) {
    return stored.locate(name);
  }

  @Override
  public void read(String name, long offset, ByteBuffer into) {
    stored.read(name, offset, into);
  }

  @Override
  public void transfer(String name, WritableByteChannel to) throws IOException {
    stored.transfer(name, to);
  }

  @Override
  public List<Path> sideFiles() {
    return stored.sideFiles();
  }

  @Override
  public Path sideFile(Path name) {
    return stored.sideFile(name);
  }

  @Override
  public List<String> warnings() {
    return stored.warnings();
  }

  @Override
  public void close() {
    stored.close();
  }
}
