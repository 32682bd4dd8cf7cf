package dev.regroup.formats.zip;

/// A member of a zip file.
///
/// @param name as it stands there: not yet known to be a path that may be used
/// @param stored whether its bytes lie in the file as they are, and not deflated
/// @param offset of its (packed) bytes in the file
/// @param packedBytes in the file
/// @param bytes once unpacked, as the directory says
/// @param crc CRC-32 of its unpacked bytes, as the directory says
/// @param unixMode type and permissions where the writer was a Unix system, else 0
public record ZipMember(
    String name, boolean stored, long offset, long packedBytes, long bytes, int crc, int unixMode) {
  private static final int TYPE = 0170000;
  private static final int REGULAR = 0100000;
  private static final int DIRECTORY = 0040000;

  /// Whether it is a folder.
  public boolean isDirectory() {
    return name.endsWith("/") || (unixMode & TYPE) == DIRECTORY;
  }

  /// Whether it is a link, a device or the like.
  public boolean isSpecial() {
    int type = unixMode & TYPE;
    return type != 0 && type != REGULAR && type != DIRECTORY;
  }
}
