package dev.regroup.converters.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.converters.plan.PlannedTensor.Fate;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.safetensors.SafetensorsHeader;
import dev.regroup.formats.safetensors.ShardPlan;
import dev.regroup.formats.safetensors.ShardPlan.PlannedFile;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorInfo;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/// The files of an output: as the source's, what is kept first, on the source's places in a block.
final class OutputShardsTest {
  private static final TensorInfo SCALE = new TensorInfo("scale", Dtype.F32, Shape.of(1));
  private static final TensorInfo GONE_SCALE = new TensorInfo("gone.scale", Dtype.F32, Shape.of(3));
  private static final TensorInfo GONE = new TensorInfo("gone", Dtype.F8_E4M3, Shape.of(128, 64));
  private static final TensorInfo FIRST = new TensorInfo("b", Dtype.F8_E4M3, Shape.of(128, 1000));
  private static final TensorInfo SECOND = new TensorInfo("a", Dtype.F8_E4M3, Shape.of(128, 128));
  private static final TensorInfo NEW = new TensorInfo("gone", Dtype.BF16, Shape.of(10, 10));

  private static final List<PlannedTensor> PLANNED =
      List.of(
          new PlannedTensor(GONE_SCALE, Fate.DROPPED, 0),
          new PlannedTensor(NEW, Fate.WRITTEN, 0),
          new PlannedTensor(SCALE, Fate.KEPT, -1),
          new PlannedTensor(FIRST, Fate.KEPT, -1),
          new PlannedTensor(GONE, Fate.DROPPED, 0),
          new PlannedTensor(SECOND, Fate.KEPT, -1));

  @Test
  void putsWhatIsKeptFirstInTheSourcesOrder() {
    Checkpoint.Shard source = shard("model.safetensors", GONE_SCALE, SCALE, FIRST, GONE, SECOND);
    assertThat(plan(PLANNED, source).files())
        .singleElement()
        .satisfies(
            file -> {
              assertThat(file.name()).isEqualTo("model.safetensors");
              assertThat(file.tensors()).containsExactly(SCALE, FIRST, SECOND, NEW);
            });
  }

  @Test
  void letsKeptBytesLieAsInTheSourceModuloABlock() {
    Checkpoint.Shard source = shard("model.safetensors", GONE_SCALE, SCALE, FIRST, GONE, SECOND);
    PlannedFile file = plan(PLANNED, source).files().getFirst();
    // twelve bytes of scales are gone: no header whose length is a multiple of 8 makes up for that
    assertThat(file.phase()).isEmpty();
    TensorInfo two = new TensorInfo("gone.scale", Dtype.F32, Shape.of(2));
    Checkpoint.Shard even = shard("model.safetensors", two, SCALE, FIRST, GONE, SECOND);
    PlannedFile other = plan(PLANNED, even).files().getFirst();
    Map<String, Long> before = places(even.tensors(), render(even.tensors()));
    byte[] header = SafetensorsHeader.render(other, Map.of());
    Map<String, Long> after = places(other.tensors(), header);
    assertThat(after).containsOnlyKeys("scale", "b", "a", "gone");
    before.forEach(
        (name, place) -> {
          if (!name.startsWith("gone")) {
            assertThat(after).containsEntry(name, place);
          }
        });
    assertThat(header.length % 8).isZero();
    assertThat(header.length - render(other.tensors()).length).isBetween(0, ShardPlan.BLOCK - 1);
    assertThat(SafetensorsHeader.parse(Path.of("f"), json(header), size(other, header)).entries())
        .extracting(SafetensorsHeader.Entry::info)
        .containsExactlyElementsOf(other.tensors());
  }

  @Test
  void alignsEveryTensorWhereTheSourcesOrderWouldNot() {
    TensorInfo odd = new TensorInfo("odd", Dtype.U8, Shape.of(4097));
    List<PlannedTensor> planned =
        List.of(new PlannedTensor(odd, Fate.KEPT, -1), new PlannedTensor(NEW, Fate.WRITTEN, 0));
    assertThat(plan(planned, shard("model.safetensors", odd)).files().getFirst().tensors())
        .containsExactly(NEW, odd);
  }

  @Test
  void followsTheSourcesFilesAndPutsALayerWhereItBegins() {
    Checkpoint.Shard first = shard("model-00001-of-00002.safetensors", SCALE, FIRST);
    Checkpoint.Shard second = shard("model-00002-of-00002.safetensors", GONE_SCALE, GONE, SECOND);
    List<PlannedTensor> planned =
        List.of(
            new PlannedTensor(SCALE, Fate.KEPT, -1),
            new PlannedTensor(FIRST, Fate.KEPT, -1),
            new PlannedTensor(NEW, Fate.WRITTEN, 0),
            new PlannedTensor(GONE_SCALE, Fate.DROPPED, 0),
            new PlannedTensor(GONE, Fate.DROPPED, 0),
            new PlannedTensor(SECOND, Fate.KEPT, 0));
    assertThat(plan(planned, first, second).files())
        .extracting(PlannedFile::tensors)
        .containsExactly(List.of(SCALE, FIRST), List.of(SECOND, NEW));
    ShardPlan together =
        new OutputShards(List.of(first, second)).plan(planned, OptionalLong.of(1L << 30));
    assertThat(together.files()).hasSize(1);
    ShardPlan cut = new OutputShards(List.of(first, second)).plan(planned, OptionalLong.of(20_000));
    assertThat(cut.files()).extracting(PlannedFile::bytes).containsExactly(4L, 128_000L, 16_584L);
  }

  @Test
  void takesAFileOfAnotherFormatForItsTwinInSafetensors() {
    TensorInfo[] all = {SCALE, FIRST, GONE, SECOND};
    assertThat(plan(PLANNED, new Checkpoint.Shard(Path.of("pytorch_model.bin"), List.of(all), 7)))
        .isEqualTo(plan(PLANNED, shard("model.safetensors", all)));
  }

  private static ShardPlan plan(List<PlannedTensor> planned, Checkpoint.Shard... source) {
    return new OutputShards(List.of(source)).plan(planned, OptionalLong.empty());
  }

  private static Checkpoint.Shard shard(String name, TensorInfo... tensors) {
    List<TensorInfo> all = new ArrayList<>(List.of(tensors));
    long bytes = all.stream().mapToLong(TensorInfo::bytes).sum();
    return new Checkpoint.Shard(Path.of(name), all, render(all).length + bytes);
  }

  private static byte[] render(List<TensorInfo> tensors) {
    return SafetensorsHeader.render(tensors, Map.of());
  }

  /// Where tensors begin in a block.
  private static Map<String, Long> places(List<TensorInfo> tensors, byte[] header) {
    Map<String, Long> places = new HashMap<>();
    long at = header.length;
    for (TensorInfo tensor : tensors) {
      places.put(tensor.name(), at % ShardPlan.BLOCK);
      at += tensor.bytes();
    }
    return places;
  }

  private static byte[] json(byte[] header) {
    return Arrays.copyOfRange(header, 8, header.length);
  }

  private static long size(PlannedFile file, byte[] header) {
    return header.length + file.bytes();
  }
}
