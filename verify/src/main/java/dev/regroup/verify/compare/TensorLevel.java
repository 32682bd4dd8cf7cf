package dev.regroup.verify.compare;

import dev.regroup.formats.architecture.ModelSpec;
import dev.regroup.formats.checkpoint.Checkpoint;
import dev.regroup.formats.tensor.Shape;
import dev.regroup.formats.tensor.TensorCodec;
import dev.regroup.formats.tensor.TensorInfo;
import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.Progress;
import dev.regroup.verify.report.ManifestFindings;
import dev.regroup.verify.report.TensorFindings;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Pattern;

/// Examines tensors without running anything: what should be the source's is, what is new is
/// finite.
public final class TensorLevel {
  private static final Pattern ATTENTION =
      Pattern.compile("model\\.layers\\.(\\d+)\\.self_attn\\..+");

  /// Tables that old files carry and every reader computes; a target may leave them out.
  private static final String ROTARY_TABLE = "rotary_emb.inv_freq";

  private final Subject source;
  private final Subject target;
  private final List<TensorInfo> infos;

  private TensorLevel(Subject source, Subject target) {
    this.source = source;
    this.target = target;
    var all = new ArrayList<>(source.tensors().infos());
    for (TensorInfo info : target.tensors().infos()) {
      if (source.tensors().find(info.name()).isEmpty()) {
        all.add(info);
      }
    }
    this.infos = all;
  }

  /// What became of one tensor.
  private enum Fate {
    IDENTICAL,
    RECAST,
    DIFFERENT,
    MISSING,
    LEFT_OUT,
    ATTENTION_KEPT,
    CHANGED,
    CHANGED_NOT_FINITE
  }

  /// What was found, and the names of the tensors that are the source's byte for byte.
  public record Outcome(TensorFindings findings, Set<String> identical) {}

  /// Examines every tensor of both.
  public static TensorFindings examine(Subject source, Subject target, Progress progress) {
    return compare(source, target, progress).findings();
  }

  /// Examines every tensor of both, and keeps what is equal.
  public static Outcome compare(Subject source, Subject target, Progress progress) {
    return new TensorLevel(source, target).compare(progress);
  }

  private Outcome compare(Progress progress) {
    progress.begin("comparing tensors", infos.size());
    var fates = new Fate[infos.size()];
    var done = new AtomicLong();
    Parallel.forEach(
        fates.length,
        i -> {
          fates[i] = fate(infos.get(i));
          progress.advance(done.incrementAndGet(), "");
        });
    long bytes = 0;
    for (int i = 0; i < fates.length; i++) {
      bytes += fates[i] == Fate.IDENTICAL ? infos.get(i).bytes() : 0;
    }
    List<String> identical = names(fates, Fate.IDENTICAL);
    return new Outcome(findings(fates, bytes, manifest(progress)), Set.copyOf(identical));
  }

  private TensorFindings findings(Fate[] fates, long bytes, Optional<ManifestFindings> manifest) {
    return new TensorFindings(
        names(fates, Fate.IDENTICAL).size(),
        bytes,
        names(fates, Fate.RECAST),
        names(fates, Fate.DIFFERENT),
        names(fates, Fate.MISSING),
        misshapen(),
        names(fates, Fate.ATTENTION_KEPT).size(),
        names(fates, Fate.CHANGED).size() + names(fates, Fate.CHANGED_NOT_FINITE).size(),
        config(),
        names(fates, Fate.CHANGED_NOT_FINITE),
        manifest);
  }

  private Optional<ManifestFindings> manifest(Progress progress) {
    return target.tensors() instanceof Checkpoint checkpoint && Files.isDirectory(checkpoint.path())
        ? ManifestCheck.of(checkpoint.path(), progress)
        : Optional.empty();
  }

  private List<String> config() {
    ModelSpec one = source.spec();
    ModelSpec other = target.spec();
    var differs = new ArrayList<String>();
    if (one.normEpsilon() != other.normEpsilon()) {
      differs.add("norm epsilon");
    }
    if (one.tiedEmbeddings() != other.tiedEmbeddings()) {
      differs.add("tied embeddings");
    }
    for (int i = 0; i < one.layers().size(); i++) {
      if (!one.layers().get(i).feedForward().equals(other.layers().get(i).feedForward())) {
        differs.add("feed-forward of layer " + i);
      }
    }
    return differs;
  }

  private Fate fate(TensorInfo info) {
    Optional<TensorInfo> before = source.tensors().find(info.name());
    Optional<TensorInfo> after = target.tensors().find(info.name());
    boolean attention = isAttention(info.name());
    if (after.isEmpty()) {
      return attention || info.name().endsWith(ROTARY_TABLE) ? Fate.LEFT_OUT : Fate.MISSING;
    }
    if (before.isEmpty()) {
      return changed(after.get());
    }
    if (before.get().equals(after.get())
        && SameElements.bytes(source.tensors(), target.tensors(), info)) {
      return attention ? Fate.ATTENTION_KEPT : Fate.IDENTICAL;
    }
    if (attention) {
      return changed(after.get());
    }
    return SameElements.rounded(source.tensors(), target.tensors(), before.get(), after.get())
        ? Fate.RECAST
        : Fate.DIFFERENT;
  }

  private Fate changed(TensorInfo info) {
    if (!TensorCodec.knows(info.dtype())) {
      return Fate.CHANGED;
    }
    for (float element : target.tensors().floats(info.name())) {
      if (!Float.isFinite(element)) {
        return Fate.CHANGED_NOT_FINITE;
      }
    }
    return Fate.CHANGED;
  }

  /// Whether a tensor is of an attention sublayer that a conversion may change.
  private boolean isAttention(String name) {
    var matcher = ATTENTION.matcher(name);
    // layers behind the last are of other tools and pass through
    return matcher.matches()
        && matcher.group(1).length() < 9
        && Integer.parseInt(matcher.group(1)) < source.spec().layers().size();
  }

  private List<String> misshapen() {
    var misshapen = new ArrayList<String>();
    for (Map.Entry<String, Shape> needed : target.spec().tensors().entrySet()) {
      Optional<TensorInfo> found = target.tensors().find(needed.getKey());
      if (found.isEmpty() || !found.get().shape().equals(needed.getValue())) {
        misshapen.add(needed.getKey());
      }
    }
    return misshapen;
  }

  private List<String> names(Fate[] fates, Fate wanted) {
    var names = new ArrayList<String>();
    for (int i = 0; i < fates.length; i++) {
      if (fates[i] == wanted) {
        names.add(infos.get(i).name());
      }
    }
    return names;
  }
}
