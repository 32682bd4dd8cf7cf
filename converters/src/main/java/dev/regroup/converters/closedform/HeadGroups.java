package dev.regroup.converters.closedform;

import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.linalg.Matrix;
import dev.regroup.runtime.linalg.SymmetricEigen;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/// Which heads share a latent: groups of equal size, so that what all of a group's heads need fits best
/// into so many dimensions.
///
/// A head's need is an energy, `[features, features]` and positive; a group's latent keeps the leading
/// eigenvectors of its heads' sum. Turns of two steps, of which neither can lose: each group takes its
/// best subspace, then heads change places in pairs for as long as a swap keeps more. That ends in one
/// of many optima, hence several starts: heads in order first, then shuffled.
final class HeadGroups {
  /// Rounds in which nothing more than rounding is won end a start.
  private static final double WORTH = 1e-9;

  private static final int MOST_ROUNDS = 50;

  private static final int MOST_STARTS = 256;

  /// Operations that a layer may take to group: some seconds on a few cores.
  private static final double BUDGET = 3e11;

  /// Rounds of a start, about.
  private static final int ROUNDS = 10;

  /// Operations of an eigenproblem of size n, over n³.
  private static final double EIGEN = 10;

  private final List<Matrix> needs;
  private final int groups;
  private final int dim;

  private HeadGroups(List<Matrix> needs, int groups, int dim) {
    this.needs = needs;
    this.groups = groups;
    this.dim = dim;
  }

  /// Heads in the order of their groups.
  ///
  /// @param heads the head at each place
  /// @param kept energy that all groups' latents hold together
  record Order(int[] heads, double kept) {}

  /// As many starts as a layer may take; 0 where there is nothing to choose, or where one that is not
  /// the order of heads cannot be afforded.
  ///
  /// @param features of a head's need
  static int starts(int heads, int groups, int features, int dim) {
    if (groups == 1 || groups == heads || dim >= features) {
      return 0;
    }
    double size = features;
    double round = groups * EIGEN * size * size * size + 2.0 * heads * groups * size * size * dim;
    int affordable = (int) Math.min(MOST_STARTS, BUDGET / (ROUNDS * round));
    return affordable < 2 ? 0 : affordable;
  }

  /// The best of `starts` tries; the same for the same arguments.
  ///
  /// @param needs one a head, `[features, features]`
  /// @param dim of a group's latent
  static Order of(List<Matrix> needs, int groups, int dim, int starts) {
    var problem = new HeadGroups(needs, groups, dim);
    var random = new SplittableRandom(needs.size());
    int[] heads = IntStream.range(0, needs.size()).toArray();
    Order best = problem.improved(heads.clone());
    for (int start = 1; start < starts; start++) {
      shuffle(heads, random);
      Order found = problem.improved(heads.clone());
      if (found.kept > best.kept * (1 + WORTH)) {
        best = found;
      }
    }
    return best;
  }

  private static void shuffle(int[] heads, SplittableRandom random) {
    for (int i = heads.length - 1; i > 0; i--) {
      swap(heads, i, random.nextInt(i + 1));
    }
  }

  private static void swap(int[] heads, int a, int b) {
    int head = heads[a];
    heads[a] = heads[b];
    heads[b] = head;
  }

  private int size() {
    return needs.size() / groups;
  }

  private Order improved(int[] heads) {
    double kept = 0;
    for (int round = 0; round < MOST_ROUNDS; round++) {
      List<Matrix> frames = frames(heads);
      double[][] held = held(frames);
      double now = 0;
      for (int place = 0; place < heads.length; place++) {
        now += held[heads[place]][place / size()];
      }
      if (!(now > kept * (1 + WORTH))) {
        break;
      }
      kept = now;
      swapAll(heads, held);
    }
    return new Order(sorted(heads), kept);
  }

  private List<Matrix> frames(int[] heads) {
    return Parallel.map(
        groups,
        g -> {
          Matrix sum = needs.get(heads[g * size()]);
          for (int i = 1; i < size(); i++) {
            sum = sum.plus(needs.get(heads[g * size() + i]));
          }
          return SymmetricEigen.of(sum).vectors().columns(0, Math.min(dim, sum.rows()));
        });
  }

  /// Of each head what each group's subspace holds.
  private double[][] held(List<Matrix> frames) {
    return Parallel.map(
            needs.size(),
            h ->
                frames.stream()
                    .mapToDouble(frame -> frame.dot(needs.get(h).times(frame)))
                    .toArray())
        .toArray(double[][]::new);
  }

  /// Changes heads of different groups for each other while that holds more.
  private void swapAll(int[] heads, double[][] held) {
    boolean changed = true;
    while (changed) {
      changed = false;
      for (int a = 0; a < heads.length; a++) {
        for (int b = a + 1; b < heads.length; b++) {
          int left = a / size();
          int right = b / size();
          double before = held[heads[a]][left] + held[heads[b]][right];
          double after = held[heads[a]][right] + held[heads[b]][left];
          if (after > before * (1 + WORTH)) {
            swap(heads, a, b);
            changed = true;
          }
        }
      }
    }
  }

  /// Groups by their first head, and heads within a group in order: what is alike comes out alike.
  private int[] sorted(int[] heads) {
    List<int[]> parts = new ArrayList<>();
    for (int g = 0; g < groups; g++) {
      int[] part = Arrays.copyOfRange(heads, g * size(), (g + 1) * size());
      Arrays.sort(part);
      parts.add(part);
    }
    parts.sort((x, y) -> Integer.compare(x[0], y[0]));
    return parts.stream().flatMapToInt(Arrays::stream).toArray();
  }
}
