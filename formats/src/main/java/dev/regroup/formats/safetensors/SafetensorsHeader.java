package dev.regroup.formats.safetensors;

import static dev.regroup.formats.safetensors.SafetensorsFault.HEADER_LENGTH;
import static dev.regroup.formats.safetensors.SafetensorsFault.HEADER_TOO_LARGE;
import static dev.regroup.formats.safetensors.SafetensorsFault.HEADER_TOO_SMALL;
import static dev.regroup.formats.safetensors.SafetensorsFault.HEADER_UTF8;
import static dev.regroup.formats.safetensors.SafetensorsFault.INCOMPLETE_BUFFER;

import dev.regroup.formats.checkpoint.OpenFile;
import dev.regroup.formats.tensor.TensorInfo;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;

/// The header of a safetensors file, read and checked.
///
/// | bytes          | what                                            |
/// |----------------|-------------------------------------------------|
/// | `[0, 8)`       | N, unsigned, little-endian, at most 100,000,000 |
/// | `[8, 8 + N)`   | UTF-8 JSON, one object                          |
/// | `[8 + N, end)` | the tensors, end to end                         |
///
/// The object maps each tensor's name to exactly `dtype`, `shape` and `data_offsets`, two offsets
/// counted from byte 8 + N; `__metadata__` may map strings to strings. Sorted by offset, the
/// tensors begin at 0, leave no hole, do not overlap, and end where the file ends; each is as long
/// as dtype and shape say. Where the reference reader is laxer than others are (a name twice,
/// unknown keys), we refuse: two programs must not read two models from one file.
///
/// Source: safetensors at 24b0b28, `tensor.rs`, `Metadata::validate`.
///
/// @param entries in the order of their bytes
/// @param metadata what `__metadata__` holds, by sorted key; empty where there is none
/// @param dataStart 8 + N, bytes
/// @param oddities why other readers may refuse the file, one line each
public record SafetensorsHeader(
    List<Entry> entries, Map<String, String> metadata, long dataStart, List<String> oddities) {
  /// The longest header that is read, bytes.
  public static final int MOST_HEADER_BYTES = 100_000_000;

  private static final int LENGTH_BYTES = 8;

  /// A tensor and where it lies: `[offset, offset + info.bytes())` of the file.
  public record Entry(TensorInfo info, long offset) {}

  public SafetensorsHeader {
    entries = List.copyOf(entries);
    oddities = List.copyOf(oddities);
    metadata = Collections.unmodifiableMap(new TreeMap<>(metadata));
  }

  /// Reads and checks the header of an open file.
  ///
  /// @throws SafetensorsException with the rule that is broken
  public static SafetensorsHeader read(OpenFile open) {
    Path file = open.name();
    byte[] length = open.bytesAt(0, LENGTH_BYTES);
    if (length.length < LENGTH_BYTES) {
      throw new SafetensorsException(
          file,
          HEADER_TOO_SMALL,
          "expected at least 8 bytes, found %d -> download it again".formatted(open.bytes()));
    }
    long headerBytes = ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getLong();
    if (Long.compareUnsigned(headerBytes, MOST_HEADER_BYTES) > 0) {
      throw new SafetensorsException(
          file, HEADER_TOO_LARGE, HeaderHint.notSafetensors(open, headerBytes));
    }
    if (headerBytes > open.bytes() - LENGTH_BYTES) {
      throw new SafetensorsException(
          file,
          HEADER_LENGTH,
          "header length %d exceeds the file (%d bytes) -> truncated: download it again"
              .formatted(headerBytes, open.bytes()));
    }
    return parse(file, open.bytesAt(LENGTH_BYTES, (int) headerBytes), open.bytes());
  }

  /// Checks a header that was read.
  ///
  /// @param file named in errors
  /// @param header the N bytes of JSON
  /// @param fileBytes the length of the whole file
  /// @throws SafetensorsException with the rule that is broken
  public static SafetensorsHeader parse(Path file, byte[] header, long fileBytes) {
    requireUtf8(file, header);
    HeaderHint.refuseKnownDamage(file, header);
    HeaderJson json = HeaderJson.parse(file, header);
    long dataStart = LENGTH_BYTES + (long) header.length;
    List<Entry> entries = new HeaderLayout(file, dataStart).place(json.tensors());
    long end = dataStart;
    if (!entries.isEmpty()) {
      end = entries.getLast().offset() + entries.getLast().info().bytes();
    }
    if (end != fileBytes) {
      throw new SafetensorsException(
          file,
          INCOMPLETE_BUFFER,
          end > fileBytes
              ? "expected %d bytes, found %d -> truncated: download it again"
                  .formatted(end, fileBytes)
              : "expected %d bytes, found %d: no tensor holds the last %d"
                  .formatted(end, fileBytes, fileBytes - end));
    }
    return new SafetensorsHeader(entries, json.metadata(), dataStart, oddities(header));
  }

  /// The first 8 + N bytes of a file that holds these tensors end to end; equal input gives equal
  /// bytes.
  ///
  /// @param tensors in the order of their bytes
  /// @param metadata `format` is added where it is missing: transformers before 4.47 wants it
  /// @throws IllegalArgumentException where a name appears twice or is no tensor's, a tensor does
  ///   not end on a byte, or the header is longer than 25,000,000 bytes
  public static byte[] render(List<TensorInfo> tensors, Map<String, String> metadata) {
    return HeaderBytes.render(tensors, metadata, OptionalInt.empty());
  }

  /// The same for a planned file, whose data may have to begin at some place in a block.
  public static byte[] render(ShardPlan.PlannedFile file, Map<String, String> metadata) {
    return HeaderBytes.render(file.tensors(), metadata, file.phase());
  }

  private static List<String> oddities(byte[] header) {
    List<String> all = new ArrayList<>();
    if (header[0] != '{') {
      all.add("the header does not begin with \"{\", which some readers want");
    }
    if (header.length > HeaderBytes.MOST_BYTES) {
      all.add(
          "the header has %d bytes; huggingface_hub reads at most %d"
              .formatted(header.length, HeaderBytes.MOST_BYTES));
    }
    return all;
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
}
