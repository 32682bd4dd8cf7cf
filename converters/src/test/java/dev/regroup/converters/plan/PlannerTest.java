package dev.regroup.converters.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import dev.regroup.converters.plan.PlannedTensor.Fate;
import dev.regroup.fixtures.Fixtures;
import dev.regroup.formats.architecture.Architectures;
import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.attention.AttentionLayout;
import dev.regroup.formats.attention.Gla;
import dev.regroup.formats.attention.Gta;
import dev.regroup.formats.checkpoint.ModelConfig;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.formats.tensor.Dtype;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorInfo;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// Plans, made of configs and headers alone.
final class PlannerTest {
  private static final ConversionRequest GTA = ConversionRequest.to(TargetLayout.GTA);
  private static final ConversionRequest GLA = ConversionRequest.to(TargetLayout.GLA);
  private static final ConversionRequest MLA = ConversionRequest.to(TargetLayout.MLA);

  private static Stream<Arguments> conversions() {
    return Stream.of(
            "llama-mha",
            "llama-gqa",
            "llama-mqa",
            "llama-yarn",
            "mistral",
            "qwen2",
            "qwen3",
            "deepseek-v2",
            "deepseek-v2-lite",
            "deepseek-v3",
            "deepseek-v3-halves")
        .flatMap(name -> Stream.of(Arguments.of(name, GTA), Arguments.of(name, GLA)));
  }

  @Test
  void givesMlaAsManyElementsAsTwoLatents() {
    assertThat(layout("llama-gqa", MLA)).isEqualTo(new Gla(8, 1, 32, 8, 4, 8));
    assertThat(layout("llama-gqa", MLA).label()).isEqualTo("mla");
  }

  @ParameterizedTest
  @MethodSource("conversions")
  void accountsForEveryTensorOfTheSourceOnce(String name, ConversionRequest request) {
    ModelSpec spec = Fixtures.spec(name);
    List<TensorInfo> source = headers(spec, Dtype.BF16);
    ConversionPlan plan = Planner.plan(spec, source, request);
    List<TensorInfo> gone = new ArrayList<>();
    plan.tensors(Fate.KEPT).forEach(tensor -> gone.add(tensor.info()));
    plan.tensors(Fate.DROPPED).forEach(tensor -> gone.add(tensor.info()));
    assertThat(gone).containsExactlyInAnyOrderElementsOf(source);
  }

  @ParameterizedTest
  @MethodSource("conversions")
  void writesWhatTheTargetReads(String name, ConversionRequest request) {
    ModelSpec spec = Fixtures.spec(name);
    ConversionPlan plan = Planner.plan(spec, headers(spec, Dtype.BF16), request);
    assertThat(shapes(plan.output())).isEqualTo(plan.target().tensors());
    assertThat(plan.output()).hasSize(plan.target().tensors().size());
    List<TensorInfo> sharded =
        plan.shards().files().stream().flatMap(file -> file.tensors().stream()).toList();
    assertThat(sharded).containsExactlyInAnyOrderElementsOf(plan.output());
    long bytes = plan.output().stream().mapToLong(TensorInfo::bytes).sum();
    assertThat(plan.outputBytes()).isEqualTo(bytes);
    assertThat(plan.bytes(Fate.KEPT) + plan.bytes(Fate.WRITTEN)).isEqualTo(bytes);
    assertThat(plan.peakMemoryBytes()).isPositive();
  }

  @Test
  void choosesTheReferenceDimsByDefault() {
    // 8 query heads, 4 kv heads of 8
    assertThat(layout("llama-gqa", GTA)).isEqualTo(new Gta(8, 4, 8, 4));
    assertThat(layout("llama-gqa", GLA)).isEqualTo(new Gla(8, 2, 16, 8, 4, 8));
    assertThat(((Gla) layout("llama-mqa", GLA)).latentHeads()).isEqualTo(1);
    // 4 query heads, rank 32, 16 + 8 keys, 16 values
    assertThat(layout("deepseek-v2", GLA)).isEqualTo(new Gla(4, 2, 16, 16, 8, 16));
    assertThat(layout("deepseek-v2", GTA)).isEqualTo(new Gta(4, 4, 16, 8));
  }

  @Test
  void takesTheDimsAskedFor() {
    assertThat(layout("llama-gqa", GTA.withKvHeads(2).withRopeDim(2)))
        .isEqualTo(new Gta(8, 2, 8, 2));
    assertThat(layout("llama-gqa", GLA.withLatents(4, 11).withRopeDim(32)))
        .isEqualTo(new Gla(8, 4, 11, 8, 32, 8));
    assertThat(layout("deepseek-v2", GLA.withLatents(4, 5))).isEqualTo(new Gla(4, 4, 5, 16, 8, 16));
    assertThat(layout("deepseek-v2", GTA.withKvHeads(2))).isEqualTo(new Gta(4, 2, 16, 8));
  }

