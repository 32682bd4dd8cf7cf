package dev.regroup.formats.archive;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.Quoted;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/// The folder of an archive that holds its model: its root, or a folder in it.
final class ModelRoot {
  private static final String CONFIG = "config.json";

  private ModelRoot() {}

  /// The only folder with a `config.json`, or the one that all others lie in.
  ///
  /// @throws CheckpointException where there is none, or several that are apart
  static Path find(Path archive, Collection<Path> members) {
    List<Path> roots =
        members.stream()
            .filter(ModelRoot::isVisible)
            .filter(path -> path.getFileName().toString().equals(CONFIG))
            .map(ModelRoot::folderOf)
            .sorted()
            .toList();
    if (roots.isEmpty() && members.contains(Path.of("sys_info"))) {
      throw new CheckpointException(
          archive
              + ": expected a model, found a tar that PyTorch wrote before 0.1.10 -> load it with"
              + " torch.load() and save its state dict as safetensors");
    }
    if (roots.isEmpty()) {
      throw new CheckpointException(
          "%s: expected a model, found no %s among %d files"
              .formatted(archive, CONFIG, members.size()));
    }
    Optional<Path> outermost =
        roots.stream().filter(root -> roots.stream().allMatch(in -> isIn(in, root))).findFirst();
    return outermost.orElseThrow(
        () ->
            new CheckpointException(
                "%s: expected one model, found %s in %s and in %s -> unpack the one that you want"
                    .formatted(
                        archive,
                        CONFIG,
                        Quoted.of(roots.get(0).toString()),
                        Quoted.of(roots.get(1).toString()))));
  }

  /// The folder of a member; empty for the archive's root.
  static Path folderOf(Path member) {
    Path parent = member.getParent();
    return parent == null ? Path.of("") : parent;
  }

  /// Whether a member is not one of those that macOS adds.
  static boolean isVisible(Path member) {
    return !member.getFileName().toString().startsWith("._") && !member.startsWith("__MACOSX");
  }

  private static boolean isIn(Path folder, Path root) {
    return root.toString().isEmpty() || folder.startsWith(root);
  }
}
