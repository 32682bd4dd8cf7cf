package dev.regroup.formats.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.Scratch;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.zip.HandZip;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Models inside archives: read in place where that can be, unpacked where not, and refused where
/// they would do harm.
final class ArchiveFilesTest {
  private static final Map<String, byte[]> GOOD = new LinkedHashMap<>();
  private static final Map<String, Bad> BAD = new LinkedHashMap<>();

  @TempDir Path folder;
  private Path scratch;

  private record Bad(byte[] bytes, String message) {}

  static {
    GOOD.put("a.tar", Packed.tar("llama/"));
    GOOD.put("b.tar", Packed.tar("./"));
    GOOD.put("a.tar.gz", Packed.gzip(Packed.tar("")));
    GOOD.put("two.tar.gz", twice(Packed.tar("deep/er/")));
    GOOD.put("a.tar.zst", Packed.zstd(Packed.tar("llama/")));
    GOOD.put("a.zip", Packed.storedZip("llama/"));
    GOOD.put("b.zip", Packed.deflatedZip(""));
    GOOD.put("a.bin", Packed.tar("llama/")); // told by its content

    name("../evil", "expected a name inside the archive");
    name("a/../../evil", "expected a name inside the archive");
    name("/etc/x", "expected a name inside the archive");
    name("C:/x", "expected a name inside the archive");
    name("..\\x", "expected a name inside the archive");
    name("\\\\server\\share", "expected a name inside the archive");
    name("~/x", "expected a name inside the archive");
    bad(
        "tar: a control",
        new Packed().addModel().add("a\u0001b", new byte[0]),
        "inside the archive");
    name("CON", "expected a name that every system can have");
    name("a/nul.json", "expected a name that every system can have");
    name("x.", "expected a name that every system can have");
    name("x ", "expected a name that every system can have");
    name("d/".repeat(40) + "x", "expected at most 32 folders deep");
    name("x".repeat(2000), "of 1 to 1024 characters, found 2000");
    name("CONFIG.json", "differs from it in case only");
    bad("tar: twice", new Packed().addModel().add("config.json", new byte[0]), "is there twice");
    bad("tar: NFD", new Packed().add("\u00e9", new byte[0]).add("e\u0301", new byte[0]), "twice");
    link("a link out", TarConstants.LF_SYMLINK, "/etc/passwd", "a link to \"/etc/passwd\"");
    link("a link in", TarConstants.LF_SYMLINK, "config.json", "a link to \"config.json\"");
    link("a hard link", TarConstants.LF_LINK, "../../x", "a link to \"../../x\"");
    link("a device", TarConstants.LF_CHR, "", "a device, a pipe or the like");
    link("a disk", TarConstants.LF_BLK, "", "a device, a pipe or the like");
    link("a pipe", TarConstants.LF_FIFO, "", "a device, a pipe or the like");
    link("an unknown kind", (byte) 'Z', "", "a device, a pipe or the like");
    bad("zip: a link", zip(HandZip.member("l", "/etc/x").mode(0xa1ff)), "found a link or device");
    bad("no model", new Packed().add("x.txt", new byte[3]), "found no config.json among 1 files");
    bad(
        "what PyTorch wrote in 2017",
        new Packed().add("sys_info", new byte[3]).add("pickle", new byte[3]),
        "found a tar that PyTorch wrote before 0.1.10 -> load it");
    bad("an empty zip", new HandZip().bytes(), "found no config.json among 0 files");
    bad(
        "two models",
        new Packed().add("b/config.json", new byte[0]).add("a/config.json", new byte[0]),
        "expected one model, found config.json in \"a\" and in \"b\"");
    byte[] tar = Packed.tar("");
    int end = end(tar);
    bad("tar: cut in a member", Arrays.copyOf(tar, 700), "Truncated TAR archive");
    bad("tar: cut between members", Arrays.copyOf(tar, end), "ends without its end marks");
    bad("tar: cut between members, packed", Packed.gzip(Arrays.copyOf(tar, end)), "end marks");
    byte[] two = Arrays.copyOf(tar, 2 * tar.length);
    System.arraycopy(tar, 0, two, tar.length, tar.length);
    bad("tar: a second tar behind", two, "found more -> pack it again");
    byte[] sum = tar.clone();
    sum[1024]++; // behind the header and the text of extended attributes
    bad("tar: a wrong checksum", sum, "expected a tar, found it damaged");
    bad("gzip: no tar inside", Packed.gzip(new byte[] {1, 2, 3}), "expected a tar, found other");
    bad("gzip: nothing inside", Packed.gzip(new byte[0]), "expected a tar, found nothing");
    byte[] gzip = Packed.gzip(tar);
    bad("gzip: cut", Arrays.copyOf(gzip, gzip.length - 9), "expected a tar, found it damaged");
    bad("gzip: a wrong CRC", flipped(gzip, gzip.length - 8), "expected a tar, found it damaged");
    bad("gzip: a wrong size", flipped(gzip, gzip.length - 4), "expected a tar, found it damaged");
    bad("gzip: garbage behind", Arrays.copyOf(gzip, gzip.length + 7), "found it damaged");
    byte[] zstd = Packed.zstd(tar);
    bad("zstd: cut", Arrays.copyOf(zstd, zstd.length - 9), "expected a tar, found it damaged");
    bad("zstd: a wrong checksum", flipped(zstd, zstd.length - 1), "found it damaged");
    byte[] window = {0x28, (byte) 0xb5, 0x2f, (byte) 0xfd, 0, (byte) 0xa8, 1, 0, 0};
    bad("zstd: a window of 2 GiB", window, "expected a tar, found it damaged");
    byte[] promised = Packed.promising("z", 4L << 30);
    bad("gzip: a bomb", Packed.gzip(promised), "a bomb, or no model");
    byte[] zeros = Arrays.copyOf(tar, 96 << 20);
    bad("zstd: a bomb behind the end", Packed.zstd(zeros), "a bomb, or no model");
    bad("zip: a bomb", zip(HandZip.member("z", "z").deflated().size(3L << 30)), "a bomb, or no");
  }

