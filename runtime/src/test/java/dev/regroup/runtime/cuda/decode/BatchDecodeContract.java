package dev.regroup.runtime.cuda.decode;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.runtime.cuda.Precision;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/// What decode attention of a batch must do, whoever does it: the same for the scalar, the vector and
/// the CUDA twin.
///
/// Tolerance: the error, as ‖found − exact‖ / ‖exact‖ over the batch, exact being float64, is at most
/// twice that of {@link Attention}'s plain twin, which rounds where a kernel in the cache's precision
/// cannot but round. The factor two allows for sums in another order.
abstract class BatchDecodeContract {
  /// Output of each sequence, `[queryLength, H, valueWidth]`.
  abstract List<float[]> attend(Batch batch);

  /// The lengths of the batches to try; sequences are at least as long as their new tokens.
  abstract List<int[]> lengths();

  /// The layouts to try.
  List<AttentionLayout> layouts() {
    return List.of(
        new Gqa(8, 8, 32), // MHA
        new Gqa(16, 16, 128),
        new Gqa(8, 1, 64), // MQA
        new Gqa(64, 1, 128),
        new Gqa(16, 8, 64), // too many states for two blocks a multiprocessor
        new Gqa(8, 2, 96), // GQA 4
        new Gqa(8, 2, 80), // no tensor-core kernel
        new Gqa(64, 8, 128), // GQA 8
        new Gta(16, 4, 64, 32),
        new Gta(12, 3, 128, 64),
        new Gta(64, 8, 128, 64),
        new Gta(32, 16, 128, 64), // more states than a block owns
        new Gla(128, 1, 512, 64, 64, 64), // MLA
        new Gla(16, 1, 512, 64, 64, 64), // a rank of MLA at TP8
        new Gla(128, 2, 256, 64, 64, 64), // GLA-2
        new Gla(64, 8, 256, 64, 64, 64), // GLA-8
        new Gla(16, 1, 256, 64, 64, 64), // a rank of GLA-8 at TP8
        new Gla(8, 2, 65, 64, 32, 64));
  }

  static int[] upTo(int last) {
    return IntStream.rangeClosed(1, last).toArray();
  }

  @TestFactory
  Stream<DynamicTest> agreesWithTheDefinition() {
    return layouts().stream().flatMap(this::tests);
  }

  private Stream<DynamicTest> tests(AttentionLayout layout) {
    return lengths().stream()
        .flatMap(
            lengths -> {
              Stream<DynamicTest> half =
                  Stream.of(
                      test(layout, 1, 0, Precision.BFLOAT16, lengths),
                      test(layout, 2, 0, Precision.BFLOAT16, lengths));
              if (IntStream.of(lengths).sum() > 2000) {
                return half;
              }
              return Stream.concat(
                  half,
                  Stream.of(
                      test(layout, 2, 50, Precision.BFLOAT16, lengths),
                      test(layout, 1, 0, Precision.FLOAT32, lengths),
                      test(layout, 2, 0, Precision.FLOAT32, lengths)));
            });
  }

  private DynamicTest test(
      AttentionLayout layout, int queryLength, int window, Precision cache, int[] lengths) {
    String name =
        "%s, %d new, window %d, %s, batch %d, longest %d"
            .formatted(
                layout, queryLength, window, cache, lengths.length, lengths[lengths.length - 1]);
    return DynamicTest.dynamicTest(
        name, () -> verify(Batch.of(layout, queryLength, window, cache, lengths)));
  }

  private void verify(Batch batch) {
    List<float[]> outputs = attend(batch);
    double error = 0;
    double plainError = 0;
    double size = 0;
    for (int sequence = 0; sequence < batch.caches().size(); sequence++) {
      Attention attention = Attention.of(batch, sequence);
      for (int i = 0; i < attention.exact().length; i++) {
        double exact = attention.exact()[i];
        error += Math.pow(outputs.get(sequence)[i] - exact, 2);
        plainError += Math.pow(attention.plain()[i] - exact, 2);
        size += exact * exact;
      }
    }
    assertThat(Math.sqrt(error / size)) // NaN is never at most anything
        .isLessThanOrEqualTo(2 * Math.sqrt(plainError / size) + Math.ulp(1f));
  }
}
