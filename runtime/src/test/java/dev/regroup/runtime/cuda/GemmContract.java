package dev.regroup.runtime.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.formats.tensor.BFloat16;
import dev.regroup.runtime.model.RandomAttention;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What every {@link Gemm} must do; a small subclass names the one under test.
///
/// Float32 products are held to float64 sums by the rounding of `inner` additions; BF16 ones round
/// their inputs beforehand here, so that only the sums and, where C is BF16, its rounding differ: a product
/// may be rounded before C is added, as cuBLAS does.
@SuppressWarnings("NullAway.Init") // JUnit sets the fields
abstract class GemmContract {
  private CudaContext context;
  private CudaStream stream;
  private Gemm gemm;

  abstract Gemm gemm(CudaContext context);

  @BeforeEach
  void open() {
    context = Gpu.open();
    stream = context.stream();
    gemm = gemm(context);
  }

  @AfterEach
  void close() {
    if (context != null) {
      if (gemm != null) {
        gemm.close();
      }
      context.close();
    }
  }

  /// Rows, columns, inner, count; odd ones, one token, and more than a tile of each.
  @ParameterizedTest
  @CsvSource({
    "1,1,1,1",
    "1,64,40,1",
    "3,17,5,2",
    "17,40,24,3",
    "16,200,72,1",
    "64,96,128,1",
    "129,257,33,1",
    "130,264,1000,1",
    "300,520,64,2",
    "700,1024,96,1",
    "2100,1600,64,1"
  })
  void multiplies(int rows, int columns, int inner, int count) {
    for (boolean plain : new boolean[] {false, true}) {
      for (boolean add : new boolean[] {false, true}) {
        var sizes = new Gemm.Sizes(count, rows, columns, inner);
        check(sizes, plain, add, Precision.FLOAT32, Precision.FLOAT32);
        check(sizes, plain, add, Precision.BFLOAT16, Precision.FLOAT32);
        check(sizes, plain, add, Precision.BFLOAT16, Precision.BFLOAT16);
      }
    }
  }

  private void check(
      Gemm.Sizes sizes, boolean plain, boolean add, Precision type, Precision output) {
    var random = new Random(sizes.hashCode());
    int m = sizes.rows();
    int n = sizes.columns();
    int k = sizes.inner();
    float[] a = values(random, sizes.count() * m * k, type);
    float[] b = values(random, sizes.count() * k * n, type);
    float[] c = values(random, sizes.count() * m * n, output);
    try (CudaBuffer onA = upload(a, type);
        CudaBuffer onB = upload(b, type);
        CudaBuffer onC = upload(c, output)) {
      gemm.multiply(
          stream,
          new Gemm.Product(
              type,
              output,
              plain,
              add,
              sizes,
              new Gemm.Operand(onA.address(), k, (long) m * k),
              new Gemm.Operand(onB.address(), plain ? n : k, (long) k * n),
              new Gemm.Operand(onC.address(), n, (long) m * n)));
      float[] found = download(onC, c.length, output);
      double rounding = output == Precision.BFLOAT16 ? 1.0 / 256 : 0;
      for (int i = 0; i < 2000; i++) { // at random places, and the corners
        int at = i == 0 ? 0 : i == 1 ? c.length - 1 : random.nextInt(c.length);
        int product = at / (m * n);
        int row = at / n % m;
        int column = at % n;
        double sum = add ? c[at] : 0;
        double size = Math.abs(sum);
        for (int l = 0; l < k; l++) {
          int atB = product * k * n + (plain ? l * n + column : column * k + l);
          double term = (double) a[(product * m + row) * k + l] * b[atB];
          sum += term;
          size += Math.abs(term);
        }
        assertThat(Math.abs(found[at] - sum))
            .as("%s %s to %s, plain %s, add %s: element %d", sizes, type, output, plain, add, at)
            .isLessThanOrEqualTo(
                1e-6
                    + 4e-7 * Math.sqrt(k) * size
                    + rounding * (Math.abs(sum) + Math.abs(sum - c[at])));
      }
    }
  }

  private static float[] values(Random random, int count, Precision type) {
    float[] values = RandomAttention.gaussian(random, count, 1);
    if (type == Precision.BFLOAT16) {
      for (int i = 0; i < count; i++) {
        values[i] = BFloat16.round(values[i]);
      }
    }
    return values;
  }

  private CudaBuffer upload(float[] values, Precision type) {
    CudaBuffer buffer = context.allocate((long) values.length * type.bytes());
    if (type == Precision.FLOAT32) {
      return buffer.upload(values);
    }
    short[] codes = new short[values.length];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = BFloat16.encode(values[i]);
    }
    return buffer.upload(codes);
  }

  private static float[] download(CudaBuffer buffer, int count, Precision type) {
    if (type == Precision.FLOAT32) {
      return buffer.floats(count);
    }
    short[] codes = buffer.shorts(count);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = BFloat16.decode(codes[i]);
    }
    return values;
  }
}
