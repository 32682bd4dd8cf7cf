package dev.regroup.formats.pytorch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.Scratch;
import dev.regroup.formats.stored.ModelPath;
import dev.regroup.formats.tensor.TensorInfo;
import dev.regroup.formats.zip.HandZip;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Files that PyTorch wrote, read as their safetensors twins are.
///
/// The files are made by `make_files.py` beside them.
final class PyTorchFileTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 5})
  void readsEveryKindOfTensorAsItsSafetensorsTwin(int protocol) throws IOException {
    assertTwins(resource("views%d.bin".formatted(protocol)), resource("views.safetensors"));
  }

  @Test
  void readsWhatThePyTorchOfThisMachineWrites() throws IOException, InterruptedException {
    String python = System.getenv("REGROUP_PYTHON");
    assumeThat(python).as("REGROUP_PYTHON: a Python with torch and safetensors").isNotNull();
    Process process =
        new ProcessBuilder(python, resource("make_files.py").toString(), folder.toString())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("log").toFile())
            .start();
    assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
    assertThat(process.exitValue()).as(Files.readString(folder.resolve("log"))).isZero();
    for (int protocol = 2; protocol <= 5; protocol++) {
      assertTwins(
          folder.resolve("views%d.bin".formatted(protocol)), folder.resolve("views.safetensors"));
    }
  }

  @Test
  void readsTheStateDictOfAModule() throws IOException {
    try (Checkpoint checkpoint = Checkpoints.open(resource("linear.bin"))) {
      assertThat(checkpoint.infos())
          .extracting(TensorInfo::toString)
          .containsExactly(
              "TensorInfo[name=bias, dtype=F32, shape=[2]]",
              "TensorInfo[name=weight, dtype=F32, shape=[2, 3]]");
      assertThat(checkpoint.floats("bias")).hasSize(2);
      assertThat(checkpoint.isModel()).isFalse();
      assertThat(checkpoint.warnings()).isEmpty();
    }
  }

  @Test
  void findsTheStateDictInATrainersCheckpoint() throws IOException {
    try (Checkpoint plain = Checkpoints.open(resource("linear.bin"));
        Checkpoint wrapped = Checkpoints.open(resource("wrapped.bin"))) {
      assertThat(wrapped.infos()).containsExactlyElementsOf(plain.infos());
      assertThat(wrapped.warnings())
          .containsExactly(
              wrapped.path() + ": read from its entry \"state_dict\"; the others are left out");
    }
  }

  @Test
  void readsContiguousTensorsWhereTheyLieAndGathersOthersOnce() throws IOException {
    Path file = resource("views2.bin");
    try (Checkpoint checkpoint = ModelPath.open(file, Scratch.in(folder))) {
      assertThat(checkpoint.locate("plain").file()).isEqualTo(file);
      assertThat(checkpoint.locate("same")).isEqualTo(checkpoint.locate("plain"));
      assertThat(children(folder)).isEmpty();
      Checkpoint.Location gathered = checkpoint.locate("transposed");
      assertThat(gathered.file()).startsWith(folder);
      assertThat(checkpoint.locate("transposed")).isEqualTo(gathered);
      assertThat(checkpoint.floats("transposed")).startsWith(0, 6, 12, 18, 1, 7);
    }
    assertThat(children(folder)).isEmpty();
  }

  @Test
  void transfersGatheredTensors() throws IOException {
    Path copy = folder.resolve("copy");
    try (Checkpoint checkpoint = Checkpoints.open(resource("views2.bin"));
        var to = FileChannel.open(copy, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      checkpoint.transfer("permuted", to);
    }
    try (Checkpoint twin = Checkpoints.open(resource("views.safetensors"))) {
      assertThat(Files.readAllBytes(copy)).isEqualTo(bytes(twin, "permuted"));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          legacy.bin    | found the format of an older PyTorch -> load it with
          module.bin    | found "torch.nn.modules.linear.Linear", which was not run
          quantized.bin | found "torch._utils._rebuild_qtensor", which was not run
          sparse.bin    | found "torch._utils._rebuild_sparse_tensor", which was not run
          script.bin    | found a TorchScript program
          """)
  void refusesWhatIsNoStateDict(String name, String message) throws IOException {
    assertThatThrownBy(() -> Checkpoints.open(resource(name)))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(resource(name) + ": ")
        .hasMessageContaining(message)
        .hasMessageContaining("safetensors")
        .message()
        .doesNotContain("\n");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          version https://git-lfs.github.com/spec/v1 | a git-lfs pointer -> run "git lfs pull"
          <!DOCTYPE html>                            | an HTML page -> check the address or log in
          GGUF                                       | a GGUF file -> take the safetensors model
          ........{"w":                              | a safetensors file -> name it .safetensors
          something else                             | other bytes
          ''                                         | nothing: the file is empty -> download it
          """)
  void saysWhatAnotherKindOfFileIs(String start, String message) throws IOException {
    Path file = write(start.getBytes(StandardCharsets.ISO_8859_1));
    assertThatThrownBy(() -> Checkpoints.open(file))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(
            file + ": expected a zip, as torch.save writes since PyTorch 1.6, found " + message);
  }

  @Test
  void tellsFilesOfPyTorchByTheirContent() throws IOException {
    Path zip = Files.write(folder.resolve("weights"), Pickled.good());
    try (Checkpoint checkpoint = Checkpoints.open(zip)) {
      assertThat(checkpoint.floats("w")).hasSize(4);
    }
    Path pickle = Files.write(folder.resolve("model"), Pickled.program().op("}.").bytes());
    assertThatThrownBy(() -> Checkpoints.open(pickle))
        .hasMessageEndingWith(
            "found a bare pickle, which was not run -> save its state dict as safetensors");
  }

  @Test
  void refusesZipsThatPyTorchDoesNotWrite() throws IOException {
    byte[] pickle = Pickled.program().tensor("w", 4, 0, "4", "1").op(".").bytes();
    byte[] storage = Pickled.storage(16);
    HandZip twoPickles =
        new HandZip()
            .add(HandZip.member("a/data.pkl", pickle))
            .add(HandZip.member("b/data.pkl", pickle));
    assertRefused(twoPickles.bytes(), "expected one folder with a data.pkl, found 2");
    HandZip outside =
        new HandZip()
            .add(HandZip.member("a/data.pkl", pickle))
            .add(HandZip.member("data/0", storage));
    assertRefused(outside.bytes(), "expected every member below \"a/\", found \"data/0\"");
    assertRefused(
        Pickled.file(
            pickle,
            Map.of("data/0", storage, "version", "11\n".getBytes(StandardCharsets.US_ASCII))),
        "expected format version 1 to 10, found \"11\\u000a\"");
    assertRefused(
        Pickled.file(
            pickle,
            Map.of("data/0", storage, "byteorder", "middle".getBytes(StandardCharsets.US_ASCII))),
        "byteorder: expected little or big, found \"middle\"");
    assertRefused(
        Pickled.file(pickle, Map.of("data/0", storage, "code/__torch__.py", new byte[1])),
        "expected a state dict, found a TorchScript program (\"m/code/__torch__.py\")");
  }

  @Test
  void readsWhatABigEndianMachineWrote() throws IOException {
    byte[] pickle = Pickled.program().tensor("w", 4, 1, "3", "1").op(".").bytes();
    Path file =
        write(
            Pickled.file(
                pickle,
                Map.of(
                    "data/0",
                    Pickled.storage(16),
                    "byteorder",
                    "big".getBytes(StandardCharsets.US_ASCII))));
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      assertThat(bytes(checkpoint, "w")).containsExactly(7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
    }
  }

  @Test
  void readsDeflatedMembersAndZip64() throws IOException {
    byte[] pickle = Pickled.program().tensor("w", 4, 0, "2,2", "1,2").op(".").bytes();
    Path file =
        write(
            new HandZip()
                .add(HandZip.member("x/data.pkl", pickle).deflated())
                .add(HandZip.member("x/data/0", Pickled.storage(16)).deflated())
                .zip64()
                .bytes());
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      assertThat(bytes(checkpoint, "w"))
          .containsExactly(0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15);
    }
  }

  @Test
  void readsModelsOfSeveralFilesThroughTheirIndex() throws IOException {
    Files.copy(resource("linear.bin"), folder.resolve("pytorch_model-00001-of-00002.bin"));
    Path second = folder.resolve("pytorch_model-00002-of-00002.bin");
    Files.write(second, Pickled.good(), StandardOpenOption.CREATE_NEW);
    Files.writeString(folder.resolve("config.json"), "{}");
    Files.writeString(folder.resolve("optimizer.bin"), "");
    Path index = folder.resolve("pytorch_model.bin.index.json");
    Files.writeString(
        index,
        """
        {"metadata": {"total_size": 48}, "weight_map": {
          "weight": "pytorch_model-00001-of-00002.bin",
          "bias": "pytorch_model-00001-of-00002.bin",
          "w": "pytorch_model-00002-of-00002.bin"}}
        """);
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      assertThat(checkpoint.shards()).hasSize(2);
      assertThat(checkpoint.isModel()).isTrue();
      assertThat(checkpoint.find("w")).isPresent();
      assertThat(checkpoint.warnings())
          .containsExactly(folder.resolve("optimizer.bin") + ": ignored: not in the index");
    }
    Files.writeString(index, "{\"weight_map\": {\"w\": \"model.safetensors\"}}");
    assertThatThrownBy(() -> Checkpoints.open(folder))
        .hasMessage(index + ": tensor \"w\": expected a .bin file, found \"model.safetensors\"");
  }

  @Test
  void leavesOutATiedHeadThatIsTheEmbeddingUnderAnotherName() throws IOException {
    byte[] pickle =
        Pickled.program()
            .op("}")
            .text("model.embed_tokens.weight")
            .view(4, 0, "2,2", "2,1")
            .op("s")
            .text("lm_head.weight")
            .view(4, 0, "2,2", "2,1")
            .op("s.")
            .bytes();
    Path file = Files.write(folder.resolve("pytorch_model.bin"), Pickled.file(pickle));
    Path config = folder.resolve("config.json");
    Files.writeString(config, "{\"tie_word_embeddings\": true}");
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      assertThat(checkpoint.infos())
          .extracting(TensorInfo::name)
          .containsExactly("model.embed_tokens.weight");
      assertThat(checkpoint.warnings())
          .containsExactly(
              file
                  + ": tensor \"lm_head.weight\" is \"model.embed_tokens.weight\" under another"
                  + " name, as the config says; it is left out");
    }
    Files.writeString(config, "{\"tie_word_embeddings\": false}");
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      assertThat(checkpoint.infos()).hasSize(2);
    }
  }

  @Test
  void prefersSafetensorsWhereBothAreThere() throws IOException {
    Files.copy(resource("linear.bin"), folder.resolve("pytorch_model.bin"));
    Files.copy(resource("views.safetensors"), folder.resolve("model.safetensors"));
    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
      assertThat(checkpoint.find("plain")).isPresent();
      assertThat(checkpoint.warnings())
          .containsExactly(
              folder.resolve("pytorch_model.bin") + ": ignored: not in model.safetensors");
    }
    Files.move(
        folder.resolve("pytorch_model.bin"),
        folder.resolve("model.safetensors"),
        StandardCopyOption.REPLACE_EXISTING);
    assertThatThrownBy(() -> Checkpoints.open(folder)).hasMessageContaining("a zip archive");
  }

  private static void assertTwins(Path bin, Path safetensors) throws IOException {
    try (Checkpoint left = Checkpoints.open(bin);
        Checkpoint right = Checkpoints.open(safetensors)) {
      assertThat(left.infos()).containsExactlyElementsOf(right.infos());
      for (TensorInfo info : right.infos()) {
        assertThat(bytes(left, info.name())).as(info.name()).isEqualTo(bytes(right, info.name()));
      }
    }
  }

  private static byte[] bytes(Checkpoint checkpoint, String name) {
    ByteBuffer bytes = ByteBuffer.allocate((int) checkpoint.locate(name).bytes());
    checkpoint.read(name, 0, bytes);
    return bytes.array();
  }

  private void assertRefused(byte[] bytes, String message) throws IOException {
    Path file = write(bytes);
    assertThatThrownBy(() -> Checkpoints.open(file))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(file + ": " + message);
  }

  private Path write(byte[] bytes) throws IOException {
    return Files.write(folder.resolve("x.bin"), bytes);
  }

  private static java.util.List<Path> children(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }

  private static Path resource(String name) {
    try {
      return Path.of(Objects.requireNonNull(PyTorchFileTest.class.getResource(name), name).toURI());
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }
}
