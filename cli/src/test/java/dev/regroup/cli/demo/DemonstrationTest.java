package dev.regroup.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.converters.ConversionOptions;
import dev.regroup.converters.fit.FitOptions;
import dev.regroup.runtime.Progress;
import dev.regroup.verify.report.Verdict;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The demo on less text and without its refits, which take most of its time.
final class DemonstrationTest {
  @TempDir private Path folder;

  @Test
  void convertsAndVerifiesEveryBundledModel() {
    var options = new ConversionOptions(FitOptions.NONE, 1, true, false, "test");
    var kept = new ArrayList<Path>();
    var demonstration =
        new Demonstration(
            folder,
            new Demonstration.Extent(4096, 4096),
            options,
            _ -> {},
            (directory, _) -> kept.add(directory));
    List<DemoResult> results = demonstration.run(Progress.NONE);
    assertThat(results)
        .extracting(DemoResult::name)
        .containsExactly("tiny-gqa-gta", "tiny-gqa-gla", "tiny-mla-moe-gla");
    assertThat(results)
        .allSatisfy(
            result -> {
              assertThat(result.report().verdict()).isEqualTo(Verdict.PASS);
              assertThat(result.report().logits().orElseThrow().perplexityRatio().value())
                  .isBetween(0.9, 2.0);
            });
    assertThat(kept).hasSize(3);
    assertThat(DemoText.of(results)).hasSize(4);
    assertThat(DemoJson.of(results).at("/conversions/2/report/verdict").asString())
        .isEqualTo("PASS");
  }
}
