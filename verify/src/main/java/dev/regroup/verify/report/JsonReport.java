package dev.regroup.verify.report;

import dev.regroup.runtime.device.DeviceSummary;
import dev.regroup.verify.measure.Estimate;
import dev.regroup.verify.measure.Histogram;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.Function;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The report for programs.
///
/// Keys are only ever added under one `schema_version`; JSON has no NaN, so a number that could not
/// be measured is null, and so is the part of a level that was not run.
final class JsonReport {
  private static final int SCHEMA_VERSION = 1;

  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private JsonReport() {}

  static String of(VerificationReport report) {
    ObjectNode root = NODES.objectNode();
    root.put("schema_version", SCHEMA_VERSION);
    root.put("tool", "regroup");
    root.put("tool_version", report.toolVersion());
    root.put("verdict", report.verdict().name());
    root.put("reason", report.reason());
    root.set("source", model(report.source()));
    root.set("target", model(report.target()));
    root.set("text", text(report.tokens()));
    root.set("thresholds", thresholds(report.thresholds()));
    report.logits().ifPresentOrElse(logits -> addLogits(root, logits), () -> addNoLogits(root));
    root.set("cache", cache(report.cache()));
    report
        .decode()
        .ifPresentOrElse(found -> root.set("decode", decode(found)), () -> root.putNull("decode"));
    report
        .tensors()
        .ifPresentOrElse(
            found -> root.set("tensors", tensors(found)), () -> root.putNull("tensors"));
    root.set("layers", array(report.layers(), JsonReport::layer));
    root.set("conversion", array(report.conversion().fitted(), JsonReport::converted));
    root.set("requantized", array(report.conversion().requantized(), JsonReport::requantized));
    report
        .controls()
        .ifPresentOrElse(
            found -> root.set("controls", controls(found)), () -> root.putNull("controls"));
    report
        .speed()
        .ifPresentOrElse(found -> root.set("speed", speed(found)), () -> root.putNull("speed"));
    root.set("device", device(report.device()));
    root.set("checks", array(report.checks(), JsonReport::check));
    return JsonMapper.shared().writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n";
  }

  private static ObjectNode model(ModelSummary model) {
    ObjectNode node = NODES.objectNode();
    node.put("path", model.name());
    node.put("architecture", model.architecture());
    node.put("layout", model.layout());
    node.put("layers", model.layers());
    node.put("cache_elements_per_token", model.cacheElements());
    node.putNull("perplexity");
    return node;
  }

  private static ObjectNode speed(SpeedFindings speed) {
    ObjectNode node = NODES.objectNode();
    node.put("context", speed.context());
    ArrayNode batches = node.putArray("batches");
    for (SpeedFindings.Batch batch : speed.batches()) {
      ObjectNode one = batches.addObject().put("sequences", batch.sequences());
      put(one, "source_tokens_per_second", batch.source());
      put(one, "target_tokens_per_second", batch.target());
    }
    return node;
  }

  private static ObjectNode device(DeviceSummary device) {
    ObjectNode node = NODES.objectNode();
    node.put("kind", device.kind());
    node.put("name", device.name());
    node.put("reason", device.reason());
    node.put("software", device.software());
    device
        .peakBytes()
        .ifPresentOrElse(b -> node.put("peak_bytes", b), () -> node.putNull("peak_bytes"));
    return node;
  }

  private static ObjectNode text(TextSummary text) {
    ObjectNode node = NODES.objectNode();
    node.put("source", text.source());
    node.put("sha256", text.sha256());
    node.put("windows", text.windows());
    node.put("window_tokens", text.windowTokens());
    node.put("tokens", text.tokens());
    node.put("random", text.random());
    return node;
  }

  private static ObjectNode thresholds(Thresholds thresholds) {
    ObjectNode node = NODES.objectNode();
    put(node, "max_perplexity_ratio", thresholds.maxPerplexityRatio());
    put(node, "max_kl", thresholds.maxKl());
    put(node, "min_top1", thresholds.minTop1());
    node.put("origin", thresholds.origin());
    return node;
  }

  private static ObjectNode converted(ConvertedLayer layer) {
    ObjectNode node = NODES.objectNode();
    node.put("layer", layer.layer());
    node.put("error_before", layer.before());
    node.put("error_after", layer.after());
    return node;
  }

