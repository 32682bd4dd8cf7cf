package dev.regroup.formats.architecture;

import static dev.regroup.formats.architecture.Configs.config;
import static dev.regroup.formats.architecture.Configs.describe;
import static dev.regroup.formats.architecture.Configs.parse;
import static dev.regroup.formats.architecture.Configs.with;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.AttentionSpec;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gqa;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.attention.QueryPath;
import dev.regroup.formats.attention.Rope;
import dev.regroup.formats.attention.StatePath;
import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

final class RegroupedTest {
  private static final Regrouped.Provenance PROVENANCE =
      new Regrouped.Provenance("0.1.0", parse("{\"sha256\": \"abc\"}"), parse("{\"seed\": 1}"));

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void readsBackWhatItWrites(long seed, @TempDir Path directory) {
    var random = new Random(seed);
    for (int i = 0; i < 50; i++) {
      ModelConfig source = config(randomSource(random));
      ModelSpec base = Architectures.describe(source);
      ModelSpec target = base.withAttention("regroup", randomLayers(random, base.layers().size()));
      String written =
          new JsonMapper().writeValueAsString(Regrouped.config(source, target, PROVENANCE));
      assertThat(describe(parse(written))).isEqualTo(target);
    }
    ModelSpec target = gta(config(Configs.llama()));
    Path file = directory.resolve("config.json");
    ModelConfig.write(file, Regrouped.config(config(Configs.llama()), target, PROVENANCE));
    assertThat(Architectures.describe(ModelConfig.read(file))).isEqualTo(target);
  }

  @Test
  void writesAttentionOnceWhereAllLayersAgree() {
    ModelConfig source = config(Configs.llama());
    ObjectNode written = Regrouped.config(source, gta(source), PROVENANCE);
    assertThat(written.get("regroup").has("attention")).isTrue();
    assertThat(written.get("regroup").has("layers")).isFalse();
    assertThat(written.get("regroup").get("target").stringValue()).isEqualTo("gta");
  }

  @Test
  void keepsTheSourcesFieldsAndRecordsThoseItChanges() {
    ModelConfig source =
        config(
            with(
                Configs.llama(),
                """
                {"eos_token_id": 7,
                 "auto_map": {"AutoConfig": "x.Y", "AutoModel": "x.Z", "AutoTokenizer": "t.T"}}
                """));
    ObjectNode written = Regrouped.config(source, gta(source), PROVENANCE);
    assertThat(written.get("eos_token_id").intValue()).isEqualTo(7);
    assertThat(written.get("model_type").stringValue()).isEqualTo("regroup");
    assertThat(written.get("num_key_value_heads").intValue()).isEqualTo(2);
    assertThat(written.get("rope_dim").intValue()).isEqualTo(4);
    assertThat(written.get("auto_map"))
        .isEqualTo(
            parse(
                """
                {"AutoConfig": "configuration_regroup.RegroupConfig",
                 "AutoModel": "modeling_regroup.RegroupModel",
                 "AutoModelForCausalLM": "modeling_regroup.RegroupForCausalLM",
                 "AutoTokenizer": "t.T"}
                """));
    assertThat(written.get("regroup").get("replaced"))
        .isEqualTo(
            parse(
                """
                {"model_type": "llama", "architectures": ["LlamaForCausalLM"],
                 "auto_map": {"AutoConfig": "x.Y", "AutoModel": "x.Z", "AutoTokenizer": "t.T"},
                 "num_key_value_heads": 4}
                """));
    assertThat(written.get("regroup").get("source")).isEqualTo(PROVENANCE.source());
    assertThat(written.get("regroup").get("options")).isEqualTo(PROVENANCE.options());
  }

  @Test
  void keepsTheBaseFamilyOfAModelConvertedTwice() {
    ModelConfig source = config(Configs.llama());
    ModelConfig once = config(Regrouped.config(source, gta(source), PROVENANCE));
    ModelSpec target = Architectures.describe(once);
    assertThat(describe(Regrouped.config(once, target, PROVENANCE))).isEqualTo(target);
  }

