package dev.regroup.converters.write;

import dev.regroup.formats.disk.Disk;
import dev.regroup.formats.manifest.Manifest;
import dev.regroup.formats.manifest.Sha256;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What runs that were killed left beside a target.
final class Leftovers {
  private final TargetPaths paths;
  private final Disk disk;

  Leftovers(TargetPaths paths, Disk disk) {
    this.paths = paths;
    this.disk = disk;
  }

  /// Finishes a commit that was killed after the output took the target's name, and undoes one that
  /// was killed before; the target is then there as a whole, old or new, or it never was.
  void settle() {
    if (committed()) {
      Tree.delete(disk, paths.replaced());
      Tree.delete(disk, paths.work());
    } else if (Tree.exists(paths.replaced())) {
      if (Tree.exists(paths.target())) {
        Tree.delete(disk, paths.replaced());
      } else {
        disk.rename(paths.replaced(), paths.target());
      }
    }
    if (journals().isEmpty()) {
      Tree.delete(disk, paths.work()); // what a killed clearing away left, or never began
    }
  }

  /// The work of an earlier run that `header` may go on with; none where there is none, or where
  /// there was nothing to lose.
  ///
  /// @throws java.io.UncheckedIOException where there is work of something else
  Optional<Journal.Content> usable(JournalHeader header, WriteOptions options) {
    if (options.continuation() == Continuation.RESTART) {
      restart(options.part());
    }
    List<Path> journals = journals();
    boolean any = false;
    Optional<Journal.Content> own = Optional.empty();
    for (Path file : journals) {
      Optional<Journal.Content> content = JournalReader.read(file);
      if (content.isEmpty()) {
        disk.delete(file);
        continue;
      }
      any = true;
      boolean mine = file.equals(paths.journal(options.part()));
      requireSame(header, content.get(), options.part(), file);
      if (mine) {
        own = content;
      }
    }
    if (!any) {
      Tree.delete(disk, paths.work());
    }
    return own;
  }

  /// The journals of a target, of a whole run or of parts.
  List<Path> journals() {
    return Tree.list(paths.work(), "journal", ".jsonl");
  }

  private void restart(Part part) {
    if (part.shared()) {
      if (Tree.exists(paths.journal(part))) {
        disk.delete(paths.journal(part));
      }
    } else {
      Tree.delete(disk, paths.work());
    }
  }

  private void requireSame(JournalHeader header, Journal.Content content, Part part, Path journal) {
    Optional<String> difference = header.difference(content.header());
    if (difference.isPresent()) {
      throw Refusal.of(
          paths.target(),
          "the unfinished work in %s is of another %s -> finish that one first, or drop it with --restart"
              .formatted(paths.work(), difference.get()));
    }
    if (countOf(journal) != part.count()) {
      throw Refusal.of(
          paths.target(),
          "the unfinished work in %s is shared by %d, here by %d -> go on with --part I/%d, or remove that folder"
              .formatted(paths.work(), countOf(journal), part.count(), countOf(journal)));
    }
  }

  /// The N of `journal-I-of-N.jsonl`, or 1.
  static int countOf(Path journal) {
    String name = journal.getFileName().toString();
    int at = name.indexOf("-of-");
    return at < 0
        ? 1
        : Integer.parseInt(name.substring(at + "-of-".length(), name.length() - ".jsonl".length()));
  }

  /// Whether the target is what a run was about to commit when it was killed: it had done so.
  boolean committed() {
    Path manifest = paths.target().resolve(Manifest.FILE);
    List<String> commits = new ArrayList<>();
    for (Path journal : journals()) {
      JournalReader.read(journal)
          .map(Journal.Content::commit)
          .filter(commit -> !commit.isEmpty())
          .ifPresent(commits::add);
    }
    return !commits.isEmpty()
        && Files.isRegularFile(manifest)
        && commits.contains(Sha256.of(manifest, bytes -> {}));
  }
}