  private static ObjectNode requantized(RequantizedTensor tensor) {
    return NODES.objectNode().put("tensor", tensor.name()).put("error", tensor.error());
  }

  private static void addLogits(ObjectNode root, LogitFindings logits) {
    addPerplexity((ObjectNode) root.get("source"), logits.sourcePerplexity());
    addPerplexity((ObjectNode) root.get("target"), logits.targetPerplexity());
    root.set("perplexity_ratio", estimate("value", logits.perplexityRatio()));
    ObjectNode kl = estimate("mean", logits.kl());
    ObjectNode percentiles = kl.putObject("percentiles");
    logits.klPercentiles().forEach((percent, value) -> put(percentiles, percent(percent), value));
    put(kl, "max", logits.klPercentiles().lastEntry().getValue());
    kl.set("histogram", histogram(logits.klHistogram()));
    root.set("kl", kl);
    root.set("top1", estimate("value", logits.top1()));
    root.set("top5", estimate("value", logits.top5()));
    root.set("by_position", array(logits.byPosition(), JsonReport::bucket));
    root.set("by_confidence", array(logits.byConfidence(), JsonReport::bucket));
    root.set("not_finite", strings(logits.notFinite()));
  }

  private static void addNoLogits(ObjectNode root) {
    for (String key :
        List.of("perplexity_ratio", "kl", "top1", "top5", "by_position", "by_confidence")) {
      root.putNull(key);
    }
  }

  private static void addPerplexity(ObjectNode model, Estimate perplexity) {
    put(model, "perplexity", perplexity.value());
    put(model, "perplexity_standard_error", perplexity.standardError());
  }

  /// @param name of the value itself: a mean is called one
  private static ObjectNode estimate(String name, Estimate estimate) {
    ObjectNode node = NODES.objectNode();
    put(node, name, estimate.value());
    put(node, "standard_error", estimate.standardError());
    put(node, "lower", estimate.lower());
    put(node, "upper", estimate.upper());
    node.put("confidence", Estimate.CONFIDENCE);
    node.put("windows", estimate.windows());
    node.put("tokens", estimate.tokens());
    return node;
  }

  private static ObjectNode bucket(Bucket bucket) {
    ObjectNode node = NODES.objectNode();
    node.put("label", bucket.label());
    node.put("tokens", bucket.tokens());
    put(node, "source_perplexity", bucket.sourcePerplexity());
    put(node, "target_perplexity", bucket.targetPerplexity());
    put(node, "kl", bucket.kl().value());
    put(node, "kl_standard_error", bucket.kl().standardError());
    put(node, "top1", bucket.top1());
    return node;
  }

  private static ObjectNode histogram(Histogram histogram) {
    ObjectNode node = NODES.objectNode();
    node.put("below", histogram.below());
    node.set(
        "bins",
        array(
            histogram.bins(),
            bin -> {
              ObjectNode entry = NODES.objectNode();
              entry.put("lower", bin.lower());
              entry.put("upper", bin.upper());
              entry.put("count", bin.count());
              return entry;
            }));
    return node;
  }

  private static ObjectNode cache(CacheFindings cache) {
    ObjectNode node = NODES.objectNode();
    node.put("element_bytes", cache.elementBytes());
    node.put("source_bytes_per_token", cache.source().bytesPerToken());
    node.put("target_bytes_per_token", cache.target().bytesPerToken());
    node.set("source", cacheSide(cache.source()));
    node.set("target", cacheSide(cache.target()));
    node.put("agree", cache.source().agree() && cache.target().agree());
    node.set(
        "per_rank",
        array(
            cache.perRank(),
            rank -> {
              ObjectNode entry = NODES.objectNode();
              entry.put("ranks", rank.ranks());
              entry.put("source_bytes_per_token", rank.source());
              entry.put("target_bytes_per_token", rank.target());
              return entry;
            }));
    return node;
  }

  private static ObjectNode cacheSide(CacheFindings.Side side) {
    ObjectNode node = NODES.objectNode();
    put(node, "measured_bytes_per_token", side.measured());
    node.put("computed_bytes_per_token", side.computed());
    node.put("agree", side.agree());
    return node;
  }

