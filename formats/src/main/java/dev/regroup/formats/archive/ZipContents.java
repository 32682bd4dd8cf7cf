package dev.regroup.formats.archive;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.DiskFailure;
import dev.regroup.formats.checkpoint.ModelFile;
import dev.regroup.formats.checkpoint.OpenFile;
import dev.regroup.formats.checkpoint.Scratch;
import dev.regroup.formats.zip.ZipMember;
import dev.regroup.formats.zip.ZipUnpacker;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The files of a zip: stored ones are read where they lie, deflated ones are unpacked one by one.
final class ZipContents implements Contents {
  private final OpenFile archive;
  private final Scratch scratch;
  private final Map<Path, Member> members = new HashMap<>();

  /// @param archive closed with this
  /// @throws CheckpointException where a member may not be used
  ZipContents(OpenFile archive, List<ZipMember> all, Scratch scratch) {
    this.archive = archive;
    this.scratch = scratch;
    var gate = new MemberGate(archive.name(), archive.bytes());
    for (ZipMember member : all) {
      Path path = gate.admit(member.name());
      if (member.isSpecial()) {
        throw gate.special(member.name(), "a link or device -> pack the files themselves");
      }
      if (!member.isDirectory()) {
        if (!member.stored()) {
          gate.admitUnpacked(member.name(), member.bytes());
        }
        members.put(path, member.stored() ? inPlace(member) : new Deflated(member));
      }
    }
  }

  @Override
  public Map<Path, Member> members() {
    return members;
  }

  @Override
  public void close() {
    archive.close();
  }

  private Member inPlace(ZipMember member) {
    return name -> {
      var location = archive.locate(member.offset(), member.bytes());
      return new ModelFile(name, location.file(), location.offset(), location.bytes());
    };
  }

  private final class Deflated implements Member {
    private final ZipMember member;
    private @Nullable Path unpacked;

    Deflated(ZipMember member) {
      this.member = member;
    }

    @Override
    public synchronized ModelFile file(Path name) {
      if (unpacked == null) {
        scratch.requireSpace(member.bytes());
        Path file = scratch.newFile();
        try (OutputStream out =
            new BufferedOutputStream(Files.newOutputStream(file, StandardOpenOption.CREATE_NEW))) {
          new ZipUnpacker(archive).unpack(member, out);
        } catch (IOException e) {
          throw DiskFailure.at(file, e);
        }
        unpacked = file;
      }
      return ModelFile.of(name, unpacked);
    }
  }
}
