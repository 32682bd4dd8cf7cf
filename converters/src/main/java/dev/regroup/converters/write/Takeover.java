package dev.regroup.converters.write;

import dev.regroup.formats.manifest.Sha256;
import dev.regroup.formats.safetensors.SafetensorsWriter;
import dev.regroup.formats.safetensors.ShardPlan.PlannedFile;
import dev.regroup.formats.tensor.TensorInfo;
import dev.regroup.runtime.Parallel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// Takes over what an earlier run finished, as far as the disk still holds what the journal says:
/// everything is hashed again, so that neither a power failure nor a hand that meddled gets into the
/// output.
final class Takeover {
  private final OutputFiles output;
  private final OpenFiles open;
  private final Journal.Content before;
  private final Path directory;

  Takeover(OutputFiles output, OpenFiles open, Journal.Content before, Path directory) {
    this.output = output;
    this.open = open;
    this.before = before;
    this.directory = directory;
  }

  /// The files that are finished.
  List<FinishedFile> files() {
    List<PlannedFile> candidates =
        output.mine().stream().filter(file -> before.files().containsKey(file.name())).toList();
    boolean[] good = new boolean[candidates.size()];
    Parallel.forEach(
        good.length,
        i -> {
          FinishedFile file = Objects.requireNonNull(before.files().get(candidates.get(i).name()));
          good[i] = holds(directory.resolve(file.name()), file);
        });
    List<FinishedFile> files = new ArrayList<>();
    for (int i = 0; i < good.length; i++) {
      if (good[i]) {
        open.found(candidates.get(i));
        files.add(Objects.requireNonNull(before.files().get(candidates.get(i).name())));
      }
    }
    return files;
  }

  /// The layers that are finished, by index; their tensors in unfinished files count as written.
  /// Asked after {@link #files}.
  Map<Integer, FinishedLayer> layers() {
    Map<Integer, FinishedLayer> layers = new HashMap<>();
    ByteBuffer piece = WriteBehind.piece();
    for (FinishedLayer layer : before.layers().values()) {
      List<TensorInfo> unfinished =
          output.writtenHere(layer.layer()).stream()
              .filter(tensor -> !open.isFinished(output.of(tensor.name())))
              .toList();
      if (unfinished.stream().allMatch(tensor -> holds(tensor, layer, piece))) {
        unfinished.forEach(
            tensor -> open.get(output.of(tensor.name())).take(List.of(tensor.name())));
        layers.put(layer.layer(), layer);
      }
    }
    return layers;
  }

  private boolean holds(TensorInfo tensor, FinishedLayer layer, ByteBuffer piece) {
    PlannedFile file = output.of(tensor.name());
    if (!open.begun(file)) {
      return false;
    }
    SafetensorsWriter writer = open.get(file);
    return writer.file().size() >= writer.offset(tensor.name()) + tensor.bytes()
        && hash(writer, tensor, piece).equals(layer.hashes().get(tensor.name()));
  }

  /// The hash of a tensor's bytes as they lie in an open file.
  static String hash(SafetensorsWriter writer, TensorInfo tensor, ByteBuffer piece) {
    MessageDigest digest = Sha256.digest();
    update(digest, writer, tensor, piece);
    return Sha256.of(digest);
  }

  /// Gives a digest a tensor's bytes as they lie in an open file.
  static void update(
      MessageDigest digest, SafetensorsWriter writer, TensorInfo tensor, ByteBuffer piece) {
    for (long at = 0; at < tensor.bytes(); at += piece.limit()) {
      piece.clear().limit((int) Math.min(piece.capacity(), tensor.bytes() - at));
      writer.read(tensor.name(), at, piece);
      digest.update(piece.flip());
    }
  }

  /// Whether a file is what the journal says.
  static boolean holds(Path path, FinishedFile file) {
    try {
      return Files.isRegularFile(path)
          && Files.size(path) == file.bytes()
          && Sha256.of(path, bytes -> {}).equals(file.sha256());
    } catch (IOException e) {
      throw new UncheckedIOException(path + ": " + e.getMessage(), e);
    }
  }
}
