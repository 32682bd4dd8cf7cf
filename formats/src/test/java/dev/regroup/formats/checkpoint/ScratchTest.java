package dev.regroup.formats.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Scratch folders are private, made when needed, and gone afterwards.
final class ScratchTest {
  @TempDir Path folder;

  @Test
  void isMadeWhenNeededAndDeletedOnClosing() throws IOException {
    try (Scratch scratch = Scratch.in(folder)) {
      assertThat(children()).isEmpty();
      Path file = scratch.newFile();
      Files.writeString(file, "x");
      Files.createDirectory(scratch.folder().resolve("more"));
      try (OpenFile open = scratch.open(ModelFile.of(file))) {
        assertThat(open.bytesAt(0, 9)).containsExactly('x');
      }
      assertThat(scratch.newFile()).isNotEqualTo(file);
      assertThat(children()).containsExactly(scratch.folder());
    }
    assertThat(children()).isEmpty();
  }

  @Test
  void isItsOwnersAlone() throws IOException {
    try (Scratch scratch = Scratch.in(folder)) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(scratch.folder())))
          .isEqualTo("rwx------");
    }
  }

  @Test
  void deletesWhatAKilledProcessLeftAndNothingElse() throws IOException {
    Path left = Files.createDirectory(folder.resolve(".regroup-scratch-1"));
    Files.writeString(left.resolve("in-use"), "");
    Files.writeString(left.resolve("gathered-0"), "");
    Path beginning = Files.createDirectory(folder.resolve(".regroup-scratch-2"));
    Path other = Files.createDirectory(folder.resolve("other"));
    Files.writeString(other.resolve("in-use"), "");
    Path link = Files.createSymbolicLink(folder.resolve(".regroup-scratch-3"), other);
    try (Scratch first = Scratch.in(folder);
        Scratch second = Scratch.in(folder)) {
      Path made = first.folder();
      assertThat(left).doesNotExist();
      assertThat(children()).containsExactlyInAnyOrder(beginning, other, link, made);
      assertThat(second.folder()).isNotEqualTo(first.folder());
      assertThat(children()).contains(first.folder(), second.folder());
      assertThat(other.resolve("in-use")).exists();
    }
  }

  @Test
  void knowsItsOwnFoldersByAnyPath() throws IOException {
    Path real = Files.createDirectory(folder.resolve("real"));
    Path link = Files.createSymbolicLink(folder.resolve("link"), real);
    try (Scratch first = Scratch.in(real);
        Scratch second = Scratch.in(link);
        Scratch third = Scratch.in(real.resolve("../real"))) {
      List<Path> made = List.of(first.folder(), second.folder(), third.folder());
      assertThat(made).doesNotHaveDuplicates().allSatisfy(path -> assertThat(path).exists());
    }
    assertThat(real).isEmptyDirectory();
  }

  @Test
  void refusesMoreThanTheDiskHas() {
    try (Scratch scratch = Scratch.in(folder)) {
      scratch.requireSpace(1);
      assertThatThrownBy(() -> scratch.requireSpace(Long.MAX_VALUE))
          .isInstanceOf(UncheckedIOException.class)
          .hasMessageStartingWith(folder + ": scratch files need 9223372036854775807 bytes more, ")
          .hasMessageEndingWith(" are free -> free some, or choose another folder");
    }
  }

  private List<Path> children() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }
}
