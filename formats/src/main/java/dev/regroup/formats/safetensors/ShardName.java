package dev.regroup.formats.safetensors;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.Quoted;
import java.nio.file.Path;
import java.util.Arrays;

/// Names of files in an index: relative, inside the model's directory, and of the index's kind.
///
/// They are judged by the rules of every platform at once, so that a model is refused here if it
/// would reach outside its directory anywhere.
final class ShardName {
  /// What Windows allows in no name; backslash and colon would also lead elsewhere.
  private static final String NOT_IN_NAMES = "\\:<>|?*\"";

  private ShardName() {}

  /// Refuses a name that is not one; index and tensor are named in the error.
  static void require(Path index, String tensor, String name, String suffix) {
    if (name.startsWith("/")
        || name.chars().anyMatch(c -> Character.isISOControl(c) || NOT_IN_NAMES.indexOf(c) >= 0)
        || Arrays.asList(name.split("/", -1)).contains("..")) {
      throw new CheckpointException(
          "%s: tensor %s: expected a file inside the model's directory, found %s"
              .formatted(index, Quoted.of(tensor), Quoted.of(name)));
    }
    if (!name.endsWith(suffix)) {
      throw new CheckpointException(
          "%s: tensor %s: expected a %s file, found %s"
              .formatted(index, Quoted.of(tensor), suffix, Quoted.of(name)));
    }
  }
}
