package dev.regroup.runtime.cuda.decode;

import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.runtime.cuda.CudaContext;
import dev.regroup.runtime.cuda.CudaEvent;
import dev.regroup.runtime.cuda.CudaStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/// How fast decode attention is on a device, beside what its memory gives to a plain copy.
///
/// Times are the device's: the median of {@link #REPEATS} launches of a captured graph between two
/// events, over two or more sets of inputs in turn that together exceed the second-level cache four
/// times. Sequences of a batch are alike, their pages in random order, all numbers BF16 and Gaussian.
public final class DecodeBench {
  /// Timed launches of a case.
  public static final int REPEATS = 31;

  private static final int WARM_UPS = 5;
  private static final long COPY_BYTES = 4L << 30;

  private final CudaContext context;
  private final CudaStream stream;

  private DecodeBench(CudaContext context, CudaStream stream) {
    this.context = context;
    this.stream = stream;
  }

  /// A layout under its short name.
  public record Subject(String name, AttentionLayout layout) {}

  /// The layouts of the table: whole, and one rank of eight; then heads of 64.
  public static final List<Subject> SUBJECTS =
      List.of(
          new Subject("GQA", new Gqa(64, 8, 128)),
          new Subject("GTA", new Gta(64, 8, 128, 64)),
          new Subject("MLA", new Gla(128, 1, 512, 128, 64, 128)),
          new Subject("GLA-2", new Gla(128, 2, 256, 128, 64, 128)),
          new Subject("MLA rank", new Gla(16, 1, 512, 128, 64, 128)),
          new Subject("GLA-8 rank", new Gla(16, 1, 256, 128, 64, 128)),
          new Subject("GQA 64", new Gqa(32, 8, 64)),
          new Subject("GTA 64", new Gta(32, 8, 64, 32)));

  /// One line of the table.
  ///
  /// @param tokens of each sequence, the new ones included
  public record Case(Subject subject, int batch, int tokens, int queryLength) {
    DecodeShape shape() {
      AttentionLayout layout = subject.layout();
      return new DecodeShape(
          layout.cacheRow(), layout.queryHeads(), queryLength, 0, DecodeShape.Types.BFLOAT16);
    }

    long cacheBytes() {
      return 2L * shape().row().elements() * DecodePlan.PAGE * pages();
    }

    long pages() {
      return (long) batch * Math.ceilDiv(tokens, DecodePlan.PAGE);
    }
  }

  /// What was measured.
  ///
  /// @param kernel that ran
  /// @param parts the cache was cut into, and pieces of requests that were merged
  /// @param seconds the median; 0 where the case was skipped
  /// @param bytes that must move: each cached byte, query and output once
  /// @param operations floating-point, multiplications and additions
  /// @param skipped why there is no time
  public record Result(
      Case of,
      String kernel,
      int parts,
      int slots,
      double seconds,
      double bytes,
      double operations,
      Optional<String> skipped) {
    /// Bytes a second.
    public double bandwidth() {
      return bytes / seconds;
    }

    /// Operations a second.
    public double rate() {
      return operations / seconds;
    }
  }

  /// All results, and what they are to be compared with.
  ///
  /// @param copyBandwidth bytes read and written a second by a copy of {@value #COPY_BYTES} bytes
  public record Report(double copyBandwidth, List<Result> results) {}

  /// Measures the cases, one after another.
  ///
  /// @param each is told every result as it comes
  public static Report run(CudaContext context, List<Case> cases, Consumer<Result> each) {
    try (CudaStream stream = context.stream()) {
      var bench = new DecodeBench(context, stream);
      long wanted = cases.stream().mapToLong(bench::poolBytes).max().orElse(0);
      long there = context.availableBytes() - (3L << 30);
      try (BenchPool pool =
          BenchPool.of(context, stream, Math.min(Math.max(wanted, 2 * COPY_BYTES), there))) {
        double copy = bench.copyBandwidth(pool);
        List<Result> results = new ArrayList<>();
        for (Case one : cases) {
          Result result = bench.measure(one, pool);
          results.add(result);
          each.accept(result);
        }
        return new Report(copy, results);
      }
    }
  }

  private int sets(Case one) {
    long wanted = Math.ceilDiv(4L * context.device().l2Bytes(), one.cacheBytes());
    return Math.clamp(wanted, 2, REPEATS + WARM_UPS); // more would never be used
  }

  private long poolBytes(Case one) {
    return sets(one) * one.cacheBytes();
  }

  private double copyBandwidth(BenchPool pool) {
    long bytes = Math.min(COPY_BYTES, pool.bytes() / 2);
    double seconds = median(List.of(() -> pool.copy(bytes)), 11);
    return 2.0 * bytes / seconds;
  }

  private Result measure(Case one, BenchPool pool) {
    DecodeShape shape = one.shape();
    double bytes = shape.bytes((long) one.batch() * one.tokens(), one.batch());
    double operations = shape.operations((long) one.batch() * one.tokens());
    if (poolBytes(one) > pool.bytes()) {
      String reason =
          "two sets of %.1f GB exceed the device's memory".formatted(one.cacheBytes() / 1e9);
      return new Result(one, "", 0, 0, 0, bytes, operations, Optional.of(reason));
    }
    int[] lengths = new int[one.batch()];
    Arrays.fill(lengths, one.tokens());
    List<AutoCloseable> held = new ArrayList<>();
    try (CudaDecode decode = new CudaDecode(context, shape, one.batch())) {
      DecodeSchedule schedule = decode.schedule(lengths);
      List<Runnable> launches = new ArrayList<>();
      double scale = 1 / Math.sqrt(shape.row().queryDim());
      for (int set = 0; set < sets(one); set++) {
        DecodeInputs inputs = pool.inputs(shape, lengths, set);
        held.add(() -> BenchPool.close(inputs));
        var graph = stream.capture(() -> decode.attend(stream, inputs, scale));
        held.add(graph);
        launches.add(() -> graph.launch(stream));
      }
      double seconds = median(launches, REPEATS);
      return new Result(
          one,
          decode.plan().kernel(),
          schedule.parts(),
          schedule.slots(),
          seconds,
          bytes,
          operations,
          Optional.empty());
    } finally {
      held.forEach(DecodeBench::close);
    }
  }

  private static void close(AutoCloseable held) {
    try {
      held.close();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  /// Seconds.
  private double median(List<Runnable> launches, int repeats) {
    for (int i = 0; i < WARM_UPS; i++) {
      launches.get(i % launches.size()).run();
    }
    stream.synchronize();
    CudaEvent[] begin = new CudaEvent[repeats];
    CudaEvent[] end = new CudaEvent[repeats];
    for (int i = 0; i < repeats; i++) {
      begin[i] = context.event();
      end[i] = context.event();
    }
    for (int i = 0; i < repeats; i++) {
      begin[i].record(stream);
      launches.get((i + WARM_UPS) % launches.size()).run();
      end[i].record(stream);
    }
    stream.synchronize();
    double[] times = new double[repeats];
    for (int i = 0; i < repeats; i++) {
      times[i] = end[i].millisecondsSince(begin[i]) * 1e-3;
      begin[i].close();
      end[i].close();
    }
    Arrays.sort(times);
    return times[repeats / 2];
  }
}
