package dev.regroup.formats.safetensors;

import dev.regroup.formats.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalInt;

/// Which file of an output holds which tensor, decided before any weight is written.
///
/// Files are filled one after another in the given order, as transformers does; a tensor larger
/// than the limit gets a file of its own. Within a file each tensor is aligned to its elements, which
/// PyTorch's loader needs: that is so where wider elements come first.
///
/// @param files in name order, at least one
public record ShardPlan(List<PlannedFile> files) {
  /// File systems that can share data between files share blocks of so many bytes, or of a divisor.
  public static final int BLOCK = 4096;

  private static final String ONE = "model.safetensors";

  /// One file.
  ///
  /// @param name relative to the output directory
  /// @param tensors in the order of their bytes
  /// @param phase where the first of them begins in a block of {@link #BLOCK} bytes, a multiple of 8;
  ///     empty where that is all the same
  public record PlannedFile(String name, List<TensorInfo> tensors, OptionalInt phase) {
    public PlannedFile {
      tensors = List.copyOf(tensors);
    }

    /// A file that begins anywhere in a block.
    public PlannedFile(String name, List<TensorInfo> tensors) {
      this(name, tensors, OptionalInt.empty());
    }

    /// The one file of a model.
    public static PlannedFile of(List<TensorInfo> tensors) {
      return new PlannedFile(ONE, tensors);
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
    return of(
        pieces(tensors, mostBytes).stream()
            .map(piece -> new Contents(widerFirst(piece), OptionalInt.empty()))
            .toList());
  }

  /// What a file is to hold, before it has a name.
  ///
  /// @param phase see {@link PlannedFile}
  public record Contents(List<TensorInfo> tensors, OptionalInt phase) {}

  /// Gives files their names.
  ///
  /// @param files none stands for one without tensors
  public static ShardPlan of(List<Contents> files) {
    if (files.size() <= 1) {
      return new ShardPlan(
          List.of(
              files.isEmpty()
                  ? PlannedFile.of(List.of())
                  : new PlannedFile(ONE, files.getFirst().tensors(), files.getFirst().phase())));
    }
    List<PlannedFile> named = new ArrayList<>();
    for (Contents file : files) {
      String name = "model-%05d-of-%05d.safetensors".formatted(named.size() + 1, files.size());
      named.add(new PlannedFile(name, file.tensors(), file.phase()));
    }
    return new ShardPlan(named);
  }

  /// Cuts tensors into pieces for a file each; one piece at least.
  ///
  /// @param mostBytes of tensors in a piece, at least 1
  public static List<List<TensorInfo>> pieces(List<TensorInfo> tensors, long mostBytes) {
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
              || headerBytes + mostHeaderBytes(tensor) > HeaderBytes.MOST_BYTES - 2 * BLOCK;
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
    return cuts;
  }

  /// The tensors of a file in an order in which each is aligned to its elements: wider ones first,
  /// otherwise as they came.
  public static List<TensorInfo> widerFirst(List<TensorInfo> tensors) {
    return tensors.stream()
        .sorted(Comparator.comparingInt((TensorInfo info) -> info.dtype().bits()).reversed())
        .toList();
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

  // A character is at most six when escaped, and an extent or offset twenty digits and a comma.
  private static long mostHeaderBytes(TensorInfo tensor) {
    return 6L * tensor.name().length() + 21L * (tensor.shape().rank() + 2) + 64;
  }
}
