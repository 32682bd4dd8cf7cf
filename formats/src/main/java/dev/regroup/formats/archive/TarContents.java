package dev.regroup.formats.archive;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.DiskFailure;
import dev.regroup.formats.checkpoint.ModelFile;
import dev.regroup.formats.checkpoint.OpenFile;
import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.checkpoint.Scratch;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;

/// The files of a tar: of a plain one they are read where they lie, of a packed one they are all
/// unpacked.
final class TarContents implements Contents {
  private static final int RECORD = TarConstants.DEFAULT_RCDSIZE;
  private static final int CHUNK = 1 << 16;

  private final OpenFile archive;
  private final MemberGate gate;
  private final Map<Path, Member> members = new HashMap<>();

  private TarContents(OpenFile archive) {
    this.archive = archive;
    this.gate = new MemberGate(archive.name(), archive.bytes());
  }

  /// Lists a plain tar.
  ///
  /// @param archive closed with this
  /// @throws CheckpointException where it is damaged, or a member may not be used
  static TarContents plain(OpenFile archive) {
    var contents = new TarContents(archive);
    var stream = new ArchiveStream(archive);
    contents.read(stream, (entry, path, _) -> contents.addInPlace(entry, path, stream));
    return contents;
  }

  /// Unpacks a packed tar.
  ///
  /// @param archive closed with this
  /// @throws CheckpointException where it is damaged, or a member may not be used
  static TarContents packed(OpenFile archive, Packing packing, Scratch scratch) {
    var contents = new TarContents(archive);
    try (InputStream unpacked = packing.open(archive)) {
      InputStream bounded =
          ArchiveStream.bounded(
              unpacked, archive.name().toString(), MemberGate.mostUnpacked(archive.bytes()));
      contents.read(bounded, (entry, path, tar) -> contents.unpack(entry, path, tar, scratch));
    } catch (IOException e) {
      throw contents.damaged(e);
    }
    return contents;
  }

  @Override
  public Map<Path, Member> members() {
    return members;
  }

  @Override
  public void close() {
    archive.close();
  }

  private interface Use {
    void of(TarArchiveEntry entry, Path path, InputStream tar) throws IOException;
  }

  // The reader throws unchecked exceptions too for some fields that are no numbers.
  private void read(InputStream in, Use use) {
    var trailer = new TrailerCheck(in, archive.name());
    try (var tar =
        new TarArchiveInputStream(trailer, TarConstants.DEFAULT_BLKSIZE, RECORD, "UTF-8", false)) {
      for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
        if (!entry.isCheckSumOK()) {
          throw new IOException("a header's checksum is wrong");
        }
        Path path = gate.admit(entry.getName());
        requirePlain(entry);
        trailer.member(entry.getSize());
        if (entry.getLinkFlag() != TarConstants.LF_DIR && !entry.getName().endsWith("/")) {
          use.of(entry, path, tar);
        }
      }
      trailer.requireEnd();
    } catch (IOException | IllegalArgumentException | IllegalStateException e) {
      throw damaged(e);
    }
  }

  private void requirePlain(TarArchiveEntry entry) {
    String name = entry.getName();
    if (entry.isSparse()) {
      throw gate.special(name, "a sparse file -> pack it without --sparse");
    }
    switch (entry.getLinkFlag()) {
      case TarConstants.LF_NORMAL, TarConstants.LF_OLDNORM, TarConstants.LF_CONTIG -> {}
      case TarConstants.LF_DIR -> {
        if (entry.getSize() != 0) {
          throw gate.special(name, "a folder of %d bytes".formatted(entry.getSize()));
        }
      }
      case TarConstants.LF_SYMLINK, TarConstants.LF_LINK ->
          throw gate.special(
              name,
              "a link to %s -> pack the files themselves (tar --dereference --hard-dereference)"
                  .formatted(Quoted.of(entry.getLinkName())));
      default -> throw gate.special(name, "a device, a pipe or the like");
    }
    if (entry.getSize() < 0) {
      throw gate.special(name, "one of %d bytes".formatted(entry.getSize()));
    }
  }

  private void addInPlace(TarArchiveEntry entry, Path path, ArchiveStream stream) {
    long offset = stream.position();
    long bytes = entry.getSize();
    if (bytes > archive.bytes() - offset) {
      throw truncated(entry);
    }
    stream.passOver((bytes + RECORD - 1) / RECORD * RECORD);
    members.put(
        path,
        name -> {
          var location = archive.locate(offset, bytes);
          return new ModelFile(name, location.file(), location.offset(), location.bytes());
        });
  }

  private void unpack(TarArchiveEntry entry, Path path, InputStream tar, Scratch scratch)
      throws IOException {
    gate.admitUnpacked(entry.getName(), entry.getSize());
    scratch.requireSpace(entry.getSize());
    Path file = scratch.newFile();
    byte[] chunk = new byte[CHUNK];
    long bytes = 0;
    try (OutputStream out = create(file)) {
      for (int count = tar.read(chunk); count >= 0; count = tar.read(chunk)) {
        bytes += count;
        write(file, out, chunk, count);
      }
    }
    if (bytes != entry.getSize()) {
      throw truncated(entry);
    }
    members.put(path, name -> ModelFile.of(name, file));
  }

  private static OutputStream create(Path file) {
    try {
      return Files.newOutputStream(file, StandardOpenOption.CREATE_NEW);
    } catch (IOException e) {
      throw DiskFailure.at(file, e);
    }
  }

  private static void write(Path file, OutputStream out, byte[] chunk, int count) {
    try {
      out.write(chunk, 0, count);
    } catch (IOException e) {
      throw DiskFailure.at(file, e);
    }
  }

  private CheckpointException truncated(TarArchiveEntry entry) {
    return new CheckpointException(
        "%s: member %s: expected %d bytes, found fewer -> truncated: download it again"
            .formatted(archive.name(), Quoted.of(entry.getName()), entry.getSize()));
  }

  private CheckpointException damaged(Exception e) {
    String said = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    return new CheckpointException(
        "%s: expected a tar, found it damaged or none: %s -> download it again"
            .formatted(archive.name(), Quoted.line(said)),
        e);
  }
}
