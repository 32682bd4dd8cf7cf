package dev.regroup.formats.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

final class DiskFailureTest {
  @Test
  void saysWhereAndWhat() {
    assertThat(message(new NoSuchFileException("x"))).isEqualTo("x: no such file or directory");
    assertThat(message(new AccessDeniedException("x"))).isEqualTo("x: permission denied");
    assertThat(message(new FileSystemException("x", null, "Read-only file system")))
        .isEqualTo("x: Read-only file system");
    assertThat(message(new IOException("No space left on device")))
        .isEqualTo("x: No space left on device -> free some, or choose another disk");
    assertThat(message(new IOException())).isEqualTo("x: IOException");
  }

  private static @Nullable String message(IOException e) {
    return DiskFailure.at(Path.of("x"), e).getMessage();
  }
}
