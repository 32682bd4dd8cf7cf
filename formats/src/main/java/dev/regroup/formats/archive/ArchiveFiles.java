package dev.regroup.formats.archive;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.DiskFailure;
import dev.regroup.formats.checkpoint.ModelFile;
import dev.regroup.formats.checkpoint.ModelFiles;
import dev.regroup.formats.checkpoint.OpenFile;
import dev.regroup.formats.checkpoint.Scratch;
import dev.regroup.formats.zip.ZipMember;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// The files of a model in an archive. The scratch folder belongs to whoever opened it.
public final class ArchiveFiles implements ModelFiles {
  private final Path archive;
  private final Contents contents;
  private final Path root;
  private final Scratch scratch;
  private final Map<Path, Path> copies = new HashMap<>();

  private ArchiveFiles(Path archive, Contents contents, Scratch scratch) {
    this.archive = archive;
    this.contents = contents;
    this.root = ModelRoot.find(archive, contents.members().keySet());
    this.scratch = scratch;
  }

  /// The files of a zip.
  ///
  /// @param file closed with this, or when it is refused
  /// @throws CheckpointException where a member may not be used, or it holds no model or several
  public static ModelFiles zip(OpenFile file, List<ZipMember> members, Scratch scratch) {
    return open(file, scratch, () -> new ZipContents(file, members, scratch));
  }

  /// The files of a tar.
  ///
  /// @param kind which of them
  /// @param file closed with this, or when it is refused
  /// @throws CheckpointException where it is damaged, a member may not be used, or it holds no model
  ///   or several
  public static ModelFiles tar(OpenFile file, ArchiveKind kind, Scratch scratch) {
    return open(
        file,
        scratch,
        () ->
            switch (kind) {
              case TAR -> TarContents.plain(file);
              case TAR_GZIP -> TarContents.packed(file, Packing.GZIP, scratch);
              case TAR_ZSTD -> TarContents.packed(file, Packing.ZSTD, scratch);
              case ZIP, OTHER, NONE ->
                  throw new IllegalArgumentException("expected a tar, found " + kind);
            });
  }

  private interface Opening {
    Contents open();
  }

  private static ModelFiles open(OpenFile file, Scratch scratch, Opening opening) {
    try {
      return new ArchiveFiles(file.name(), opening.open(), scratch);
    } catch (RuntimeException e) {
      file.close();
      throw e;
    }
  }

  @Override
  public Path path() {
    return archive;
  }

  @Override
  public List<Path> names() {
    return contents.members().keySet().stream()
        .filter(ModelRoot::isVisible)
        .filter(path -> ModelRoot.folderOf(path).equals(root))
        .map(Path::getFileName)
        .sorted()
        .toList();
  }

  @Override
  public boolean exists(Path name) {
    return contents.members().containsKey(member(name));
  }

  @Override
  public ModelFile file(Path name) {
    Contents.Member member = contents.members().get(member(name));
    if (member == null) {
      throw new CheckpointException(nameOf(name) + ": no such file");
    }
    return member.file(nameOf(name));
  }

  @Override
  public Path nameOf(Path name) {
    return Path.of(archive + "!/" + member(name));
  }

  @Override
  public synchronized Path sideFile(Path name) {
    return copies.computeIfAbsent(name, this::copy);
  }

  @Override
  public boolean isSideFile(Path name) {
    return exists(name);
  }

  @Override
  public void close() {
    contents.close();
  }

  private Path member(Path name) {
    return root.resolve(name).normalize();
  }

  // Programs that read a side file look at its name.
  private Path copy(Path name) {
    ModelFile file = file(name);
    scratch.requireSpace(file.bytes());
    Path copy = scratch.folder().resolve("side-files").resolve(name);
    try (OpenFile from = OpenFile.open(file)) {
      Files.createDirectories(copy.getParent());
      try (FileChannel to =
              FileChannel.open(copy, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
          OutputStream out = Channels.newOutputStream(to)) {
        from.transfer(0, file.bytes(), Channels.newChannel(out));
      }
    } catch (IOException e) {
      throw DiskFailure.at(copy, e);
    }
    return copy;
  }
}
