package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.regroup.converters.fit.FitOptions;
import dev.regroup.converters.plan.ConversionRequest;
import dev.regroup.converters.plan.Profile;
import dev.regroup.converters.plan.TargetLayout;
import dev.regroup.fixtures.Fixtures;
import dev.regroup.fixtures.TransformersWitness;
import dev.regroup.formats.Checkpoints;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.architecture.ModellingFiles;
import dev.regroup.formats.architecture.Regrouped;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.runtime.Progress;
import dev.regroup.runtime.decode.Decoder;
import dev.regroup.runtime.model.Transformer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Converted models in transformers, by the modelling files that we put beside them: logits, cache,
/// generation, padding, gradients, saving. All of them in one run of Python.
final class ModellingFileTest {
  /// Past the fixtures' windows and some of their original contexts.
  private static final int TOKENS = 28;

  private static final int CONTINUATION = 8;
  private static final float TOLERANCE = 1e-3f;
  private static final ConversionRequest GTA = ConversionRequest.to(TargetLayout.GTA);
  private static final ConversionRequest GLA = ConversionRequest.to(TargetLayout.GLA);

  /// Sources that differ in their tensors or routing: everything is tried on both layouts.
  private static final List<String> EVERYTHING =
      List.of(
          "llama-gqa",
          "llama-mqa",
          "mistral",
          "qwen2",
          "qwen3",
          "deepseek-v2",
          "deepseek-v2-lite",
          "deepseek-v3");

  /// Sources that differ from those in numbers: logits, cache and generation are.
  private static final List<String> AGREEMENT =
      List.of(
          "llama-mha",
          "llama-linear",
          "llama-llama3",
          "llama-yarn",
          "deepseek-v3-halves",
          "tiny-gqa",
          "tiny-mla-moe");

  @TestFactory
  Stream<DynamicTest> transformersSaysWhatWeSay(@TempDir Path scratch) {
    var witness = TransformersWitness.findModelling();
    if (!witness.isPresent()) {
      return Stream.of(
          DynamicTest.dynamicTest("transformers", () -> assumeTrue(false, witness::whyNot)));
    }
    List<Case> cases = cases(scratch);
    List<JsonNode> answers = witness.answers(cases.stream().map(Case::job).toList());
    assertThat(answers).hasSameSizeAs(cases);
    return IntStream.range(0, cases.size())
        .mapToObj(
            i ->
                DynamicTest.dynamicTest(
                    cases.get(i).name(), () -> check(cases.get(i), answers.get(i))));
  }

  /// A line to Python and what the test is called.
  private record Case(String name, ObjectNode job) {}

  private static void check(Case asked, JsonNode answer) {
    assertThat(answer.get("problems")).isEmpty();
    if (asked.job().path("deep").asBoolean(false)) {
      // what transformers saved is a model of ours as well
      float[] expected = logits(Path.of(asked.job().get("model").stringValue()));
      float[] found = logits(Path.of(asked.job().get("saved").stringValue()));
      assertThat(found).containsExactly(expected, within(TOLERANCE));
    }
  }

  private static List<Case> cases(Path scratch) {
    List<Case> cases = new ArrayList<>();
    for (String name : EVERYTHING) {
      Fixtures.write(name, scratch.resolve(name), 7);
      cases.add(run(converted(scratch, name, GTA), true));
      cases.add(run(converted(scratch, name, GLA), true));
    }
    for (String name : AGREEMENT) {
      Fixtures.write(name, scratch.resolve(name), 7);
      boolean even = cases.size() % 2 == 0;
      cases.add(run(converted(scratch, name, even ? GTA : GLA), false));
    }
    Path gla = converted(scratch, "llama-gqa", "one-latent", GLA.withLatents(1, 32));
    cases.add(run(gla, false));
    cases.add(run(converted(scratch, "llama-gqa", GLA.withProfile(Profile.REFERENCE)), true));
    Path mixed = mixed(scratch);
    cases.add(run(mixed, true));
    cases.addAll(refused(gla, mixed));
    for (String name : List.of("deepseek-v3-fp8", "llama-gqa-fp8")) {
      Fixtures.write(name, scratch.resolve(name), 7);
      ObjectNode job = job(converted(scratch, name, GLA));
      cases.add(
          new Case(
              name, job.put("quantized", name.startsWith("llama") ? "compressed-tensors" : "fp8")));
    }
    return cases;
  }

  private static List<Case> refused(Path model, Path mixed) {
    return List.of(
        refused(
            model,
            "\"regroup.format_version\": expected 1, found 2",
            2,
            "regroup",
            "format_version"),
        refused(
            model,
            "\"regroup.base_model_type\": expected one of",
            "gpt",
            "regroup",
            "base_model_type"),
        refused(model, "found 'mamba'", "mamba", "regroup", "layers", "0", "layout", "kind"),
        refused(model, "unknown fields turns", 3, "regroup", "layers", "0", "rope", "turns"),
        refused(
            model,
            "\"softmax_scale\": expected float",
            "1",
            "regroup",
            "layers",
            "0",
            "softmax_scale"),
        refused(
            model,
            "8 query heads on 3 states",
            3,
            "regroup",
            "layers",
            "0",
            "layout",
            "latent_heads"),
        refused(
            mixed,
            "layers with windows of different widths",
            5,
            "regroup",
            "layers",
            "0",
            "window"),
        refused(model, "\"regroup.layers\": expected 9", 9, "num_hidden_layers"));
  }

