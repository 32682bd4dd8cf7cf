package dev.regroup.formats.pytorch;

import dev.regroup.formats.zip.HandZip;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/// Pickles written opcode by opcode, and the zips around them.
final class Pickled {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  /// A program of protocol 2.
  static Pickled program() {
    return new Pickled().op("\u0080\002");
  }

  /// A file of one float32 tensor `w` of 4 elements, whose bytes are 0, 1, ....
  static byte[] good() {
    return file(program().tensor("w", 4, 0, "4", "1").op(".").bytes());
  }

  /// A file of this pickle, with a storage of 16 bytes.
  static byte[] file(byte[] pickle) {
    return file(
        pickle,
        Map.of("data/0", storage(16), "byteorder", "little".getBytes(StandardCharsets.US_ASCII)));
  }

  static byte[] file(byte[] pickle, Map<String, byte[]> members) {
    var zip = new HandZip().add(HandZip.member("m/data.pkl", pickle));
    members.forEach((name, bytes) -> zip.add(HandZip.member("m/" + name, bytes)));
    return zip.bytes();
  }

  static byte[] storage(int bytes) {
    byte[] storage = new byte[bytes];
    for (int i = 0; i < bytes; i++) {
      storage[i] = (byte) i;
    }
    return storage;
  }

  /// Opcodes and their arguments as they stand.
  Pickled op(String latin1) {
    out.writeBytes(latin1.getBytes(StandardCharsets.ISO_8859_1));
    return this;
  }

  Pickled text(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    op("X").int32(bytes.length);
    out.writeBytes(bytes);
    return this;
  }

  Pickled int32(int value) {
    out.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
    return this;
  }

  Pickled whole(long value) {
    return op("\u008a\010")
        .raw(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
  }

  Pickled raw(byte[] bytes) {
    out.writeBytes(bytes);
    return this;
  }

  Pickled name(String module, String name) {
    return op("c" + module + "\n" + name + "\n");
  }

  /// A tuple of integers given as `2,3`.
  Pickled extents(String numbers) {
    op("(");
    for (String number : numbers.isEmpty() ? new String[0] : numbers.split(",")) {
      whole(Long.parseLong(number));
    }
    return op("t");
  }

  Pickled storageId(String type, String key, long elements) {
    int dot = type.lastIndexOf('.');
    return op("(")
        .text("storage")
        .name(type.substring(0, dot), type.substring(dot + 1))
        .text(key)
        .text("cuda:3")
        .whole(elements)
        .op("tQ");
  }

  /// A dict of one float32 view of storage 0.
  Pickled tensor(String name, long elements, long offset, String shape, String strides) {
    return op("}").text(name).view(elements, offset, shape, strides).op("s");
  }

  /// A float32 view of storage 0.
  Pickled view(long elements, long offset, String shape, String strides) {
    return name("torch._utils", "_rebuild_tensor_v2")
        .op("(")
        .storageId("torch.FloatStorage", "0", elements)
        .whole(offset)
        .extents(shape)
        .extents(strides)
        .op("\u0089")
        .name("collections", "OrderedDict")
        .op(")RtR");
  }

  byte[] bytes() {
    return out.toByteArray();
  }
}
