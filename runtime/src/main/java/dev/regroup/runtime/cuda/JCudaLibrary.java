package dev.regroup.runtime.cuda;

import dev.regroup.runtime.DeviceException;
import dev.regroup.runtime.PrivateFolder;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Locale;
import jcuda.driver.JCudaDriver;

/// Loads JCuda's native library from a folder that only we may enter.
///
/// JCuda by itself unpacks it into the folder for temporary files under a fixed name, and loads
/// whatever already lies there: anybody on the machine could plant code. So the library is unpacked
/// into a {@link PrivateFolder}, its hash held against the jar's at every start, and JCuda is pointed
/// there while its class initialises.
final class JCudaLibrary {
  private static final String NAME = "libJCudaDriver-12.6.0-linux-x86_64.so";
  private static final String TEMPORARY = "java.io.tmpdir";

  private JCudaLibrary() {}

  /// Loads the library, once in a process.
  ///
  /// @throws DeviceException where this platform has none, or the machine has no CUDA driver
  static void load() {
    if (!platform().equals("linux-amd64")) {
      throw new DeviceException(
          "cuda: expected Linux on x86-64, found %s -> use --device cpu".formatted(platform()));
    }
    byte[] library = bytes();
    Path folder = PrivateFolder.of("jcuda-" + hash(library).substring(0, 16));
    try {
      extract(library, folder);
    } catch (IOException e) {
      throw new UncheckedIOException("JCuda: cannot be unpacked: " + e.getMessage(), e);
    }
    initialise(folder);
  }

  private static void initialise(Path folder) {
    String before = System.getProperty(TEMPORARY);
    System.setProperty(TEMPORARY, folder.toString());
    try {
      JCudaDriver.setExceptionsEnabled(false);
    } catch (UnsatisfiedLinkError | NoClassDefFoundError e) {
      throw new DeviceException(
          "cuda: expected an NVIDIA driver (libcuda.so.1), found none -> install one, or use"
              + " --device cpu",
          e);
    } finally {
      System.setProperty(TEMPORARY, before);
    }
  }

  private static byte[] bytes() {
    try (InputStream in = JCudaDriver.class.getClassLoader().getResourceAsStream("lib/" + NAME)) {
      if (in == null) {
        throw new DeviceException(
            "cuda: expected %s on the class path, found none -> use --device cpu".formatted(NAME));
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException("JCuda: cannot be read: " + e.getMessage(), e);
    }
  }

  private static void extract(byte[] library, Path folder) throws IOException {
    Path file = folder.resolve(NAME);
    String expected = hash(library);
    if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
        && hash(Files.readAllBytes(file)).equals(expected)) {
      return;
    }
    Path fresh = Files.createTempFile(folder, "fresh", null);
    try {
      Files.write(fresh, library);
      Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(fresh);
    }
    if (!hash(Files.readAllBytes(file)).equals(expected)) {
      throw new IOException(file + " differs from the jar's after it was written");
    }
  }

  private static String hash(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }

  private static String platform() {
    String os = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
    return os + "-" + System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
  }
}
