package dev.regroup.converters.write;

import dev.regroup.formats.checkpoint.DiskFailure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;

/// How unchanged bytes get into the output.
///
/// @param link whether they may share blocks with the source
/// @param kernel whether the kernel is asked to copy: a server then need not send the bytes, and some
///   file systems share them
/// @param sparse whether holes of the source stay holes, instead of being written as zeros
/// @param uncached whether bytes go past the system's cache, in which so many would not stay
/// @param checked whether elements that are not finite are refused
record CopyOptions(
    LinkMode link, boolean kernel, boolean sparse, boolean uncached, boolean checked) {
  /// File systems that can do no more than copy, where the kernel's own loop takes a third more
  /// processor time than reads and writes of a megabyte (Linux 6.18; `docs/adr/0014-copying.md`).
  private static final Set<String> SLOW = Set.of("ext2", "ext3", "ext4", "tmpfs");

  /// What the user asked for, on the file system of a directory.
  ///
  /// @param bytes that are copied
  static CopyOptions of(WriteOptions options, boolean checked, Path directory, long bytes) {
    try {
      boolean kernel =
          options.link() != LinkMode.COPY && !SLOW.contains(Files.getFileStore(directory).type());
      boolean uncached = !kernel && bytes > PhysicalMemory.bytes() / 2;
      return new CopyOptions(options.link(), kernel, options.sparse(), uncached, checked);
    } catch (IOException e) {
      throw DiskFailure.at(directory, e);
    }
  }
}
