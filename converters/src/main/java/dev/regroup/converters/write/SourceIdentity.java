package dev.regroup.converters.write;

import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.DiskFailure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/// What a source was when a conversion began: a file that is another by the end was changed while it
/// was read, and the output is made of both.
public final class SourceIdentity {
  private SourceIdentity() {}

  /// Every file of a source that goes into its conversion, with sizes and times.
  public static List<JournalHeader.SourceFile> of(Checkpoint source) {
    Set<Path> files = new LinkedHashSet<>();
    if (Files.isDirectory(source.path())) {
      source.shards().forEach(shard -> files.add(shard.file()));
      files.add(source.path().resolve("config.json"));
      source.sideFiles().forEach(name -> files.add(source.path().resolve(name)));
    } else {
      files.add(source.path()); // an archive, and all that is in it
    }
    List<JournalHeader.SourceFile> identity = new ArrayList<>();
    for (Path file : files) {
      identity.add(look(name(source.path(), file), file));
    }
    return identity;
  }

  /// Looks again.
  ///
  /// @throws CheckpointException where a file is not what it was
  public static void requireUnchanged(Path source, List<JournalHeader.SourceFile> before) {
    for (JournalHeader.SourceFile file : before) {
      JournalHeader.SourceFile now = look(file.name(), source.resolve(file.name()));
      if (!now.equals(file)) {
        throw new CheckpointException(
            "%s: changed while it was being converted: expected %,d bytes as they were, found %,d of another time -> convert it again once nothing writes to it"
                .formatted(source.resolve(file.name()), file.bytes(), now.bytes()));
      }
    }
  }

  private static String name(Path source, Path file) {
    return !file.equals(source) && file.startsWith(source)
        ? source.relativize(file).toString()
        : file.toAbsolutePath().toString();
  }

  private static JournalHeader.SourceFile look(String name, Path file) {
    try {
      BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
      return new JournalHeader.SourceFile(
          name, attributes.size(), attributes.lastModifiedTime().to(TimeUnit.NANOSECONDS));
    } catch (IOException e) {
      throw DiskFailure.at(file, e);
    }
  }
}
