package dev.regroup.formats.archive;

import com.github.luben.zstd.ZstdInputStream;
import dev.regroup.formats.checkpoint.OpenFile;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import org.apache.commons.compress.compressors.gzip.GzipCompressorInputStream;

/// How a tar is packed.
enum Packing {
  GZIP,
  ZSTD;

  /// log2 of the largest window that zstd may ask memory for: 64 MiB, and for archives that are
  /// larger than that themselves 128 MiB, the most that `zstd` unpacks unasked.
  private static final int WINDOW = 26;

  /// The unpacked bytes, in order; checksums are checked.
  InputStream open(OpenFile archive) throws IOException {
    InputStream packed = new BufferedInputStream(new ArchiveStream(archive), 1 << 16);
    return switch (this) {
      case GZIP ->
          GzipCompressorInputStream.builder()
              .setInputStream(packed)
              .setDecompressConcatenated(true)
              .get();
      case ZSTD ->
          new ZstdInputStream(packed)
              .setLongMax(archive.bytes() > 1L << WINDOW ? WINDOW + 1 : WINDOW);
    };
  }
}
