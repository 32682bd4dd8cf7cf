package dev.regroup.formats.system;

/// What became of an attempt to let two files share the blocks of a range.
public enum Sharing {
  /// Both files now hold the same blocks.
  SHARED,
  /// The file system has no shared blocks, or the files lie on two.
  UNSUPPORTED,
  /// The range does not begin or end on a block, or its blocks cannot be shared.
  UNALIGNED
}
