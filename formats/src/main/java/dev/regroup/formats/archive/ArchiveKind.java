package dev.regroup.formats.archive;

import java.nio.charset.StandardCharsets;

/// What kind of archive a file is, told by its first bytes.
public enum ArchiveKind {
  ZIP,
  TAR,
  TAR_GZIP,
  TAR_ZSTD,
  /// An archive, or something packed, that is not read.
  OTHER,
  /// No archive that is known.
  NONE;

  /// Bytes of a file's beginning that tell.
  public static final int SNIFFED = 512;

  private static final int TAR_MAGIC = 257;

  /// The kind of a file that begins so.
  public static ArchiveKind of(byte[] beginning) {
    String start = new String(beginning, StandardCharsets.ISO_8859_1);
    if (start.startsWith("PK\003\004") || start.startsWith("PK\005\006")) {
      return ZIP;
    }
    if (start.startsWith("\037\u008b")) {
      return TAR_GZIP;
    }
    // a frame of data, or one to be skipped
    if (start.startsWith("(\u00b5/\u00fd") || start.startsWith("*M\030", 1)) {
      return TAR_ZSTD;
    }
    if (start.startsWith("ustar", TAR_MAGIC)) {
      return TAR;
    }
    boolean packed =
        start.startsWith("BZh")
            || start.startsWith("\u00fd7zXZ")
            || start.startsWith("7z\u00bc\u00af")
            || start.startsWith("Rar!")
            || start.startsWith("\004\"M\030");
    return packed ? OTHER : NONE;
  }
}
