package dev.regroup.runtime.cuda.decode;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.formats.attention.Gla;
import dev.regroup.runtime.cuda.decode.DecodeSchedule.Piece;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class DecodeScheduleTest {
  private static DecodeShape shape(int queryLength, int window) {
    return new DecodeShape(
        new Gla(16, 1, 256, 64, 64, 64).cacheRow(),
        16,
        queryLength,
        window,
        DecodeShape.Types.BFLOAT16);
  }

  @Test
  void readsEveryPageOfEveryRequestExactlyOnce() {
    var random = new Random(7);
    for (int round = 0; round < 300; round++) {
      int[] lengths =
          IntStream.range(0, 1 + random.nextInt(40))
              .map(_ -> random.nextInt(3) == 0 ? random.nextInt(70) : random.nextInt(9000))
              .toArray();
      DecodeShape shape = shape(1 + round % 2, round % 3 == 0 ? 500 : 0);
      DecodeSchedule schedule = DecodeSchedule.of(lengths, shape, 1 + random.nextInt(264));
      int[] next = new int[lengths.length];
      for (int r = 0; r < lengths.length; r++) {
        next[r] = shape.firstPage(lengths[r]);
      }
      for (Piece piece : schedule.pieces()) {
        assertThat(piece.begin()).isEqualTo(next[piece.request()]);
        next[piece.request()] = piece.end();
      }
      assertThat(next)
          .containsExactly(Arrays.stream(lengths).map(n -> Math.ceilDiv(n, 64)).toArray());
    }
  }

  @Test
  void givesEachPieceOfACutRequestASlotOfItsOwnAndNoneToWholeOnes() {
    int[] lengths = {64, 6400, 1, 3000, 0, 129};
    DecodeSchedule schedule = DecodeSchedule.cut(lengths, shape(1, 0), 7, 2);
    int slot = 0;
    for (Piece piece : schedule.pieces()) {
      long pieces = schedule.pieces().stream().filter(p -> p.request() == piece.request()).count();
      assertThat(piece.slot()).isEqualTo(pieces == 1 ? -1 : slot++);
    }
    assertThat(schedule.slots()).isEqualTo(slot).isBetween(2, lengths.length + 7);
    assertThat(schedule.mostPieces()).isGreaterThanOrEqualTo(3);
  }

  @Test
  void dealsOutPagesEvenly() {
    int[] lengths = new Random(3).ints(50, 1, 30_000).toArray();
    DecodeSchedule schedule = DecodeSchedule.cut(lengths, shape(1, 0), 66, 2);
    long[] pages = new long[66];
    schedule.pieces().forEach(p -> pages[p.part()] += p.end() - p.begin());
    int total = Arrays.stream(lengths).map(n -> Math.ceilDiv(n, 64)).sum();
    for (long part : pages) {
      assertThat(part).isBetween(total / 66L - 10, total / 66L + 10);
    }
  }

  @Test
  void cutsAlikeRequestsAlike() {
    int[] lengths = new int[64];
    Arrays.fill(lengths, 8192);
    assertThat(DecodeSchedule.of(lengths, shape(1, 0), 66).parts()).isEqualTo(64);
    assertThat(DecodeSchedule.of(lengths, shape(1, 0), 66).slots()).isZero();
    DecodeSchedule two = DecodeSchedule.of(lengths, shape(1, 0), 132);
    assertThat(two.parts()).isEqualTo(128);
    assertThat(two.mostPieces()).isEqualTo(2);
    assertThat(two.pieces()).allMatch(piece -> piece.end() - piece.begin() == 64);
    lengths[0] = 60_000;
    assertThat(DecodeSchedule.of(lengths, shape(1, 0), 132).parts()).isEqualTo(132);
  }

  @Test
  void laysPiecesOutByPartForTheKernels() {
    DecodeSchedule schedule = DecodeSchedule.cut(new int[] {640, 64, 1}, shape(1, 0), 3, 2);
    // line: 2 + 10 pages, 2 + 1, 2 + 1; cut at 6 and 12 of 18
    assertThat(schedule.words())
        .containsExactly(
            0, 0, 4, 0, 640, 0, 2,
            -1, // request 0, pages 0 to 4, slot 0; 640 tokens, slots from 0, 2
            0, 4, 10, 1, 640, 0, 2, -1, //
            1, 0, 1, -1, 64, 2, 0, 3, // request 1, whole; the part goes on at 3
            2, 0, 1, -1, 1, 2, 0, -1, //
            0, 0, 0, 0, 0, 0, 0, 0, // room for parts + batch pieces
            0, 0, 0, 0, 0, 0, 0, 0, //
            0, 2, // request 0: first slot, slots
            2, 0, //
            2, 0);
  }

  @Test
  void marksPartsWithoutAPiece() {
    DecodeSchedule schedule = DecodeSchedule.cut(new int[] {64}, shape(1, 0), 3, 0);
    assertThat(schedule.words())
        .startsWith(0, 0, 1, -1, 64, 0, 0, -1)
        .satisfies(words -> assertThat(words[8]).isEqualTo(-1))
        .satisfies(words -> assertThat(words[16]).isEqualTo(-1));
  }
}