  private static void name(String name, String message) {
    bad("tar: " + name, new Packed().addModel().add(name, new byte[0]), message);
    bad("zip: " + name, zip(HandZip.member(name, new byte[0])), message);
    byte[] packed = Packed.gzip(new Packed().addModel().add(name, new byte[0]).bytes());
    BAD.put("tar.gz: " + name, new Bad(packed, message));
  }

  private static void link(String name, byte flag, String target, String message) {
    bad(name, new Packed().addModel().special("x", flag, target), message);
    byte[] packed = Packed.zstd(new Packed().addModel().special("x", flag, target).bytes());
    bad(name + ", packed", packed, message);
  }

  private static void bad(String name, Packed tar, String message) {
    bad(name, tar.bytes(), message);
  }

  private static void bad(String name, byte[] bytes, String message) {
    BAD.put(name, new Bad(bytes, message));
  }

  private static byte[] zip(HandZip.Member member) {
    HandZip zip = new HandZip();
    Packed.model().forEach((name, content) -> zip.add(HandZip.member(name, content)));
    return zip.add(member).bytes();
  }

  private static byte[] good(String name) {
    return Objects.requireNonNull(GOOD.get(name));
  }

  static Set<String> goodNames() {
    return GOOD.keySet();
  }

  static Set<String> badNames() {
    return BAD.keySet();
  }

  @BeforeEach
  void makeScratch() throws IOException {
    scratch = Files.createDirectory(folder.resolve("scratch"));
  }

  @ParameterizedTest
  @MethodSource("goodNames")
  void readsAModelAsFromItsFolder(String name) throws IOException {
    Path archive = write(name, good(name));
    try (Checkpoint checkpoint = open(archive)) {
      assertThat(checkpoint.path()).isEqualTo(archive);
      assertThat(checkpoint.isModel()).isTrue();
      assertThat(checkpoint.config().text("model_type")).isEqualTo("llama");
      assertThat(checkpoint.floats("w")).containsExactly(0, 0, 0, 2);
      assertThat(checkpoint.warnings()).isEmpty();
      assertThat(checkpoint.sideFiles()).containsExactly(Path.of("tokenizer.json"));
      Path tokenizer = checkpoint.sideFile(Path.of("tokenizer.json"));
      assertThat(tokenizer).hasContent("{}").hasFileName("tokenizer.json");
      Checkpoint.Shard shard = checkpoint.shards().getFirst();
      assertThat(shard.file().toString()).startsWith(archive + "!/");
      assertThat(shard.file()).hasFileName("model.safetensors");
      assertThat(shard.bytes()).isEqualTo(Packed.file("model.safetensors").length);
    }
    assertNothingLeft();
  }

  @ParameterizedTest
  @MethodSource("badNames")
  void refusesWhatWouldDoHarm(String name) throws IOException {
    Bad bad = Objects.requireNonNull(BAD.get(name));
    Path archive = write("x.archive", bad.bytes());
    assertThatThrownBy(() -> open(archive).close())
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(archive + ": ")
        .hasMessageContaining(bad.message())
        .message()
        .doesNotContain("\n")
        .hasSizeLessThan(1000);
    assertNothingLeft();
    assertThat(children(folder)).containsExactlyInAnyOrder(archive, scratch);
  }

  @ParameterizedTest
  @ValueSource(strings = {"a.tar", "a.zip"})
  void readsWeightsInPlaceWithoutUnpacking(String name) throws IOException {
    Path archive = write(name, good(name));
    try (Checkpoint checkpoint = open(archive)) {
      Checkpoint.Location place = checkpoint.locate("w");
      assertThat(place.file()).isEqualTo(archive);
      byte[] whole = Files.readAllBytes(archive);
      assertThat(whole[(int) (place.offset() + place.bytes()) - 1]).isEqualTo((byte) 0x40);
      assertThat(children(scratch)).isEmpty();
    }
  }

