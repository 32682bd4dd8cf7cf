package dev.regroup.converters.write;

import dev.regroup.converters.report.LayerReport;
import dev.regroup.formats.attention.AttentionSpec;
import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/// A layer whose tensors are written.
///
/// @param spec what its attention became
/// @param hashes SHA-256, by name, of the bytes of its tensors that this run wrote
public record FinishedLayer(
    int layer, AttentionSpec spec, LayerReport report, SortedMap<String, String> hashes) {
  public FinishedLayer {
    hashes = Collections.unmodifiableSortedMap(new TreeMap<>(hashes));
  }
}
