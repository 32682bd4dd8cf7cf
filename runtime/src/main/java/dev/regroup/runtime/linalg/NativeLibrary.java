package dev.regroup.runtime.linalg;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.channels.FileChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/// Takes native libraries out of a jar and opens them.
///
/// They are extracted once, into a folder that only its owner may enter. A folder that somebody else
/// owns or may write is not used, and a file is used only if size and CRC are those of the jar's
/// table of contents: nobody else can plant a library, and a truncated one is replaced. Reading the
/// check sums costs about 20 ms a start, unpacking them each time would cost 20 times that.
final class NativeLibrary {
  /// In the order in which they need each other.
  private static final List<String> PARTS =
      List.of("winpthread", "libgcc", "libquadmath", "libgfortran", "libopenblas");

  private static final Set<PosixFilePermission> OWNER_ONLY =
      PosixFilePermissions.fromString("rwx------");

  private NativeLibrary() {}

  /// OpenBLAS and what it needs.
  static SymbolLookup openBlas(Arena arena) {
    String folder = "org/bytedeco/openblas/" + platform() + "/";
    try (JarFile jar = jarOf(folder)) {
      List<JarEntry> entries = new ArrayList<>();
      for (String part : PARTS) {
        jar.stream()
            .filter(entry -> entry.getName().startsWith(folder + part))
            .filter(entry -> entry.getName().matches(".*\\.(so|dylib|dll)[.0-9]*"))
            .forEach(entries::add);
      }
      @Nullable SymbolLookup last = null;
      Path cache = cache(entries.getLast());
      for (JarEntry entry : entries) {
        last = SymbolLookup.libraryLookup(extract(jar, entry, cache), arena);
      }
      if (last == null) {
        throw new IOException("no library in " + jar.getName());
      }
      return last;
    } catch (IOException | IllegalArgumentException e) {
      throw new UncheckedIOException(
          "OpenBLAS: cannot be loaded: " + e.getMessage() + " -> set XDG_CACHE_HOME to a folder of"
              + " yours that may hold programs",
          e instanceof IOException io ? io : new IOException(e));
    }
  }

  private static String platform() {
    String os = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
    String arch = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
    String family = os.startsWith("windows") ? "windows" : os.startsWith("mac") ? "macosx" : "linux";
    return family + (arch.equals("aarch64") || arch.equals("arm64") ? "-arm64" : "-x86_64");
  }

  private static JarFile jarOf(String folder) throws IOException {
    URL url = NativeLibrary.class.getClassLoader().getResource(folder);
    if (url == null || !(url.openConnection() instanceof JarURLConnection connection)) {
      throw new IOException("the class path holds no " + folder);
    }
    connection.setUseCaches(false);
    return connection.getJarFile();
  }

  /// A folder of ours, named by the library's size and check sum.
  private static Path cache(JarEntry library) throws IOException {
    String name = "openblas-%x-%08x".formatted(library.getSize(), library.getCrc());
    List<Path> roots = new ArrayList<>();
    String xdg = System.getenv("XDG_CACHE_HOME");
    if (xdg != null && !xdg.isBlank()) {
      roots.add(Path.of(xdg, "regroup"));
    }
    roots.add(Path.of(System.getProperty("user.home", "."), ".cache", "regroup"));
    String user = System.getProperty("user.name", "user").replaceAll("\\W", "_");
    roots.add(Path.of(System.getProperty("java.io.tmpdir", "."), "regroup-" + user));
    String problems = "";
    for (Path root : roots) {
      try {
        Path folder = Files.createDirectories(root).resolve(name);
        createPrivate(folder);
        return folder;
      } catch (IOException e) {
        problems += " " + e;
      }
    }
    throw new IOException("no private folder could be made:" + problems);
  }

  private static void createPrivate(Path folder) throws IOException {
    boolean posix = folder.getFileSystem().supportedFileAttributeViews().contains("posix");
    if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
      if (posix) {
        Files.createDirectory(folder, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
      } else {
        Files.createDirectory(folder);
      }
    }
    if (!posix) {
      return; // on Windows the home folder's access list is the owner's alone
    }
    var attributes =
        Files.getFileAttributeView(
                folder, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
            .readAttributes();
    Path probe = Files.createTempFile(folder, "owner", null);
    try {
      if (!attributes.permissions().equals(OWNER_ONLY)
          || !attributes.owner().equals(Files.getOwner(probe))) {
        throw new IOException(folder + " is not ours alone");
      }
    } finally {
      Files.delete(probe);
    }
  }

  private static Path extract(JarFile jar, JarEntry entry, Path folder) throws IOException {
    String name = entry.getName();
    Path file = folder.resolve(name.substring(name.lastIndexOf('/') + 1));
    if (matches(entry, file)) {
      return file;
    }
    Path fresh = Files.createTempFile(folder, "fresh", null);
    try (InputStream in = jar.getInputStream(entry)) {
      Files.copy(in, fresh, StandardCopyOption.REPLACE_EXISTING);
      move(fresh, file);
    } finally {
      Files.deleteIfExists(fresh);
    }
    if (!matches(entry, file)) {
      throw new IOException(file + " differs from the jar's after it was written");
    }
    return file;
  }

  private static void move(Path from, Path to) throws IOException {
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    } catch (AtomicMoveNotSupportedException e) {
      Files.move(from, to, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  private static boolean matches(JarEntry entry, Path file) throws IOException {
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
        || Files.size(file) != entry.getSize()) {
      return false;
    }
    try (Arena arena = Arena.ofConfined();
        FileChannel channel = FileChannel.open(file)) {
      var sum = new CRC32();
      sum.update(
          channel.map(FileChannel.MapMode.READ_ONLY, 0, entry.getSize(), arena).asByteBuffer());
      return sum.getValue() == entry.getCrc();
    }
  }
}
