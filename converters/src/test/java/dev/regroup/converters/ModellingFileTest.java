package dev.regroup.converters;

import static org.assertj.core.api.Assertions.assertThat;
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
  private static final int TOKENS = 40;

  private static final int CONTINUATION = 12;
  private static final float TOLERANCE = 1e-3f;

  @TestFactory
  Stream<DynamicTest> transformersSaysWhatWeSay(@TempDir Path scratch) {
    var witness = TransformersWitness.findModelling();
    if (!witness.isPresent()) {
      return Stream.of(
          DynamicTest.dynamicTest("transformers", () -> assumeTrue(false, witness::whyNot)));
    }
    List<Path> models = models(scratch);
    List<JsonNode> answers = witness.answers(models.stream().map(ModellingFileTest::job).toList());
    assertThat(answers).hasSameSizeAs(models);
    return IntStream.range(0, models.size())
        .mapToObj(
            i ->
                DynamicTest.dynamicTest(
                    models.get(i).getFileName().toString(),
                    () -> {
                      assertThat(answers.get(i).get("problems")).isEmpty();
                      saysTheSame(models.get(i), saved(models.get(i)));
                    }));
  }

  /// What transformers saved is a model of ours as well.
  private static void saysTheSame(Path model, Path saved) {
    float[] expected = logits(model);
    float[] found = logits(saved);
    assertThat(found).hasSameSizeAs(expected);
    for (int i = 0; i < found.length; i++) {
      assertThat(found[i])
          .isCloseTo(expected[i], org.assertj.core.api.Assertions.within(TOLERANCE));
    }
  }

  private static List<Path> models(Path scratch) {
    List<Path> models = new ArrayList<>();
    for (Fixtures.Fixture fixture : Fixtures.all()) {
      boolean ours = Fixtures.random().contains(fixture) && isOurs(fixture.name());
      if (!Fixtures.quantized().contains(fixture) && !ours) {
        Fixtures.write(fixture.name(), scratch.resolve(fixture.name()), 7);
        models.add(converted(scratch, fixture.name(), ConversionRequest.to(TargetLayout.GTA)));
        models.add(converted(scratch, fixture.name(), ConversionRequest.to(TargetLayout.GLA)));
      }
    }
    var reference = ConversionRequest.to(TargetLayout.GLA).withProfile(Profile.REFERENCE);
    models.add(converted(scratch, "llama-gqa", reference));
    // one latent is MLA without a norm
    var once = ConversionRequest.to(TargetLayout.GLA).withLatents(1, 32);
    models.add(converted(scratch, "llama-gqa", "once", once));
    models.add(mixed(scratch));
    return models;
  }

  private static boolean isOurs(String fixture) {
    return Fixtures.spec(fixture).architecture().equals("regroup");
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

  /// A layer of every layout, some of them with paths that no conversion of today writes together.
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
              new QueryPath.LowRank(20, true),
              new StatePath.Latent(24, true, false, true),
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

  private static ObjectNode job(Path model) {
    ObjectNode job = new JsonMapper().createObjectNode();
    try (Checkpoint checkpoint = Checkpoints.open(model)) {
      ModelSpec spec = Checkpoints.describe(checkpoint);
      var transformer = new Transformer(spec, checkpoint);
      int[] tokens = InMemory.tokens(spec, 5, TOKENS);
      job.put("model", model.toString());
      job.put("saved", saved(model).toString());
      job.put(
          "logits",
          write(model.resolveSibling(model.getFileName() + ".f32"), transformer.logits(tokens))
              .toString());
      job.put("cache", spec.cacheElements() * Float.BYTES);
      for (int token : tokens) {
        job.withArray("tokens").add(token);
      }
      greedy(transformer, tokens).forEach(job.withArray("greedy")::add);
    }
    return job;
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

  private static Path saved(Path model) {
    return model.resolveSibling(model.getFileName() + "-saved");
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