  private static Case refused(Path model, String line, Object value, String... path) {
    ObjectNode job = job(model).put("line", line);
    job.set("value", JsonMapper.shared().valueToTree(value));
    job.set("edit", JsonMapper.shared().valueToTree(path));
    return new Case("refuses " + line, job);
  }

  private static ObjectNode job(Path model) {
    return JsonNodeFactory.instance.objectNode().put("model", model.toString());
  }

  private static Path converted(Path scratch, String from, ConversionRequest request) {
    boolean reference = request.profile() == Profile.REFERENCE;
    String to = reference ? "reference" : request.target().label();
    return converted(scratch, from, from + "-" + to, request);
  }

  private static Path converted(Path scratch, String from, String to, ConversionRequest request) {
    Path target = scratch.resolve(to);
    try (Checkpoint source = Checkpoints.open(scratch.resolve(from))) {
      var options = new ConversionOptions(FitOptions.DEFAULT.withSteps(0), 1, false, false, "test");
      var plan = Conversions.plan(source, request);
      Conversions.convert(source, plan, Optional.empty(), target, options, Progress.NONE);
    }
    return target;
  }

  /// A layer of every layout: with parts that no conversion of today writes together, and biases
  /// that are zero where we convert.
  private static Path mixed(Path scratch) {
    Path source = scratch.resolve("llama-gqa");
    try (Checkpoint checkpoint = Checkpoints.open(source)) {
      ModelSpec base = Checkpoints.describe(checkpoint);
      var gqa = base.layers().getFirst().attention();
      int heads = gqa.layout().queryHeads();
      var rope = Rope.standard(4, 500, true);
      var gta =
          new AttentionSpec(
              new Gta(heads, 2, 8, 4),
              new QueryPath.Direct(true, true),
              new StatePath.Tied(true),
              rope,
              0.3,
              true,
              0);
      var gla =
          new AttentionSpec(
              new Gla(heads, 2, 12, 6, 4, 10),
              new QueryPath.Reference(20),
              new StatePath.Reference(),
              rope,
              0.3,
              false,
              16);
      var spec =
          base.withAttention(
              "regroup",
              IntStream.range(0, base.layers().size())
                  .mapToObj(i -> i == 0 ? gta : i == 1 ? gla : gqa)
                  .toList());
      var nothing = JsonNodeFactory.instance.objectNode();
      ObjectNode config =
          Regrouped.config(
              checkpoint.config(), spec, new Regrouped.Provenance("test", nothing, nothing));
      Path target = scratch.resolve("mixed");
      Fixtures.writeConfigured(ModelConfig.render(config), target, 7);
      for (String name : ModellingFiles.NAMES) {
        Files.write(target.resolve(name), ModellingFiles.bytes(name));
      }
      return target;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Case run(Path model, boolean deep) {
    ObjectNode job = job(model).put("deep", deep).put("saved", model + "-saved");
    try (Checkpoint checkpoint = Checkpoints.open(model)) {
      ModelSpec spec = Checkpoints.describe(checkpoint);
      var transformer = new Transformer(spec, checkpoint);
      int[] tokens = InMemory.tokens(spec, 5, TOKENS);
      job.put("logits", write(Path.of(model + ".f32"), transformer.logits(tokens)).toString());
      job.put("cache", spec.cacheElements() * Float.BYTES);
      job.set("tokens", JsonMapper.shared().valueToTree(tokens));
      job.set("greedy", JsonMapper.shared().valueToTree(greedy(transformer, tokens)));
    }
    return new Case(model.getFileName().toString(), job);
  }

  private static List<Integer> greedy(Transformer transformer, int[] prompt) {
    List<Integer> greedy = new ArrayList<>();
    try (var decoder = new Decoder(transformer)) {
      float[] logits = new float[0];
      for (int token : prompt) {
        logits = decoder.step(token);
      }
      while (greedy.size() < CONTINUATION) {
        float[] last = logits;
        int best =
            IntStream.range(0, last.length)
                .reduce((a, b) -> last[b] > last[a] ? b : a)
                .orElseThrow();
        greedy.add(best);
        logits = decoder.step(best);
      }
    }
    return greedy;
  }

  private static float[] logits(Path model) {
    try (Checkpoint checkpoint = Checkpoints.open(model)) {
      ModelSpec spec = Checkpoints.describe(checkpoint);
      return new Transformer(spec, checkpoint).logits(InMemory.tokens(spec, 5, TOKENS));
    }
  }

  private static Path write(Path file, float[] values) {
    var bytes = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    try {
      return Files.write(file, bytes.array());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