  private static Stream<Arguments> refusals() {
    return Stream.of(
        Arguments.of("llama-gqa", GTA.withKvHeads(3), "--kv-heads: expected a divisor"),
        Arguments.of("llama-gqa", GTA.withKvHeads(0), "--kv-heads: expected a divisor"),
        Arguments.of("llama-gqa", GTA.withKvHeads(8), "--kv-heads: expected a divisor"),
        Arguments.of("llama-gqa", GLA.withLatents(3, 8), "--latent-heads: expected a divisor"),
        Arguments.of("llama-gqa", GLA.withLatents(2, 0), "--latent-dim: expected at least 1"),
        Arguments.of("llama-gqa", GTA.withLatents(2, 8), "--latent-heads: GTA has no latents"),
        Arguments.of("llama-gqa", GLA.withKvHeads(2), "--kv-heads: GLA counts --latent-heads"),
        Arguments.of("llama-gqa", GTA.withRopeDim(3), "--rope-dim: expected an even number"),
        Arguments.of("llama-gqa", GLA.withRopeDim(3), "--rope-dim: expected an even number"),
        Arguments.of("llama-gqa", GLA.withRopeDim(34), "from 2 to 32, found 34"),
        Arguments.of("llama-gqa", GTA.withRopeDim(0), "--rope-dim: expected an even number"),
        Arguments.of("llama-gqa", GTA.withRopeDim(16), "at most the head dim 8 for GTA, found 16"),
        Arguments.of("deepseek-v2", GLA.withLatents(3, 8), "--latent-heads: expected a divisor"),
        Arguments.of("deepseek-v2", GLA.withLatents(2, 33), "at most the source's rank 32"),
        Arguments.of("deepseek-v2", GTA.withKvHeads(3), "--kv-heads: expected a divisor"),
        Arguments.of("deepseek-v2", GTA.withRopeDim(4), "--rope-dim: an MLA source keeps"),
        Arguments.of("deepseek-v2", GTA.withLatents(2, 8), "--latent-heads: GTA has no latents"),
        Arguments.of("deepseek-v2", GLA.withKvHeads(2), "--kv-heads: GLA counts --latent-heads"),
        Arguments.of("deepseek-v2", MLA, "cannot convert MLA to mla"),
        Arguments.of("llama-gqa", MLA.withKvHeads(1), "--kv-heads: MLA has one latent"),
        Arguments.of("llama-gqa", MLA.withLatents(2, 8), "--latent-heads: expected 1, as MLA has"),
        Arguments.of("llama-gqa", MLA.withLatentDim(1), "--latent-dim: expected at least 2"),
        Arguments.of("llama-gqa", MLA.withRopeDim(3), "--rope-dim: expected an even number"),
        Arguments.of("llama-gqa", MLA.withProfile(Profile.REGROUP), "--profile: expected deepseek"),
        Arguments.of("llama-gqa", GTA.withProfile(Profile.DEEPSEEK_V2), "--profile: expected"),
        Arguments.of("llama-mqa", MLA, "gated MLPs without biases"),
        Arguments.of("mistral", MLA, "no sliding window, the source's is 16 tokens"),
        Arguments.of("qwen3", MLA, "no norms of query and key heads"),
        Arguments.of("gta", GTA, "GTA is a target only -> convert from the original model"),
        Arguments.of("gta-from-mla", GLA, "GTA is a target only"),
        Arguments.of("gta-encoded", GLA, "GTA is a target only"),
        Arguments.of("gla", GLA, "GLA is a target only -> convert from the original model"),
        Arguments.of("gla-from-mla", GTA, "GLA is a target only"));
  }

  @ParameterizedTest(name = "{0}: {2}")
  @MethodSource("refusals")
  void refusesInOneLineWhatDoesNotFit(String name, ConversionRequest request, String why) {
    ModelSpec spec = Fixtures.spec(name);
    List<TensorInfo> tensors = headers(spec, Dtype.BF16);
    assertThatThrownBy(() -> Planner.plan(spec, tensors, request))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageStartingWith("layer 0: ")
        .hasMessageContaining(why)
        .hasMessageNotContaining("\n");
  }

  @Test
  void writesNewTensorsInTheSourcesDtypeOrTheOneAskedFor() {
    ModelSpec spec = Fixtures.spec("deepseek-v2");
    assertThat(written(spec, Dtype.F32, GLA)).isNotEmpty().containsOnly(Dtype.F32);
    assertThat(written(spec, Dtype.F16, GLA)).containsOnly(Dtype.F16);
    assertThat(written(spec, Dtype.F8_E4M3, GLA)).containsOnly(Dtype.BF16);
    assertThat(written(spec, Dtype.F32, GLA.withDtype(Dtype.BF16))).containsOnly(Dtype.BF16);
    Planner.plan(spec, headers(spec, Dtype.F32), GLA.withDtype(Dtype.BF16))
        .tensors(Fate.KEPT)
        .forEach(tensor -> assertThat(tensor.info().dtype()).isEqualTo(Dtype.F32));
  }

