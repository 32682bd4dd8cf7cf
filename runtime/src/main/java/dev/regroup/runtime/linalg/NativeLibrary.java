package dev.regroup.runtime.linalg;

import dev.regroup.runtime.PrivateFolder;
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
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.zip.CRC32;

/// Takes native libraries out of a jar and opens them.
///
/// They are unpacked once, into a {@link PrivateFolder}, where nobody else can plant a library; a
/// file is used only if its size and CRC are those of the jar's table of contents, so that a
/// truncated one is replaced. Summing them costs about 20 ms a start, unpacking them each time
/// would cost 20 times that.
final class NativeLibrary {
  /// In the order in which they need each other.
  private static final List<String> PARTS =
      List.of("winpthread", "libgcc", "libquadmath", "libgfortran", "libopenblas");

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
      JarEntry library = entries.getLast();
      Path cache =
          PrivateFolder.of("openblas-%x-%08x".formatted(library.getSize(), library.getCrc()));
      SymbolLookup last = SymbolLookup.loaderLookup();
      for (JarEntry entry : entries) {
        last = SymbolLookup.libraryLookup(extract(jar, entry, cache), arena);
      }
      return last;
    } catch (IOException e) {
      throw new UncheckedIOException("OpenBLAS: cannot be unpacked: " + e.getMessage(), e);
    } catch (IllegalArgumentException e) {
      throw new UncheckedIOException(
          "OpenBLAS: cannot be loaded: "
              + e.getMessage()
              + " -> set XDG_CACHE_HOME to a folder of yours that may hold programs",
          new IOException(e));
    }
  }

  private static String platform() {
    String os = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
    String arch = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
    String family =
        os.startsWith("windows") ? "windows" : os.startsWith("mac") ? "macosx" : "linux";
    return family + (arch.equals("aarch64") || arch.equals("arm64") ? "-arm64" : "-x86_64");
  }

  private static JarFile jarOf(String folder) throws IOException {
    for (String name : List.of("libopenblas.so.0", "libopenblas.0.dylib", "libopenblas.dll")) {
      URL url = NativeLibrary.class.getClassLoader().getResource(folder + name);
      if (url != null && url.openConnection() instanceof JarURLConnection connection) {
        connection.setUseCaches(false);
        return connection.getJarFile();
      }
    }
    throw new IOException("no jar of the class path holds " + folder + "libopenblas");
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
