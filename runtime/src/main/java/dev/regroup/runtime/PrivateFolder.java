package dev.regroup.runtime;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Folders for native libraries that only their owner may enter.
///
/// Who may write where a library is loaded from runs code as us, so that a folder which somebody
/// else owns or may enter is never used.
public final class PrivateFolder {
  private static final Set<PosixFilePermission> OWNER_ONLY =
      PosixFilePermissions.fromString("rwx------");

  private PrivateFolder() {}

  /// The folder of this name in the user's cache: `$XDG_CACHE_HOME/regroup`, else
  /// `~/.cache/regroup`, else one in the folder for temporary files.
  ///
  /// @throws UncheckedIOException where none of them can be made ours alone
  public static Path of(String name) {
    StringBuilder problems = new StringBuilder();
    for (Path root : roots()) {
      try {
        Path folder = Files.createDirectories(root).resolve(name);
        create(folder);
        return folder;
      } catch (IOException e) {
        problems.append(problems.isEmpty() ? "" : "; ").append(e);
      }
    }
    throw new UncheckedIOException(
        new IOException(
            ("%s: no private folder for native libraries could be made: %s"
                    + " -> set XDG_CACHE_HOME to a folder of yours")
                .formatted(name, problems)));
  }

  private static List<Path> roots() {
    List<Path> roots = new ArrayList<>();
    String xdg = System.getenv("XDG_CACHE_HOME");
    if (xdg != null && !xdg.isBlank()) {
      roots.add(Path.of(xdg, "regroup"));
    }
    roots.add(Path.of(System.getProperty("user.home", "."), ".cache", "regroup"));
    String user = System.getProperty("user.name", "user").replaceAll("\\W", "_");
    roots.add(Path.of(System.getProperty("java.io.tmpdir", "."), "regroup-" + user));
    return roots;
  }

  private static void create(Path folder) throws IOException {
    boolean posix = folder.getFileSystem().supportedFileAttributeViews().contains("posix");
    if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
      try {
        if (posix) {
          Files.createDirectory(folder, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
        } else {
          Files.createDirectory(folder);
        }
      } catch (FileAlreadyExistsException e) {
        requireOurs(folder, posix); // another process of ours was faster, or it is not a folder
      }
    }
    requireOurs(folder, posix);
  }

  private static void requireOurs(Path folder, boolean posix) throws IOException {
    if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
      throw new IOException(folder + " is no folder");
    }
    if (!posix) {
      return; // on Windows the home folder's access list is the owner's alone
    }
    var attributes =
        Files.getFileAttributeView(folder, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
            .readAttributes();
    if (!attributes.permissions().equals(OWNER_ONLY)) {
      throw new IOException(
          "%s has permissions %s, not rwx------"
              .formatted(folder, PosixFilePermissions.toString(attributes.permissions())));
    }
    // who owns a file that we make is who we are
    Path probe = Files.createTempFile(folder, "owner", null);
    try {
      if (!attributes.owner().equals(Files.getOwner(probe))) {
        throw new IOException(folder + " belongs to " + attributes.owner());
      }
    } finally {
      Files.delete(probe);
    }
  }
}
