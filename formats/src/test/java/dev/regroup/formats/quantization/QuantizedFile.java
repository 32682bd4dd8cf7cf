package dev.regroup.formats.quantization;

import dev.regroup.formats.safetensors.SafetensorsWriter;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorCodec;
import dev.regroup.formats.tensor.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Builds small files of codes and scales, with a config or without.
final class QuantizedFile {
  private final Map<TensorInfo, byte[]> tensors = new LinkedHashMap<>();

  QuantizedFile codes(String name, Dtype dtype, Shape shape, byte[] codes) {
    tensors.put(new TensorInfo(name, dtype, shape), codes);
    return this;
  }

  QuantizedFile floats(String name, Dtype dtype, Shape shape, float... values) {
    byte[] bytes = new byte[values.length * dtype.bits() / 8];
    TensorCodec.encode(dtype, values, 0, ByteBuffer.wrap(bytes));
    return codes(name, dtype, shape, bytes);
  }

  /// Writes one file.
  Path write(Path file) {
    try (var writer =
        SafetensorsWriter.create(file, new ArrayList<>(tensors.keySet()), Map.of("format", "pt"))) {
      tensors.forEach((info, bytes) -> writer.write(info.name(), 0, ByteBuffer.wrap(bytes)));
      writer.finish();
    }
    return file;
  }

  /// Writes a folder whose tensors lie in a file each.
  Path writeShards(Path folder, String config) throws IOException {
    Files.writeString(folder.resolve("config.json"), config);
    var map = new ArrayList<String>();
    int shard = 0;
    for (Map.Entry<TensorInfo, byte[]> tensor : tensors.entrySet()) {
      String name = "model-%05d-of-%05d.safetensors".formatted(++shard, tensors.size());
      var one = new QuantizedFile();
      one.tensors.put(tensor.getKey(), tensor.getValue());
      one.write(folder.resolve(name));
      map.add("\"%s\": \"%s\"".formatted(tensor.getKey().name(), name));
    }
    Files.writeString(
        folder.resolve("model.safetensors.index.json"),
        "{\"metadata\": {}, \"weight_map\": {%s}}".formatted(String.join(", ", map)));
    return folder;
  }

  static byte[] everyCode() {
    byte[] codes = new byte[256];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) i;
    }
    return codes;
  }

  static List<Dtype> scaleDtypes() {
    return List.of(Dtype.F32, Dtype.BF16, Dtype.F16, Dtype.F8_E8M0);
  }
}
