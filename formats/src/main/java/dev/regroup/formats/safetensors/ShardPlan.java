package dev.regroup.formats.safetensors;

import dev.regroup.formats.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// Which file of an output holds which tensor, decided before any weight is written.
///
/// Files are filled one after another in the given order, as transformers does; a tensor larger
/// than the limit gets a file of its own. Within a file, wider elements come first, otherwise in
/// the given order: each tensor is then aligned to its elements, which PyTorch's loader needs.
///
/// @param files in name order, at least one
public record ShardPlan(List<PlannedFile> files) {
  /// One file.
  ///
  /// @param name relative to the output directory
  /// @param tensors in the order of their bytes
  public record PlannedFile(String name, List<TensorInfo> tensors) {
    public PlannedFile {
      tensors = List.copyOf(tensors);
    }

    /// Bytes of the tensors, without the header.
    public long bytes() {
      return tensors.stream().mapToLong(TensorInfo::bytes).sum();
    }
  }

  public ShardPlan {
    files = List.copyOf(files);
  }

  /// Cuts tensors into files.
  ///
  /// @param tensors in the order in which they are to be written
  /// @param mostBytes of tensors in a file, at least 1
  public static ShardPlan cut(List<TensorInfo> tensors, long mostBytes) {
    if (mostBytes < 1) {
      throw new IllegalArgumentException("a shard must hold at least 1 byte, found " + mostBytes);
    }
    List<List<TensorInfo>> cuts = new ArrayList<>();
    List<TensorInfo> current = new ArrayList<>();
    long bytes = 0;
    long headerBytes = 0;
    for (TensorInfo tensor : tensors) {
      boolean full =
          tensor.bytes() > mostBytes - bytes
              || headerBytes + mostHeaderBytes(tensor) > HeaderBytes.MOST_BYTES - 4096;
      if (full && !current.isEmpty()) {
        cuts.add(current);
        current = new ArrayList<>();
        bytes = 0;
        headerBytes = 0;
      }
      current.add(tensor);
      bytes += tensor.bytes();
      headerBytes += mostHeaderBytes(tensor);
    }
    cuts.add(current);
    return new ShardPlan(name(cuts));
  }

  /// Whether the output needs an index: it has several files.
  public boolean indexed() {
    return files.size() > 1;
  }

  /// Bytes of all tensors, without headers.
  public long bytes() {
    return files.stream().mapToLong(PlannedFile::bytes).sum();
  }

  /// Elements of all tensors.
  public long parameters() {
    return files.stream()
        .flatMap(file -> file.tensors().stream())
        .mapToLong(tensor -> tensor.shape().elements())
        .sum();
  }

  private static List<PlannedFile> name(List<List<TensorInfo>> cuts) {
    List<PlannedFile> files = new ArrayList<>();
    for (int i = 0; i < cuts.size(); i++) {
      String name =
          cuts.size() == 1
              ? "model.safetensors"
              : "model-%05d-of-%05d.safetensors".formatted(i + 1, cuts.size());
      List<TensorInfo> aligned = new ArrayList<>(cuts.get(i));
      aligned.sort(Comparator.comparingInt((TensorInfo info) -> info.dtype().bits()).reversed());
      files.add(new PlannedFile(name, aligned));
    }
    return files;
  }

  // A character is at most six when escaped, and an extent or offset twenty digits and a comma.
  private static long mostHeaderBytes(TensorInfo tensor) {
    return 6L * tensor.name().length() + 21L * (tensor.shape().rank() + 2) + 64;
  }
}
