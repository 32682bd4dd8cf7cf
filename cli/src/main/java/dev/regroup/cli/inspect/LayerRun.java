package dev.regroup.cli.inspect;

import dev.regroup.formats.architecture.LayerSpec;
import dev.regroup.formats.attention.AttentionSpec;
import java.util.ArrayList;
import java.util.List;

/// Neighbouring layers `first .. last` with the same attention.
///
/// @param last inclusive
public record LayerRun(int first, int last, AttentionSpec attention) {
  /// The layers of a model, equal neighbours merged.
  public static List<LayerRun> of(List<LayerSpec> layers) {
    var runs = new ArrayList<LayerRun>();
    for (int i = 0; i < layers.size(); i++) {
      AttentionSpec attention = layers.get(i).attention();
      if (!runs.isEmpty() && runs.getLast().attention.equals(attention)) {
        runs.set(runs.size() - 1, new LayerRun(runs.getLast().first, i, attention));
      } else {
        runs.add(new LayerRun(i, i, attention));
      }
    }
    return runs;
  }

  /// The layers of a model, neighbours merged that differ at most in the frequencies that a conversion
  /// chose for them.
  public static List<LayerRun> alike(List<LayerSpec> layers) {
    var runs = new ArrayList<LayerRun>();
    for (LayerRun next : of(layers)) {
      LayerRun last = runs.isEmpty() ? next : runs.getLast();
      boolean alike =
          RopeSummary.isChosen(last.attention)
              && RopeSummary.isChosen(next.attention)
              && last.attention.withRope(next.attention.rope()).equals(next.attention);
      if (!runs.isEmpty() && alike) {
        runs.set(runs.size() - 1, new LayerRun(last.first, next.last, last.attention));
      } else {
        runs.add(next);
      }
    }
    return runs;
  }

  /// `3`, or `0-5`.
  public String label() {
    return first == last ? Integer.toString(first) : first + "-" + last;
  }

  /// How many layers there are.
  public int count() {
    return last - first + 1;
  }
}
