package dev.regroup.formats.stored;

import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.ModelFile;
import dev.regroup.formats.checkpoint.ModelFiles;
import dev.regroup.formats.checkpoint.OpenShard;
import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.checkpoint.Scratch;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.TensorCodec;
import dev.regroup.formats.tensor.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A model, or one file of tensors; holds its files open until it is closed.
public final class StoredCheckpoint implements Checkpoint {
  /// Bytes decoded at a time; a multiple of every dtype's width.
  private static final int CHUNK = 1 << 20;

  private static final String HEAD = "lm_head.weight";
  private static final String EMBEDDING = "model.embed_tokens.weight";

  private final Path path;
  private final @Nullable ModelConfig config;
  private final @Nullable ModelFiles files;
  private final Scratch scratch;
  private final List<OpenShard> shards;
  private final List<Path> sideFiles;
  private final List<String> warnings;
  private final Map<String, TensorInfo> infos = new LinkedHashMap<>();
  private final Map<String, Slot> slots = new LinkedHashMap<>();

  /// Where a tensor lies in an open file.
  private record Slot(OpenShard shard, TensorInfo info, OpenShard.Place place) {}

  private StoredCheckpoint(OpenShard shard, Scratch scratch) {
    this.path = shard.file().name();
    this.config = null;
    this.files = null;
    this.scratch = scratch;
    this.shards = List.of(shard);
    this.sideFiles = List.of();
    this.warnings =
        shard.oddities().stream().map(oddity -> shard.file().name() + ": " + oddity).toList();
    place();
  }

  private StoredCheckpoint(ModelFolder folder, List<OpenShard> shards, Scratch scratch) {
    this.path = folder.files().path();
    this.config = folder.config().orElse(null);
    this.files = folder.files();
    this.scratch = scratch;
    this.shards = List.copyOf(shards);
    this.sideFiles = folder.sideFiles();
    List<String> remarks = new ArrayList<>(folder.warnings(shards));
    place();
    remarks.addAll(leaveOutTiedHead());
    this.warnings = List.copyOf(remarks);
  }

  private void place() {
    for (OpenShard shard : shards) {
      for (OpenShard.Placed tensor : shard.tensors()) {
        infos.put(tensor.info().name(), tensor.info());
        slots.put(tensor.info().name(), new Slot(shard, tensor.info(), tensor.place()));
      }
    }
  }

  // PyTorch stores a tied head as a second name of the embedding, safetensors does not store it:
  // the same model must not depend on which of them wrote it.
  private List<String> leaveOutTiedHead() {
    Slot head = slots.get(HEAD);
    Slot embedding = slots.get(EMBEDDING);
    if (head == null
        || embedding == null
        || config == null
        || !config.flag("tie_word_embeddings", false)
        || !isSame(head, embedding)) {
      return List.of();
    }
    infos.remove(HEAD);
    slots.remove(HEAD);
    return List.of(
        "%s: tensor \"%s\" is \"%s\" under another name, as the config says; it is left out"
            .formatted(head.shard().file().name(), HEAD, EMBEDDING));
  }

  private static boolean isSame(Slot one, Slot other) {
    return one.place() instanceof OpenShard.Spot spot
        && spot.equals(other.place())
        && one.info().dtype() == other.info().dtype()
        && one.info().shape().equals(other.info().shape());
  }

  /// Opens a model: all headers are read and checked, no weights are.
  ///
  /// @param files closed with the checkpoint, or when it cannot be opened
  /// @param scratch as `files`
  /// @throws CheckpointException where a file is not what it says, or files are missing
  /// @throws UnsupportedModelException where it holds weights in other formats only
  public static StoredCheckpoint open(ModelFiles files, Scratch scratch) {
    List<OpenShard> shards = new ArrayList<>();
    try {
      ModelFolder folder = ModelFolder.look(files);
      openAll(folder, scratch, shards);
      return new StoredCheckpoint(folder, shards, scratch);
    } catch (RuntimeException e) {
      shards.forEach(OpenShard::close);
      files.close();
      scratch.close();
      throw e;
    }
  }

  /// Opens a model's files on all cores: a large model's headers take longer to read than the rest.
  ///
  /// @param opened given all that could be opened, in order
  /// @throws CheckpointException of the first that could not
  private static void openAll(ModelFolder folder, Scratch scratch, List<OpenShard> opened) {
    List<ModelFile> files = folder.shards().stream().map(folder.files()::file).toList();
    List<Opened> all =
        files.parallelStream().map(file -> Opened.of(folder.format(), file, scratch)).toList();
    all.forEach(each -> each.shard().ifPresent(opened::add));
    for (Opened each : all) {
      if (each.failure().isPresent()) {
        throw each.failure().get();
      }
    }
  }

