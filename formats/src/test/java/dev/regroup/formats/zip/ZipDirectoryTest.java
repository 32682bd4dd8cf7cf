package dev.regroup.formats.zip;

import static dev.regroup.formats.zip.HandZip.member;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.regroup.formats.checkpoint.CheckpointException;
import dev.regroup.formats.checkpoint.ModelFile;
import dev.regroup.formats.checkpoint.OpenFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Zip files in which two readers could see two contents are refused; others are read in place.
final class ZipDirectoryTest {
  private static final Map<String, Bad> BAD = new LinkedHashMap<>();

  @TempDir Path folder;

  private record Bad(byte[] bytes, String message) {}

  static {
    bad("nothing", new byte[0], "expected the directory of a zip file at its end, found none");
    bad("junk before", new HandZip().junk("x").add(a()), "expected its first member at byte 0");
    bad("a name twice", new HandZip().add(a()).add(a()), "\"a\" appears twice");
    bad("another local name", new HandZip().add(a().localName("b")), "has another name");
    bad("a longer local name", new HandZip().add(a().localName("ab")), "has another name");
    bad("encrypted", new HandZip().add(a().flags(1)), "found it encrypted or patched");
    bad("patched", new HandZip().add(a().flags(0x20)), "found it encrypted or patched");
    bad("strongly encrypted", new HandZip().add(a().flags(0x40)), "encrypted or patched");
    bad("bzip2", new HandZip().add(a().method(12)), "stored or deflated, found method 12");
    bad("stored with two sizes", new HandZip().add(a().size(9)), "contradict each other");
    bad("shared bytes", new HandZip().add(a()).addAgain(member("a2", "x")), "shares bytes");
    bad("no name", new HandZip().add(member("", "x")), "of 1 to 4096 bytes");
    bad("a NUL in a name", new HandZip().add(member("a\0b", "x")), "found \"a\\u0000b\"");
    bad("a long name", new HandZip().add(member("a".repeat(5000), "x")), "of 1 to 4096 bytes");
    bad("an end in the comment", new HandZip().add(a()).comment(end()), "found two");
    byte[] good = new HandZip().add(a()).add(member("b", "yy")).bytes();
    bad("cut at the end", Arrays.copyOf(good, good.length - 1), "found none -> truncated");
    bad("cut at the front", Arrays.copyOfRange(good, 1, good.length), "bytes were added or lost");
    byte[] disk = good.clone();
    disk[good.length - 18] = 1;
    bad("one of several", disk, "found one of several -> join them first");
    byte[] more = good.clone();
    more[good.length - 14]++;
    more[good.length - 12]++;
    bad("more members than there are", more, "expected at most 100000 members in");
    byte[] fewer = good.clone();
    fewer[good.length - 14]--;
    fewer[good.length - 12]--;
    bad("fewer members than there are", fewer, "found more bytes after them");
    byte[] wide = new HandZip().add(a()).zip64().bytes();
    byte[] lost = wide.clone();
    lost[wide.length - 22 - 20 + 8]++;
    bad("a zip64 end elsewhere", lost, "zip64: expected the end of the directory");
    byte[] other = wide.clone();
    other[wide.length - 12] = 7;
    other[wide.length - 11] = 0;
    other[wide.length - 14] = 7;
    other[wide.length - 13] = 0;
    bad("a zip64 end that disagrees", other, "expected the same members at both ends");
  }

  private static void bad(String name, HandZip zip, String message) {
    bad(name, zip.bytes(), message);
  }

  private static void bad(String name, byte[] bytes, String message) {
    BAD.put(name, new Bad(bytes, message));
  }

  static Set<String> names() {
    return BAD.keySet();
  }

  @ParameterizedTest
  @MethodSource("names")
  void refuses(String name) throws IOException {
    Bad bad = Objects.requireNonNull(BAD.get(name));
    assertThatThrownBy(() -> read(bad.bytes()))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(bad.message())
        .message()
        .doesNotContain("\n");
  }

  @Test
  void findsStoredMembersInPlace() throws IOException {
    byte[] bytes = new HandZip().add(a()).add(member("d/b", "yy").mode(0100644)).bytes();
    List<ZipMember> members = read(bytes);
    assertThat(members).extracting(ZipMember::name).containsExactly("a", "d/b");
    for (ZipMember member : members) {
      assertThat(member.stored()).isTrue();
      assertThat(member.isSpecial()).isFalse();
    }
    assertThat(read(new HandZip().add(a()).zip64().bytes())).hasSize(1);
    assertThat(text(bytes, members.get(1))).isEqualTo("yy");
  }

  @Test
  void readsWhatTheJdkWrites() throws IOException {
    var out = new ByteArrayOutputStream();
    try (var zip = new ZipOutputStream(out)) {
      zip.setComment("made by a test");
      zip.putNextEntry(new ZipEntry("deflated"));
      zip.write("x".repeat(1000).getBytes(StandardCharsets.UTF_8));
      zip.closeEntry();
      zip.putNextEntry(new ZipEntry("folder/"));
      zip.closeEntry();
    }
    List<ZipMember> members = read(out.toByteArray());
    assertThat(members.getFirst().stored()).isFalse();
    assertThat(text(out.toByteArray(), members.getFirst())).isEqualTo("x".repeat(1000));
    assertThat(members.getLast().isDirectory()).isTrue();
  }

  @Test
  void unpacksNoMoreAndNoLessThanPromised() throws IOException {
    byte[] zeros = new byte[1000];
    assertDamaged(member("a", zeros).deflated().size(999), "expected 999 bytes, found more");
    assertDamaged(member("a", zeros).deflated().size(1001), "expected 1001 bytes, found 1000");
    assertDamaged(member("a", zeros).deflated().crc(5), "expected CRC-32 00000005, found");
    assertDamaged(member("a", "not deflated").method(8), "expected deflated data");
    assertDamaged(member("a", "\003\000\000").method(8).size(0), "end too late");
    assertDamaged(member("a", "\000").method(8), "end too early");
  }

  @Test
  void namesLinksAndDevicesSo() throws IOException {
    byte[] bytes =
        new HandZip()
            .add(member("link", "/etc/passwd").mode(0120777 - (1 << 16)))
            .add(member("pipe", "").mode(0010644))
            .bytes();
    assertThat(read(bytes)).allMatch(ZipMember::isSpecial);
  }

  private void assertDamaged(HandZip.Member member, String message) throws IOException {
    byte[] bytes = new HandZip().add(member).bytes();
    ZipMember read = read(bytes).getFirst();
    assertThatThrownBy(() -> text(bytes, read))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("member \"a\": ")
        .hasMessageContaining(message);
  }

  private List<ZipMember> read(byte[] bytes) throws IOException {
    try (OpenFile file = open(bytes)) {
      return ZipDirectory.read(file);
    }
  }

  private String text(byte[] bytes, ZipMember member) throws IOException {
    var out = new ByteArrayOutputStream();
    try (OpenFile file = open(bytes)) {
      new ZipUnpacker(file).unpack(member, out);
    }
    return out.toString(StandardCharsets.UTF_8);
  }

  private OpenFile open(byte[] bytes) throws IOException {
    return OpenFile.open(ModelFile.of(Files.write(folder.resolve("x.zip"), bytes)));
  }

  private static HandZip.Member a() {
    return member("a", "x");
  }

  private static String end() {
    return new String(new HandZip().bytes(), StandardCharsets.ISO_8859_1);
  }
}
