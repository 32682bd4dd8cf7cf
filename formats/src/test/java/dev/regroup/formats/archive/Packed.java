package dev.regroup.formats.archive;

import com.github.luben.zstd.ZstdOutputStream;
import dev.regroup.formats.safetensors.SafetensorsHeader;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorInfo;
import dev.regroup.formats.zip.HandZip;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;

/// Archives of a small model, good ones and bad ones.
final class Packed {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final TarArchiveOutputStream tar = new TarArchiveOutputStream(bytes, "UTF-8");

  Packed() {
    tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
    tar.setBigNumberMode(TarArchiveOutputStream.BIGNUMBER_POSIX);
  }

  /// A model of one tensor `w` of 4 float32 elements.
  static Map<String, byte[]> model() {
    byte[] header =
        SafetensorsHeader.render(List.of(new TensorInfo("w", Dtype.F32, Shape.of(4))), Map.of());
    byte[] file = Arrays.copyOf(header, header.length + 16);
    file[file.length - 1] = 0x40;
    return new TreeMap<>(
        Map.of(
            "config.json", text("{\"model_type\": \"llama\"}"),
            "tokenizer.json", text("{}"),
            "model.safetensors", file));
  }

  /// One of the model's files.
  static byte[] file(String name) {
    return Objects.requireNonNull(model().get(name), name);
  }

  /// The model's files below a folder, which ends with `/` or is empty.
  static byte[] tar(String folder) {
    Packed packed = new Packed();
    if (!folder.isEmpty()) {
      packed.add(new TarArchiveEntry(folder), new byte[0]);
    }
    model().forEach((name, content) -> packed.add(folder + name, content));
    return packed.bytes();
  }

  static byte[] storedZip(String folder) {
    HandZip zip = new HandZip();
    model().forEach((name, content) -> zip.add(HandZip.member(folder + name, content)));
    return zip.bytes();
  }

  static byte[] deflatedZip(String folder) {
    HandZip zip = new HandZip();
    model().forEach((name, content) -> zip.add(HandZip.member(folder + name, content).deflated()));
    return zip.bytes();
  }

  static byte[] gzip(byte[] content) {
    var out = new ByteArrayOutputStream();
    try (var gzip = new GZIPOutputStream(out)) {
      gzip.write(content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  static byte[] zstd(byte[] content) {
    var out = new ByteArrayOutputStream();
    try (var zstd = new ZstdOutputStream(out)) {
      zstd.setChecksum(true);
      zstd.write(content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  /// A tar whose only member promises more bytes than there are.
  static byte[] promising(String name, long size) {
    byte[] header = new byte[1024];
    var entry = new TarArchiveEntry(name);
    entry.setSize(size);
    entry.writeEntryHeader(header);
    return header;
  }

  Packed add(String name, byte[] content) {
    return add(new TarArchiveEntry(name, true), content);
  }

  Packed add(TarArchiveEntry entry, byte[] content) {
    try {
      entry.setSize(content.length);
      tar.putArchiveEntry(entry);
      tar.write(content);
      tar.closeArchiveEntry();
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// A member of another kind, by its flag.
  Packed special(String name, byte flag, String target) {
    var entry = new TarArchiveEntry(name, flag, true);
    entry.setLinkName(target);
    return add(entry, new byte[0]);
  }

  Packed addModel() {
    model().forEach(this::add);
    return this;
  }

  byte[] bytes() {
    try {
      tar.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  static byte[] text(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
