package dev.regroup.runtime.cuda.decode;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Who reads which pages.
///
/// The pages of all requests form one line, each request led by {@link #OVERHEAD} pages' worth of
/// fixed cost; the line is cut into equal parts, and a part's blocks walk it in order. A request that
/// a cut divides has a slot for each piece, which are merged at the end. Equal requests of which each
/// part gets at most one piece are cut equally, which their fixed cost would prevent. This is
/// FlashMLA's idea of a tile scheduler with other arithmetic; `decode_schedule` in decode_combine.cu
/// computes the same integers on the device.
///
/// @param parts of the line
/// @param words as kernels read them: a part's first piece at the part's number, the others behind,
///     then each request's first slot and slots
/// @param pieces in order
/// @param slots pieces that are merged
public record DecodeSchedule(int parts, int[] words, List<Piece> pieces, int slots) {
  /// What a request costs beside its pages, in pages: queries to load, results to store.
  static final int OVERHEAD = 2;

  /// Pieces that the kernel merges which made them; more are merged by a kernel of their own.
  static final int FUSED_SLOTS = 8;

  /// Pages `[begin, end)` of a request, for the blocks of `part`.
  ///
  /// @param slot where the piece is left for merging, or -1 where it is the whole request
  public record Piece(int part, int request, int begin, int end, int slot) {}

  /// Ints of a piece: itself, its request's tokens, first slot and slots, the part's next piece.
  private static final int PIECE_INTS = 8;

  /// A part should have so many pages at least: below, merging costs more than it saves.
  private static final int FEWEST_PAGES = 2;

  /// The schedule of a batch.
  ///
  /// @param lengths tokens of each sequence, the new ones included; 0 for none
  /// @param mostParts see {@link DecodePlan#mostParts}
  public static DecodeSchedule of(int[] lengths, DecodeShape shape, int mostParts) {
    int parts = parts(lengths, shape, mostParts);
    boolean alike = parts % lengths.length == 0 && areAlike(lengths, shape, 1);
    return cut(lengths, shape, parts, alike ? 0 : OVERHEAD);
  }

  /// As many parts as there is room for; where requests are alike, so many that each is cut alike,
  /// if that leaves few multiprocessors idle: no block then begins a second request.
  static int parts(int[] lengths, DecodeShape shape, int most) {
    long total = pages(lengths, shape);
    int parts = Math.clamp(total / FEWEST_PAGES, 1, most);
    int alike = parts / lengths.length * lengths.length;
    return alike >= parts * 0.93 && areAlike(lengths, shape, 1.1) ? alike : parts;
  }

  /// Whether none has more than `most` times the mean's pages.
  private static boolean areAlike(int[] lengths, DecodeShape shape, double most) {
    long largest = Arrays.stream(lengths).map(shape::pages).max().orElse(0);
    return largest * lengths.length <= most * pages(lengths, shape);
  }

  private static long pages(int[] lengths, DecodeShape shape) {
    return Arrays.stream(lengths).mapToLong(shape::pages).sum();
  }

  /// The line cut into `parts`.
  ///
  /// @param overhead pages' worth of fixed cost of a request
  static DecodeSchedule cut(int[] lengths, DecodeShape shape, int parts, int overhead) {
    long total = Math.max(1, pages(lengths, shape) + (long) overhead * lengths.length);
    List<Piece> pieces = new ArrayList<>();
    int[] merges = new int[2 * lengths.length];
    int slots = 0;
    long start = overhead;
    for (int request = 0; request < lengths.length; request++) {
      int first = shape.firstPage(lengths[request]);
      int pages = shape.pages(lengths[request]);
      merges[2 * request] = slots;
      int begin = 0;
      do {
        int part = (int) Math.min((start + begin) * parts / total, parts - 1);
        long next = Math.ceilDiv((part + 1) * total, (long) parts) - start;
        int end = (int) Math.min(next, pages);
        boolean whole = begin == 0 && end == pages;
        pieces.add(new Piece(part, request, first + begin, first + end, whole ? -1 : slots++));
        begin = end;
      } while (begin < pages);
      merges[2 * request + 1] = slots - merges[2 * request];
      start += overhead + pages;
    }
    return new DecodeSchedule(
        parts, words(parts, pieces, lengths, merges), List.copyOf(pieces), slots);
  }

  /// Ints that the schedule of a batch in so many parts takes.
  static int size(int batch, int parts) {
    return PIECE_INTS * (parts + batch) + 2 * batch;
  }

  private static int[] words(int parts, List<Piece> pieces, int[] lengths, int[] merges) {
    int[] words = new int[size(lengths.length, parts)];
    for (int empty = 0; empty < parts; empty++) {
      words[PIECE_INTS * empty] = -1;
    }
    int more = parts;
    int last = -1;
    int part = -1;
    for (Piece piece : pieces) {
      int at = piece.part();
      if (at == part) {
        at = more++;
        words[PIECE_INTS * last + PIECE_INTS - 1] = at;
      }
      part = piece.part();
      last = at;
      int request = piece.request();
      int[] ints = {
        request,
        piece.begin(),
        piece.end(),
        piece.slot(),
        lengths[request],
        merges[2 * request],
        merges[2 * request + 1],
        -1
      };
      System.arraycopy(ints, 0, words, PIECE_INTS * at, PIECE_INTS);
    }
    System.arraycopy(merges, 0, words, words.length - merges.length, merges.length);
    return words;
  }

  /// The most pieces that a request was cut into and that are merged.
  int mostPieces() {
    int batch = (words.length - PIECE_INTS * parts) / (PIECE_INTS + 2);
    int most = 0;
    for (int request = 0; request < batch; request++) {
      most = Math.max(most, words[words.length - 2 * batch + 2 * request + 1]);
    }
    return most;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof DecodeSchedule that && Arrays.equals(words, that.words);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(words);
  }

  @Override
  public String toString() {
    return "DecodeSchedule[%d parts, %d slots, %s]".formatted(parts, slots, pieces);
  }
}
