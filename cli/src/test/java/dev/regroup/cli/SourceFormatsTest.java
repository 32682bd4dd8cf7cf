package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.safetensors.SafetensorsHeader;
import dev.regroup.formats.tensor.TensorInfo;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// One model in every format that is read: each command does the same with all of them.
final class SourceFormatsTest {
  @TempDir private Path folder;
  private Path source = Path.of("");

  @BeforeEach
  void writeAModel() {
    source = folder.resolve("source");
    Fixtures.write("llama-gqa", source, 1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"m.tar", "m.tar.gz", "m.zip", "m.deflated.zip"})
  void anArchiveIsWorthWhatItsFolderIs(String name) throws IOException {
    Path archive = folder.resolve(name);
    pack(archive);
    assertThat(Run.of("inspect", archive).out().replace(archive.toString(), "MODEL"))
        .isEqualTo(Run.of("inspect", source).out().replace(source.toString(), "MODEL"));
    assertThat(Run.of("plan", archive, "--to", "gta").exitCode()).isZero();
    Path work = Files.createDirectory(folder.resolve("work"));
    Path target = work.resolve("target");
    Run convert = Run.of("convert", archive, target, "--to", "gta", "-q");
    assertThat(convert.exitCode()).as(convert.err()).isZero();
    assertThat(names(work)).containsExactly("target");
    Path same = folder.resolve("same");
    assertThat(Run.of("convert", source, same, "--to", "gta", "-q").exitCode()).isZero();
    assertSameFiles(target, same, "regroup.manifest.json"); // which names the source
    Run verify = Run.of("verify", archive, target, "-q");
    assertThat(verify.exitCode()).as(verify.out() + verify.err()).isZero();
  }

  @Test
  void aPyTorchModelConvertsToTheBytesOfItsSafetensorsTwin() throws IOException {
    Path torch = withoutWeights("torch");
    Path twin = withoutWeights("twin");
    writeTorch(torch.resolve("pytorch_model.bin"));
    writeTwin(twin.resolve("model.safetensors"));
    assertTwins(torch, twin);
  }

