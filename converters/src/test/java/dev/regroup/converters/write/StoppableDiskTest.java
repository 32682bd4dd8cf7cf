package dev.regroup.converters.write;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.formats.disk.Disk;
import dev.regroup.formats.disk.DiskFile;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Once a process that is ending lets others at its target, none of its threads touches it any more.
@Timeout(30)
final class StoppableDiskTest {
  @TempDir Path folder;

  @Test
  void letsNoStepBeginOnceItIsStopped() throws Exception {
    StoppableDisk disk = new StoppableDisk(Disk.LOCAL);
    Path path = folder.resolve("file");
    try (DiskFile file = disk.create(path)) {
      write(file, 0, "before");
      assertThat(disk.stop()).isTrue();
      Thread writing = Thread.ofPlatform().daemon().start(() -> write(file, 0, "behind"));
      Thread renaming =
          Thread.ofPlatform().daemon().start(() -> disk.rename(path, folder.resolve("renamed")));
      awaitWaiting(writing);
      awaitWaiting(renaming);
      assertThat(Files.readString(path)).isEqualTo("before");
      disk.delete(path); // whoever stopped it may still clear up
      assertThat(folder).isEmptyDirectory();
    }
  }

  @Test
  void waitsForAStepThatHasBegun() throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    StoppableDisk disk = new StoppableDisk(new MeanwhileDisk(() -> wait(begun, goOn)));
    Thread locking = Thread.ofPlatform().daemon().start(() -> disk.lock(folder.resolve("lock")));
    begun.await();
    Thread stopping =
        Thread.ofPlatform()
            .daemon()
            .start(
                () -> {
                  if (disk.stop()) {
                    disk.createDirectory(folder.resolve("stopped"));
                  }
                });
    awaitWaiting(stopping);
    assertThat(folder).isEmptyDirectory();
    goOn.countDown();
    stopping.join();
    locking.join();
    assertThat(folder.resolve("lock")).exists();
    assertThat(folder.resolve("stopped")).exists();
  }

  private static void wait(CountDownLatch begun, CountDownLatch goOn) {
    begun.countDown();
    try {
      goOn.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void awaitWaiting(Thread thread) throws InterruptedException {
    while (thread.getState() != Thread.State.WAITING
        && thread.getState() != Thread.State.TIMED_WAITING) {
      assertThat(thread.isAlive()).isTrue();
      Thread.sleep(1);
    }
  }

  private static void write(DiskFile file, long at, String text) {
    file.write(at, ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
  }
}