  @Test
  void unpacksOfADeflatedZipOnlyWhatIsAskedFor() throws IOException {
    HandZip zip = new HandZip();
    Packed.model().forEach((name, content) -> zip.add(HandZip.member(name, content).deflated()));
    zip.add(HandZip.member("never.h5", new byte[1 << 20]).deflated());
    try (Checkpoint checkpoint = open(write("a.zip", zip.bytes()))) {
      assertThat(checkpoint.floats("w")).hasSize(4);
      assertThat(checkpoint.warnings())
          .containsExactly(checkpoint.path() + "!/never.h5: ignored: not in model.safetensors");
      try (Stream<Path> files = Files.walk(scratch)) {
        assertThat(files.filter(Files::isRegularFile)).allMatch(file -> size(file) < 1 << 20);
      }
    }
  }

  @Test
  void readsPyTorchFilesInsideArchives() throws IOException {
    byte[] weights = new byte[16];
    // a pickle of {"w": a float32 tensor of 4 elements}
    String pickle =
        "\u0080\002}X\001\000\000\000wctorch._utils\n_rebuild_tensor\n((X\007\000\000\000storage"
            + "ctorch\nFloatStorage\nX\001\000\000\0000X\003\000\000\000cpuK\004tQK\000K\004\u0085"
            + "K\001\u0085tRs.";
    byte[] file =
        new HandZip()
            .add(HandZip.member("m/data.pkl", pickle))
            .add(HandZip.member("m/data/0", weights))
            .bytes();
    byte[] tar =
        new Packed()
            .add("m/config.json", Packed.text("{}"))
            .add("m/pytorch_model.bin", file)
            .bytes();
    Path archive = write("m.tar", tar);
    try (Checkpoint checkpoint = open(archive)) {
      assertThat(checkpoint.floats("w")).containsExactly(0, 0, 0, 0);
      assertThat(checkpoint.locate("w").file()).isEqualTo(archive);
    }
  }

  @Test
  void ignoresWhatMacOsAdds() throws IOException {
    byte[] tar =
        new Packed()
            .add("._config.json", new byte[9])
            .add("._model.safetensors", new byte[9])
            .add("__MACOSX/config.json", new byte[9])
            .addModel()
            .bytes();
    try (Checkpoint checkpoint = open(write("a.tar", tar))) {
      assertThat(checkpoint.floats("w")).hasSize(4);
      assertThat(checkpoint.sideFiles()).hasSize(1);
    }
  }

  @Test
  void takesTheOutermostOfNestedModels() throws IOException {
    byte[] tar =
        new Packed().addModel().add("original/config.json", Packed.text("no JSON")).bytes();
    try (Checkpoint checkpoint = open(write("a.tar", tar))) {
      assertThat(checkpoint.floats("w")).hasSize(4);
    }
  }

  @Test
  void saysWhichArchivesAreNotRead() throws IOException {
    for (String start : List.of("BZh9", "7z\u00bc\u00af'", "Rar!\032", "\u00fd7zXZ\000")) {
      Path file = write("a.archive", start.getBytes(java.nio.charset.StandardCharsets.ISO_8859_1));
      assertThatThrownBy(() -> open(file))
          .isInstanceOf(UnsupportedModelException.class)
          .hasMessage(
              file
                  + ": expected a zip, a tar, or a tar packed with gzip or zstd, found another"
                  + " archive -> unpack it first");
    }
  }

  @Test
  void leavesNothingBehindWhereTheScratchFolderIsMissing() throws IOException {
    Path archive = write("a.tar.gz", good("a.tar.gz"));
    Path missing = folder.resolve("missing");
    assertThatThrownBy(() -> Checkpoints.open(archive, Scratch.in(missing)))
        .isInstanceOf(java.io.UncheckedIOException.class)
        .hasMessage(missing + ": no such file or directory");
    assertThat(missing).doesNotExist();
  }

  private Checkpoint open(Path archive) {
    return Checkpoints.open(archive, Scratch.in(scratch));
  }

  private void assertNothingLeft() throws IOException {
    assertThat(children(scratch)).isEmpty();
  }

  private Path write(String name, byte[] bytes) throws IOException {
    return Files.write(folder.resolve(name), bytes);
  }

  private static List<Path> children(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }

  private static long size(Path file) {
    return file.toFile().length();
  }

  private static byte[] flipped(byte[] bytes, int at) {
    byte[] flipped = bytes.clone();
    flipped[at] ^= 1;
    return flipped;
  }

  /// Packed as two gzip members, one after the other.
  private static byte[] twice(byte[] tar) {
    var out = new ByteArrayOutputStream();
    out.writeBytes(Packed.gzip(Arrays.copyOf(tar, 1000)));
    out.writeBytes(Packed.gzip(Arrays.copyOfRange(tar, 1000, tar.length)));
    return out.toByteArray();
  }

  /// Where the last member of a tar ends.
  private static int end(byte[] tar) {
    int end = tar.length;
    while (tar[end - 1] == 0) {
      end--;
    }
    return (end + 511) / 512 * 512;
  }
}
