package dev.regroup.verify.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.verify.Samples;
import dev.regroup.verify.compare.Subject;
import java.io.StringReader;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ReportTest {
  private static final Subject SOURCE = Samples.model("llama-gqa");
  private static final VerificationReport REPORT =
      Samples.verify(
          SOURCE, Samples.withGta(new Subject("<evil> & \"co\"", SOURCE.spec(), SOURCE.tensors())));

  @Test
  void writesEveryKeyThatProgramsWereToldOf() {
    JsonNode json = new JsonMapper().readTree(REPORT.json());
    assertThat(json.at("/schema_version").asInt()).isEqualTo(1);
    assertThat(json.at("/verdict").asString()).isEqualTo("PASS");
    for (String number :
        new String[] {
          "/source/perplexity",
          "/target/perplexity",
          "/perplexity_ratio/value",
          "/perplexity_ratio/standard_error",
          "/perplexity_ratio/lower",
          "/perplexity_ratio/upper",
          "/perplexity_ratio/confidence",
          "/kl/mean",
          "/kl/standard_error",
          "/kl/upper",
          "/kl/percentiles/1",
          "/kl/percentiles/5",
          "/kl/percentiles/10",
          "/kl/percentiles/50",
          "/kl/percentiles/90",
          "/kl/percentiles/95",
          "/kl/percentiles/99",
          "/kl/percentiles/99.9",
          "/kl/max",
          "/top1/value",
          "/top1/lower",
          "/top5/value",
          "/cache/source_bytes_per_token",
          "/cache/target_bytes_per_token",
          "/cache/source/measured_bytes_per_token",
          "/cache/per_rank/3/target_bytes_per_token",
          "/decode/max_difference_from_prefill/source",
          "/decode/max_difference_from_prefill/target",
          "/controls/identity/max_kl",
          "/layers/0/attention_relative_squared_error",
          "/by_position/0/kl",
          "/text/tokens"
        }) {
      assertThat(json.at(number).isNumber()).as(number).isTrue();
    }
    assertThat(json.at("/cache/agree").asBoolean()).isTrue();
    assertThat(json.at("/controls/planted_fault/detected").asBoolean()).isTrue();
    assertThat(json.at("/text/sha256").asString()).hasSize(64);
    assertThat(json.at("/thresholds/origin").asString()).isEqualTo("none");
    assertThat(json.at("/checks")).isNotEmpty();
  }

  @Test
  void isTheSameEveryTime() {
    assertThat(Samples.verify(SOURCE, Samples.withGta(SOURCE)).json())
        .isEqualTo(Samples.verify(SOURCE, Samples.withGta(SOURCE)).json());
  }

  @Test
  void writesJUnitXmlWithACaseForEveryCheckAndLayer() throws Exception {
    Document xml = parse(REPORT.junitXml());
    assertThat(xml.getElementsByTagName("testcase").getLength())
        .isEqualTo(REPORT.checks().size() + REPORT.layers().size());
    assertThat(xml.getElementsByTagName("failure").getLength()).isZero();
  }

  @Test
  void showsWhatFailedOrIsUndecidedAsAJUnitFailure() throws Exception {
    VerificationReport report =
        withChecks(
            Check.of("logits", "KL", Status.INCONCLUSIVE, "needs <more> & \"more\" text"),
            Check.of("tensors", "bytes", Status.FAIL, "differ"),
            Check.of("layers", "drift", Status.SKIPPED, "no text"));
    Document xml = parse(report.junitXml());
    assertThat(xml.getElementsByTagName("failure").getLength()).isEqualTo(2);
    assertThat(xml.getElementsByTagName("skipped").getLength()).isEqualTo(1);
    assertThat(
            xml.getElementsByTagName("failure")
                .item(0)
                .getAttributes()
                .getNamedItem("message")
                .getNodeValue())
        .isEqualTo("needs <more> & \"more\" text");
  }

  @Test
  void writesOnePageThatFetchesNothingAndEscapesNames() {
    String html = REPORT.html();
    assertThat(html).startsWith("<!DOCTYPE html>").contains("PASS");
    assertThat(html).doesNotContain("http", "<script", "src=", "url(", "@import", "<link");
    assertThat(html).doesNotContain("<evil>").contains("&lt;evil&gt;");
    assertThat(html.split("<svg", -1)).hasSize(6);
    assertThat(html).doesNotContain(">NaN", "NaN<", "Infinity", "%s", "%d");
  }

  @Test
  void plotsWhatTheFitDidWhereTheConversionWroteItDown() {
    VerificationReport report =
        REPORT.withConversion(
            new ConversionFindings(
                java.util.List.of(
                    new ConvertedLayer(0, 0.5, 0.125), new ConvertedLayer(1, 0.25, 0.0625)),
                java.util.List.of(new RequantizedTensor("a.<b>.weight", 0.0263))));
    assertThat(report.html()).contains("before the fit", "after the fit", "0.0625");
    assertThat(REPORT.html()).doesNotContain("after the fit");
    assertThat(report.json()).contains("\"error_before\"", "0.0625");
    assertThat(report.html()).contains("a.&lt;b&gt;.weight", "0.0263");
    assertThat(REPORT.html()).doesNotContain("Quantised anew");
    assertThat(report.json()).contains("\"requantized\"", "\"a.<b>.weight\"", "0.0263");
  }

  @Test
  void writesATableForTheTerminal() {
    assertThat(REPORT.text())
        .startsWith("PASS: everything exact holds; no quality threshold was given")
        .contains("perplexity", "KL, nats per token", "cache, bytes per token", "each of 8 devices")
        .contains("gqa > gta")
        .doesNotContain("\t")
        .doesNotContain(" \n");
  }

  private static VerificationReport withChecks(Check... checks) {
    return new VerificationReport(
        REPORT.toolVersion(),
        Verdict.FAIL,
        "",
        REPORT.source(),
        REPORT.target(),
        REPORT.tokens(),
        REPORT.thresholds(),
        java.util.List.of(checks),
        REPORT.tensors(),
        java.util.List.of(),
        REPORT.logits(),
        REPORT.decode(),
        REPORT.cache(),
        REPORT.controls(),
        REPORT.speed(),
        REPORT.device(),
        REPORT.conversion());
  }

  private static Document parse(String xml) throws Exception {
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new InputSource(new StringReader(xml)));
  }
}
