package dev.regroup.verify.report;

import java.util.List;
import java.util.Optional;

/// What became of the source's tensors.
///
/// @param identical tensors outside attention whose bytes are the same
/// @param identicalBytes bytes compared and found the same
/// @param recast names of tensors outside attention with another dtype, each element within one
///     rounding
/// @param different names of tensors outside attention whose elements are not the source's
/// @param missing names of tensors outside attention that the target lacks
/// @param misshapen names of tensors that the target's config asks for but that are not there in
///     their shape
/// @param attentionKept attention tensors that are the source's, byte for byte
/// @param attentionChanged attention tensors that are new or changed
/// @param config what the two configs say differently outside attention, such as `norm epsilon`
/// @param notFinite names of changed or new tensors that hold a NaN or an infinity
/// @param manifest how the target's files compare with its manifest; empty where it has none
public record TensorFindings(
    int identical,
    long identicalBytes,
    List<String> recast,
    List<String> different,
    List<String> missing,
    List<String> misshapen,
    int attentionKept,
    int attentionChanged,
    List<String> config,
    List<String> notFinite,
    Optional<ManifestFindings> manifest) {
  public TensorFindings {
    recast = List.copyOf(recast);
    different = List.copyOf(different);
    missing = List.copyOf(missing);
    misshapen = List.copyOf(misshapen);
    config = List.copyOf(config);
    notFinite = List.copyOf(notFinite);
  }
}
