package dev.regroup.converters.write;

/// Whether unchanged bytes may share blocks with the source, on file systems that can (btrfs, XFS,
/// bcachefs). Shared or not, the two files are independent: changing one copies the block first.
public enum LinkMode {
  /// Shared where possible, copied otherwise.
  AUTO,
  /// Shared wherever blocks line up; refused where the file system cannot.
  REFLINK,
  /// Copied, each byte.
  COPY
}
