package dev.regroup.converters.write;

import dev.regroup.formats.disk.Disk;
import dev.regroup.formats.safetensors.ShardPlan;
import dev.regroup.runtime.Parallel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/// What the parts of a conversion say that they finished.
public final class PartJournals {
  private final TargetPaths paths;
  private final List<Path> files;
  private final List<Journal.Content> contents;

  private PartJournals(TargetPaths paths, List<Path> files, List<Journal.Content> contents) {
    this.paths = paths;
    this.files = files;
    this.contents = contents;
  }

  /// Reads the journals of a target's parts.
  ///
  /// @throws java.io.UncheckedIOException where there are none, or not all are of one conversion
  static PartJournals read(Path target) {
    PartJournals parts = ofMerged(target);
    parts.requireParts();
    return parts;
  }

  /// What the parts of a target were converted from, as they called it.
  ///
  /// @throws java.io.UncheckedIOException where there are none
  public static Path source(Path target) {
    return Path.of(ofMerged(target).header().source());
  }

  /// Reads the journals of a target's parts that are there: a merge that was killed behind its commit
  /// may have deleted some.
  ///
  /// @throws java.io.UncheckedIOException where there are none
  static PartJournals ofMerged(Path target) {
    TargetPaths paths = TargetPaths.of(target);
    List<Path> files = new Leftovers(paths, Disk.LOCAL).journals();
    List<Path> found = new ArrayList<>();
    List<Journal.Content> contents = new ArrayList<>();
    for (Path file : files) {
      JournalReader.read(file)
          .ifPresent(
              content -> {
                found.add(file);
                contents.add(content);
              });
    }
    if (contents.isEmpty()) {
      throw Refusal.of(
          paths.target(),
          "expected parts of it in %s, found none -> convert them first, with --part I/N"
              .formatted(paths.work()));
    }
    return new PartJournals(paths, found, contents);
  }

  private void requireParts() {
    int count = Leftovers.countOf(files.getFirst());
    if (count == 1) {
      throw Refusal.of(
          paths.target(),
          "expected parts of it, found the unfinished work of one process -> go on with convert"
              + " --resume");
    }
    for (int i = 0; i < files.size(); i++) {
      Optional<String> difference = header().difference(contents.get(i).header());
      if (difference.isPresent() || Leftovers.countOf(files.get(i)) != count) {
        throw Refusal.of(
            files.get(i),
            "expected the same conversion as %s, found another %s -> convert all parts alike"
                .formatted(files.getFirst(), difference.orElse("number of parts")));
      }
    }
    for (int index = 1; index <= count; index++) {
      if (!files.contains(paths.journal(new Part(index, count)))) {
        throw missing(new Part(index, count), "it has not begun");
      }
    }
  }

  /// What they are parts of.
  public JournalHeader header() {
    return contents.getFirst().header();
  }

  /// The files of a plan, each finished by some part and hashed again just now.
  ///
  /// @throws java.io.UncheckedIOException where one is missing, or is not what its part wrote
  public List<FinishedFile> files(ShardPlan plan) {
    int count = Leftovers.countOf(files.getFirst());
    List<FinishedFile> finished = new ArrayList<>();
    for (int index = 1; index <= count; index++) {
      Part part = new Part(index, count);
      Journal.Content content = contents.get(files.indexOf(paths.journal(part)));
      for (ShardPlan.PlannedFile file : part.files(plan)) {
        FinishedFile done = content.files().get(file.name());
        if (done == null) {
          throw missing(part, file.name() + " is missing");
        }
        finished.add(done);
      }
    }
    boolean[] good = new boolean[finished.size()];
    Parallel.forEach(
        good.length,
        i ->
            good[i] =
                Takeover.holds(paths.model().resolve(finished.get(i).name()), finished.get(i)));
    for (int i = 0; i < good.length; i++) {
      if (!good[i]) {
        throw Refusal.of(
            paths.model().resolve(finished.get(i).name()),
            "expected the bytes that its part wrote, found others -> run that part again");
      }
    }
    return finished;
  }

  /// The layers that they converted, by index.
  public Map<Integer, FinishedLayer> layers() {
    Map<Integer, FinishedLayer> layers = new HashMap<>();
    contents.forEach(content -> layers.putAll(content.layers()));
    return layers;
  }

  /// The journal that says that a commit is under way.
  Journal reopenFirst(Disk disk) {
    return Journal.reopen(disk, files.getFirst(), Objects.requireNonNull(contents.getFirst()));
  }

  private RuntimeException missing(Part part, String what) {
    return Refusal.of(
        paths.target(),
        "part %s is not done: %s -> run convert --part %s, again if it was interrupted"
            .formatted(part, what, part));
  }
}
