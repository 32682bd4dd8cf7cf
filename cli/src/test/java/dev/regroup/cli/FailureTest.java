package dev.regroup.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.UnsupportedModelException;
import dev.regroup.runtime.DeviceException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import org.junit.jupiter.api.Test;

final class FailureTest {
  @Test
  void tellsKindsApartByExitCode() {
    assertThat(Failure.of(new CheckpointException("a: b")))
        .isEqualTo(new Failure("a: b", ExitCode.BAD_CHECKPOINT));
    assertThat(Failure.of(new UnsupportedModelException("a: b")))
        .isEqualTo(new Failure("a: b", ExitCode.UNSUPPORTED));
    assertThat(Failure.of(new DeviceException("a: b")))
        .isEqualTo(new Failure("a: b", ExitCode.NO_DEVICE));
    assertThat(Failure.of(new IllegalArgumentException("a: b")))
        .isEqualTo(new Failure("a: b", ExitCode.USAGE));
    assertThat(Failure.of(new IllegalStateException("broken")).exitCode())
        .isEqualTo(ExitCode.INTERNAL);
    assertThat(Failure.of(new OutOfMemoryError("Java heap space")).line())
        .contains("REGROUP_JAVA_OPTS");
  }

  @Test
  void saysInWordsWhatThePlatformSaysInClassNames() {
    assertThat(Failure.of(new NoSuchFileException("x/y")))
        .isEqualTo(new Failure("x/y: no such file or directory", ExitCode.IO));
    assertThat(Failure.of(new UncheckedIOException(new AccessDeniedException("x"))).line())
        .startsWith("x: permission denied");
    assertThat(Failure.of(new FileSystemException("x", null, "No space left on device")).line())
        .startsWith("x: no space left")
        .contains("->");
    assertThat(
            Failure.of(new UncheckedIOException(new IOException("No space left on device"))).line())
        .contains("no space left");
  }

  @Test
  void keepsWhatTheModuleSaidOfAFailedWrite() {
    var wrapped = new UncheckedIOException("out: could not commit", new IOException("busy"));
    assertThat(Failure.of(wrapped)).isEqualTo(new Failure("out: could not commit", ExitCode.IO));
    var own = new UncheckedIOException("out: exists", new IOException("out: exists"));
    assertThat(Failure.of(own)).isEqualTo(new Failure("out: exists", ExitCode.IO));
  }

  @Test
  void keepsHostileTextOnOneLine() {
    assertThat(Failure.of(new CheckpointException("tensor \"a\n\u001b[2Jb\u202e\"")).line())
        .isEqualTo("tensor \"a \\u001b[2Jb\\u202e\"");
  }
}