  /// A file of tensors, or why it could not be opened.
  private record Opened(Optional<OpenShard> shard, Optional<RuntimeException> failure) {
    static Opened of(WeightFormat format, ModelFile file, Scratch scratch) {
      try {
        return new Opened(Optional.of(format.open(file, scratch)), Optional.empty());
      } catch (RuntimeException e) {
        return new Opened(Optional.empty(), Optional.of(e));
      }
    }
  }

  /// Opens one file of tensors, which has no config.
  ///
  /// @param scratch closed with the checkpoint
  static StoredCheckpoint of(OpenShard shard, Scratch scratch) {
    return new StoredCheckpoint(shard, scratch);
  }

  @Override
  public Path path() {
    return path;
  }

  @Override
  public boolean isModel() {
    return files != null;
  }

  @Override
  public ModelConfig config() {
    if (config == null) {
      throw new CheckpointException(
          path + ": no config.json -> give a model directory that holds one");
    }
    return config;
  }

  @Override
  public List<Shard> shards() {
    return shards.stream().map(OpenShard::describe).toList();
  }

  @Override
  public Collection<TensorInfo> infos() {
    return Collections.unmodifiableCollection(infos.values());
  }

  @Override
  public Optional<TensorInfo> find(String name) {
    return Optional.ofNullable(infos.get(name));
  }

  @Override
  public Location locate(String name) {
    Slot slot = slot(name);
    OpenShard.Spot spot = slot.place().find();
    return spot.file().locate(spot.offset(), slot.info().bytes());
  }

  @Override
  public void read(String name, long offset, ByteBuffer into) {
    Slot slot = slot(name);
    if (offset < 0 || offset > slot.info().bytes() - into.remaining()) {
      throw new IllegalArgumentException(
          "tensor %s: bytes [%d, %d) of %d"
              .formatted(Quoted.of(name), offset, offset + into.remaining(), slot.info().bytes()));
    }
    OpenShard.Spot spot = slot.place().find();
    spot.file().read(spot.offset() + offset, into);
  }

  @Override
  public float[] floats(String name) {
    return floats(name, new float[0]);
  }

  @Override
  public float[] floats(String name, float[] spent) {
    Slot slot = slot(name);
    Dtype dtype = slot.info().dtype();
    int count = requireFloats(slot);
    float[] values = spent.length == count ? spent : new float[count];
    OpenShard.Spot spot = slot.place().find();
    int width = dtype.bits() / 8;
    ByteBuffer chunk = ByteBuffer.allocate((int) Math.min(CHUNK, slot.info().bytes()));
    for (int at = 0; at < values.length; at += chunk.limit() / width) {
      chunk.clear().limit((int) Math.min(chunk.capacity(), (long) (values.length - at) * width));
      spot.file().read(spot.offset() + (long) at * width, chunk);
      TensorCodec.decode(dtype, chunk.flip(), values, at);
    }
    return values;
  }

  @Override
  public void transfer(String name, WritableByteChannel to) throws IOException {
    Slot slot = slot(name);
    OpenShard.Spot spot = slot.place().find();
    spot.file().transfer(spot.offset(), slot.info().bytes(), to);
  }

  @Override
  public List<Path> sideFiles() {
    return sideFiles;
  }

  @Override
  public Path sideFile(Path name) {
    if (files == null || !sideFiles.contains(name)) {
      throw new IllegalArgumentException("%s: no side file %s".formatted(path, name));
    }
    return files.sideFile(name);
  }

  @Override
  public List<String> warnings() {
    return warnings;
  }

  @Override
  public void close() {
    shards.forEach(OpenShard::close);
    if (files != null) {
      files.close();
    }
    scratch.close();
  }

  private Slot slot(String name) {
    Slot slot = slots.get(name);
    if (slot == null) {
      throw new IllegalArgumentException("%s: no tensor %s".formatted(path, Quoted.of(name)));
    }
    return slot;
  }

  private static int requireFloats(Slot slot) {
    TensorInfo info = slot.info();
    String where = "%s: tensor %s".formatted(slot.shard().file().name(), Quoted.of(info.name()));
    switch (info.dtype()) {
      // codes as they stand: scales are applied by DequantizedCheckpoint
      case F64, F32, BF16, F16, F8_E4M3, F8_E5M2, F8_E8M0 -> {}
      case F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E3M2, F6_E2M3, F4 ->
          throw new UnsupportedModelException(
              "%s: expected F64, F32, BF16, F16 or FP8, found %s".formatted(where, info.dtype()));
      case C64, U64, I64, U32, I32, U16, I16, U8, I8, BOOL ->
          throw new UnsupportedModelException(
              "%s: expected F64, F32, BF16, F16 or FP8, found %s".formatted(where, info.dtype()));
    }
    if (info.shape().elements() > Integer.MAX_VALUE - 8) {
      throw new UnsupportedModelException(
          "%s: expected fewer than 2^31 elements, found %s".formatted(where, info.shape()));
    }
    return (int) info.shape().elements();
  }
}
