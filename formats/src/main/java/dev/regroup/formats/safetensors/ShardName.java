package dev.regroup.formats.safetensors;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.Quoted;
import java.nio.file.Path;
import java.util.Arrays;

/// Names of files in an index: relative, inside the model's directory, and safetensors.
///
/// They are judged by the rules of every platform at once, so that a model is refused here if it would
/// reach outside its directory anywhere.
final class ShardName {
  static final String SUFFIX = ".safetensors";

  private ShardName() {}

  /// @param index named in errors, and `where` in it
  static void require(Path index, String where, String name) {
    if (name.startsWith("/")
        || name.indexOf('\\') >= 0
        || name.indexOf(':') >= 0
        || name.chars().anyMatch(Character::isISOControl)
        || Arrays.asList(name.split("/", -1)).contains("..")) {
      throw new CheckpointException(
          "%s: %s: expected a file inside the model's directory, found %s"
              .formatted(index, where, Quoted.of(name)));
    }
    if (!name.endsWith(SUFFIX)) {
      throw new CheckpointException(
          "%s: %s: expected a %s file, found %s"
              .formatted(index, where, SUFFIX, Quoted.of(name)));
    }
  }
}
