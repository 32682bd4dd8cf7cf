package dev.regroup.converters.write;

import dev.regroup.formats.safetensors.ShardPlan;
import java.util.List;
import java.util.stream.IntStream;

/// One of several processes, perhaps on several machines, that share a conversion.
///
/// @param index from 1
/// @param count of parts
public record Part(int index, int count) {
  /// The one part of a conversion that is not shared.
  public static final Part WHOLE = new Part(1, 1);

  /// The most parts of a conversion.
  private static final int MOST = 10_000;

  public Part {
    if (count < 1 || count > MOST || index < 1 || index > count) {
      throw new IllegalArgumentException(
          "part: expected I/N with 1 <= I <= N <= %d, found %d/%d".formatted(MOST, index, count));
    }
  }

  /// Whether the conversion is shared at all.
  public boolean shared() {
    return count > 1;
  }

  /// The files of a plan that this part writes: neighbours, as many as the others within one.
  public List<ShardPlan.PlannedFile> files(ShardPlan plan) {
    int files = plan.files().size();
    return IntStream.range(0, files)
        .filter(file -> (long) file * count / files == index - 1)
        .mapToObj(plan.files()::get)
        .toList();
  }

  @Override
  public String toString() {
    return index + "/" + count;
  }
}