  @Test
  void soDoesWhatPyTorchWritesOnThisMachine() throws IOException, InterruptedException {
    String python = System.getenv("REGROUP_PYTHON");
    assumeThat(python).as("REGROUP_PYTHON: a Python with torch and safetensors").isNotNull();
    Path torch = withoutWeights("torch");
    Path twin = withoutWeights("twin");
    String program =
        """
        import sys, torch
        from safetensors.torch import load_file, save_file
        tensors = load_file(sys.argv[1])
        torch.save(tensors, sys.argv[2])
        save_file(tensors, sys.argv[3], metadata={"format": "pt"})
        """;
    Process process =
        new ProcessBuilder(
                python,
                "-c",
                program,
                source.resolve("model.safetensors").toString(),
                torch.resolve("pytorch_model.bin").toString(),
                twin.resolve("model.safetensors").toString())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("log").toFile())
            .start();
    assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
    assertThat(process.exitValue()).as(Files.readString(folder.resolve("log"))).isZero();
    assertTwins(torch, twin);
  }

  private void assertTwins(Path torch, Path twin) throws IOException {
    assertThat(Run.of("inspect", torch).exitCode()).isZero();
    Path target = folder.resolve("target");
    Run convert = Run.of("convert", torch, target, "--to", "gla", "-q");
    assertThat(convert.exitCode()).as(convert.err()).isZero();
    Path same = folder.resolve("same");
    assertThat(Run.of("convert", twin, same, "--to", "gla", "-q").exitCode()).isZero();
    assertSameFiles(target, same, "config.json", "regroup.manifest.json");
    // configs differ in the name and size of the source's file only
    assertThat(config(target)).isEqualTo(config(same)).doesNotContain("pytorch_model");
    Run verify = Run.of("verify", torch, target, "-q");
    assertThat(verify.exitCode()).as(verify.out() + verify.err()).isZero();
  }

  private Path withoutWeights(String name) throws IOException {
    Path copy = Files.createDirectory(folder.resolve(name));
    for (String file : names(source)) {
      if (!file.endsWith(".safetensors")) {
        Files.copy(source.resolve(file), copy.resolve(file));
      }
    }
    return copy;
  }

  /// The model's tensors in the order in which the safetensors library stores them.
  private void writeTwin(Path file) throws IOException {
    try (Checkpoint checkpoint = Checkpoints.open(source);
        OutputStream out = Files.newOutputStream(file)) {
      List<TensorInfo> infos =
          checkpoint.infos().stream()
              .sorted(Comparator.comparing(TensorInfo::dtype).thenComparing(TensorInfo::name))
              .toList();
      out.write(SafetensorsHeader.render(infos, Map.of()));
      for (TensorInfo info : infos) {
        checkpoint.transfer(info.name(), Channels.newChannel(out));
      }
    }
  }

  @Test
  void anAttackIsOneLineAndExitCode3() throws IOException {
    Path attack = folder.resolve("attack.bin");
    try (var zip = new ZipOutputStream(Files.newOutputStream(attack))) {
      String pickle = "\u0080\002cos\nsystem\nX\001\000\000\000x\u0085R.";
      stored(zip, "m/data.pkl", pickle.getBytes(StandardCharsets.ISO_8859_1));
    }
    Run run = Run.of("inspect", attack);
    assertThat(run.exitCode()).isEqualTo(ExitCode.BAD_CHECKPOINT);
    assertThat(run.out()).isEmpty();
    assertThat(run.errLines())
        .singleElement()
        .asString()
        .contains("attack.bin: data.pkl, byte 13: expected only names that tensors are made of")
        .contains("found \"os.system\", which was not run");
    Path slip = folder.resolve("slip.zip");
    try (var zip = new ZipOutputStream(Files.newOutputStream(slip))) {
      stored(zip, "../evil", new byte[1]);
    }
    Run refused = Run.of("convert", slip, folder.resolve("target"), "--to", "gta");
    assertThat(refused.exitCode()).isEqualTo(ExitCode.BAD_CHECKPOINT);
    assertThat(refused.err()).contains("member \"../evil\": expected a name inside the archive");
    assertThat(folder.resolve("evil")).doesNotExist();
    assertThat(folder.resolveSibling("evil")).doesNotExist();
  }

  @Test
  void scratchFilesGoWhereTheyAreWanted() throws IOException {
    Path archive = folder.resolve("m.tar.gz");
    pack(archive);
    Path missing = folder.resolve("missing");
    Run run = Run.of("inspect", archive, "--scratch", missing);
    assertThat(run.exitCode()).isEqualTo(ExitCode.IO);
    assertThat(run.err()).contains(missing + ": no such file or directory");
    Path scratch = Files.createDirectory(folder.resolve("scratch"));
    assertThat(Run.of("inspect", archive, "--scratch", scratch).exitCode()).isZero();
    assertThat(names(scratch)).isEmpty();
  }

  private void pack(Path archive) throws IOException {
    String name = archive.getFileName().toString();
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(archive))) {
      if (name.endsWith(".tar")) {
        tar(out);
      } else if (name.endsWith(".gz")) {
        try (var gzip = new GZIPOutputStream(out)) {
          tar(gzip);
        }
      } else {
        try (var zip = new ZipOutputStream(out)) {
          for (String file : names(source)) {
            byte[] bytes = Files.readAllBytes(source.resolve(file));
            if (name.contains("deflated")) {
              zip.putNextEntry(new ZipEntry("model/" + file));
              zip.write(bytes);
              zip.closeEntry();
            } else {
              stored(zip, "model/" + file, bytes);
            }
          }
        }
      }
    }
  }

  private static void stored(ZipOutputStream zip, String name, byte[] bytes) throws IOException {
    var crc = new CRC32();
    crc.update(bytes);
    var entry = new ZipEntry(name);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(bytes.length);
    entry.setCrc(crc.getValue());
    zip.putNextEntry(entry);
    zip.write(bytes);
    zip.closeEntry();
  }

  /// A tar as its oldest version had it: headers of 512 bytes, two blocks of zeros at the end.
  private void tar(OutputStream out) throws IOException {
    for (String file : names(source)) {
      byte[] bytes = Files.readAllBytes(source.resolve(file));
      byte[] header = new byte[512];
      put(header, 0, "model/" + file);
      put(header, 100, "0000644\0000000000\0000000000\000");
      put(header, 124, "%011o\00000000000000\000        0".formatted(bytes.length));
      put(header, 257, "ustar\00000");
      int sum = 0;
      for (byte b : header) {
        sum += b & 0xff;
      }
      put(header, 148, "%06o\000 ".formatted(sum));
      out.write(header);
      out.write(bytes);
      out.write(new byte[(512 - bytes.length % 512) % 512]);
    }
    out.write(new byte[1024]);
  }

  private static void put(byte[] header, int at, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    System.arraycopy(bytes, 0, header, at, bytes.length);
  }

  /// The model's tensors as torch.save stores them, every matrix transposed in its storage.
  private void writeTorch(Path file) throws IOException {
    var pickle = new ByteArrayOutputStream();
    pickle.writeBytes(latin("\u0080\002}("));
    try (Checkpoint checkpoint = Checkpoints.open(source);
        var zip = new ZipOutputStream(Files.newOutputStream(file))) {
      int key = 0;
      for (TensorInfo info : List.copyOf(checkpoint.infos()).reversed()) {
        ByteBuffer bytes = ByteBuffer.allocate((int) checkpoint.locate(info.name()).bytes());
        checkpoint.read(info.name(), 0, bytes);
        pickle.writeBytes(tensor(info, key));
        stored(zip, "m/data/" + key++, transposed(info, bytes.array()));
      }
      pickle.writeBytes(latin("u."));
      stored(zip, "m/data.pkl", pickle.toByteArray());
    }
  }

  private static byte[] transposed(TensorInfo info, byte[] bytes) {
    if (info.shape().rank() != 2) {
      return bytes;
    }
    int rows = (int) info.shape().extent(0);
    int columns = (int) info.shape().extent(1);
    int width = info.dtype().bits() / 8;
    byte[] result = new byte[bytes.length];
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        System.arraycopy(bytes, (i * columns + j) * width, result, (j * rows + i) * width, width);
      }
    }
    return result;
  }

  private static byte[] tensor(TensorInfo info, int key) {
    var out = new ByteArrayOutputStream();
    out.writeBytes(text(info.name()));
    out.writeBytes(latin("ctorch._utils\n_rebuild_tensor_v2\n(("));
    out.writeBytes(text("storage"));
    String type =
        switch (info.dtype()) {
          case F32 -> "FloatStorage";
          case BF16 -> "BFloat16Storage";
          default -> throw new AssertionError("a fixture of " + info.dtype());
        };
    out.writeBytes(latin("ctorch\n" + type + "\n"));
    out.writeBytes(text(Integer.toString(key)));
    out.writeBytes(text("cpu"));
    out.writeBytes(whole(info.shape().elements()));
    out.writeBytes(latin("tQK\000"));
    boolean matrix = info.shape().rank() == 2;
    out.writeBytes(latin("("));
    info.shape().extents().forEach(extent -> out.writeBytes(whole(extent)));
    out.writeBytes(latin("t("));
    out.writeBytes(whole(1));
    out.writeBytes(matrix ? whole(info.shape().extent(0)) : new byte[0]);
    out.writeBytes(latin("t\u0089ccollections\nOrderedDict\n)RtR"));
    return out.toByteArray();
  }

  private static byte[] text(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return little(5 + bytes.length).put((byte) 'X').putInt(bytes.length).put(bytes).array();
  }

  private static byte[] whole(long value) {
    return little(5).put((byte) 'J').putInt((int) value).array();
  }

  private static ByteBuffer little(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static byte[] latin(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  /// A target's config without what its source's files were.
  private static String config(Path target) throws IOException {
    return Files.readString(target.resolve("config.json"))
        .replaceFirst("(?s)\"files\": \\[.*?\\]", "\"files\": []");
  }

  private static void assertSameFiles(Path left, Path right, String... apart) throws IOException {
    assertThat(names(left)).isEqualTo(names(right));
    for (String name : names(left)) {
      if (!List.of(apart).contains(name)) {
        assertThat(Files.mismatch(left.resolve(name), right.resolve(name))).as(name).isEqualTo(-1);
      }
    }
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }
}
