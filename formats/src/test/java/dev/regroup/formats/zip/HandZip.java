package dev.regroup.formats.zip;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.Deflater;

/// A zip file written by hand, so that every field of it can be a lie.
public final class HandZip {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final List<byte[]> central = new ArrayList<>();
  private boolean zip64;
  private String comment = "";

  /// What the headers of a member say.
  public static final class Member {
    String name;
    String localName;
    byte[] bytes;
    byte[] packed;
    int method;
    int flags;
    int crc;
    int mode;
    long size;

    Member(String name, byte[] bytes) {
      this.name = name;
      this.localName = name;
      this.bytes = bytes;
      this.packed = bytes;
      this.size = bytes.length;
      var sum = new CRC32();
      sum.update(bytes);
      this.crc = (int) sum.getValue();
    }

    public Member localName(String other) {
      localName = other;
      return this;
    }

    public Member flags(int value) {
      flags = value;
      return this;
    }

    public Member method(int value) {
      method = value;
      return this;
    }

    public Member size(long value) {
      size = value;
      return this;
    }

    public Member crc(int value) {
      crc = value;
      return this;
    }

    public Member mode(int value) {
      mode = value;
      return this;
    }

    public Member deflated() {
      method = 8;
      try (var deflater = new Deflater(9, true)) {
        deflater.setInput(bytes);
        deflater.finish();
        byte[] buffer = new byte[bytes.length + 64];
        int count = deflater.deflate(buffer);
        packed = Arrays.copyOf(buffer, count);
      }
      return this;
    }
  }

  public static Member member(String name, byte[] bytes) {
    return new Member(name, bytes);
  }

  public static Member member(String name, String text) {
    return new Member(name, text.getBytes(StandardCharsets.ISO_8859_1));
  }

  /// Bytes before the first member.
  public HandZip junk(String text) {
    out.writeBytes(text.getBytes(StandardCharsets.ISO_8859_1));
    return this;
  }

  public HandZip add(Member member) {
    return addAt(member, out.size());
  }

  /// Adds a member whose directory entry points at another's bytes.
  public HandZip addAgain(Member member) {
    central.add(centralHeader(member, 0));
    return this;
  }

  /// Ends with a zip64 end and sentinels, as files of more than 4 GiB do.
  public HandZip zip64() {
    zip64 = true;
    return this;
  }

  public HandZip comment(String text) {
    comment = text;
    return this;
  }

  public byte[] bytes() {
    long begin = out.size();
    central.forEach(out::writeBytes);
    long size = out.size() - begin;
    if (zip64) {
      long at = out.size();
      out.writeBytes(
          buffer(56)
              .putInt(0x06064b50)
              .putLong(44)
              .putShort((short) 45)
              .putShort((short) 45)
              .putInt(0)
              .putInt(0)
              .putLong(central.size())
              .putLong(central.size())
              .putLong(size)
              .putLong(begin)
              .array());
      out.writeBytes(buffer(20).putInt(0x07064b50).putInt(0).putLong(at).putInt(1).array());
    }
    out.writeBytes(
        buffer(22)
            .putInt(0x06054b50)
            .putInt(0)
            .putShort((short) (zip64 ? 0xffff : central.size()))
            .putShort((short) (zip64 ? 0xffff : central.size()))
            .putInt((int) (zip64 ? 0xffffffffL : size))
            .putInt((int) (zip64 ? 0xffffffffL : begin))
            .putShort((short) comment.length())
            .array());
    out.writeBytes(comment.getBytes(StandardCharsets.ISO_8859_1));
    return out.toByteArray();
  }

  private HandZip addAt(Member member, int offset) {
    byte[] name = member.localName.getBytes(StandardCharsets.UTF_8);
    out.writeBytes(
        buffer(30)
            .putInt(0x04034b50)
            .putShort((short) 20)
            .putShort((short) member.flags)
            .putShort((short) member.method)
            .putInt(0)
            .putInt(member.crc)
            .putInt(member.packed.length)
            .putInt((int) member.size)
            .putShort((short) name.length)
            .putShort((short) 0)
            .array());
    out.writeBytes(name);
    out.writeBytes(member.packed);
    central.add(centralHeader(member, offset));
    return this;
  }

  private static byte[] centralHeader(Member member, int offset) {
    byte[] name = member.name.getBytes(StandardCharsets.UTF_8);
    return buffer(46 + name.length)
        .putInt(0x02014b50)
        .putShort((short) (3 << 8 | 20))
        .putShort((short) 20)
        .putShort((short) member.flags)
        .putShort((short) member.method)
        .putInt(0)
        .putInt(member.crc)
        .putInt(member.packed.length)
        .putInt((int) member.size)
        .putShort((short) name.length)
        .putInt(0)
        .putInt(0)
        .putShort((short) 0)
        .putShort((short) member.mode)
        .putInt(offset)
        .put(name)
        .array();
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
