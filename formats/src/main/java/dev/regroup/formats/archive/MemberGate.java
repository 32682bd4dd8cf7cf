package dev.regroup.formats.archive;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.Quoted;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/// Judges an archive's members before anything of them is used: by the rules of every platform at
/// once, so that an archive is refused here if it would reach outside its folder anywhere.
final class MemberGate {
  /// Packed data may unpack to so many times its size: weights hardly pack at all.
  static final long MOST_TIMES = 20;

  /// And to so many bytes more, since small files pack well.
  static final long ALLOWANCE = 64L << 20;

  static final int MOST_MEMBERS = 100_000;
  private static final int LONGEST_NAME = 1024;
  private static final int DEEPEST = 32;

  /// What Windows allows in no name; backslash and colon would also lead elsewhere.
  private static final String NOT_IN_NAMES = "\\:<>|?*\"";

  /// Names of devices on Windows, whatever their extension.
  private static final Pattern DEVICE =
      Pattern.compile("(?i)(con|prn|aux|nul|com[1-9]|lpt[1-9])(\\..*)?");

  private final Path archive;
  private final long mostUnpacked;
  private final Set<String> seen = new HashSet<>();
  private long unpacked;
  private int members;

  /// @param archive named in errors
  /// @param archiveBytes its size, which bounds what may be unpacked from it
  MemberGate(Path archive, long archiveBytes) {
    this.archive = archive;
    this.mostUnpacked = mostUnpacked(archiveBytes);
  }

  /// How many bytes an archive of this size may unpack to.
  static long mostUnpacked(long archiveBytes) {
    return ALLOWANCE + MOST_TIMES * archiveBytes;
  }

  /// The path of a member below the archive's root; empty for the root itself.
  ///
  /// @throws CheckpointException where the name leads outside, is no name everywhere, or was there
  Path admit(String name) {
    if (++members > MOST_MEMBERS) {
      throw new CheckpointException(
          "%s: expected at most %d members, found more".formatted(archive, MOST_MEMBERS));
    }
    Path path = path(name);
    if (!path.toString().isEmpty()) {
      String folded = Normalizer.normalize(path.toString(), Normalizer.Form.NFC);
      if (!seen.add(folded.toLowerCase(Locale.ROOT))) {
        throw refuse(name, "is there twice, or another differs from it in case only");
      }
    }
    return path;
  }

  /// Refuses a member that is no file and no folder.
  CheckpointException special(String name, String kind) {
    return refuse(name, "expected a file or folder, found " + kind);
  }

  /// Counts bytes that will be unpacked.
  ///
  /// @throws CheckpointException where the archive unpacks to more than one of models does
  void admitUnpacked(String name, long bytes) {
    if (bytes < 0 || bytes > mostUnpacked - unpacked) {
      throw refuse(
          name,
          "the archive unpacks to more than %d bytes, %d times its size: a bomb, or no model"
              .formatted(mostUnpacked, MOST_TIMES));
    }
    unpacked += bytes;
  }

  private Path path(String name) {
    if (name.isEmpty() || name.length() > LONGEST_NAME) {
      throw refuse(
          name,
          "expected a name of 1 to %d characters, found %d".formatted(LONGEST_NAME, name.length()));
    }
    if (name.startsWith("/")
        || name.startsWith("~")
        || name.chars().anyMatch(c -> Character.isISOControl(c) || NOT_IN_NAMES.indexOf(c) >= 0)) {
      throw refuse(name, "expected a name inside the archive");
    }
    List<String> steps = new ArrayList<>();
    for (String step : name.split("/", -1)) {
      if (step.isEmpty() || step.equals(".")) {
        continue;
      }
      if (step.equals("..")) {
        throw refuse(name, "expected a name inside the archive");
      }
      if (step.endsWith(".") || step.endsWith(" ") || DEVICE.matcher(step).matches()) {
        throw refuse(name, "expected a name that every system can have");
      }
      steps.add(step);
    }
    if (steps.size() > DEEPEST) {
      throw refuse(name, "expected at most %d folders deep".formatted(DEEPEST));
    }
    return Path.of(String.join("/", steps));
  }

  private CheckpointException refuse(String name, String message) {
    return new CheckpointException(
        "%s: member %s: %s".formatted(archive, Quoted.of(name), message));
  }
}
