package dev.regroup.formats.zip;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.OpenFile;
import dev.regroup.formats.checkpoint.Quoted;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/// Unpacks members of a zip file, never more of one than the directory says.
public final class ZipUnpacker {
  private static final int CHUNK = 1 << 16;

  private final OpenFile file;

  /// @param file whose members are unpacked
  public ZipUnpacker(OpenFile file) {
    this.file = file;
  }

  /// All bytes of a small member, in memory.
  ///
  /// @param most bytes that are taken before the member is refused
  /// @throws CheckpointException where it is larger, damaged, or not as long as the directory says
  public byte[] bytes(ZipMember member, long most) {
    if (member.bytes() > Math.min(most, Integer.MAX_VALUE - 8)) {
      throw wrong(member, "expected at most %d bytes, found %d".formatted(most, member.bytes()));
    }
    if (member.stored()) {
      return file.bytesAt(member.offset(), (int) member.bytes());
    }
    var out = new ByteArrayOutputStream();
    try {
      unpack(member, out);
    } catch (IOException e) {
      throw new UncheckedIOException(e); // never: it is memory
    }
    return out.toByteArray();
  }

  /// Writes all bytes of a member, and holds them to its CRC.
  ///
  /// @throws CheckpointException where it is damaged, or not as long as the directory says
  /// @throws IOException where `out` refuses
  public void unpack(ZipMember member, OutputStream out) throws IOException {
    var crc = new CRC32();
    long bytes = member.stored() ? copy(member, out, crc) : inflate(member, out, crc);
    if (bytes != member.bytes()) {
      throw wrong(member, "expected %d bytes, found %d".formatted(member.bytes(), bytes));
    }
    if ((int) crc.getValue() != member.crc()) {
      throw wrong(
          member,
          "expected CRC-32 %08x, found %08x -> damaged: download it again"
              .formatted(member.crc(), (int) crc.getValue()));
    }
  }

  private long copy(ZipMember member, OutputStream out, CRC32 crc) throws IOException {
    for (long at = 0; at < member.bytes(); at += CHUNK) {
      byte[] chunk = file.bytesAt(member.offset() + at, (int) Math.min(CHUNK, member.bytes() - at));
      crc.update(chunk);
      out.write(chunk);
    }
    return member.bytes();
  }

  private long inflate(ZipMember member, OutputStream out, CRC32 crc) throws IOException {
    byte[] chunk = new byte[CHUNK];
    long read = 0;
    long written = 0;
    try (var inflater = new Inflater(true)) {
      while (!inflater.finished()) {
        if (inflater.needsInput()) {
          int most = (int) Math.min(CHUNK, member.packedBytes() - read);
          byte[] packed = file.bytesAt(member.offset() + read, most);
          if (packed.length == 0) {
            throw wrong(member, "its packed bytes end too early -> damaged: download it again");
          }
          inflater.setInput(packed);
          read += packed.length;
        }
        int count = inflater.inflate(chunk);
        written += count;
        if (written > member.bytes() || inflater.needsDictionary()) {
          throw wrong(member, "expected %d bytes, found more".formatted(member.bytes()));
        }
        crc.update(chunk, 0, count);
        out.write(chunk, 0, count);
      }
      if (inflater.getRemaining() > 0 || read < member.packedBytes()) {
        throw wrong(member, "its packed bytes end too late -> damaged: download it again");
      }
    } catch (DataFormatException e) {
      throw wrong(member, "expected deflated data: " + e.getMessage());
    }
    return written;
  }

  private CheckpointException wrong(ZipMember member, String message) {
    return new CheckpointException(
        "%s: member %s: %s".formatted(file.name(), Quoted.of(member.name()), message));
  }
}
