package dev.regroup.cli;

import dev.regroup.converters.write.Continuation;
import dev.regroup.converters.write.LinkMode;
import dev.regroup.converters.write.Part;
import dev.regroup.converters.write.WriteOptions;
import dev.regroup.formats.disk.Disk;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// How a conversion gets onto the disk.
@SuppressWarnings("NullAway.Init") // picocli sets the fields
final class WritingOptions {
  @Option(
      names = "--overwrite",
      description = "Replace TARGET where it exists; it stays until the new one is whole.")
  private boolean overwrite;

  @Option(
      names = "--resume",
      description =
          "Go on with what an interrupted run left beside TARGET; a TARGET that the same conversion"
              + " completed is success, too.")
  private boolean resume;

  @Option(
      names = "--restart",
      description = "Drop what an interrupted run left beside TARGET, and begin anew.")
  private boolean restart;

  @Option(
      names = "--link",
      paramLabel = "MODE",
      defaultValue = "auto",
      description =
          "Unchanged bytes: auto shares blocks with the source where the file system can (btrfs,"
              + " XFS) and copies elsewhere, reflink insists on sharing, copy never shares."
              + " Default: auto.")
  private LinkMode link;

  @Option(
      names = "--sparse",
      description = "Leave holes in the source's files holes instead of writing zeros.")
  private boolean sparse;

  @Option(
      names = "--part",
      paramLabel = "I/N",
      defaultValue = "1/1",
      converter = PartConverter.class,
      description =
          "Convert only the I-th of N shares of the files, to be merged by regroup merge once all"
              + " are done; TARGET is on a file system that all machines see.")
  private Part part;

  WriteOptions options() {
    if (resume && restart) {
      throw new IllegalArgumentException(
          "--resume, --restart: expected one of them -> go on with what is there, or drop it");
    }
    Continuation continuation =
        resume ? Continuation.RESUME : restart ? Continuation.RESTART : Continuation.AUTOMATIC;
    return new WriteOptions(overwrite, continuation, link, sparse, part, Disk.LOCAL);
  }

  /// What share of the conversion is asked for.
  Part part() {
    return part;
  }

  /// Whether an existing target is replaced.
  boolean overwrite() {
    return overwrite;
  }

  /// Reads `2/8`.
  static final class PartConverter implements ITypeConverter<Part> {
    @Override
    public Part convert(String value) {
      String[] both = value.split("/", -1);
      try {
        if (both.length == 2) {
          return new Part(Integer.parseInt(both[0]), Integer.parseInt(both[1]));
        }
      } catch (NumberFormatException e) {
        // said below
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
      throw new TypeConversionException("expected I/N such as 2/8, found '" + value + "'");
    }
  }
}
