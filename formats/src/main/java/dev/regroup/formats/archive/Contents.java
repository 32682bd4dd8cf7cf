package dev.regroup.formats.archive;

import dev.regroup.formats.checkpoint.ModelFile;
import java.nio.file.Path;
import java.util.Map;

/// The files of an archive, by their path below its root, each admitted by {@link MemberGate}.
interface Contents extends AutoCloseable {
  /// Paths and how to get at them.
  Map<Path, Member> members();

  @Override
  void close();

  /// A file, which is unpacked when it must be and is first asked for.
  interface Member {
    /// Where its bytes lie.
    ///
    /// @param name what errors call it
    ModelFile file(Path name);
  }
}
