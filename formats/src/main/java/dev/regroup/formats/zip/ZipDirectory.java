package dev.regroup.formats.zip;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.OpenFile;
import dev.regroup.formats.checkpoint.Quoted;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// The central directory of a zip file, held against the local header of each member.
public final class ZipDirectory {
  /// Members that are listed before the file is refused.
  public static final int MOST_MEMBERS = 100_000;

  private static final int CENTRAL_SIGNATURE = 0x02014b50;
  private static final int CENTRAL_BYTES = 46;
  private static final int LOCAL_SIGNATURE = 0x04034b50;
  private static final int LOCAL_BYTES = 30;
  private static final int LONGEST_NAME = 4096;

  /// Encrypted, patched, strongly encrypted, headers masked.
  private static final int REFUSED_FLAGS = 0x1 | 0x20 | 0x40 | 0x2000;

  private static final int SIZES_FOLLOW = 0x8;
  private static final long IN_EXTRA = 0xffffffffL;
  private static final int STORED = 0;
  private static final int DEFLATED = 8;
  private static final int UNIX = 3;

  private final OpenFile file;
  private final ZipEnd end;
  private final List<Header> headers = new ArrayList<>();

  /// What the directory says of a member, and where its local header begins.
  private record Header(ZipMember member, byte[] name, int flags, long begin) {}

  private ZipDirectory(OpenFile file, ZipEnd end) {
    this.file = file;
    this.end = end;
  }

  /// The members of a zip file in the order of their bytes.
  ///
  /// @throws CheckpointException where it is no zip file, or one that two readers may read
  ///   differently
  public static List<ZipMember> read(OpenFile file) {
    ZipEnd end = ZipEnd.find(file);
    if (end.members() < 0 || end.members() > Math.min(MOST_MEMBERS, end.bytes() / CENTRAL_BYTES)) {
      throw new CheckpointException(
          "%s: expected at most %d members in %d bytes of directory, found %s"
              .formatted(
                  file.name(), MOST_MEMBERS, end.bytes(), Long.toUnsignedString(end.members())));
    }
    var directory = new ZipDirectory(file, end);
    directory.readCentral();
    return directory.place();
  }

  private void readCentral() {
    if (end.bytes() > Integer.MAX_VALUE - 8) {
      throw wrong("expected a directory of less than 2 GiB, found %d bytes".formatted(end.bytes()));
    }
    ByteBuffer bytes = littleEndian(file.bytesAt(end.offset(), (int) end.bytes()));
    Set<String> names = new HashSet<>();
    for (long i = 0; i < end.members(); i++) {
      Header header = readHeader(bytes);
      if (!names.add(header.member.name())) {
        throw wrong("member %s appears twice".formatted(Quoted.of(header.member.name())));
      }
      headers.add(header);
    }
    if (bytes.hasRemaining()) {
      throw wrong(
          "expected %d members in its directory, found more bytes after them"
              .formatted(end.members()));
    }
  }

  private Header readHeader(ByteBuffer bytes) {
    int at = bytes.position();
    if (bytes.remaining() < CENTRAL_BYTES || bytes.getInt(at) != CENTRAL_SIGNATURE) {
      throw wrong("expected %d members in its directory, found fewer".formatted(end.members()));
    }
    int flags = bytes.getShort(at + 8);
    int method = Short.toUnsignedInt(bytes.getShort(at + 10));
    int nameBytes = Short.toUnsignedInt(bytes.getShort(at + 28));
    int extraBytes = Short.toUnsignedInt(bytes.getShort(at + 30));
    int commentBytes = Short.toUnsignedInt(bytes.getShort(at + 32));
    if (bytes.remaining() < CENTRAL_BYTES + nameBytes + extraBytes + commentBytes) {
      throw wrong("expected %d members in its directory, found fewer".formatted(end.members()));
    }
    byte[] rawName = new byte[nameBytes];
    bytes.get(at + CENTRAL_BYTES, rawName);
    String name = decode(rawName);
    requireReadable(name, flags, method);
    ByteBuffer extra = bytes.slice(at + CENTRAL_BYTES + nameBytes, extraBytes).order(bytes.order());
    var wide =
        new Zip64Extra(
            extra,
            Integer.toUnsignedLong(bytes.getInt(at + 24)),
            Integer.toUnsignedLong(bytes.getInt(at + 20)),
            Integer.toUnsignedLong(bytes.getInt(at + 42)));
    if (!wide.isSound() || (method == STORED && wide.bytes() != wide.packedBytes())) {
      throw wrong("member %s: its sizes contradict each other".formatted(Quoted.of(name)));
    }
    boolean unix = bytes.get(at + 5) == UNIX;
    var member =
        new ZipMember(
            name,
            method == STORED,
            0,
            wide.packedBytes(),
            wide.bytes(),
            bytes.getInt(at + 16),
            unix ? bytes.getInt(at + 38) >>> 16 : 0);
    bytes.position(at + CENTRAL_BYTES + nameBytes + extraBytes + commentBytes);
    return new Header(member, rawName, flags, wide.begin());
  }

