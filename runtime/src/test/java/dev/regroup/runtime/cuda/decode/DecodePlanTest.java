package dev.regroup.runtime.cuda.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.CacheRow;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.Slice;
import dev.regroup.runtime.cuda.CudaDevice;
import dev.regroup.runtime.cuda.Precision;
import dev.regroup.runtime.cuda.decode.DecodeShape.Types;
import java.util.List;
import org.junit.jupiter.api.Test;

final class DecodePlanTest {
  private static final CudaDevice H200 = device("H200", 90, 132, 232_448);
  private static final CudaDevice A100 = device("A100", 80, 108, 166_912);
  private static final CudaDevice RTX_3090 = device("RTX 3090", 86, 82, 101_376);

  private static CudaDevice device(String name, int capability, int multiprocessors, int shared) {
    return new CudaDevice(0, name, capability, 1L << 36, multiprocessors, 50_000_000, shared, "13");
  }

  private static DecodePlan plan(AttentionLayout layout, int queryLength, CudaDevice device) {
    return DecodePlan.of(
        new DecodeShape(layout.cacheRow(), layout.queryHeads(), queryLength, 0, Types.BFLOAT16),
        device);
  }

  @Test
  void choosesAKernelByLayoutAndChip() {
    assertThat(plan(new Gqa(64, 8, 128), 1, H200).kernel()).isEqualTo("decode_grouped_128");
    assertThat(plan(new Gqa(8, 8, 32), 1, H200).kernel()).isEqualTo("decode_grouped_32");
    assertThat(plan(new Gqa(8, 2, 80), 1, H200).kernel()).isEqualTo("decode_generic_bf16");
    Gta gta = new Gta(64, 8, 128, 64);
    assertThat(plan(gta, 1, H200).kernel()).isEqualTo("decode_stream_tied_128");
    assertThat(plan(gta, 1, A100).kernel()).isEqualTo("decode_tied_128");
    assertThat(plan(new Gta(8, 2, 64, 32), 1, H200).kernel()).isEqualTo("decode_tied_64");
    Gla rank = new Gla(16, 1, 256, 64, 64, 64);
    assertThat(plan(rank, 1, H200).kernel()).isEqualTo("decode_stream_latent_256");
    assertThat(plan(rank, 2, H200).kernel()).isEqualTo("decode_latent_256_wgmma");
    assertThat(plan(rank, 1, A100).kernel()).isEqualTo("decode_latent_256_3");
    Gla mla = new Gla(128, 1, 512, 64, 64, 64);
    assertThat(plan(mla, 1, H200).kernel()).isEqualTo("decode_latent_512_wgmma");
    assertThat(plan(mla, 1, A100).kernel()).isEqualTo("decode_latent_512_2");
    assertThat(plan(mla, 1, RTX_3090).kernel()).isEqualTo("decode_generic_bf16");
    assertThat(plan(new Gla(8, 2, 65, 64, 32, 64), 1, H200).kernel())
        .isEqualTo("decode_generic_bf16");
  }

  @Test
  void keepsFloat32CachesInFloat32() {
    var types = new Types(Precision.FLOAT32, Precision.FLOAT32, Precision.FLOAT32);
    var shape = new DecodeShape(new Gqa(64, 8, 128).cacheRow(), 64, 1, 0, types);
    assertThat(DecodePlan.of(shape, H200).kernel()).isEqualTo("decode_generic_f32");
  }

  @Test
  void ownsEachStateAndQueryRowOnce() {
    for (AttentionLayout layout :
        List.of(
            new Gqa(64, 8, 128),
            new Gqa(64, 1, 128),
            new Gqa(12, 12, 64),
            new Gqa(6, 3, 96),
            new Gta(64, 8, 128, 64),
            new Gta(12, 3, 128, 64),
            new Gla(128, 2, 256, 64, 64, 64),
            new Gla(128, 1, 512, 64, 64, 64),
            new Gla(64, 8, 256, 64, 64, 64))) {
      for (CudaDevice device : List.of(H200, A100, RTX_3090)) {
        for (int queryLength : new int[] {1, 2}) {
          DecodePlan plan = plan(layout, queryLength, device);
          CacheRow row = layout.cacheRow();
          int rows = layout.queryHeads() / row.stateHeads() * queryLength;
          int owned = plan.kernel().endsWith("wgmma") ? 64 : 16 * plan.tiling().rowTiles();
          assertThat(plan.columns())
              .as("%s on %s", layout, device.name())
              .isEqualTo(row.stateHeads() / plan.tiling().heads() * Math.ceilDiv(rows, owned));
          assertThat(row.stateHeads() % plan.tiling().heads()).isZero();
          assertThat(plan.sharedBytes()).isLessThanOrEqualTo(device.sharedBytesPerBlock());
          assertThat(plan.threads()).isBetween(32, 384);
          assertThat(plan.mostParts()).isPositive();
        }
      }
    }
  }

  @Test
  void copiesWholeRowsWhereABlockOwnsAllStates() {
    assertThat(plan(new Gla(16, 1, 256, 64, 64, 64), 1, H200).boxLines()).isEqualTo(5);
    assertThat(plan(new Gla(16, 1, 512, 64, 64, 64), 1, H200).boxLines()).isEqualTo(9);
    assertThat(plan(new Gta(64, 8, 128, 64), 1, H200).boxLines()).isEqualTo(17);
    assertThat(plan(new Gta(64, 16, 128, 64), 1, H200).boxLines()).isEqualTo(1);
    assertThat(plan(new Gla(64, 8, 256, 64, 64, 64), 1, H200).boxLines()).isEqualTo(1);
  }

  @Test
  void fitsTheBlocksThatItCountsOnIntoAMultiprocessor() {
    DecodePlan plan = plan(new Gla(16, 1, 256, 64, 64, 64), 1, H200);
    assertThat(plan.blocks()).isEqualTo(2 * 132);
    assertThat(2 * (plan.sharedBytes() + 1024)).isLessThanOrEqualTo(228 * 1024);
  }

  /// More registers where a block has a multiprocessor to itself, half of them where it has not.
  @Test
  void choosesTheBuildForTheBlocksOfAMultiprocessor() {
    DecodePlan alone = plan(new Gqa(32, 8, 64), 1, H200);
    assertThat(alone.kernel()).isEqualTo("decode_grouped_64");
    assertThat(alone.blocks()).isEqualTo(132);
    DecodePlan together = plan(new Gqa(32, 2, 64), 1, H200);
    assertThat(together.kernel()).isEqualTo("decode_grouped_64_shared");
    assertThat(together.blocks()).isEqualTo(2 * 132);
    assertThat(plan(new Gta(32, 8, 64, 32), 1, H200).blocks()).isEqualTo(2 * 132);
  }

  @Test
  void refusesWhatNoKernelTakes() {
    var wide = new CacheRow(1, 1024, new Slice(0, 1024), new Slice(0, 1024), 1, 64);
    assertThatThrownBy(() -> new DecodeShape(wide, 8, 1, 0, Types.BFLOAT16))
        .hasMessage("decode: expected values of at most 512 elements, found 1024");
    assertThatThrownBy(
            () -> new DecodeShape(new Gqa(8, 8, 64).cacheRow(), 12, 1, 0, Types.BFLOAT16))
        .hasMessage(
            "decode: expected query heads in groups of 8 and at least one new token, found 12 and"
                + " 1");
  }
}
