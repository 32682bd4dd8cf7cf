package dev.regroup.cli.bench;

import dev.regroup.runtime.device.DeviceSummary;
import dev.regroup.runtime.device.StreamBench;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// {@link StreamBench} in words and as JSON.
public final class StreamText {
  private StreamText() {}

  /// A line for each layer.
  public static List<String> of(DeviceSummary device, int tokens, List<StreamBench.Layer> layers) {
    List<String> lines = new ArrayList<>();
    lines.add("%s, %s; %d tokens".formatted(device.name(), device.software(), tokens));
    lines.add(
        String.format(
            "%4s %5s %10s %10s %10s %8s", "pass", "layer", "bytes", "waited s", "ran s", "GB/s"));
    for (StreamBench.Layer layer : layers) {
      lines.add(
          String.format(
              Locale.ROOT,
              "%4d %5d %10d %10.3f %10.3f %8.2f",
              layer.pass(),
              layer.layer(),
              layer.bytes(),
              layer.waited(),
              layer.ran(),
              layer.bytesPerSecond() / 1e9));
    }
    device
        .peakBytes()
        .ifPresent(
            peak -> lines.add(String.format(Locale.ROOT, "peak memory %.2f GB", peak / 1e9)));
    return lines;
  }

  /// Versioned JSON.
  public static JsonNode json(DeviceSummary device, int tokens, List<StreamBench.Layer> layers) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("version", 1).put("device", device.name()).put("tokens", tokens);
    device.peakBytes().ifPresent(peak -> root.put("peak_bytes", peak));
    var rows = root.putArray("layers");
    for (StreamBench.Layer layer : layers) {
      rows.addObject()
          .put("pass", layer.pass())
          .put("layer", layer.layer())
          .put("bytes", layer.bytes())
          .put("waited_seconds", layer.waited())
          .put("ran_seconds", layer.ran());
    }
    return root;
  }
}
