package dev.regroup.verify.compare;

import dev.regroup.formats.checkpoint.DiskFailure;
import dev.regroup.formats.manifest.Manifest;
import dev.regroup.formats.manifest.Manifest.OutputFile;
import dev.regroup.formats.manifest.Sha256;
import dev.regroup.runtime.Parallel;
import dev.regroup.runtime.Progress;
import dev.regroup.verify.report.ManifestFindings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Hashes every file of an output again and holds it against the manifest that lies beside it.
public final class ManifestCheck {
  private ManifestCheck() {}

  /// Checks a directory; empty where it has no manifest.
  ///
  /// @throws dev.regroup.formats.checkpoint.CheckpointException where the manifest cannot be read
  public static Optional<ManifestFindings> of(Path directory, Progress progress) {
    return Manifest.find(directory).map(manifest -> check(directory, manifest, progress));
  }

  private static ManifestFindings check(Path directory, Manifest manifest, Progress progress) {
    List<OutputFile> files = manifest.files();
    long bytes = files.stream().mapToLong(OutputFile::bytes).sum();
    progress.begin("hashing files", bytes);
    var done = new AtomicLong();
    @Nullable String[] faults = new @Nullable String[files.size()];
    Parallel.forEach(
        faults.length,
        i ->
            faults[i] =
                fault(
                    directory, files.get(i), count -> progress.advance(done.addAndGet(count), "")));
    List<String> all = new ArrayList<>(Arrays.stream(faults).filter(Objects::nonNull).toList());
    all.addAll(unlisted(directory, files));
    return new ManifestFindings(files.size(), bytes, all);
  }

  private static @Nullable String fault(Path directory, OutputFile file, LongConsumer progress) {
    Path path = directory.resolve(file.name());
    try {
      if (!Files.isRegularFile(path)) {
        return file.name() + " is missing";
      }
      long bytes = Files.size(path);
      if (bytes != file.bytes()) {
        return "%s has %,d bytes instead of %,d".formatted(file.name(), bytes, file.bytes());
      }
    } catch (IOException e) {
      throw DiskFailure.at(path, e);
    }
    return Sha256.of(path, progress).equals(file.sha256())
        ? null
        : file.name() + " has other bytes than were written";
  }

  /// Files of weights that some program would read beside those that were written.
  private static List<String> unlisted(Path directory, List<OutputFile> files) {
    List<String> known = files.stream().map(OutputFile::name).toList();
    try (Stream<Path> list = Files.list(directory)) {
      return list.map(path -> path.getFileName().toString())
          .filter(name -> name.endsWith(".safetensors") && !known.contains(name))
          .sorted()
          .map(name -> name + " is not in the manifest")
          .toList();
    } catch (IOException e) {
      throw DiskFailure.at(directory, e);
    }
  }
}