  @Test
  void keepsWhatMlaToGlaDoesNotTouch() {
    ModelSpec spec = Fixtures.spec("deepseek-v2");
    ConversionPlan plan = Planner.plan(spec, headers(spec, Dtype.BF16), GLA);
    assertThat(plan.tensors(Fate.WRITTEN))
        .extracting(tensor -> tensor.info().name())
        .allMatch(
            name -> name.endsWith("kv_latent_proj.weight") || name.endsWith("kv_b_proj.weight"))
        .hasSize(2 * spec.layers().size());
    assertThat(plan.tensors(Fate.DROPPED))
        .extracting(tensor -> tensor.info().name())
        .allMatch(name -> name.endsWith("kv_b_proj.weight"))
        .hasSize(spec.layers().size());
  }

  @Test
  void cutsShardsAtTheBytesAskedFor() {
    ModelSpec spec = Fixtures.spec("llama-gqa");
    List<TensorInfo> tensors = headers(spec, Dtype.BF16);
    assertThat(Planner.plan(spec, tensors, GTA).shards().files()).hasSize(1);
    ConversionPlan cut = Planner.plan(spec, tensors, GTA.withMaxShardBytes(50_000));
    assertThat(cut.shards().files()).hasSizeGreaterThan(3);
    assertThat(cut.shards().files())
        .allMatch(file -> file.bytes() <= 50_000 || file.tensors().size() == 1);
  }

  @Test
  void notesWhatIsLossyAndWhatGrows() {
    assertThat(notes("deepseek-v2", GTA)).anyMatch(note -> note.contains("lossy"));
    assertThat(notes("deepseek-v2", GLA)).noneMatch(note -> note.contains("lossy"));
    assertThat(notes("llama-gqa", GTA)).isEmpty();
    assertThat(notes("llama-gqa", GLA.withLatents(4, 64)))
        .anyMatch(note -> note.contains("caches more per token"));
  }

  @Test
  void plansAModelOf236BillionWeightsInNoTime() {
    ModelSpec spec = large();
    List<TensorInfo> tensors = headers(spec, Dtype.BF16);
    assertThat(tensors).hasSizeGreaterThan(28_000);
    ConversionPlan plan =
        assertTimeout(Duration.ofSeconds(2), () -> Planner.plan(spec, tensors, GLA));
    assertThat(plan.output().stream().mapToLong(info -> info.shape().elements()).sum())
        .isBetween(230_000_000_000L, 245_000_000_000L);
    assertThat(plan.shards().files()).hasSizeBetween(90, 110);
    assertThat(plan.peakMemoryBytes()).isLessThan(64L << 30);
  }

  private static ModelSpec large() {
    String config =
        """
        {"model_type": "deepseek_v2", "architectures": ["DeepseekV2ForCausalLM"],
         "hidden_size": 5120, "num_hidden_layers": 60, "num_attention_heads": 128,
         "num_key_value_heads": 128, "q_lora_rank": 1536, "kv_lora_rank": 512,
         "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
         "intermediate_size": 12288, "moe_intermediate_size": 1536, "n_routed_experts": 160,
         "num_experts_per_tok": 6, "n_shared_experts": 2, "n_group": 8, "topk_group": 3,
         "topk_method": "group_limited_greedy", "routed_scaling_factor": 16.0,
         "first_k_dense_replace": 1, "moe_layer_freq": 1, "vocab_size": 102400,
         "rms_norm_eps": 1e-06, "max_position_embeddings": 163840}
        """;
    var root = (ObjectNode) new JsonMapper().readTree(config);
    return Architectures.describe(ModelConfig.of(Path.of("config.json"), root));
  }

  private static AttentionLayout layout(String name, ConversionRequest request) {
    ModelSpec spec = Fixtures.spec(name);
    ModelSpec target = Planner.plan(spec, headers(spec, Dtype.BF16), request).target();
    return target.layers().getFirst().attention().layout();
  }

  private static List<Dtype> written(ModelSpec spec, Dtype source, ConversionRequest request) {
    return Planner.plan(spec, headers(spec, source), request).tensors(Fate.WRITTEN).stream()
        .map(tensor -> tensor.info().dtype())
        .distinct()
        .toList();
  }

  private static List<String> notes(String name, ConversionRequest request) {
    ModelSpec spec = Fixtures.spec(name);
    return Planner.plan(spec, headers(spec, Dtype.BF16), request).notes();
  }

  private static List<TensorInfo> headers(ModelSpec spec, Dtype dtype) {
    return spec.tensors().entrySet().stream()
        .map(tensor -> new TensorInfo(tensor.getKey(), dtype, tensor.getValue()))
        .toList();
  }

  private static Map<String, Shape> shapes(List<TensorInfo> infos) {
    return infos.stream()
        .collect(
            Collectors.toMap(TensorInfo::name, TensorInfo::shape, (a, b) -> a, LinkedHashMap::new));
  }
}
