package dev.regroup.verify.report;

import java.util.List;

/// How a directory's files compare with its manifest.
///
/// @param files that the manifest lists
/// @param bytes of them
/// @param faults one line for each file that is missing, of another size or of another hash, and for
///     each file of weights that is not listed
public record ManifestFindings(int files, long bytes, List<String> faults) {
  public ManifestFindings {
    faults = List.copyOf(faults);
  }
}
