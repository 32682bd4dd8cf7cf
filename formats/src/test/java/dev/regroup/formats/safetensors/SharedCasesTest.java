package dev.regroup.formats.safetensors;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.formats.SharedFiles;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Every collected file, good or broken, has the outcome that was written down for it.
final class SharedCasesTest {
  @TestFactory
  Stream<DynamicTest> hasTheOutcomeWantedForIt() {
    if (!SharedFiles.has("cases/safetensors")) {
      // One test that is skipped shows in a report; a factory that is skipped does not.
      return Stream.of(
          DynamicTest.dynamicTest("all", () -> SharedFiles.require("cases/safetensors")));
    }
    Path folder = SharedFiles.require("cases/safetensors");
    JsonNode cases = new JsonMapper().readTree(folder.resolve("expected.json"));
    assertThat(cases.size()).isGreaterThan(60);
    return cases
        .valueStream()
        .map(
            one -> {
              String id = one.get("id").stringValue();
              return DynamicTest.dynamicTest(
                  id + " " + one.get("desc").stringValue(),
                  () ->
                      assertThat(Outcome.ofOpening(folder.resolve(id + ".safetensors")))
                          .isEqualTo(one.get("want").stringValue()));
            });
  }
}
