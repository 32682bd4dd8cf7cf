package dev.regroup.formats.disk;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
final class LocalLockTest {
  @TempDir Path folder;

  @Test
  void keepsOtherProcessesOutUntilItIsClosed() throws Exception {
    Path file = folder.resolve("lock");
    Optional<Disk.Lock> held = Disk.LOCAL.lock(file);
    assertThat(held).isPresent();
    assertThat(Disk.LOCAL.lock(file)).isEmpty(); // asking again must not give it up
    assertThat(said(process("try", file))).isEqualTo("busy");
    held.get().close();
    assertThat(file).doesNotExist();
    assertThat(said(process("try", file))).isEqualTo("locked");
    assertThat(file).doesNotExist();
  }

  @Test
  void isKnownByAnyPath() throws Exception {
    Path real = Files.createDirectory(folder.resolve("real"));
    Path link = Files.createSymbolicLink(folder.resolve("link"), real);
    Optional<Disk.Lock> held = Disk.LOCAL.lock(real.resolve("lock"));
    assertThat(held).isPresent();
    assertThat(Disk.LOCAL.lock(link.resolve("lock"))).isEmpty();
    assertThat(said(process("try", link.resolve("lock")))).isEqualTo("busy");
    held.get().close();
    Optional<Disk.Lock> next = Disk.LOCAL.lock(link.resolve("lock"));
    assertThat(next).isPresent();
    held.get().close(); // once more: the file is the next one's by now
    assertThat(said(process("try", real.resolve("lock")))).isEqualTo("busy");
    next.get().close();
  }

  @Test
  void endsWithItsProcess() throws Exception {
    Path file = folder.resolve("lock");
    Process other = process("hold", file);
    try (BufferedReader words = other.inputReader()) {
      assertThat(words.readLine()).isEqualTo("locked");
      assertThat(Disk.LOCAL.lock(file)).isEmpty();
      other.destroyForcibly().waitFor();
    }
    Optional<Disk.Lock> next = Disk.LOCAL.lock(file);
    assertThat(next).isPresent();
    next.get().close();
  }

  @Test
  void isHeldByOneProcessAtATime() throws Exception {
    Path file = folder.resolve("lock");
    List<Process> processes = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      processes.add(process("often", file));
    }
    for (Process process : processes) {
      assertThat(said(process)).isEqualTo("alone");
    }
  }

  private static Process process(String what, Path file) throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            Other.class.getName(),
            what,
            file.toString())
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }

  private static String said(Process process) throws Exception {
    try (BufferedReader words = process.inputReader()) {
      String word = words.readLine();
      process.waitFor();
      return String.valueOf(word);
    }
  }

  /// What the other processes run.
  static final class Other {
    private static final int TIMES = 300;

    private Other() {}

    public static void main(String[] arguments) throws Exception {
      Path file = Path.of(arguments[1]);
      if (arguments[0].equals("often")) {
        System.out.println(often(file));
        return;
      }
      Optional<Disk.Lock> lock = Disk.LOCAL.lock(file);
      System.out.println(lock.isPresent() ? "locked" : "busy");
      if (arguments[0].equals("hold")) {
        System.in.read(); // until it is killed
      }
      lock.ifPresent(Disk.Lock::close);
    }

    /// Takes the lock many times; whoever has it is the only one who may make the folder.
    private static String often(Path file) throws Exception {
      Path alone = file.resolveSibling("alone");
      for (int taken = 0; taken < TIMES; ) {
        Optional<Disk.Lock> lock = Disk.LOCAL.lock(file);
        if (lock.isPresent()) {
          Files.createDirectory(alone); // refused where it exists
          Files.delete(alone);
          lock.get().close();
          taken++;
        }
      }
      return "alone";
    }
  }
}