  private void requireReadable(String name, int flags, int method) {
    if ((flags & REFUSED_FLAGS) != 0) {
      throw wrong(
          "member %s: expected plain data, found it encrypted or patched -> unpack it first"
              .formatted(Quoted.of(name)));
    }
    if (method != STORED && method != DEFLATED) {
      throw wrong(
          "member %s: expected it stored or deflated, found method %d -> pack it again"
              .formatted(Quoted.of(name), method));
    }
  }

  /// Finds each member's bytes behind its local header; no two members may share a byte.
  private List<ZipMember> place() {
    headers.sort((a, b) -> Long.compare(a.begin, b.begin));
    List<ZipMember> placed = new ArrayList<>(headers.size());
    long free = 0;
    for (Header header : headers) {
      if (placed.isEmpty() && header.begin != 0) {
        throw wrong("expected its first member at byte 0, found it at %d".formatted(header.begin));
      }
      if (header.begin < free) {
        throw wrong(
            "member %s shares bytes with another".formatted(Quoted.of(header.member.name())));
      }
      long data = dataOffset(header);
      ZipMember member = header.member;
      if (member.packedBytes() > end.offset() - data) {
        throw wrong("member %s: reaches beyond the members".formatted(Quoted.of(member.name())));
      }
      free = data + member.packedBytes();
      placed.add(
          new ZipMember(
              member.name(),
              member.stored(),
              data,
              member.packedBytes(),
              member.bytes(),
              member.crc(),
              member.unixMode()));
    }
    return placed;
  }

  private long dataOffset(Header header) {
    String name = header.member.name();
    if (header.begin > end.offset() - LOCAL_BYTES) {
      throw wrong("member %s: begins beyond the members".formatted(Quoted.of(name)));
    }
    byte[] bytes = file.bytesAt(header.begin, LOCAL_BYTES + header.name.length);
    ByteBuffer local = littleEndian(bytes);
    int nameBytes = Short.toUnsignedInt(local.getShort(26));
    boolean same =
        local.getInt(0) == LOCAL_SIGNATURE
            && nameBytes == header.name.length
            && local.capacity() == LOCAL_BYTES + nameBytes
            && Arrays.equals(
                bytes, LOCAL_BYTES, LOCAL_BYTES + nameBytes, header.name, 0, nameBytes);
    if (!same) {
      throw wrong(
          "member %s: its local header has another name or is none".formatted(Quoted.of(name)));
    }
    int flags = local.getShort(6);
    boolean stored = local.getShort(8) == STORED;
    long packed = Integer.toUnsignedLong(local.getInt(18));
    long unpacked = Integer.toUnsignedLong(local.getInt(22));
    boolean sameSizes =
        (flags & SIZES_FOLLOW) != 0
            || (isOr(packed, header.member.packedBytes()) && isOr(unpacked, header.member.bytes()));
    if ((flags & REFUSED_FLAGS) != 0 || stored != header.member.stored() || !sameSizes) {
      throw wrong(
          "member %s: its local header contradicts the directory".formatted(Quoted.of(name)));
    }
    long data = header.begin + LOCAL_BYTES + nameBytes + Short.toUnsignedInt(local.getShort(28));
    if (data > end.offset()) {
      throw wrong("member %s: begins beyond the members".formatted(Quoted.of(name)));
    }
    return data;
  }

  private static boolean isOr(long local, long central) {
    return local == central || local == IN_EXTRA;
  }

  private String decode(byte[] name) {
    try {
      CharBuffer text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(name));
      boolean usable = name.length > 0 && name.length <= LONGEST_NAME;
      if (usable && text.chars().noneMatch(Character::isISOControl)) {
        return text.toString();
      }
    } catch (CharacterCodingException e) {
      // as odd as the names below
    }
    throw wrong(
        ("expected names of members in UTF-8, without control characters and of 1 to %d bytes,"
                + " found %s")
            .formatted(LONGEST_NAME, Quoted.of(new String(name, StandardCharsets.ISO_8859_1))));
  }

  private static ByteBuffer littleEndian(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private CheckpointException wrong(String message) {
    return new CheckpointException(file.name() + ": " + message);
  }
}
