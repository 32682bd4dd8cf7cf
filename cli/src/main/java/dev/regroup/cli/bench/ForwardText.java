package dev.regroup.cli.bench;

import dev.regroup.runtime.cuda.CudaDevice;
import dev.regroup.runtime.cuda.ForwardBench;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// {@link ForwardBench} in words and as JSON.
public final class ForwardText {
  private ForwardText() {}

  /// A few lines for each library of products.
  public static List<String> of(CudaDevice device, List<ForwardBench.Result> results) {
    List<String> lines = new ArrayList<>();
    lines.add("%s, driver %s".formatted(device.name(), device.driver()));
    for (ForwardBench.Result result : results) {
      lines.add(
          String.format(
              Locale.ROOT,
              "%-12s product %.0f TFLOP/s; forward %.2f ms, %.0f TFLOP/s, %.1f%% of the product's;"
                  + " a layer: attention %.3f ms, with projections %.3f ms, MLP %.3f ms, norm %.3f"
                  + " ms; peak %.2f GB",
              result.products(),
              result.productTeraflops(),
              result.milliseconds(),
              result.teraflops(),
              100 * result.share(result.productTeraflops()),
              result.parts()[0],
              result.parts()[1],
              result.parts()[2],
              result.parts()[3],
              result.peakBytes() / 1e9));
    }
    double best =
        results.stream().mapToDouble(ForwardBench.Result::productTeraflops).max().orElse(0);
    for (ForwardBench.Result result : results) {
      lines.add(
          String.format(
              Locale.ROOT,
              "%-12s forward is %.1f%% of the best measured product",
              result.products(),
              100 * result.share(best)));
    }
    return lines;
  }

  /// Versioned JSON.
  public static JsonNode json(CudaDevice device, List<ForwardBench.Result> results) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("version", 1).put("device", device.name()).put("driver", device.driver());
    var rows = root.putArray("results");
    for (ForwardBench.Result result : results) {
      rows.addObject()
          .put("products", result.products())
          .put("product_teraflops", result.productTeraflops())
          .put("forward_milliseconds", result.milliseconds())
          .put("forward_teraflops", result.teraflops())
          .put("share", result.share(result.productTeraflops()))
          .put("peak_bytes", result.peakBytes());
    }
    return root;
  }
}