  private static ObjectNode decode(DecodeFindings decode) {
    ObjectNode node = NODES.objectNode();
    ObjectNode differences = node.putObject("max_difference_from_prefill");
    put(differences, "source", decode.source().maxDifference());
    put(differences, "target", decode.target().maxDifference());
    ObjectNode limits = node.putObject("limit");
    put(limits, "source", decode.source().limit());
    put(limits, "target", decode.target().limit());
    node.put("windows", decode.windows());
    node.put("tokens", decode.tokens());
    ObjectNode greedy = node.putObject("greedy");
    greedy.put("tokens", decode.continuation());
    put(greedy, "mean_agreement_tokens", decode.agreement());
    return node;
  }

  private static ObjectNode tensors(TensorFindings tensors) {
    ObjectNode node = NODES.objectNode();
    node.put("identical", tensors.identical());
    node.put("identical_bytes", tensors.identicalBytes());
    node.set("recast", strings(tensors.recast()));
    node.set("different", strings(tensors.different()));
    node.set("missing", strings(tensors.missing()));
    node.set("misshapen", strings(tensors.misshapen()));
    node.put("attention_kept", tensors.attentionKept());
    node.put("attention_changed", tensors.attentionChanged());
    node.set("config_differs", strings(tensors.config()));
    node.set("not_finite", strings(tensors.notFinite()));
    tensors
        .manifest()
        .ifPresent(
            manifest ->
                node.putObject("manifest")
                    .put("files", manifest.files())
                    .put("bytes", manifest.bytes())
                    .set("faults", strings(manifest.faults())));
    return node;
  }

  private static ObjectNode layer(LayerFinding layer) {
    ObjectNode node = NODES.objectNode();
    node.put("layer", layer.layer());
    node.put("source_layout", layer.sourceLayout());
    node.put("target_layout", layer.targetLayout());
    put(node, "attention_relative_squared_error", layer.attentionError());
    put(node, "attention_cosine", layer.attentionCosine());
    put(node, "drift_relative_squared", layer.drift());
    put(node, "expert_agreement", layer.expertAgreement());
    return node;
  }

  private static ObjectNode controls(ControlFindings controls) {
    ObjectNode node = NODES.objectNode();
    node.put("windows", controls.windows());
    ObjectNode identity = node.putObject("identity");
    identity.put("exact", controls.identity().exact());
    put(identity, "max_kl", controls.identity().maxKl());
    put(identity, "perplexity_ratio", controls.identity().perplexityRatio());
    put(identity, "top1", controls.identity().top1());
    put(identity, "max_layer_error", controls.identity().maxLayerError());
    ControlFindings.PlantedFault fault = controls.fault();
    ObjectNode planted = node.putObject("planted_fault");
    planted.put("detected", fault.detected());
    planted.put("layer", fault.layer());
    planted.put("head", fault.head());
    put(planted, "kl_without", fault.klWithout());
    put(planted, "kl_with", fault.klWith());
    put(planted, "mean_nll_change", fault.meanChange());
    put(planted, "layer_error_without", fault.errorWithout());
    put(planted, "layer_error_with", fault.errorWith());
    planted.put("other_layers_unchanged", fault.othersUnchanged());
    return node;
  }

  private static ObjectNode check(Check check) {
    ObjectNode node = NODES.objectNode();
    node.put("level", check.level());
    node.put("name", check.name());
    node.put("status", check.status().name());
    put(node, "value", check.value());
    put(node, "limit", check.limit());
    node.put("reason", check.reason());
    return node;
  }

  private static <T> ArrayNode array(List<T> values, Function<T, ObjectNode> node) {
    ArrayNode array = NODES.arrayNode();
    values.forEach(value -> array.add(node.apply(value)));
    return array;
  }

  private static ArrayNode strings(List<String> values) {
    ArrayNode array = NODES.arrayNode();
    values.forEach(array::add);
    return array;
  }

  private static void put(ObjectNode node, String key, OptionalDouble value) {
    put(node, key, value.orElse(Double.NaN));
  }

  private static void put(ObjectNode node, String key, double value) {
    if (Double.isFinite(value)) {
      node.put(key, value);
    } else {
      node.putNull(key);
    }
  }

  private static String percent(double percent) {
    return percent == Math.rint(percent) ? Long.toString((long) percent) : Double.toString(percent);
  }
}
