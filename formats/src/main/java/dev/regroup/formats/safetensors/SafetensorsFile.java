package dev.regroup.formats.safetensors;

import dev.regroup.formats.checkpoint.ModelFile;
import dev.regroup.formats.checkpoint.OpenFile;
import dev.regroup.formats.checkpoint.OpenShard;

/// Opens one safetensors file.
public final class SafetensorsFile {
  /// How its name ends.
  public static final String SUFFIX = ".safetensors";

  private SafetensorsFile() {}

  /// Opens a file, and reads and checks its header.
  ///
  /// @throws SafetensorsException with the rule that is broken
  public static OpenShard open(ModelFile file) {
    OpenFile open = OpenFile.open(file);
    try {
      SafetensorsHeader header = SafetensorsHeader.read(open);
      return new OpenShard(
          open,
          header.entries().stream()
              .map(
                  entry ->
                      new OpenShard.Placed(entry.info(), new OpenShard.Spot(open, entry.offset())))
              .toList(),
          header.oddities());
    } catch (RuntimeException e) {
      open.close();
      throw e;
    }
  }
}