  @Test
  void refusesAFormatItDoesNotKnow() {
    ModelConfig source = config(Configs.llama());
    ObjectNode written = Regrouped.config(source, gta(source), PROVENANCE);
    ((ObjectNode) written.get("regroup")).put("format_version", 2);
    assertThatThrownBy(() -> describe(written))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("\"regroup.format_version\": expected 1, found 2");
  }

  @Test
  void saysWhatIsWrongWithAnEditedLayout() {
    ModelConfig source = config(Configs.llama());
    ObjectNode written = Regrouped.config(source, gta(source), PROVENANCE);
    ((ObjectNode) written.at("/regroup/attention/layout")).put("kv_heads", 3);
    assertThatThrownBy(() -> describe(written))
        .isInstanceOf(CheckpointException.class)
        .hasMessage("config.json: \"regroup\": kvHeads must divide queryHeads=8, found 3");
    written.remove("regroup");
    assertThatThrownBy(() -> describe(written))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("\"regroup\": is missing");
  }

  private static ModelSpec gta(ModelConfig source) {
    ModelSpec base = Architectures.describe(source);
    var attention =
        new AttentionSpec(
            new Gta(8, 2, 8, 4),
            new QueryPath.Direct(false, false),
            new StatePath.Tied(false),
            Rope.standard(4, 10000, false),
            1 / Math.sqrt(8),
            false,
            0);
    return base.withAttention("regroup", Collections.nCopies(base.layers().size(), attention));
  }

  private static ObjectNode randomSource(Random random) {
    return switch (random.nextInt(5)) {
      case 0 -> Configs.llama();
      case 1 -> Configs.llamaAs("qwen2", "Qwen2ForCausalLM");
      case 2 -> Configs.llamaAs("qwen3", "Qwen3ForCausalLM");
      case 3 -> Configs.deepseekV2();
      default -> with(Configs.deepseekV3(), "{\"num_nextn_predict_layers\": 1}");
    };
  }

  private static List<AttentionSpec> randomLayers(Random random, int layers) {
    if (random.nextBoolean()) {
      return Collections.nCopies(layers, randomAttention(random));
    }
    var each = new ArrayList<AttentionSpec>();
    for (int i = 0; i < layers; i++) {
      each.add(randomAttention(random));
    }
    return each;
  }

  private static AttentionSpec randomAttention(Random random) {
    AttentionLayout layout = randomLayout(random);
    var frequencies = new ArrayList<Double>();
    for (int l = 0; l < layout.ropeDim() / 2; l++) {
      frequencies.add(Math.exp(-10 * random.nextDouble()));
    }
    return new AttentionSpec(
        layout,
        random.nextBoolean()
            ? new QueryPath.Direct(random.nextBoolean(), random.nextBoolean())
            : new QueryPath.LowRank(1 + random.nextInt(64), random.nextBoolean()),
        randomState(random),
        new Rope(frequencies, random.nextBoolean(), 1 + random.nextDouble()),
        random.nextDouble(),
        random.nextBoolean(),
        random.nextInt(3) * 16);
  }

  private static AttentionLayout randomLayout(Random random) {
    int groups = 1 << random.nextInt(4);
    int rope = 2 * random.nextInt(9);
    return switch (random.nextInt(3)) {
      // a source's kv heads must divide its query heads in the base family's eyes too
      case 0 -> new Gqa(8, groups, 16 + rope);
      case 1 -> new Gta(8, groups, 16 + rope, rope);
      default -> new Gla(8, groups, 1 + random.nextInt(99), 1 + random.nextInt(9), rope, 5);
    };
  }

  private static StatePath randomState(Random random) {
    boolean bias = random.nextBoolean();
    return switch (random.nextInt(4)) {
      case 0 -> new StatePath.KeyValue(bias, random.nextBoolean());
      case 1 -> new StatePath.Tied(bias);
      case 2 ->
          new StatePath.Latent(
              1 + random.nextInt(64), random.nextBoolean(), random.nextBoolean(), bias);
      default -> new StatePath.Encoded(1 + random.nextInt(8), 2 + random.nextInt(64), bias);
    };
  }
}
