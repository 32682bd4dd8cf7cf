package dev.regroup.converters.write;

import java.nio.file.Path;

/// The names around a target: all of them beside it, so that one rename makes it.
///
/// ```
/// parent/target             the output, once it is whole
/// parent/.target.lock       held while somebody writes it
/// parent/.target.part-2-of-4.lock    held by a part
/// parent/.target.replaced   the output that is being replaced, where names cannot be swapped
/// parent/.target.partial/journal.jsonl    what is finished
/// parent/.target.partial/model            what becomes the target
/// ```
///
/// @param target absolute
record TargetPaths(Path target) {
  /// @param given any path but a root's
  static TargetPaths of(Path given) {
    Path absolute = given.toAbsolutePath().normalize();
    if (absolute.getFileName() == null || absolute.getParent() == null) {
      throw Refusal.of(absolute, "expected a directory to create, found the root");
    }
    return new TargetPaths(absolute);
  }

  Path parent() {
    Path parent = target.getParent();
    return parent == null ? target : parent;
  }

  Path lock() {
    return beside(".lock");
  }

  Path lock(Part part) {
    return beside(".part-%d-of-%d.lock".formatted(part.index(), part.count()));
  }

  /// How the locks of parts begin.
  String partLocks() {
    return "." + target.getFileName() + ".part-";
  }

  Path replaced() {
    return beside(".replaced");
  }

  Path work() {
    return beside(".partial");
  }

  Path model() {
    return work().resolve("model");
  }

  Path journal(Part part) {
    return work()
        .resolve(
            part.shared()
                ? "journal-%d-of-%d.jsonl".formatted(part.index(), part.count())
                : "journal.jsonl");
  }

  private Path beside(String suffix) {
    return target.resolveSibling("." + target.getFileName() + suffix);
  }
}
