package dev.regroup.formats.safetensors;

import static dev.regroup.formats.safetensors.SafetensorsFault.HEADER_LENGTH;
import static dev.regroup.formats.safetensors.SafetensorsFault.HEADER_TOO_LARGE;
import static dev.regroup.formats.safetensors.SafetensorsFault.HEADER_TOO_SMALL;
import static dev.regroup.formats.safetensors.SafetensorsFault.HEADER_UTF8;
import static dev.regroup.formats.safetensors.SafetensorsFault.INCOMPLETE_BUFFER;
import static dev.regroup.formats.safetensors.SafetensorsFault.INVALID_OFFSET;
import static dev.regroup.formats.safetensors.SafetensorsFault.MISALIGNED;
import static dev.regroup.formats.safetensors.SafetensorsFault.OVERFLOW;
import static dev.regroup.formats.safetensors.SafetensorsFault.SIZE_MISMATCH;

import dev.regroup.formats.checkpoint.Quoted;
import dev.regroup.formats.safetensors.HeaderJson.Description;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// The header of a safetensors file, read and checked.
///
/// | bytes               | what                                             |
/// |---------------------|--------------------------------------------------|
/// | `[0, 8)`            | N, unsigned, little-endian, at most 100,000,000  |
/// | `[8, 8 + N)`        | UTF-8 JSON, one object                           |
/// | `[8 + N, end)`      | the tensors, end to end                          |
///
/// The object maps each tensor's name to exactly `dtype`, `shape` and `data_offsets`, two offsets
/// counted from byte 8 + N; `__metadata__` may map strings to strings. Sorted by offset, the tensors
/// begin at 0, leave no hole, do not overlap, and end where the file ends; each is as long as dtype
/// and shape say. Where the reference reader is laxer than others are (a name twice, unknown keys), we
/// refuse: two programs must not read two models from one file.
///
/// Source: safetensors at 24b0b28, `tensor.rs`, `Metadata::validate`.
///
/// @param entries in the order of their bytes
/// @param metadata what `__metadata__` holds; empty where there is none
/// @param dataStart 8 + N, bytes
public record SafetensorsHeader(
    List<Entry> entries, Map<String, String> metadata, long dataStart) {
  /// The longest header that is read, bytes.
  public static final int MOST_HEADER_BYTES = 100_000_000;

  private static final int LENGTH_BYTES = 8;

  /// A tensor and where it lies: `[offset, offset + info.bytes())` of the file.
  public record Entry(TensorInfo info, long offset) {}

  public SafetensorsHeader {
    entries = List.copyOf(entries);
    metadata = Collections.unmodifiableMap(new TreeMap<>(metadata));
  }

  /// Reads and checks the header of an open file.
  ///
  /// @param file named in errors
  /// @throws SafetensorsException with the rule that is broken
  public static SafetensorsHeader read(Path file, FileChannel channel) throws IOException {
    long fileBytes = channel.size();
    byte[] length = bytesAt(channel, 0, (int) Math.min(fileBytes, LENGTH_BYTES));
    if (length.length < LENGTH_BYTES) {
      throw new SafetensorsException(
          file,
          HEADER_TOO_SMALL,
          "expected at least 8 bytes, found %d%s"
              .formatted(fileBytes, HeaderHint.of(channel, fileBytes)));
    }
    long headerBytes = ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getLong();
    if (Long.compareUnsigned(headerBytes, MOST_HEADER_BYTES) > 0) {
      throw new SafetensorsException(
          file,
          HEADER_TOO_LARGE,
          "expected a header of at most %d bytes, found a length of %s%s"
              .formatted(
                  MOST_HEADER_BYTES,
                  Long.toUnsignedString(headerBytes),
                  HeaderHint.of(channel, fileBytes)));
    }
    if (headerBytes > fileBytes - LENGTH_BYTES) {
      throw new SafetensorsException(
          file,
          HEADER_LENGTH,
          "header length %d exceeds the file (%d bytes) -> truncated: download it again"
              .formatted(headerBytes, fileBytes));
    }
    byte[] header = bytesAt(channel, LENGTH_BYTES, (int) headerBytes);
    if (header.length < headerBytes) {
      throw new SafetensorsException(file, HEADER_LENGTH, "the file shrank while it was read");
    }
    return parse(file, header, fileBytes);
  }

  /// Checks a header that was read.
  ///
  /// @param file named in errors
  /// @param header the N bytes of JSON
  /// @param fileBytes the length of the whole file
  /// @throws SafetensorsException with the rule that is broken
  public static SafetensorsHeader parse(Path file, byte[] header, long fileBytes) {
    requireUtf8(file, header);
    HeaderHint.refuseKnownDamage(file, header, fileBytes);
    HeaderJson json = HeaderJson.parse(file, header);
    long dataStart = LENGTH_BYTES + (long) header.length;
    List<Entry> entries = place(file, json.tensors(), dataStart);
    long end = dataStart;
    for (Entry entry : entries) {
      end = entry.offset() + entry.info().bytes();
    }
    if (end != fileBytes) {
      throw new SafetensorsException(
          file,
          INCOMPLETE_BUFFER,
          end > fileBytes
              ? "expected %d bytes, found %d -> truncated: download it again"
                  .formatted(end, fileBytes)
              : "expected %d bytes, found %d: the last tensor ends before the file does"
                  .formatted(end, fileBytes));
    }
    return new SafetensorsHeader(entries, json.metadata(), dataStart);
  }

  private static List<Entry> place(
      Path file, Map<String, Description> tensors, long dataStart) {
    List<Map.Entry<String, Description>> sorted = new ArrayList<>(tensors.entrySet());
    sorted.sort(
        Map.Entry.comparingByValue(
            Comparator.comparing(Description::begin, Long::compareUnsigned)
                .thenComparing(Description::end, Long::compareUnsigned)));
    List<Entry> entries = new ArrayList<>(sorted.size());
    long next = 0;
    for (var tensor : sorted) {
      Description description = tensor.getValue();
      if (description.begin() != next
          || Long.compareUnsigned(description.end(), description.begin()) < 0) {
        throw wrongPlace(file, tensor.getKey(), description, next);
      }
      TensorInfo info = size(file, tensor.getKey(), description);
      entries.add(new Entry(info, dataStart + next));
      next = description.end();
    }
    return entries;
  }

  private static TensorInfo size(Path file, String name, Description description) {
    String extents = Shape.describe(description.extents());
    String where = "tensor %s: %s of %s".formatted(Quoted.of(name), extents, description.dtype());
    long bits;
    try {
      bits =
          Math.unsignedMultiplyExact(
              Shape.elements(description.extents()), (long) description.dtype().bits());
    } catch (ArithmeticException e) {
      throw new SafetensorsException(file, OVERFLOW, where + " does not fit 2^64 bits");
    }
    if (bits % 8 != 0) {
      throw new SafetensorsException(
          file, MISALIGNED, where + " is " + bits + " bits, which is no number of bytes");
    }
    long given = description.end() - description.begin();
    if (bits >>> 3 != given) {
      throw new SafetensorsException(
          file,
          SIZE_MISMATCH,
          "%s is %d bytes, the header gives it %s"
              .formatted(where, bits >>> 3, Long.toUnsignedString(given)));
    }
    return new TensorInfo(name, description.dtype(), Shape.of(description.extents()));
  }

  private static SafetensorsException wrongPlace(
      Path file, String name, Description description, long next) {
    String begin = Long.toUnsignedString(description.begin());
    String end = Long.toUnsignedString(description.end());
    String message;
    if (Long.compareUnsigned(description.end(), description.begin()) < 0) {
      message = "begins at " + begin + " and ends before it, at " + end;
    } else if (Long.compareUnsigned(description.begin(), next) < 0) {
      message = "begins at " + begin + ", inside the tensor before it, which ends at " + next;
    } else {
      message = "begins at " + begin + "; expected " + next + ": no tensor holds the bytes between";
    }
    return new SafetensorsException(
        file, INVALID_OFFSET, "tensor %s: %s".formatted(Quoted.of(name), message));
  }

  private static void requireUtf8(Path file, byte[] header) {
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    ByteBuffer bytes = ByteBuffer.wrap(header);
    CharBuffer chars = CharBuffer.allocate(1 << 13);
    CoderResult result;
    do {
      result = decoder.decode(bytes, chars.clear(), true);
    } while (result.isOverflow());
    if (result.isError()) {
      throw new SafetensorsException(
          file, HEADER_UTF8, "header, byte %d: not UTF-8".formatted(bytes.position()));
    }
  }

  private static byte[] bytesAt(FileChannel channel, long offset, int count) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(count);
    while (bytes.hasRemaining() && channel.read(bytes, offset + bytes.position()) >= 0) {
      // A short read is continued; the end of the file ends it.
    }
    return bytes.hasRemaining() ? Arrays.copyOf(bytes.array(), bytes.position()) : bytes.array();
  }
}
