package dev.regroup.converters.write;

import dev.regroup.formats.manifest.Sha256;
import dev.regroup.formats.safetensors.SafetensorsWriter;
import dev.regroup.formats.tensor.TensorInfo;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.List;
import java.util.function.LongConsumer;

/// Puts one output file together, from its first byte to its last: kept tensors are copied, written
/// ones awaited; every byte is hashed on the way, while it is in memory.
final class ShardAssembly {
  private final SafetensorsWriter writer;
  private final List<Segment> segments;
  private final LayerGate gate;
  private final CopyOptions options;
  private final MessageDigest digest = Sha256.digest();

  /// @param segments all of the file
  /// @param gate that says when written tensors are there
  ShardAssembly(
      SafetensorsWriter writer, List<Segment> segments, LayerGate gate, CopyOptions options) {
    this.writer = writer;
    this.segments = segments;
    this.gate = gate;
    this.options = options;
  }

  /// Completes the file and forces it to the disk.
  ///
  /// @param piece see {@link RunCopy#piece}
  /// @param progress told of kept bytes that are done
  /// @return the SHA-256 of the file, in hexadecimal digits
  String run(ByteBuffer piece, LongConsumer progress) {
    if (options.sparse()) {
      writer.file().resize(writer.bytes()); // a hole at the end must end somewhere
    }
    digest.update(writer.header());
    long at = writer.header().length;
    for (Segment segment : segments) {
      switch (segment) {
        case Segment.Kept run -> {
          LongConsumer counted =
              bytes -> {
                gate.requireGoingOn();
                progress.accept(bytes);
              };
          RunCopy.copy(run, new RunCopy.Target(writer.file(), at, options, piece, digest, counted));
          writer.take(run.tensors().stream().map(TensorInfo::name).toList());
        }
        case Segment.Written written -> {
          gate.await(written.layer());
          Takeover.update(digest, writer, written.tensor(), piece);
        }
      }
      at += segment.bytes();
    }
    writer.finish();
    return Sha256.of(digest);
  }
}
