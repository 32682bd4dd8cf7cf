package dev.regroup.verify.report;

import dev.regroup.verify.measure.Estimate;
import dev.regroup.verify.measure.Histogram;
import java.util.List;
import java.util.SequencedMap;

/// What two models say of the same text.
///
/// @param perplexityRatio target over source, paired token by token
/// @param kl mean KL(source || target), nats per token
/// @param klPercentiles nats, by percent; 100 is the largest
/// @param top1 share of tokens on which both find the same token most likely
/// @param top5 mean share of the source's five most likely tokens that are among the target's five
/// @param byPosition tokens by position in their window
/// @param byConfidence tokens by the source's largest probability
/// @param klHistogram how KL spreads over tokens
/// @param notFinite where logits were no numbers: `target: window 0, position 3`; empty if all were
public record LogitFindings(
    Estimate sourcePerplexity,
    Estimate targetPerplexity,
    Estimate perplexityRatio,
    Estimate kl,
    SequencedMap<Double, Double> klPercentiles,
    Estimate top1,
    Estimate top5,
    List<Bucket> byPosition,
    List<Bucket> byConfidence,
    Histogram klHistogram,
    List<String> notFinite) {
  public LogitFindings {
    byPosition = List.copyOf(byPosition);
    byConfidence = List.copyOf(byConfidence);
    notFinite = List.copyOf(notFinite);
  }
}
