package dev.regroup.converters.write;

import dev.regroup.formats.disk.Disk;

/// How an output gets onto the disk; none of this changes a byte of it.
///
/// @param overwrite whether an existing target is replaced, at the commit and not before
/// @param continuation what becomes of an interrupted run's work
/// @param link whether unchanged bytes may share blocks with the source
/// @param sparse whether holes of the source stay holes
/// @param part of the conversion that this run does
/// @param disk to write to
public record WriteOptions(
    boolean overwrite,
    Continuation continuation,
    LinkMode link,
    boolean sparse,
    Part part,
    Disk disk) {
  /// The usual: this machine's disk, the whole conversion, blocks shared where possible.
  public static WriteOptions usual(boolean overwrite) {
    return new WriteOptions(
        overwrite, Continuation.AUTOMATIC, LinkMode.AUTO, false, Part.WHOLE, Disk.LOCAL);
  }

  /// The same with another way to treat an interrupted run's work.
  public WriteOptions with(Continuation other) {
    return new WriteOptions(overwrite, other, link, sparse, part, disk);
  }

  /// The same for one part.
  public WriteOptions with(Part other) {
    return new WriteOptions(overwrite, continuation, link, sparse, other, disk);
  }

  /// The same on another disk.
  public WriteOptions with(Disk other) {
    return new WriteOptions(overwrite, continuation, link, sparse, part, other);
  }

  /// The same with unchanged bytes treated otherwise.
  public WriteOptions with(LinkMode otherLink, boolean otherSparse) {
    return new WriteOptions(overwrite, continuation, otherLink, otherSparse, part, disk);
  }
}
