package dev.regroup.formats.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.formats.safetensors.ShardPlan.PlannedFile;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorInfo;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ShardPlanTest {
  @Test
  void fillsFilesInTheGivenOrder() {
    ShardPlan plan =
        ShardPlan.cut(List.of(bytes("c", 4), bytes("a", 6), bytes("b", 1), bytes("d", 10)), 10);
    assertThat(plan.files())
        .containsExactly(
            new PlannedFile(
                "model-00001-of-00003.safetensors", List.of(bytes("c", 4), bytes("a", 6))),
            new PlannedFile("model-00002-of-00003.safetensors", List.of(bytes("b", 1))),
            new PlannedFile("model-00003-of-00003.safetensors", List.of(bytes("d", 10))));
    assertThat(plan.indexed()).isTrue();
    assertThat(plan.bytes()).isEqualTo(21);
    assertThat(plan.parameters()).isEqualTo(21);
  }

  @Test
  void givesATensorLargerThanTheLimitAFileOfItsOwn() {
    ShardPlan plan = ShardPlan.cut(List.of(bytes("a", 1), bytes("b", 50), bytes("c", 1)), 10);
    assertThat(plan.files()).extracting(PlannedFile::bytes).containsExactly(1L, 50L, 1L);
  }

  @Test
  void callsASingleFileModel() {
    ShardPlan plan = ShardPlan.cut(List.of(bytes("a", 10)), 10);
    assertThat(plan.files())
        .containsExactly(new PlannedFile("model.safetensors", List.of(bytes("a", 10))));
    assertThat(plan.indexed()).isFalse();
    assertThat(ShardPlan.cut(List.of(), 10).files())
        .containsExactly(new PlannedFile("model.safetensors", List.of()));
  }

  @Test
  void putsWiderElementsFirstWithinAFile() {
    TensorInfo narrow = new TensorInfo("a", Dtype.BF16, Shape.of(3));
    TensorInfo other = new TensorInfo("b", Dtype.BF16, Shape.of(1));
    TensorInfo wide = new TensorInfo("c", Dtype.F32, Shape.of(2));
    assertThat(ShardPlan.cut(List.of(narrow, other, wide), 100).files().getFirst().tensors())
        .containsExactly(wide, narrow, other);
  }

  @Test
  void startsAnotherFileBeforeAHeaderGetsTooLong() {
    List<TensorInfo> tensors =
        IntStream.range(0, 220).mapToObj(i -> bytes("x".repeat(20_000) + i, 1)).toList();
    ShardPlan plan = ShardPlan.cut(tensors, Long.MAX_VALUE);
    assertThat(plan.files()).hasSizeGreaterThan(1);
    for (PlannedFile file : plan.files()) {
      assertThat(SafetensorsHeader.render(file.tensors(), Map.of()).length).isLessThan(25_000_000);
    }
  }

  @Test
  void refusesALimitBelowOneByte() {
    assertThatThrownBy(() -> ShardPlan.cut(List.of(), 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a shard must hold at least 1 byte, found 0");
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void holdsEveryTensorOnceWithinTheLimit(long seed) {
    Random random = new Random(seed);
    List<TensorInfo> tensors = RandomTensors.infos(random, Dtype.values());
    long most = 1L + random.nextInt(2000);
    ShardPlan plan = ShardPlan.cut(tensors, most);
    assertThat(plan.files().stream().flatMap(file -> file.tensors().stream()))
        .containsExactlyInAnyOrderElementsOf(tensors);
    for (PlannedFile file : plan.files()) {
      assertThat(file.bytes() <= most || file.tensors().size() == 1).isTrue();
      requireAligned(file);
    }
    for (int i = 1; i < plan.files().size(); i++) {
      // Greedy: the next file's tensors begin with one that did not fit.
      long before = plan.files().get(i - 1).bytes();
      long largest =
          plan.files().get(i).tensors().stream().mapToLong(TensorInfo::bytes).max().orElseThrow();
      assertThat(before + largest).isGreaterThan(most);
    }
    if (plan.indexed()) {
      ShardIndex index = ShardIndex.parse(Path.of("i"), ShardIndex.render(plan), ".safetensors");
      assertThat(index.totalSize()).hasValue(plan.bytes());
      assertThat(index.oddities()).isEmpty();
      plan.files()
          .forEach(
              file ->
                  file.tensors()
                      .forEach(
                          info ->
                              assertThat(index.weightMap())
                                  .containsEntry(info.name(), file.name())));
    }
  }

  private static void requireAligned(PlannedFile file) {
    long offset = 0;
    for (TensorInfo info : file.tensors()) {
      int width = Math.max(1, info.dtype().bits() / 8);
      assertThat(offset % width).as(info.toString()).isZero();
      offset += info.bytes();
    }
  }

  private static TensorInfo bytes(String name, long count) {
    return new TensorInfo(name, Dtype.U8, Shape.of(count));
  }
}
